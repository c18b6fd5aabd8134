//! A small HTTPS client: cookies by host, a bearer token, nothing followed by itself.
//!
//! Every name under `localhost` is this machine. No other machine is ever spoken to.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, header};
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

/// How long an answer may take.
const ANSWER: Duration = Duration::from_mins(2);

/// Cookies by host and name.
type Jar = Arc<Mutex<BTreeMap<(String, String), String>>>;

/// A client. A clone shares the cookies.
#[derive(Clone)]
pub struct Client {
    tls: TlsConnector,
    jar: Jar,
    bearer: Option<String>,
    is_http2: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// What came back.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{} no JSON ({error}): {}", self.status, self.text()))
    }

    /// A header field; empty when it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// This, if the status is that.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text());
        self
    }
}

/// A request that is being made.
#[derive(Debug)]
pub struct Asking<'a> {
    client: &'a Client,
    method: Method,
    url: String,
    headers: HeaderMap,
    body: Bytes,
}

impl Asking<'_> {
    /// With this header field.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        self.headers
            .append(name, HeaderValue::from_str(value).expect("a header value"));
        self
    }

    /// With this body.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// With this JSON as its body.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json")
            .body(body.to_string())
    }

    /// With this form as its body, as a page of that very site would send it.
    pub fn form(self, fields: &[(String, String)]) -> Self {
        let origin = origin(&self.url);
        let text: Vec<_> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", enc(name), enc(value)))
            .collect();
        self.header("content-type", "application/x-www-form-urlencoded")
            .header("origin", &origin)
            .header("sec-fetch-site", "same-origin")
            .body(text.join("&"))
    }

    /// Sends it.
    pub async fn send(self) -> Answer {
        let what = format!("{} {}", self.method, self.url);
        match tokio::time::timeout(ANSWER, self.exchange()).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(error)) => panic!("{what}: {error:#}"),
            Err(_) => panic!("{what}: no answer in {ANSWER:?}"),
        }
    }

    /// Sends it where no answer may come.
    pub async fn try_send(self) -> anyhow::Result<Answer> {
        tokio::time::timeout(ANSWER, self.exchange()).await?
    }

    async fn exchange(self) -> anyhow::Result<Answer> {
        let uri: Uri = self.url.parse()?;
        let (host, port) = place(&uri)?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::builder().method(self.method).uri(path);
        request = request.header(header::HOST, format!("{host}:{port}"));
        let headers = request
            .headers_mut()
            .expect("the request is well formed so far");
        headers.extend(self.headers);
        self.client.identify(&host, headers);
        let request = request.body(Full::new(self.body))?;
        let answer = if uri.scheme_str() == Some("http") {
            let stream = TcpStream::connect(("127.0.0.1", port)).await?;
            over(TokioIo::new(stream), request).await?
        } else if self.client.is_http2 {
            let stream = self.client.tls(&host, port).await?;
            crate::http2::over(stream, &format!("{host}:{port}"), request).await?
        } else {
            over(TokioIo::new(self.client.tls(&host, port).await?), request).await?
        };
        self.client.remember(&host, &answer.headers);
        Ok(answer)
    }
}

async fn over<S>(stream: S, request: Request<Full<Bytes>>) -> anyhow::Result<Answer>
where
    S: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
    let driver = tokio::spawn(connection);
    let answer = sender.send_request(request).await?;
    let (parts, body) = answer.into_parts();
    let body = body.collect().await?.to_bytes();
    driver.abort();
    Ok(Answer {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body,
    })
}

impl Client {
    /// One that trusts this root certificate and no other.
    pub fn trusting(pem: &[u8]) -> Self {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(pem) {
            roots
                .add(certificate.expect("a certificate"))
                .expect("a root certificate");
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("TLS 1.2 and 1.3")
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            tls: TlsConnector::from(Arc::new(config)),
            jar: Jar::default(),
            bearer: None,
            is_http2: false,
        }
    }

    /// The same over HTTP/2, wherever it goes to an `https` address.
    pub fn with_http2(mut self) -> Self {
        let mut config = ClientConfig::clone(self.tls.config());
        config.alpn_protocols = vec![b"h2".to_vec()];
        self.tls = TlsConnector::from(Arc::new(config));
        self.is_http2 = true;
        self
    }

    /// Whether it speaks HTTP/2.
    pub fn is_http2(&self) -> bool {
        self.is_http2
    }

    /// The same over HTTP/1.1, for what only that has.
    pub fn with_http1(&self) -> Self {
        let mut config = ClientConfig::clone(self.tls.config());
        config.alpn_protocols.clear();
        Self {
            tls: TlsConnector::from(Arc::new(config)),
            is_http2: false,
            ..self.clone()
        }
    }

    /// The same with a bearer token on every request, and cookies of its own.
    pub fn with_bearer(&self, secret: &str) -> Self {
        Self {
            tls: self.tls.clone(),
            jar: Jar::default(),
            bearer: Some(secret.to_owned()),
            is_http2: self.is_http2,
        }
    }

