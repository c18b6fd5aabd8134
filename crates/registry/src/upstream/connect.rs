//! The HTTP client: TLS with the system's trust roots, directly or through a proxy.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use http::{HeaderValue, Uri};
use http_body_util::Empty;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        self,
        connect::{HttpConnector, proxy::Tunnel},
    },
    rt::{TokioExecutor, TokioIo, TokioTimer},
};
use tokio::net::TcpStream;
use tower::Service;

use crate::upstream::{Limits, UpstreamError, address};

pub(super) type Client = legacy::Client<HttpsConnector<Road>, Empty<Bytes>>;

/// A client that connects to whatever it is asked for.
pub(super) fn client(proxy: Option<&str>, limits: &Limits) -> Result<Client, UpstreamError> {
    let mut http = HttpConnector::new();
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(limits.connect));
    let road = match proxy {
        None => Road::Direct(http),
        Some(proxy) => Road::Proxied(tunnel(proxy, http)?),
    };
    // The provider is passed, not installed: what the process installs is the binary's to decide.
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let https = HttpsConnectorBuilder::new()
        .with_provider_and_platform_verifier(provider)
        .map_err(UpstreamError::Tls)?
        .https_or_http()
        .enable_all_versions()
        .wrap_connector(road);
    Ok(legacy::Client::builder(TokioExecutor::new())
        .timer(TokioTimer::new())
        .pool_timer(TokioTimer::new())
        // Node.js is one tarball of 50 MB: with the protocol's 64 KiB window it would crawl.
        .http2_adaptive_window(true)
        .build(https))
}

/// `http://[user:password@]host:port`, as in `HTTPS_PROXY`.
fn tunnel(proxy: &str, http: HttpConnector) -> Result<Tunnel<HttpConnector>, UpstreamError> {
    let (credential, plain) = address::split_userinfo(proxy.trim());
    let uri = address::parse(&plain).map_err(UpstreamError::Proxy)?;
    if uri.scheme_str() != Some("http") {
        return Err(UpstreamError::Proxy("it is not an http:// URL"));
    }
    let tunnel = Tunnel::new(uri, http);
    let Some(credential) = credential else {
        return Ok(tunnel);
    };
    let basic = format!(
        "Basic {}",
        data_encoding::BASE64.encode(credential.as_bytes())
    );
    let header = HeaderValue::try_from(basic).expect("base64 is a header value");
    Ok(tunnel.with_auth(header))
}

/// How a TCP connection to the upstream comes about.
#[derive(Debug, Clone)]
pub(super) enum Road {
    Direct(HttpConnector),
    Proxied(Tunnel<HttpConnector>),
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

impl Service<Uri> for Road {
    type Response = TokioIo<TcpStream>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        match self {
            Self::Direct(http) => http.poll_ready(context).map_err(Into::into),
            Self::Proxied(tunnel) => tunnel.poll_ready(context).map_err(Into::into),
        }
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        match self {
            Self::Direct(http) => {
                let connecting = http.call(uri);
                Box::pin(async move { connecting.await.map_err(Into::into) })
            }
            Self::Proxied(tunnel) => {
                let connecting = tunnel.call(uri);
                Box::pin(async move { connecting.await.map_err(Into::into) })
            }
        }
    }
}
