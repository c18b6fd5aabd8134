//! Connecting to Node-RED's Unix socket.

use std::{
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::Uri;
use hyper_util::rt::TokioIo;
use model::id::InstanceId;
use tokio::net::UnixStream;

use super::Upstream;

/// Where one Node-RED listens. Asked anew for every connection: a restart may move it.
#[derive(Debug, Clone)]
pub(crate) struct Socket {
    upstream: Arc<dyn Upstream>,
    instance: InstanceId,
}

impl Socket {
    pub(super) fn new(upstream: Arc<dyn Upstream>, instance: InstanceId) -> Self {
        Self { upstream, instance }
    }

    /// Connects.
    pub(crate) async fn connect(&self) -> io::Result<UnixStream> {
        self.upstream.connect(&self.instance).await
    }
}

/// The same, as hyper's client wants it.
#[derive(Debug, Clone)]
pub(super) struct Connector(pub(super) Socket);

type Connecting = Pin<Box<dyn Future<Output = io::Result<TokioIo<UnixStream>>> + Send>>;

impl tower::Service<Uri> for Connector {
    type Response = TokioIo<UnixStream>;
    type Error = io::Error;
    type Future = Connecting;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Connecting {
        let socket = self.0.clone();
        Box::pin(async move { socket.connect().await.map(TokioIo::new) })
    }
}
