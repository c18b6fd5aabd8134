//! The storage bridge: Node-RED's storage module asks here for flows, credentials and settings, and
//! saves here. HTTP/1.1 on a Unix socket in the instance's `run/` folder.
//!
//! Everything on the other side is hostile: any code in Node-RED's process can speak on this
//! socket. What a save may become is decided by [`Baselines`]; a refused one has Node-RED reloaded.

use std::{convert::Infallible, sync::Arc, time::Duration};

use bytes::Bytes;
use data_encoding::BASE64URL_NOPAD;
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use model::{flow::credentials::Credentials, id::InstanceId};
use store::Store;
use tokio::{net::UnixListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    Baselines, RuntimeError, Saved,
    folder::{Folder, failed, remove},
};

mod blob;
mod pace;
mod settings;

pub(crate) use pace::Pace;
pub(crate) use settings::Waiting;

/// Largest flows taken, in bytes.
const FLOWS_BYTES_MAX: usize = 64 << 20;
/// Largest credentials. As values they take ten times as much, and are kept until the flows follow.
const CREDENTIALS_BYTES_MAX: usize = 8 << 20;
/// Most connections at a time; Node-RED needs two.
const CONNECTIONS_MAX: usize = 8;
/// How long a request may take. Of a save: how long it may wait for its turn and its body. What then
/// becomes of it is never broken off.
const REQUEST_TIME: Duration = Duration::from_secs(110);
/// How long a body may take once it is its turn.
const BODY_TIME: Duration = Duration::from_secs(10);
const HEADERS_TIME: Duration = Duration::from_secs(10);
/// The name Node-RED claims acted, in base64url. In-process code can write anything here.
const CLAIMED: &str = "x-redkeep-user";
const CLAIMED_BYTES_MAX: usize = 256;

/// What the bridge serves from.
#[derive(Debug)]
pub(crate) struct Bridge {
    pub(crate) instance: InstanceId,
    pub(crate) baselines: Arc<dyn Baselines>,
    /// Where Node-RED's settings are kept; none: nowhere.
    pub(crate) store: Option<Store>,
    /// Told of every refused save.
    pub(crate) refused: Arc<tokio::sync::Notify>,
    /// Whose processes may connect: the jail's user.
    pub(crate) peer_uid: u32,
    /// How fast it is let save.
    pub(crate) pace: Pace,
    /// Settings that wait to be written.
    pub(crate) waiting: Waiting,
}

/// What is saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Flows,
    Credentials,
    Settings,
}

impl Kind {
    fn of(path: &str) -> Option<Self> {
        match path {
            "/flows" => Some(Self::Flows),
            "/credentials" => Some(Self::Credentials),
            "/settings" => Some(Self::Settings),
            _ => None,
        }
    }

    fn bytes_max(self) -> usize {
        match self {
            Self::Flows => FLOWS_BYTES_MAX,
            Self::Credentials => CREDENTIALS_BYTES_MAX,
            Self::Settings => blob::BYTES_MAX,
        }
    }
}

impl Bridge {
    /// Listens until `stop`. The socket is there when this returns.
    pub(crate) fn open(
        self: Arc<Self>,
        folder: &Folder,
        stop: CancellationToken,
        tasks: &TaskTracker,
    ) -> Result<(), RuntimeError> {
        let path = folder.bridge();
        remove(&path)?;
        let listener =
            UnixListener::bind(&path).map_err(|error| failed("listen on", &path, &error))?;
        folder.open_to_jail(&path)?;
        tasks.spawn(serve(self, listener, stop));
        Ok(())
    }

    async fn answer(self: &Arc<Self>, request: Request<Incoming>, saves: &TaskTracker) -> Answer {
        if request.method() == Method::POST {
            return self.take(request, saves).await;
        }
        let answer = tokio::time::timeout(REQUEST_TIME, self.give(&request)).await;
        answer.unwrap_or_else(|_| Err(late()))
    }

    async fn give(&self, request: &Request<Incoming>) -> Answer {
        match (request.method(), request.uri().path()) {
            (&Method::GET, "/flows") => {
                let (flows, _) = self.load().await?;
                Ok(json(Bytes::copy_from_slice(flows.as_bytes())))
            }
            (&Method::GET, "/credentials") => {
                let (_, credentials) = self.load().await?;
                let text = serde_json::to_vec(&credentials).map_err(|_| Refusal::internal())?;
                Ok(json(text.into()))
            }
            (&Method::GET, "/settings") => self.settings().await,
            _ => Err(no_route()),
        }
    }

    async fn take(self: &Arc<Self>, request: Request<Incoming>, saves: &TaskTracker) -> Answer {
        let (head, body) = request.into_parts();
        let kind = Kind::of(head.uri.path()).ok_or_else(no_route)?;
        // One at a time: eight bodies of 64 MB, each read as JSON, would end this process.
        let come = async {
            let turn = self.pace.turn().await;
            let body = tokio::time::timeout(BODY_TIME, read(body, kind.bytes_max())).await;
            (turn, body.unwrap_or_else(|_| Err(late())))
        };
        let come = tokio::time::timeout(REQUEST_TIME, come).await;
        let (turn, body) = come.map_err(|_| late())?;
        let body = body.inspect_err(|_| self.pace.refused())?;
        let bridge = self.clone();
        // A task of its own: whoever hangs up in the middle must not leave half a deployment.
        let saving = saves.spawn(async move {
            let answer = bridge.save(kind, body, &head.headers).await;
            match &answer {
                Err(_) => bridge.pace.refused(),
                Ok(_) if kind == Kind::Credentials => bridge.pace.took_credentials(),
                Ok(_) => {}
            }
            drop(turn);
            answer
        });
        saving.await.unwrap_or_else(|_| Err(Refusal::internal()))
    }

