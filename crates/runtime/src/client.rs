//! One HTTP/1.1 request over a Unix socket. What answers is hostile: everything is bounded.

use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;

use crate::connect::Address;

/// Why there is no answer, in words.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// Nothing listens, or it hung up.
    #[error("Node-RED cannot be reached: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("Node-RED did not answer within {} seconds", .0.as_secs())]
    Late(Duration),
    /// The answer is too long, or no HTTP.
    #[error("Node-RED's answer could not be read: {0}")]
    Answer(String),
}

/// Sends `request` and reads the whole answer, at most `answer_bytes_max`, within `time`.
pub(crate) async fn call(
    address: &Address,
    request: Request<Full<Bytes>>,
    answer_bytes_max: usize,
    time: Duration,
) -> Result<(StatusCode, Bytes), CallError> {
    let exchange = exchange(address, request, answer_bytes_max);
    tokio::time::timeout(time, exchange)
        .await
        .map_err(|_| CallError::Late(time))?
}

async fn exchange(
    address: &Address,
    request: Request<Full<Bytes>>,
    answer_bytes_max: usize,
) -> Result<(StatusCode, Bytes), CallError> {
    let unreachable = |error: &dyn std::fmt::Display| CallError::Unreachable(error.to_string());
    let stream = address
        .connect()
        .await
        .map_err(|error| unreachable(&error))?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| unreachable(&error))?;
    // Ends by itself once the sender is dropped; aborted when this future is.
    let connection = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(connection));
    let answer = sender
        .send_request(request)
        .await
        .map_err(|error| unreachable(&error))?;
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, answer_bytes_max)
        .collect()
        .await
        .map_err(|error| CallError::Answer(error.to_string()))?;
    drop(connection);
    Ok((head.status, body.to_bytes()))
}