    /// The bearer token it sends.
    pub fn bearer(&self) -> Option<&str> {
        self.bearer.as_deref()
    }

    /// A request.
    pub fn ask(&self, method: &str, url: impl Into<String>) -> Asking<'_> {
        Asking {
            client: self,
            method: method.parse().expect("a method"),
            url: url.into(),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// `GET`.
    pub async fn get(&self, url: impl Into<String>) -> Answer {
        self.ask("GET", url).send().await
    }

    /// `POST` with JSON.
    pub async fn post(&self, url: impl Into<String>, body: &Value) -> Answer {
        self.ask("POST", url).json(body).send().await
    }

    /// A cookie it holds for this host.
    pub fn cookie(&self, host: &str, name: &str) -> Option<String> {
        let jar = self.jar.lock().unwrap_or_else(PoisonError::into_inner);
        jar.get(&(host.to_owned(), name.to_owned())).cloned()
    }

    /// Puts a cookie there by hand.
    pub fn set_cookie(&self, host: &str, name: &str, value: &str) {
        let mut jar = self.jar.lock().unwrap_or_else(PoisonError::into_inner);
        jar.insert((host.to_owned(), name.to_owned()), value.to_owned());
    }

    /// The cookies for this host as a header line.
    pub fn cookies(&self, host: &str) -> String {
        let jar = self.jar.lock().unwrap_or_else(PoisonError::into_inner);
        let ours = jar.iter().filter(|((of, _), _)| of == host);
        ours.map(|((_, name), value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("; ")
    }

    pub(crate) fn identify(&self, host: &str, headers: &mut HeaderMap) {
        let cookies = self.cookies(host);
        if !cookies.is_empty() && !headers.contains_key(header::COOKIE) {
            headers.insert(
                header::COOKIE,
                cookies.parse().expect("cookies are header values"),
            );
        }
        if let Some(bearer) = &self.bearer
            && !headers.contains_key(header::AUTHORIZATION)
        {
            let value = format!("Bearer {bearer}")
                .parse()
                .expect("a token is a header value");
            headers.insert(header::AUTHORIZATION, value);
        }
    }

    fn remember(&self, host: &str, headers: &HeaderMap) {
        let mut jar = self.jar.lock().unwrap_or_else(PoisonError::into_inner);
        for value in headers.get_all(header::SET_COOKIE) {
            let Ok(text) = value.to_str() else { continue };
            let pair = text.split(';').next().unwrap_or_default();
            let Some((name, value)) = pair.split_once('=') else {
                continue;
            };
            let key = (host.to_owned(), name.trim().to_owned());
            if text.to_ascii_lowercase().contains("max-age=0") {
                jar.remove(&key);
            } else {
                jar.insert(key, value.trim().to_owned());
            }
        }
    }

    /// A TLS connection to a port of this machine, under this name.
    pub async fn tls(&self, host: &str, port: u16) -> anyhow::Result<TlsStream<TcpStream>> {
        let stream = TcpStream::connect(("127.0.0.1", port)).await?;
        let name = ServerName::try_from(host.to_owned())?;
        Ok(self.tls.connect(name, stream).await?)
    }

    /// Sends these very bytes and gives whatever comes back until the end or two quiet seconds.
    pub async fn raw(&self, origin: &str, bytes: &[u8]) -> String {
        let uri: Uri = origin.parse().expect("an origin");
        let (host, port) = place(&uri).expect("an origin with a port");
        let client = self.with_http1();
        let mut stream = client.tls(&host, port).await.expect("a TLS connection");
        let mut answer = Vec::new();
        // The other side may hang up before it has read everything.
        if stream.write_all(bytes).await.is_ok() && stream.flush().await.is_ok() {
            let mut buffer = vec![0; 16 << 10];
            let quiet = Duration::from_secs(2);
            while let Ok(Ok(count @ 1..)) =
                tokio::time::timeout(quiet, stream.read(&mut buffer)).await
            {
                answer.extend_from_slice(&buffer[..count]);
            }
        }
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// Host and port of an address.
pub fn place(uri: &Uri) -> anyhow::Result<(String, u16)> {
    let host = uri
        .host()
        .ok_or_else(|| anyhow::anyhow!("{uri} names no host"))?;
    let is_here = host == "127.0.0.1" || host == "localhost" || host.ends_with(".localhost");
    anyhow::ensure!(is_here, "{host} is not this machine");
    let port = uri
        .port_u16()
        .ok_or_else(|| anyhow::anyhow!("{uri} names no port"))?;
    Ok((host.to_owned(), port))
}

/// The origin of an address.
pub fn origin(url: &str) -> String {
    let uri: Uri = url.parse().expect("an address");
    let scheme = uri.scheme_str().unwrap_or("https");
    format!(
        "{scheme}://{}",
        uri.authority().expect("an address with a host")
    )
}

/// Percent-encoded for a form or a query.
pub fn enc(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            write!(out, "%{byte:02X}").expect("writing to a string");
        }
    }
    out
}
