//! Stands between us and pebble: counts what is asked, and answers some of it itself.

use std::{
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use bytes::Bytes;
use http::{Method, Request, Response, header};
use http_body_util::{BodyExt as _, Full};
use hyper::{body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioIo},
};
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
};
use serde_json::{Value, json};
use tokio::{net::TcpListener, sync::Notify};

use crate::pebble::Pebble;

type Upstream = Client<hyper_rustls::HttpsConnector<HttpConnector>, Full<Bytes>>;

#[derive(Debug, Default)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    upstream: u16,
    /// Every request, in order: its method and path.
    pub(crate) asked: Mutex<Vec<String>>,
    /// What orders asked for, taken out of their signed bodies.
    pub(crate) orders: Mutex<Vec<Value>>,
    /// From this request on (counted from 1), nothing is answered; 0: everything is.
    pub(crate) hang_at: AtomicUsize,
    pub(crate) hung: Notify,
    /// Orders are answered 429 with this `Retry-After`.
    pub(crate) limit: Mutex<Option<&'static str>>,
    /// The renewal window the server tells: start and end (RFC 3339).
    pub(crate) window: Mutex<Option<(String, String)>>,
    /// Certificates are answered with this instead.
    pub(crate) forged: Mutex<Option<String>>,
}

impl Proxy {
    pub(crate) async fn start(pebble: &Pebble) -> Arc<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let proxy = Arc::new(Self {
            port: listener.local_addr().unwrap().port(),
            upstream: pebble.port,
            ..Self::default()
        });
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        roots.add(pebble.root.clone()).unwrap();
        let client = ClientConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let https = hyper_rustls::HttpsConnectorBuilder::new()
            .with_tls_config(client)
            .https_only()
            .enable_http1()
            .build();
        let upstream: Upstream = Client::builder(TokioExecutor::new()).build(https);
        let chain = vec![CertificateDer::from_pem_slice(pebble.certificate.as_bytes()).unwrap()];
        let key = PrivateKeyDer::from_pem_slice(pebble.key.as_bytes()).unwrap();
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(server));
        let it = proxy.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, it, upstream) = (acceptor.clone(), it.clone(), upstream.clone());
                tokio::spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = service_fn(move |request| {
                        let (it, upstream) = (it.clone(), upstream.clone());
                        async move {
                            Ok::<_, std::convert::Infallible>(it.answer(request, &upstream).await)
                        }
                    });
                    http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service)
                        .await
                        .ok();
                });
            }
        });
        proxy
    }

    /// How many requests were made to paths that contain this.
    pub(crate) fn count(&self, part: &str) -> usize {
        self.asked
            .lock()
            .unwrap()
            .iter()
            .filter(|it| it.contains(part))
            .count()
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        upstream: &Upstream,
    ) -> Response<Full<Bytes>> {
        let (mut parts, body) = request.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let path = parts.uri.path().to_owned();
        let number = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(format!("{} {path}", parts.method));
            asked.len()
        };
        let hang_at = self.hang_at.load(Ordering::SeqCst);
        if hang_at != 0 && number >= hang_at {
            self.hung.notify_one();
            std::future::pending::<()>().await;
        }
        if path.starts_with("/renewal/") {
            let (start, end) = self.window.lock().unwrap().clone().unwrap();
            let body = json!({ "suggestedWindow": { "start": start, "end": end } });
            return Response::builder()
                .header(header::RETRY_AFTER, "21600")
                .body(Full::from(body.to_string()))
                .unwrap();
        }
        let is_order = path == "/order-plz";
        let limit = *self.limit.lock().unwrap();
        if let (true, Some(after)) = (is_order, limit) {
            let problem = json!({
                "type": "urn:ietf:params:acme:error:rateLimited",
                "detail": "too many certificates already issued",
            });
            return Response::builder()
                .status(429)
                .header(header::RETRY_AFTER, after)
                .header("replay-nonce", "none")
                .body(Full::from(problem.to_string()))
                .unwrap();
        }
        parts.uri = format!("https://127.0.0.1:{}{path}", self.upstream)
            .parse()
            .unwrap();
        let wanted = is_order.then(|| payload(&body));
        let is_get = parts.method == Method::GET;
        let answer = upstream
            .request(Request::from_parts(parts, Full::from(body)))
            .await
            .unwrap();
        let (mut parts, body) = answer.into_parts();
        let mut body = body.collect().await.unwrap().to_bytes();
        if path == "/dir" && is_get && self.window.lock().unwrap().is_some() {
            let mut directory: Value = serde_json::from_slice(&body).unwrap();
            directory["renewalInfo"] = json!(format!("https://127.0.0.1:{}/renewal", self.port));
            body = directory.to_string().into();
        }
        if let Some(wanted) = wanted.filter(|_| parts.status == 201) {
            let mut order: Value = serde_json::from_slice(&body).unwrap();
            if let Some(replaces) = wanted.get("replaces") {
                order["replaces"] = replaces.clone();
            }
            body = order.to_string().into();
            self.orders.lock().unwrap().push(wanted);
        }
        let forged = self.forged.lock().unwrap().clone();
        let is_chain = path.starts_with("/certZ/") && parts.status == 200;
        if let (true, Some(forged)) = (is_chain, forged) {
            body = forged.into();
        }
        parts.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(parts, Full::from(body))
    }
}

/// What a signed request says.
fn payload(body: &[u8]) -> Value {
    let signed: Value = serde_json::from_slice(body).unwrap();
    let text = signed["payload"].as_str().unwrap();
    let bytes = data_encoding::BASE64URL_NOPAD
        .decode(text.as_bytes())
        .unwrap();
    serde_json::from_slice(&bytes).unwrap_or_default()
}
