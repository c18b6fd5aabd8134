//! Pebble and its name server, on loopback and on ports of their own.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::Stdio,
    sync::Arc,
    time::Duration,
};

use acme::{Authority, Engine, ExternalAccount, Folder, Method, News, Settings, Show, Tell};
use model::clock::{FixedClock, Timestamp};
use rustls::pki_types::CertificateDer;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{Child, Command},
};

use crate::shown::Shown;

/// Longer than anything here takes.
pub(crate) const BOUND: Duration = Duration::from_mins(2);

/// The key of pebble's external account `kid-1`.
pub(crate) const MAC: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

/// A running server. It forgets everything when it is dropped.
pub(crate) struct Pebble {
    pub(crate) port: u16,
    pub(crate) http_port: u16,
    pub(crate) tls_port: u16,
    pub(crate) names_port: u16,
    /// The certificate and key (PEM) of the server, and the root it hangs on.
    pub(crate) certificate: String,
    pub(crate) key: String,
    pub(crate) root: CertificateDer<'static>,
    _processes: Vec<Child>,
    pub(crate) dir: tempfile::TempDir,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    listener.local_addr().unwrap().port()
}

impl Pebble {
    /// Starts one. `nonces` of a hundred good nonces are refused.
    pub(crate) async fn start(nonces: u32, wants_external_account: bool) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let [port, http_port, tls_port, dns_port, names_port] = [(); 5].map(|()| free_port());
        let (root, certificate, key) = server_certificate();
        std::fs::write(dir.path().join("cert.pem"), &certificate).unwrap();
        std::fs::write(dir.path().join("key.pem"), &key).unwrap();
        let config = json!({ "pebble": {
            "listenAddress": format!("127.0.0.1:{port}"),
            "managementListenAddress": "",
            "certificate": dir.path().join("cert.pem"),
            "privateKey": dir.path().join("key.pem"),
            "httpPort": http_port,
            "tlsPort": tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": wants_external_account,
            "externalAccountMACKeys": { "kid-1": MAC },
        }});
        std::fs::write(dir.path().join("config.json"), config.to_string()).unwrap();
        let names = Command::new("pebble-challtestsrv")
            .args([
                "-http01",
                "",
                "-https01",
                "",
                "-tlsalpn01",
                "",
                "-defaultIPv6",
                "",
            ])
            .args(["-dns01", &format!("127.0.0.1:{dns_port}")])
            .args(["-management", &format!("127.0.0.1:{names_port}")])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("pebble-challtestsrv is installed (cargo xtask test does)");
        let server = Command::new("pebble")
            .args(["-strict", "-config"])
            .arg(dir.path().join("config.json"))
            .args(["-dnsserver", &format!("127.0.0.1:{dns_port}")])
            .env("PEBBLE_VA_NOSLEEP", "1")
            .env("PEBBLE_AUTHZREUSE", "50")
            .env("PEBBLE_WFE_NONCEREJECT", nonces.to_string())
            .stdout(std::fs::File::create(dir.path().join("log")).unwrap())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("pebble is installed (cargo xtask test does)");
        let pebble = Self {
            port,
            http_port,
            tls_port,
            names_port,
            certificate,
            key,
            root,
            _processes: vec![names, server],
            dir,
        };
        pebble.answers(port).await;
        pebble.answers(names_port).await;
        pebble
    }

    async fn answers(&self, port: u16) {
        for _ in 0..600 {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port))
                .await
                .is_ok()
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let log = std::fs::read_to_string(self.dir.path().join("log"));
        panic!("nothing listens on {port}: {log:?}");
    }

    /// Tells the name server about a TXT record.
    pub(crate) async fn txt(names_port: u16, verb: &str, record: &str, value: &str) {
        let body = json!({ "host": format!("{record}."), "value": value }).to_string();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, names_port))
            .await
            .unwrap();
        let request = format!(
            "POST /{verb}-txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }

    /// The server as an authority, at another port when something stands before it.
    pub(crate) fn authority(&self, port: u16) -> Authority {
        Authority {
            directory: format!("https://127.0.0.1:{port}/dir"),
            roots: Some(vec![self.root.clone()]),
            external_account: None,
            profile: None,
        }
    }
}

/// A root, and a certificate for loopback.
fn server_certificate() -> (CertificateDer<'static>, String, String) {
    let mut params = rcgen::CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root_key = rcgen::KeyPair::generate().unwrap();
    let root = params.self_signed(&root_key).unwrap();
    let issuer = rcgen::Issuer::new(params, root_key);
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let params = rcgen::CertificateParams::new(names).unwrap();
    let key = rcgen::KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, &issuer).unwrap();
    (root.der().clone(), leaf.pem(), key.serialize_pem())
}

/// Remembers what people were told.
#[derive(Debug, Default)]
pub(crate) struct Told(pub(crate) std::sync::Mutex<Vec<News>>);

impl Tell for Told {
    fn tell(&self, news: News) {
        self.0.lock().unwrap().push(news);
    }
}

/// An engine in `dir`, and what belongs to it.
pub(crate) struct Bench {
    pub(crate) engine: Arc<Engine>,
    pub(crate) told: Arc<Told>,
    pub(crate) clock: Arc<FixedClock>,
}

pub(crate) fn settings(names: &[&str], method: Method, authorities: Vec<Authority>) -> Settings {
    Settings {
        names: names.iter().map(|name| name.parse().unwrap()).collect(),
        method,
        contact: vec!["mailto:keep@plant.example".to_owned()],
        authorities,
    }
}

pub(crate) fn external_account() -> ExternalAccount {
    ExternalAccount {
        key_id: "kid-1".to_owned(),
        key: data_encoding::BASE64URL_NOPAD
            .decode(MAC.as_bytes())
            .unwrap()
            .into(),
    }
}

impl Bench {
    pub(crate) fn new(dir: &Path, settings: Settings, shown: &Arc<Shown>) -> Self {
        Self::showing(dir, settings, shown.clone())
    }

    pub(crate) fn showing(dir: &Path, settings: Settings, show: Arc<dyn Show>) -> Self {
        let clock = Arc::new(FixedClock::new(Timestamp(
            jiff::Timestamp::now().as_millisecond(),
        )));
        let told = Arc::new(Told::default());
        let engine = Engine::open(
            settings,
            Arc::new(Folder::open(dir).unwrap()),
            show,
            told.clone(),
            clock.clone(),
        );
        Self {
            engine: Arc::new(engine.unwrap()),
            told,
            clock,
        }
    }

    /// One look, bounded.
    pub(crate) async fn look(&self) {
        tokio::time::timeout(BOUND, self.engine.look())
            .await
            .expect("a look ends");
    }

    /// The names of the certificate in use.
    pub(crate) fn names(&self) -> Option<Vec<String>> {
        let current = self.engine.certificate().borrow().clone();
        current.map(|it| it.facts.names.clone())
    }

    pub(crate) fn error(&self) -> String {
        self.engine.status().error.unwrap_or_default()
    }
}
