//! A stand-in for Node-RED: tells back what it was sent.

use std::{
    convert::Infallible,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use futures_util::{SinkExt as _, StreamExt as _};
use http::{Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::UnixListener;
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, handshake::derive_accept_key, protocol::Role},
};

/// What it was sent.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) method: Method,
    pub(crate) path: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
}

/// The stand-in.
#[derive(Debug, Clone)]
pub(crate) struct NodeRed {
    pub(crate) socket: PathBuf,
    seen: Arc<Mutex<Vec<Seen>>>,
    frames: Arc<Mutex<Vec<String>>>,
}

impl NodeRed {
    pub(crate) fn start(dir: &Path) -> Self {
        let socket = dir.join("node-red.sock");
        let listener = UnixListener::bind(&socket).expect("a socket");
        let node_red = Self {
            socket,
            seen: Arc::default(),
            frames: Arc::default(),
        };
        let served = node_red.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.expect("a connection");
                let served = served.clone();
                tokio::spawn(async move {
                    let service = service_fn(move |request| {
                        let served = served.clone();
                        async move { Ok::<_, Infallible>(served.answer(request).await) }
                    });
                    http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .with_upgrades()
                        .await
                        .ok();
                });
            }
        });
        node_red
    }

    /// Everything it was sent so far.
    pub(crate) fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }

    /// What it was asked for at this path.
    pub(crate) fn asked(&self, path: &str) -> Vec<Seen> {
        let is_it = |seen: &Seen| seen.path.split('?').next() == Some(path);
        self.seen().into_iter().filter(is_it).collect()
    }

    /// The last thing it was sent.
    pub(crate) fn last(&self) -> Seen {
        self.seen().pop().expect("Node-RED was sent something")
    }

    /// What its WebSocket was told.
    pub(crate) fn frames(&self) -> Vec<String> {
        self.frames.lock().unwrap().clone()
    }

    async fn answer(&self, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
        let is_upgrade = request.headers().contains_key(header::UPGRADE);
        let path = request.uri().path_and_query().unwrap().to_string();
        let body = if is_upgrade {
            String::new()
        } else {
            let whole = request.body_mut().collect().await;
            whole
                .map(|whole| String::from_utf8_lossy(&whole.to_bytes()).into_owned())
                .unwrap_or_default()
        };
        let seen = Seen {
            method: request.method().clone(),
            path: path.clone(),
            headers: request.headers().clone(),
            body,
        };
        self.seen.lock().unwrap().push(seen);
        if is_upgrade {
            return self.upgrade(request);
        }
        let (kind, text) = content(&path);
        let mut response = Response::builder().header(header::CONTENT_TYPE, kind);
        if !["/nodes", "/icons", "/locales"]
            .iter()
            .any(|it| path.starts_with(it))
        {
            response = response
                .header(
                    header::SET_COOKIE,
                    "__Host-redkeep-gate=planted; Path=/; Secure",
                )
                .header(header::SET_COOKIE, "own=1");
        }
        response
            .header("access-control-allow-origin", "*")
            .header("x-powered-by", "Express")
            .body(Full::from(text))
            .unwrap()
    }

    fn upgrade(&self, mut request: Request<Incoming>) -> Response<Full<Bytes>> {
        let key = request.headers()[header::SEC_WEBSOCKET_KEY]
            .as_bytes()
            .to_vec();
        let is_comms = request.uri().path() == "/comms";
        let frames = Arc::clone(&self.frames);
        let upgrading = hyper::upgrade::on(&mut request);
        tokio::spawn(async move {
            let Ok(io) = upgrading.await else { return };
            let mut socket =
                WebSocketStream::from_raw_socket(TokioIo::new(io), Role::Server, None).await;
            while let Some(Ok(message)) = socket.next().await {
                let Message::Text(text) = message else {
                    continue;
                };
                frames.lock().unwrap().push(text.to_string());
                let answer = if is_comms {
                    r#"[{"topic":"debug","data":"secret"},{"topic":"status/1","data":"fine"}]"#
                        .into()
                } else {
                    text
                };
                if socket.send(Message::Text(answer)).await.is_err() {
                    return;
                }
            }
        });
        Response::builder()
            .status(StatusCode::SWITCHING_PROTOCOLS)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_ACCEPT, derive_accept_key(&key))
            .body(Full::default())
            .unwrap()
    }
}

fn content(path: &str) -> (&'static str, String) {
    let json = |value: Value| ("application/json", value.to_string());
    match path.split('?').next().unwrap() {
        "/" => ("text/html; charset=utf-8", "<html>editor</html>".to_owned()),
        "/settings" => json(json!({"user":{"username":"ann","permissions":["*.read"]}})),
        "/locales/editor" => json(json!({"deploy":{"successfulDeploy":"Successfully deployed"}})),
        "/plugins" => ("text/html", "<!-- plugins -->".to_owned()),
        "/red/huge.js" => ("application/javascript", "var a = 1;\n".repeat(3_000_000)),
        "/red/big.js" => ("application/javascript", "var a = 1;\n".repeat(10_000)),
        "/nodes" | "/plugins/messages" | "/flow/big" => json(json!({ "a": "text ".repeat(1000) })),
        path if path.starts_with("/credentials/tls-config/") => {
            json(json!({"keydata":"-----BEGIN PRIVATE KEY-----","has_passphrase":true}))
        }
        path => json(json!({ "node_red": path })),
    }
}
