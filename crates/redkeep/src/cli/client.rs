//! A client of the API: over the control socket, or in this process when nothing runs.

use std::path::PathBuf;

use axum::{Router, body::Body};
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::UnixStream;
use tower::ServiceExt as _;

use crate::{
    control,
    exit::{Exit, Failure},
    offline,
};

/// Where the API is.
#[derive(Debug)]
pub(crate) enum Client {
    /// `redkeep up` runs.
    Running(PathBuf),
    /// It does not: the ledger is opened here. What needs a running Node-RED is refused.
    Offline(Router),
}

/// An answer of the API longer than this is none of ours: a deployment of 100,000 nodes is 95 MB.
const ANSWER_BYTES_MAX: usize = 256 << 20;

impl Client {
    /// Finds out which.
    pub(crate) async fn connect(data_dir: PathBuf) -> Result<Self, Failure> {
        let socket = control::socket(&data_dir);
        if UnixStream::connect(&socket).await.is_ok() {
            return Ok(Self::Running(socket));
        }
        Ok(Self::Offline(offline::router(&data_dir).await?))
    }

    pub(crate) fn is_running(&self) -> bool {
        matches!(self, Self::Running(_))
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Result<Value, Failure> {
        self.call(Method::POST, path, Some(body)).await
    }

    pub(crate) async fn put(&self, path: &str, body: Value) -> Result<Value, Failure> {
        self.call(Method::PUT, path, Some(body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Result<Value, Failure> {
        self.call(Method::DELETE, path, None).await
    }

    /// What an answer that is no JSON holds, such as a picture.
    pub(crate) async fn get_file(&self, path: &str) -> Result<hyper::body::Bytes, Failure> {
        self.send(Method::GET, path, None).await
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Failure> {
        Ok(read(&self.send(method, path, body).await?))
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<Value>,
    ) -> Result<hyper::body::Bytes, Failure> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("/api/v1{path}"))
            .header(header::HOST, "localhost");
        if body.is_some() {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let (status, bytes) = match self {
            Self::Running(socket) => over_socket(socket, request.body(Full::from(body))?).await?,
            Self::Offline(router) => {
                let Ok(answer) = router
                    .clone()
                    .oneshot(request.body(Body::from(body))?)
                    .await;
                let status = answer.status();
                (status, collect(answer.into_body()).await?)
            }
        };
        if status.is_success() {
            Ok(bytes)
        } else {
            Err(self.refusal(status, &read(&bytes)))
        }
    }

    fn refusal(&self, status: StatusCode, answer: &Value) -> Failure {
        let message = answer
            .pointer("/error/message")
            .and_then(Value::as_str)
            .map_or_else(|| format!("the API answered {status}"), str::to_owned);
        let exit = match status {
            StatusCode::SERVICE_UNAVAILABLE if !self.is_running() => Exit::NotRunning,
            StatusCode::BAD_REQUEST | StatusCode::UNPROCESSABLE_ENTITY => Exit::Usage,
            StatusCode::FORBIDDEN | StatusCode::NOT_FOUND | StatusCode::CONFLICT => Exit::Refused,
            _ => Exit::Failed,
        };
        Failure::new(exit, message)
    }
}

fn read(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return Value::Null;
    }
    let text = || Value::String(String::from_utf8_lossy(bytes).into_owned());
    serde_json::from_slice(bytes).unwrap_or_else(|_| text())
}

async fn over_socket(
    socket: &std::path::Path,
    request: Request<Full<hyper::body::Bytes>>,
) -> Result<(StatusCode, hyper::body::Bytes), Failure> {
    let stream = UnixStream::connect(socket).await?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let driven = tokio::spawn(async move {
        // The connection's own error comes back through the request.
        drop(connection.await);
    });
    let answer = sender.send_request(request).await;
    let answer = answer?;
    let status = answer.status();
    let body = collect(answer.into_body()).await;
    driven.abort();
    Ok((status, body?))
}

async fn collect<B>(body: B) -> Result<hyper::body::Bytes, Failure>
where
    B: hyper::body::Body,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
    let body = body.map_err(|error| anyhow::anyhow!("the answer broke off: {error}"))?;
    Ok(body.to_bytes())
}
