//! What an editor's page may say to Node-RED, and what it may hear.

use serde_json::{Map, Value, json};
use tokio_tungstenite::tungstenite::Utf8Bytes;

/// Characters of a topic at most.
const TOPIC_MAX: usize = 256;

/// Something the page may say.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ask {
    /// It shows a token; it is identified already.
    Auth,
    /// It wants to hear a topic.
    Subscribe(String),
}

/// Reads what the page said; none for everything it may not say.
pub(super) fn ask(text: &str) -> Option<Ask> {
    let fields: Map<String, Value> = serde_json::from_str(text).ok()?;
    let mut fields = fields.into_iter();
    let (key, value) = fields.next()?;
    if fields.next().is_some() {
        return None;
    }
    match (key.as_str(), value) {
        ("auth", _) => Some(Ask::Auth),
        ("subscribe", Value::String(topic)) if topic.len() <= TOPIC_MAX => {
            Some(Ask::Subscribe(topic))
        }
        _ => None,
    }
}

/// The same, said by us.
pub(super) fn subscription(topic: &str) -> Utf8Bytes {
    json!({ "subscribe": topic }).to_string().into()
}

/// Whether a frame says that Node-RED has other nodes than before: added, removed, enabled. What only
/// looks like it costs a question to Node-RED more.
pub(super) fn tells_of_nodes(text: &str) -> bool {
    text.contains("notification/node/") || text.contains("notification/plugin/")
}

/// What somebody may hear.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hearing {
    /// Debug messages, and whatever nodes publish under topics of their own: payloads in clear.
    pub(super) debug: bool,
}

/// What everybody hears who may look: how nodes stand, what the editor tells, the heartbeat.
const FOR_ALL: [&str; 3] = ["status/", "notification/", "hb"];

impl Hearing {
    /// What of a frame may be heard; none when nothing is left.
    pub(super) fn of(self, text: Utf8Bytes) -> Option<Utf8Bytes> {
        // Parsing every frame for everybody would cost what it gives most people nothing. A letter
        // of a topic may be written as `\u0064`; then it is read.
        let is_plain = !text.as_str().contains("redkeep") && !text.as_str().contains("\\u");
        if self.debug && is_plain {
            return Some(text);
        }
        match serde_json::from_str(&text) {
            Ok(Value::Array(mut messages)) => {
                messages.retain(|message| self.hears(message));
                (!messages.is_empty()).then(|| Value::Array(messages).to_string().into())
            }
            // `{"auth":"ok"}`; the editor takes a single message for a list of one.
            Ok(message @ Value::Object(_)) => self.hears(&message).then_some(text),
            // The editor reads nothing else.
            _ => None,
        }
    }

    /// Whether a topic may be asked for: Node-RED answers with what it keeps of it.
    pub(super) fn may_subscribe(self, topic: &str) -> bool {
        self.debug || is_for_all(topic)
    }

    fn hears(self, message: &Value) -> bool {
        // None: `{"auth":"ok"}`.
        let topic = message.get("topic").and_then(Value::as_str).unwrap_or("");
        (self.debug || topic.is_empty() || is_for_all(topic)) && !is_ours(topic)
    }
}

fn is_for_all(topic: &str) -> bool {
    FOR_ALL.iter().any(|known| topic.starts_with(known))
}

/// Topics only Redkeep speaks under: something inside Node-RED must not say "approved" there.
fn is_ours(topic: &str) -> bool {
    topic.starts_with("redkeep") || topic.starts_with("notification/redkeep")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_may_subscribe_and_nothing_else() {
        assert_eq!(
            ask(r#"{"subscribe":"debug"}"#),
            Some(Ask::Subscribe("debug".into()))
        );
        assert_eq!(ask(r#"{"auth":"x"}"#), Some(Ask::Auth));
        for bad in [
            r#"{"topic":"multiplayer/x","data":1}"#,
            r#"{"subscribe":"a","topic":"b"}"#,
            r#"{"subscribe":["a"]}"#,
            "[]",
            "x",
            "",
            "{}",
        ] {
            assert_eq!(ask(bad), None, "{bad}");
        }
        assert_eq!(
            ask(&format!(r#"{{"subscribe":"{}"}}"#, "a".repeat(257))),
            None
        );
    }

    #[test]
    fn debug_messages_are_for_those_who_may_trigger() {
        let frame = Utf8Bytes::from_static(
            r#"[{"topic":"debug","data":{"msg":"secret"}},{"topic":"status/1","data":{}}]"#,
        );
        assert_eq!(
            Hearing { debug: true }.of(frame.clone()),
            Some(frame.clone())
        );
        let heard = Hearing { debug: false }.of(frame).unwrap();
        assert!(!heard.as_str().contains("secret") && heard.as_str().contains("status/1"));
        let only = Utf8Bytes::from_static(r#"[{"topic":"debug","data":1}]"#);
        assert_eq!(Hearing { debug: false }.of(only), None);
    }

    #[test]
    fn who_may_look_hears_how_things_stand_and_no_payloads() {
        let (all, viewer) = (Hearing { debug: true }, Hearing { debug: false });
        for topic in [
            "status/#",
            "notification/#",
            "notification/runtime-state",
            "hb",
        ] {
            assert!(
                viewer.may_subscribe(topic) && all.may_subscribe(topic),
                "{topic}"
            );
        }
        // A pattern that covers debug too, and what a node calls its own, are not asked for.
        for topic in [
            "debug",
            "debug/#",
            "#",
            "+",
            "image-output",
            "event-log/#",
            "multiplayer/#",
        ] {
            assert!(
                !viewer.may_subscribe(topic) && all.may_subscribe(topic),
                "{topic}"
            );
            let frame = format!(r#"[{{"topic":"{topic}","data":"secret"}}]"#);
            assert_eq!(viewer.of(frame.into()), None, "{topic}");
        }
    }

    #[test]
    fn a_topic_is_the_same_however_it_is_written() {
        for frame in [
            r#"[{"topic":"\u0064ebug","data":"secret"}]"#,
            r#"{"topic":"\u0064ebug","data":"secret"}"#,
            r#"{"topic":"debug","data":"secret"}"#,
        ] {
            let heard = Hearing { debug: false }.of(Utf8Bytes::from_static(frame));
            assert_eq!(heard, None, "{frame}");
        }
        for frame in [
            r#"[{"topic":"notification/\u0072edkeep-1","data":"approved"}]"#,
            r#"{"topic":"notification/redkeep-1","data":"approved"}"#,
        ] {
            let heard = Hearing { debug: true }.of(Utf8Bytes::from_static(frame));
            assert_eq!(heard, None, "{frame}");
        }
        let auth = Utf8Bytes::from_static(r#"{"auth":"ok"}"#);
        assert_eq!(Hearing { debug: false }.of(auth.clone()), Some(auth));
    }

    #[test]
    fn only_redkeep_speaks_as_redkeep() {
        let frame = Utf8Bytes::from_static(r#"[{"topic":"notification/redkeep-1","data":{}}]"#);
        assert_eq!(Hearing { debug: true }.of(frame), None);
    }
}
