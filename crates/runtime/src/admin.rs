//! Node-RED's admin API, spoken as Redkeep itself.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body_util::Full;
use model::{clock::Clock, deployment::DeploymentType, id::InstanceId};

use crate::{
    RuntimeError,
    client::{CallError, call},
    comms::{Comms, FlowsState},
    connect::Address,
    identity::{HEADER, Signer},
};

/// Largest answer read, in bytes: the flows themselves.
const ANSWER_BYTES_MAX: usize = 80 << 20;
/// How long an answer, and then the flows' start, may take in all.
const DEPLOY_TIME: Duration = Duration::from_mins(1);
const READ_TIME: Duration = Duration::from_secs(30);
/// Longest message of Node-RED's passed on, in characters.
const MESSAGE_CHARS_MAX: usize = 1000;

/// A client of one instance's Node-RED.
#[derive(Debug, Clone)]
pub(crate) struct Admin {
    instance: InstanceId,
    address: Address,
    signer: Signer,
    clock: Arc<dyn Clock>,
}

impl Admin {
    pub(crate) fn new(
        instance: InstanceId,
        address: Address,
        signer: Signer,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            instance,
            address,
            signer,
            clock,
        }
    }

    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Whether Node-RED answers as it should, within `time`.
    pub(crate) async fn answers(&self, time: Duration) -> bool {
        let answer = self
            .ask(Method::GET, "/settings", None, String::new(), time)
            .await;
        answer.is_ok_and(|(status, _)| status == StatusCode::OK)
    }

    /// `POST /flows`, and waits for the flows to run. A [`FlowsState::Halted`] is an answer, not an
    /// error: Node-RED took the flows.
    pub(crate) async fn deploy(
        &self,
        body: String,
        deployment_type: DeploymentType,
    ) -> Result<FlowsState, RuntimeError> {
        self.post_flows(body, deployment_type.as_str()).await
    }

    /// Has Node-RED load everything anew from its storage, and waits for the flows to run.
    pub(crate) async fn reload(&self) -> Result<FlowsState, RuntimeError> {
        self.post_flows(r#"{"flows":[]}"#.to_owned(), "reload")
            .await
    }

    /// The flows Node-RED says it runs: the array's text.
    pub(crate) async fn flows(&self) -> Result<Vec<u8>, RuntimeError> {
        let answer = self
            .ask(Method::GET, "/flows", None, String::new(), READ_TIME)
            .await;
        let (status, body) = answer.map_err(|error| self.unreachable(&error))?;
        if status == StatusCode::OK {
            Ok(body.to_vec())
        } else {
            Err(answered(status, &body))
        }
    }

    /// Waits until the flows run or are said not to, within `time`.
    pub(crate) async fn flows_state(&self, time: Duration) -> Result<FlowsState, String> {
        let watch = async {
            let identity = self.signer.own_header(self.clock.now());
            let identity = identity.map_err(|error| error.to_string())?;
            Comms::open(&self.address, &identity).await?.settled().await
        };
        let late = || format!("the flows did not start within {} seconds", time.as_secs());
        tokio::time::timeout(time, watch)
            .await
            .map_err(|_| late())?
    }

    async fn post_flows(
        &self,
        body: String,
        deployment_type: &str,
    ) -> Result<FlowsState, RuntimeError> {
        let begun = tokio::time::Instant::now();
        let answer = self
            .ask(
                Method::POST,
                "/flows",
                Some(deployment_type),
                body,
                DEPLOY_TIME,
            )
            .await;
        let (status, body) = answer.map_err(|error| self.unreachable(&error))?;
        if !status.is_success() {
            return Err(answered(status, &body));
        }
        // Node-RED stops the old flows, answers, and only then starts the new ones.
        let left = DEPLOY_TIME
            .saturating_sub(begun.elapsed())
            .max(Duration::from_secs(5));
        self.flows_state(left)
            .await
            .map_err(|why| RuntimeError::NotRunning {
                instance: self.instance.clone(),
                why,
            })
    }

    async fn ask(
        &self,
        method: Method,
        path: &str,
        deployment_type: Option<&str>,
        body: String,
        time: Duration,
    ) -> Result<(StatusCode, Bytes), CallError> {
        let identity = self.signer.own_header(self.clock.now());
        let identity = identity.map_err(|error| CallError::Unreachable(error.to_string()))?;
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "node-red")
            .header("accept", "application/json")
            .header(HEADER, identity);
        if let Some(deployment_type) = deployment_type {
            request = request
                .header("content-type", "application/json")
                .header("node-red-api-version", "v2")
                .header("node-red-deployment-type", deployment_type);
        }
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| CallError::Unreachable(error.to_string()))?;
        call(&self.address, request, ANSWER_BYTES_MAX, time).await
    }

    fn unreachable(&self, error: &CallError) -> RuntimeError {
        RuntimeError::NotRunning {
            instance: self.instance.clone(),
            why: error.to_string(),
        }
    }
}

/// Node-RED's own words for an error: `message` of its JSON, else the text.
fn answered(status: StatusCode, body: &[u8]) -> RuntimeError {
    let json: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    let said = json
        .as_ref()
        .and_then(|json| json.get("message"))
        .and_then(|text| text.as_str());
    let text = said.map_or_else(|| String::from_utf8_lossy(body), Into::into);
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    RuntimeError::Answered {
        status: status.as_u16(),
        message: clean.take(MESSAGE_CHARS_MAX).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_reds_words_are_passed_on_bounded_and_clean() {
        let words = answered(
            StatusCode::FORBIDDEN,
            br#"{"code":"x","message":"waits\nfor ann"}"#,
        );
        assert_eq!(words.to_string(), "Node-RED answered 403: waits for ann");
        let long = answered(StatusCode::BAD_REQUEST, &[b'x'; 5000]);
        assert!(long.to_string().len() < MESSAGE_CHARS_MAX + 50);
    }
}