    async fn save(&self, kind: Kind, body: Bytes, headers: &HeaderMap) -> Answer {
        match kind {
            Kind::Flows => self.save_flows(body, claimed(headers)).await,
            Kind::Credentials => self.save_credentials(&body).await,
            Kind::Settings => self.save_settings(body).await,
        }
    }

    async fn load(&self) -> Result<(Arc<str>, Credentials), Refusal> {
        self.baselines.load(&self.instance).await.map_err(|error| {
            tracing::error!(instance = %self.instance, %error, "the baseline could not be loaded");
            Refusal::new(StatusCode::SERVICE_UNAVAILABLE, error)
        })
    }

    async fn save_flows(&self, text: Bytes, claimed: Option<String>) -> Answer {
        match self
            .baselines
            .save_flows(&self.instance, text.into(), claimed)
            .await
        {
            Saved::Accepted => Ok(done()),
            Saved::Refused(message) => Err(self.refuse(message)),
        }
    }

    async fn save_credentials(&self, text: &[u8]) -> Answer {
        let credentials: Credentials = serde_json::from_slice(text).map_err(|_| {
            // Not the error's own words: they can quote what was sent.
            Refusal::new(StatusCode::BAD_REQUEST, "these are no credentials")
        })?;
        let saved = self
            .baselines
            .save_credentials(&self.instance, credentials)
            .await;
        saved
            .map(|()| done())
            .map_err(|message| self.refuse(message))
    }

    /// A refused save leaves credentials changed in Node-RED's memory: it must load them anew.
    fn refuse(&self, message: String) -> Refusal {
        self.refused.notify_one();
        Refusal::new(StatusCode::FORBIDDEN, message)
    }

    fn failed(&self, error: &store::StoreError) -> Refusal {
        tracing::error!(instance = %self.instance, %error, "Node-RED's settings");
        Refusal::internal()
    }
}

fn late() -> Refusal {
    Refusal::new(StatusCode::REQUEST_TIMEOUT, "it took too long")
}

fn no_route() -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, "the bridge has no such route")
}

type Answer = Result<Response<Full<Bytes>>, Refusal>;

/// What Node-RED is told instead of an answer.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    /// Details go to our log; what is inside the jail needs none.
    fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Redkeep could not do it; see its log",
        )
    }

    fn into_response(self) -> Response<Full<Bytes>> {
        let text = serde_json::json!({ "message": self.message }).to_string();
        let mut response = json(text.into());
        *response.status_mut() = self.status;
        response
    }
}

fn json(body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    let value = http::HeaderValue::from_static("application/json");
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, value);
    response
}

fn done() -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

async fn read(body: Incoming, most: usize) -> Result<Bytes, Refusal> {
    let read = Limited::new(body, most).collect().await;
    read.map(http_body_util::Collected::to_bytes)
        .map_err(|error| {
            if error.is::<LengthLimitError>() {
                let message = format!("more than {most} bytes");
                Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
            } else {
                Refusal::new(StatusCode::BAD_REQUEST, "the body could not be read")
            }
        })
}

fn claimed(headers: &HeaderMap) -> Option<String> {
    let encoded = headers.get(CLAIMED)?.as_bytes();
    let name = BASE64URL_NOPAD
        .decode(encoded.get(..CLAIMED_BYTES_MAX).unwrap_or(encoded))
        .ok()?;
    let name = String::from_utf8(name).ok()?;
    Some(name.chars().filter(|c| !c.is_control()).take(64).collect())
}

async fn serve(bridge: Arc<Bridge>, listener: UnixListener, stop: CancellationToken) {
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let connections = TaskTracker::new();
    connections.spawn(bridge.clone().write_waiting(stop.clone()));
    loop {
        let slot = slots
            .clone()
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        let stream = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "the storage bridge could not accept");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
        };
        // The folder's mode keeps others out already; this holds where it was loosened.
        if !stream
            .peer_cred()
            .is_ok_and(|peer| peer.uid() == bridge.peer_uid)
        {
            tracing::warn!(instance = %bridge.instance, "another user's process at the bridge");
            continue;
        }
        let bridge = bridge.clone();
        let (stop, saves) = (stop.clone(), connections.clone());
        connections.spawn(async move {
            let serving = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS_TIME)
                .keep_alive(false)
                .serve_connection(
                    TokioIo::new(stream),
                    service_fn(|request| respond(&bridge, request, &saves)),
                );
            tokio::select! {
                () = stop.cancelled() => {}
                served = serving => if let Err(error) = served {
                    tracing::debug!(%error, "a connection to the storage bridge broke");
                },
            }
            drop(slot);
        });
    }
    drop(listener);
    // Saves that are under way come to their end, and what waits is written.
    connections.close();
    connections.wait().await;
    bridge.write_now().await;
}

async fn respond(
    bridge: &Arc<Bridge>,
    request: Request<Incoming>,
    saves: &TaskTracker,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = bridge.answer(request, saves).await;
    Ok(answer.unwrap_or_else(Refusal::into_response))
}

#[cfg(test)]
mod tests;
