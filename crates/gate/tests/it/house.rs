//! A gate with everything around it.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

use deploy::{Deployments, FlowTarget};
use gate::{Certificates, Gate, GateConfig, Limits, Message, Pages, Proxies, Upstream};
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::{
    body::Bytes,
    client::conn::{http1, http2},
};
use hyper_util::rt::{TokioExecutor, TokioIo};
use keys::Handshakes;
use model::{
    access::{Role, Scope},
    baseline::Baseline,
    clock::{Clock, Timestamp},
    deployment::DeploymentType,
    flow::{Flows, credentials::Credentials},
    id::{Hash, InstanceId, UserId, UserName},
    principal::Actor,
};
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject as _};
use store::{BaselineContent, NewToken, NewUser, Secret, SessionKind, Store};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use tokio_rustls::client::TlsStream;
use tokio_util::sync::CancellationToken;

use crate::node_red::NodeRed;

pub(crate) const FLOWS: &str = r#"[{"id":"t1","type":"tab","label":"Pumps"},
{"id":"i1","type":"inject","z":"t1","props":[{"p":"payload","v":"1","vt":"num"}],"x":1,"y":1,"wires":[["d1"]]},
{"id":"d1","type":"debug","z":"t1","active":true,"x":2,"y":1,"wires":[]},
{"id":"h1","type":"http in","z":"t1","url":"/api/pump/:id","method":"post","x":1,"y":2,"wires":[[]]},
{"id":"h2","type":"http in","z":"t1","url":"/open/door","method":"post","x":1,"y":3,"wires":[[]]},
{"id":"w1","type":"websocket-listener","path":"/ws/live","wholemsg":"false"}]"#;

#[derive(Debug)]
pub(crate) struct Now;

impl Clock for Now {
    #[expect(
        clippy::disallowed_methods,
        reason = "a TLS client checks certificates by this clock"
    )]
    fn now(&self) -> Timestamp {
        let since = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap();
        Timestamp(i64::try_from(since.as_millis()).unwrap())
    }
}

#[derive(Debug)]
struct Plain;

impl Pages for Plain {
    fn message(&self, message: &Message) -> String {
        format!("<h1>{}</h1>{}", message.title, message.text)
    }
}

impl gate::History for Plain {
    fn file<'a>(&'a self, _: &'a InstanceId, path: &'a str) -> gate::File<'a> {
        let found = (path == "HEAD").then(|| b"ref: refs/heads/main\n".to_vec());
        Box::pin(std::future::ready(Ok(found)))
    }
}

#[derive(Debug)]
struct Shop {
    socket: Mutex<Option<PathBuf>>,
    reloads: Mutex<u32>,
    generation: Mutex<Option<gate::Generation>>,
}

impl Upstream for Shop {
    fn connect<'a>(&'a self, _: &'a InstanceId) -> gate::Connected<'a> {
        let socket = self.socket.lock().unwrap().clone();
        Box::pin(async move {
            let path = socket.ok_or(std::io::ErrorKind::NotFound)?;
            tokio::net::UnixStream::connect(path).await
        })
    }

    fn identity(
        &self,
        user: &UserName,
        permissions: &[&str],
        _: Timestamp,
    ) -> Result<String, String> {
        Ok(format!("{user}:{}", permissions.join(",")))
    }

    fn generation(&self, _: &InstanceId) -> Option<gate::Generation> {
        *self.generation.lock().unwrap()
    }

    fn reload<'a>(
        &'a self,
        _: &'a InstanceId,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<(), String>> + Send + 'a>> {
        *self.reloads.lock().unwrap() += 1;
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A waiting room in whose front nothing is ever applied.
#[derive(Debug)]
struct Nobody;

impl FlowTarget for Nobody {
    fn give(
        &self,
        _: &InstanceId,
        _: String,
        _: DeploymentType,
    ) -> deploy::futures::Given<'_, deploy::Taken> {
        Box::pin(std::future::ready(Err(
            "nothing is applied in these tests".to_owned()
        )))
    }

    fn reload(&self, _: &InstanceId) -> deploy::futures::Given<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// The house.
pub(crate) struct House {
    pub(crate) store: Store,
    pub(crate) node_red: NodeRed,
    pub(crate) instance: InstanceId,
    pub(crate) address: SocketAddr,
    pub(crate) origin: String,
    pub(crate) gate: Gate,
    shop: Arc<Shop>,
    ca: String,
    shutdown: CancellationToken,
    _dir: TempDir,
}

impl Drop for House {
    fn drop(&mut self) {
        self.shutdown.cancel();
    }
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {}", self.text()))
    }
}

impl House {
    pub(crate) async fn new() -> Self {
        Self::with(Limits {
            answer: Duration::from_secs(5),
            ..Limits::default()
        })
        .await
    }

