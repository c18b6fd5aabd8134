//! Node-RED's event socket (`/comms`), asked for one thing: whether the flows run.
//!
//! `GET /flows/state` says `start` even when missing node types keep the flows from starting; the
//! retained message `notification/runtime-state` does not.

use futures_util::{SinkExt as _, StreamExt as _};
use http::Request;
use serde_json::Value;
use tokio::net::UnixStream;
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{Message, handshake::client::generate_key, protocol::WebSocketConfig},
};

use crate::{connect::Address, identity::HEADER};

/// Largest frame read. Flows can publish anything here; ours are a few hundred bytes.
const FRAME_BYTES_MAX: usize = 16 << 20;
/// Longest reason kept, in characters.
const REASON_CHARS_MAX: usize = 500;

/// Whether the flows run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum FlowsState {
    /// They run.
    Running,
    /// They do not, and will not by themselves; why.
    Halted(String),
    /// They could not be had from storage, so there are none.
    NotLoaded(String),
}

/// A connection to the event socket.
#[derive(Debug)]
pub(crate) struct Comms(WebSocketStream<UnixStream>);

impl Comms {
    /// Connects with an identity header and asks for the retained messages.
    pub(crate) async fn open(address: &Address, identity: &str) -> Result<Self, String> {
        let stream = address.connect().await.map_err(|error| error.to_string())?;
        let request = Request::builder()
            .uri("ws://node-red/comms")
            .header("host", "node-red")
            .header("connection", "Upgrade")
            .header("upgrade", "websocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", generate_key())
            .header(HEADER, identity)
            .body(())
            .map_err(|error| error.to_string())?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(FRAME_BYTES_MAX))
            .max_frame_size(Some(FRAME_BYTES_MAX));
        let (mut stream, _) = client_async_with_config(request, stream, Some(config))
            .await
            .map_err(|error| error.to_string())?;
        let subscribe = Message::text(r#"{"subscribe":"notification/#"}"#);
        stream
            .send(subscribe)
            .await
            .map_err(|error| error.to_string())?;
        Ok(Self(stream))
    }

    /// Waits until the flows run, or are said not to.
    pub(crate) async fn settled(&mut self) -> Result<FlowsState, String> {
        loop {
            let message = self
                .0
                .next()
                .await
                .ok_or("Node-RED closed its event socket")?;
            let Message::Text(text) = message.map_err(|error| error.to_string())? else {
                continue;
            };
            match state_in(text.as_str()) {
                None => {}
                Some(state) => return Ok(state),
            }
        }
    }
}

/// The last `runtime-state` in a frame (an array of messages). None if it has none, or says that
/// the flows are being loaded, stopped or started: another follows.
fn state_in(frame: &str) -> Option<FlowsState> {
    // Cheap first: most frames are debug output.
    if !frame.contains("notification/runtime-state") {
        return None;
    }
    let frame: Value = serde_json::from_str(frame).ok()?;
    let is_state =
        |message: &&Value| message.get("topic") == Some(&"notification/runtime-state".into());
    let message = frame.as_array()?.iter().rev().find(is_state)?;
    state_of(message.get("data")?)
}

fn state_of(data: &Value) -> Option<FlowsState> {
    let word = |key: &str| data.get(key).and_then(Value::as_str);
    match (word("state"), word("error"), word("text")) {
        (Some(_), Some(error), _) => Some(FlowsState::Halted(reason(error, data))),
        (Some("start"), None, _) => Some(FlowsState::Running),
        (Some(_), None, _) | (None, None, None) => None,
        // A load that failed has no state, a text, and sometimes no error code.
        (None, Some(error), _) | (None, None, Some(error)) => {
            Some(FlowsState::NotLoaded(reason(error, data)))
        }
    }
}

fn reason(error: &str, data: &Value) -> String {
    let names = |key: &str, of: fn(&Value) -> Option<&str>| {
        let names = data
            .get(key)
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        names.filter_map(of).collect::<Vec<_>>().join(", ")
    };
    let text = match error {
        "missing-types" => format!("node types are missing: {}", names("types", Value::as_str)),
        "missing-modules" => {
            let names = names("modules", |entry| {
                entry.get("module").and_then(Value::as_str)
            });
            format!("modules the flows ask for are missing: {names}")
        }
        "safe-mode" => "Node-RED is in safe mode".to_owned(),
        "credentials_load_failed" => "the credentials could not be loaded".to_owned(),
        other => format!("the flows could not be loaded ({other})"),
    };
    text.chars()
        .filter(|c| !c.is_control())
        .take(REASON_CHARS_MAX)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(data: &str) -> String {
        format!(
            r#"[{{"topic":"debug","data":{{}}}},{{"topic":"notification/runtime-state","data":{data}}}]"#
        )
    }

    #[test]
    fn a_start_means_running() {
        let state = state_in(&frame(r#"{"state":"start","deploy":true}"#));
        assert_eq!(state, Some(FlowsState::Running));
    }

    #[test]
    fn what_is_missing_is_named() {
        let state = state_in(&frame(
            r#"{"state":"stop","error":"missing-types","types":["a","b\u0007"]}"#,
        ));
        assert_eq!(
            state,
            Some(FlowsState::Halted("node types are missing: a, b".into()))
        );
        let state = state_in(&frame(
            r#"{"state":"stop","error":"missing-modules","modules":[{"module":"left-pad"}]}"#,
        ));
        let Some(FlowsState::Halted(reason)) = state else {
            panic!("{state:?}")
        };
        assert!(reason.ends_with("left-pad"), "{reason}");
    }

    #[test]
    fn a_failed_load_is_not_running() {
        let state = state_in(&frame(
            r#"{"type":"warning","text":"notification.warnings.undefined"}"#,
        ));
        assert!(matches!(state, Some(FlowsState::NotLoaded(_))), "{state:?}");
    }

    #[test]
    fn stopping_and_loading_are_in_between() {
        assert_eq!(state_in(&frame(r#"{"state":"stop","deploy":true}"#)), None);
        assert_eq!(state_in(&frame("{}")), None);
    }

    #[test]
    fn other_frames_say_nothing() {
        for text in [
            r#"{"auth":"ok"}"#,
            r#"[{"topic":"hb","data":1}]"#,
            "[",
            "notification/runtime-state",
        ] {
            assert_eq!(state_in(text), None, "{text}");
        }
    }
}
