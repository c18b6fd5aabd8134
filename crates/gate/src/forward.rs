//! To Node-RED and back: over its Unix socket, streaming both ways, with a permit only.

pub(crate) mod compress;
mod connect;

use std::{future::Future, io, pin::Pin, sync::Arc, time::Duration};

use http::{Request, Response};
use http_body_util::LengthLimitError;
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::Client,
    rt::{TokioExecutor, TokioTimer},
};
use model::{
    clock::Timestamp,
    id::{InstanceId, UserName},
};
use tokio::net::UnixStream;

use crate::{authorize::Permit, body::Body, recall::Generation};
pub(crate) use connect::Socket;

/// Node.js closes a connection after 5 idle seconds; it must not be ours that finds out.
const IDLE: Duration = Duration::from_secs(4);
/// Connections kept.
const KEPT_MAX: usize = 64;
/// Bytes read at a time.
const BUFFER: usize = 64 * 1024;

/// What the gate needs of the workshop.
pub trait Upstream: Send + Sync + std::fmt::Debug {
    /// A connection to Node-RED's Unix socket, and to nothing else that listens in its place.
    fn connect<'a>(&'a self, instance: &'a InstanceId) -> Connected<'a>;
    /// The identity header's value for a user with these of Node-RED's permissions; or why it cannot
    /// be signed, for people.
    fn identity(
        &self,
        user: &UserName,
        permissions: &[&str],
        now: Timestamp,
    ) -> Result<String, String>;
    /// Which Node-RED is up; another after each start, and whenever it is another way than before.
    /// None: it is not up, or that is not known, and nothing it answers is kept.
    fn generation(&self, _instance: &InstanceId) -> Option<Generation> {
        None
    }
    /// Has Node-RED load flows and credentials anew from the baseline; or why not, for people.
    fn reload<'a>(&'a self, instance: &'a InstanceId) -> Reloaded<'a>;
}

/// Connected, or why not.
pub type Connected<'a> = Pin<Box<dyn Future<Output = io::Result<UnixStream>> + Send + 'a>>;

/// Done, or why not.
pub type Reloaded<'a> = Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>>;

impl Upstream for runtime::Workshop {
    fn connect<'a>(&'a self, instance: &'a InstanceId) -> Connected<'a> {
        Box::pin(async move {
            Self::connect(self, instance)
                .await
                .map_err(|error| io::Error::new(io::ErrorKind::NotFound, error))
        })
    }

    fn identity(
        &self,
        user: &UserName,
        permissions: &[&str],
        now: Timestamp,
    ) -> Result<String, String> {
        let header = self.signer().header(user, permissions, now);
        header.map_err(|error| error.to_string())
    }

    fn generation(&self, instance: &InstanceId) -> Option<Generation> {
        let status = self.status(instance).filter(|it| it.phase.is_up())?;
        Some((status.starts, status.since))
    }

    fn reload<'a>(&'a self, instance: &'a InstanceId) -> Reloaded<'a> {
        Box::pin(async move {
            Self::reload(self, instance)
                .await
                .map_err(|error| error.to_string())
        })
    }
}

/// Why Node-RED gave no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForwardError {
    /// There is no Node-RED, or it is not listening yet.
    #[error("Node-RED does not answer; it is starting, or was stopped")]
    NotRunning,
    /// It took too long.
    #[error("Node-RED took too long to answer")]
    TooSlow,
    /// It hung up in the middle.
    #[error("Node-RED broke the connection off")]
    Broken,
    /// It is the client's body that broke off, or is none.
    #[error("the request's body broke off or cannot be read")]
    Body,
    /// The client's body is longer than allowed.
    #[error("the request's body is larger than is let through here")]
    BodyTooLong,
}

impl ForwardError {
    /// Whose fault it was.
    fn of(error: &hyper_util::client::legacy::Error) -> Self {
        if error.is_connect() {
            return Self::NotRunning;
        }
        let mut cause = std::error::Error::source(error);
        let mut found = Self::Broken;
        while let Some(error) = cause {
            if error.is::<LengthLimitError>() {
                return Self::BodyTooLong;
            }
            // hyper calls the body it was given the user's.
            if error.downcast_ref().is_some_and(hyper::Error::is_user) {
                found = Self::Body;
            }
            cause = error.source();
        }
        found
    }
}

/// The way to one Node-RED.
#[derive(Debug, Clone)]
pub(crate) struct Forwarder {
    client: Client<connect::Connector, Body>,
    socket: Socket,
    answer: Duration,
}

impl Forwarder {
    /// A way to `instance`. `answer`: how long it may take to begin its answer.
    pub(crate) fn new(upstream: Arc<dyn Upstream>, instance: InstanceId, answer: Duration) -> Self {
        let socket = Socket::new(upstream, instance);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .pool_max_idle_per_host(KEPT_MAX)
            .http1_max_buf_size(BUFFER)
            .build(connect::Connector(socket.clone()));
        Self {
            client,
            socket,
            answer,
        }
    }

    /// A connection of one's own, for what is no HTTP any more.
    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Sends a request on; its URI has Node-RED's path and query only.
    pub(crate) async fn send(
        &self,
        permit: &Permit,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, ForwardError> {
        let seconds = permit.bounds().answer_seconds;
        let time = seconds.map_or(self.answer, |it| Duration::from_secs(it.get().into()));
        match tokio::time::timeout(time, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => {
                tracing::debug!(%error, "Node-RED gave no answer");
                Err(ForwardError::of(&error))
            }
            Err(_) => Err(ForwardError::TooSlow),
        }
    }
}