    pub(crate) async fn with(limits: Limits) -> Self {
        Self::made(limits, Proxies::default(), |_| None).await
    }

    /// One with the editor's files that `shelf` lays into a folder.
    pub(crate) async fn built(
        limits: Limits,
        shelf: impl FnOnce(&std::path::Path) -> Option<Arc<gate::Shelf>>,
    ) -> Self {
        Self::made(limits, Proxies::default(), shelf).await
    }

    /// Behind proxies.
    pub(crate) async fn behind(proxies: Proxies) -> Self {
        Self::made(Limits::default(), proxies, |_| None).await
    }

    async fn made(
        limits: Limits,
        proxies: Proxies,
        shelf: impl FnOnce(&std::path::Path) -> Option<Arc<gate::Shelf>>,
    ) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path(), Arc::new(Now))
            .await
            .expect("a store");
        let instance: InstanceId = "main".parse().unwrap();
        store.ensure_instance(&instance, None).await.unwrap();
        lay_baseline(&store, &instance).await;
        let node_red = NodeRed::start(dir.path());
        let shop = Arc::new(Shop {
            socket: Mutex::new(Some(node_red.socket.clone())),
            reloads: Mutex::new(0),
            generation: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let origin = format!("https://localhost:{}", address.port());
        let names = ["localhost".to_owned(), "127.0.0.1".to_owned()];
        let certificates = Handshakes::own(&dir.path().join("tls"), &names, Arc::new(Now)).unwrap();
        let certificates = Certificates::new(certificates).unwrap();
        let config = GateConfig {
            instance: instance.clone(),
            public_origin: origin.clone(),
            hosts: vec![format!("127.0.0.1:{}", address.port())],
            console_origin: "https://keep.localhost:9443".to_owned(),
            limits: limits.clone(),
        };
        let deployments = Deployments::new(store.clone(), Arc::new(Nobody));
        let gate = Gate::new(
            config,
            store.clone(),
            deployments,
            Arc::clone(&shop) as _,
            Arc::new(Plain),
            Arc::new(Plain),
        )
        .unwrap();
        let gate = match shelf(dir.path()) {
            Some(shelf) => gate.with_shelf(shelf),
            None => gate,
        };
        let shutdown = CancellationToken::new();
        let watching = gate.clone();
        let until = shutdown.clone();
        tokio::spawn(async move { watching.run(until).await });
        tokio::spawn(gate::serve(
            listener,
            certificates.server_config(),
            gate.service().behind(proxies),
            limits,
            shutdown.clone(),
        ));
        let ca = certificates.ca_pem().unwrap();
        Self {
            store,
            node_red,
            instance,
            address,
            origin,
            gate,
            shop,
            ca,
            shutdown,
            _dir: dir,
        }
    }

    pub(crate) fn stop_node_red(&self) {
        *self.shop.socket.lock().unwrap() = None;
    }

    /// From now on this socket is Node-RED's.
    pub(crate) fn stand_in(&self, socket: &std::path::Path) {
        *self.shop.socket.lock().unwrap() = Some(socket.to_owned());
    }

    /// From now on Node-RED is said to be up, in this start of it.
    pub(crate) fn node_red_starts(&self, start: u32) {
        *self.shop.generation.lock().unwrap() = Some((start, Timestamp(0)));
    }

    pub(crate) fn reloads(&self) -> u32 {
        *self.shop.reloads.lock().unwrap()
    }

    pub(crate) async fn user(&self, name: &str, role: Role) -> UserId {
        let new = NewUser {
            name: name.parse().unwrap(),
            role,
            password: Secret::new(b"a long and unusual sentence 7".to_vec()),
            second_factor: None,
            passkey: None,
        };
        self.store
            .add_user(new, &Actor::System)
            .await
            .expect("a user")
            .0
            .id
    }

    /// A new user's session, as the Cookie header has it.
    pub(crate) async fn session(&self, name: &str, role: Role) -> String {
        let user = self.user(name, role).await;
        self.session_of(user).await
    }

    pub(crate) async fn session_of(&self, user: UserId) -> String {
        let opened = self
            .store
            .open_session(user, SessionKind::Gate, None, None, "test")
            .await;
        format!("__Host-redkeep-gate={}", opened.expect("a session").1.0)
    }

    /// A new user's token, as the Authorization header has it.
    pub(crate) async fn token(&self, name: &str, role: Role, scope: Scope) -> String {
        let user = self.user(name, role).await;
        let new = NewToken {
            user,
            label: "test".into(),
            scopes: vec![scope],
            expires_at: Now.now().plus_seconds(3600),
            networks: Vec::new(),
        };
        let made = self
            .store
            .make_token(new, &Actor::System)
            .await
            .expect("a token");
        format!("Bearer {}", made.1)
    }

    pub(crate) async fn connect(&self, alpn: &[u8]) -> TlsStream<TcpStream> {
        self.connect_from([127, 0, 0, 1], alpn).await
    }

    /// A connection from an address of the loopback network of its own.
    pub(crate) async fn connect_from(&self, from: [u8; 4], alpn: &[u8]) -> TlsStream<TcpStream> {
        let connected = self.connect_through(from, b"", alpn).await;
        connected.expect("a TLS handshake")
    }

    /// A connection that begins with something before TLS.
    pub(crate) async fn connect_through(
        &self,
        from: [u8; 4],
        first: &[u8],
        alpn: &[u8],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let socket = tokio::net::TcpSocket::new_v4().unwrap();
        socket.bind((from, 0).into()).unwrap();
        let mut stream = socket.connect(self.address).await.unwrap();
        stream.write_all(first).await.unwrap();
        self.try_greet(stream, alpn).await
    }

    /// The gate's own authority.
    pub(crate) fn roots(&self) -> rustls::RootCertStore {
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.ca.as_bytes()).unwrap())
            .unwrap();
        roots
    }

    /// TLS over a connection that is there already.
    pub(crate) async fn greet(&self, stream: TcpStream, alpn: &[u8]) -> TlsStream<TcpStream> {
        let greeted = self.try_greet(stream, alpn).await;
        greeted.expect("a TLS handshake")
    }

    async fn try_greet(
        &self,
        stream: TcpStream,
        alpn: &[u8],
    ) -> std::io::Result<TlsStream<TcpStream>> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(self.roots())
            .with_no_client_auth();
        config.alpn_protocols = vec![alpn.to_vec()];
        let name = ServerName::try_from("localhost").unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = connector.connect(name, stream).await?;
        assert_eq!(stream.get_ref().1.alpn_protocol(), Some(alpn));
        Ok(stream)
    }

    /// A request to this gate, the way a browser would begin it.
    pub(crate) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder()
            .method(method)
            .uri(path)
            .header("host", &self.origin["https://".len()..])
    }

    /// A request of the editor's own script.
    pub(crate) fn script(&self, method: &str, path: &str, cookie: &str) -> http::request::Builder {
        self.request(method, path)
            .header("cookie", cookie)
            .header("origin", &self.origin)
            .header("sec-fetch-site", "same-origin")
            .header("x-requested-with", "XMLHttpRequest")
    }

    pub(crate) async fn get(&self, path: &str, cookie: &str) -> Answer {
        self.send(self.script("GET", path, cookie), "").await
    }

    pub(crate) async fn send(
        &self,
        request: http::request::Builder,
        body: impl Into<Bytes>,
    ) -> Answer {
        self.send_from([127, 0, 0, 1], request, body).await
    }

    pub(crate) async fn send_from(
        &self,
        from: [u8; 4],
        request: http::request::Builder,
        body: impl Into<Bytes>,
    ) -> Answer {
        let request = request.body(Full::new(body.into())).unwrap();
        let stream = self.connect_from(from, b"http/1.1").await;
        self.send_over(stream, request).await
    }

    pub(crate) async fn send_over(
        &self,
        stream: TlsStream<TcpStream>,
        request: Request<Full<Bytes>>,
    ) -> Answer {
        let io = TokioIo::new(stream);
        let (mut sender, connection) = http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        read(sender.send_request(request).await.expect("an answer")).await
    }

    pub(crate) async fn http2(&self) -> http2::SendRequest<Full<Bytes>> {
        let io = TokioIo::new(self.connect(b"h2").await);
        let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    /// Sends bytes as they are and reads until the gate closes.
    pub(crate) async fn raw(&self, bytes: &[u8]) -> String {
        let mut stream = self.connect(b"http/1.1").await;
        stream.write_all(bytes).await.unwrap();
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
        read.await.expect("the gate closes the connection").ok();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

/// The flows that run.
async fn lay_baseline(store: &Store, instance: &InstanceId) {
    let flows = Flows::submitted(FLOWS.as_bytes(), &model::flow::Limits::default())
        .unwrap()
        .flows;
    let credentials = Credentials::default();
    let baseline = Baseline {
        flows: store.keep_blob(flows.text()).await.unwrap(),
        credentials: store.credentials_digest(&credentials).unwrap(),
        settings: Hash::of(b"settings"),
        modules: Hash::of(b"modules"),
        node_red: "5.0.7".into(),
        node: "24".into(),
    };
    let content = BaselineContent {
        baseline,
        flows: Arc::clone(flows.text()),
        credentials,
    };
    store
        .set_platform_baseline(instance, &content)
        .await
        .unwrap();
}

pub(crate) async fn read(response: Response<hyper::body::Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.expect("a body").to_bytes();
    Answer {
        status: parts.status,
        headers: parts.headers,
        body,
    }
}

/// Waits for something that comes about by itself; fails when it does not.
pub(crate) async fn eventually(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{what} did not come about");
}
