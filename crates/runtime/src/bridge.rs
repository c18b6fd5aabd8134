//! The storage bridge: Node-RED's storage module asks here for flows, credentials and settings, and
//! saves here. HTTP/1.1 on a Unix socket in the instance's `run/` folder.
//!
//! Everything on the other side is hostile: any code in Node-RED's process can speak on this
//! socket. What a save may become is decided by [`Baselines`]; a refused one has Node-RED reloaded.

use std::{convert::Infallible, fs, os::unix::fs::PermissionsExt as _, sync::Arc, time::Duration};

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

pub(crate) use pace::Pace;

/// Largest flows taken, in bytes.
const FLOWS_BYTES_MAX: usize = 64 << 20;
/// Largest credentials. As values they take ten times as much, and are kept until the flows follow.
const CREDENTIALS_BYTES_MAX: usize = 8 << 20;
/// Most connections at a time; Node-RED needs two.
const CONNECTIONS_MAX: usize = 8;
/// How long a request may take, its body included.
const REQUEST_TIME: Duration = Duration::from_secs(110);
/// How long a body may take once it is its turn.
const BODY_TIME: Duration = Duration::from_secs(30);
const HEADERS_TIME: Duration = Duration::from_secs(10);
/// The name Node-RED claims acted, in base64url. In-process code can write anything here.
const CLAIMED: &str = "x-redkeep-user";
const CLAIMED_BYTES_MAX: usize = 256;
/// The store's name for Node-RED's settings blob.
const SETTINGS: &str = "settings";

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
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600))
            .map_err(|error| failed("protect", &path, &error))?;
        folder.give(&path)?;
        tasks.spawn(serve(self, listener, stop));
        Ok(())
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        let (head, body) = request.into_parts();
        match (&head.method, head.uri.path()) {
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
            (&Method::POST, path) => {
                // One at a time: eight bodies of 64 MB, each read as JSON, would end this process.
                let _turn = self.pace.turn().await;
                let most = match path {
                    "/flows" => FLOWS_BYTES_MAX,
                    "/credentials" => CREDENTIALS_BYTES_MAX,
                    "/settings" => blob::BYTES_MAX,
                    _ => return Err(no_route()),
                };
                let body = tokio::time::timeout(BODY_TIME, read(body, most)).await;
                let body = body.map_err(|_| late())??;
                match path {
                    "/flows" => self.save_flows(body, claimed(&head.headers)).await,
                    "/credentials" => self.save_credentials(&body).await,
                    _ => self.save_settings(&body).await,
                }
            }
            _ => Err(no_route()),
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
        self.pace.refused();
        Refusal::new(StatusCode::FORBIDDEN, message)
    }

    async fn settings(&self) -> Answer {
        let Some(store) = &self.store else {
            return Ok(json("{}".into()));
        };
        let stored = store.runtime_document(&self.instance, SETTINGS).await;
        let stored = stored.map_err(|error| self.failed(&error))?;
        let harmless = stored
            .as_deref()
            .and_then(|text| blob::harmless(text.as_bytes()).ok());
        Ok(json(harmless.unwrap_or_else(|| "{}".to_owned()).into()))
    }

    async fn save_settings(&self, text: &[u8]) -> Answer {
        let harmless = blob::harmless(text)
            .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
        let Some(store) = &self.store else {
            return Ok(done());
        };
        if !self.pace.may_write() {
            return Err(Refusal::new(
                StatusCode::TOO_MANY_REQUESTS,
                "settings are saved too often; save them again in a minute",
            ));
        }
        let saved = store
            .set_runtime_document(&self.instance, SETTINGS, &harmless)
            .await;
        saved.map_err(|error| self.failed(&error))?;
        Ok(done())
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
        let stop = stop.clone();
        connections.spawn(async move {
            let serving = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS_TIME)
                .keep_alive(false)
                .serve_connection(
                    TokioIo::new(stream),
                    service_fn(|request| respond(&bridge, request)),
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
}

async fn respond(
    bridge: &Bridge,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = tokio::time::timeout(REQUEST_TIME, bridge.answer(request)).await;
    Ok(answer
        .unwrap_or_else(|_| Err(late()))
        .unwrap_or_else(Refusal::into_response))
}

#[cfg(test)]
mod tests;
