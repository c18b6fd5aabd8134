//! Pebble, the real test server of certificates (RFC 8555), and its name server, on loopback and on ports of their own.

use std::{
    net::{Ipv4Addr, TcpListener},
    process::Stdio,
    time::Duration,
};

use rustls::pki_types::CertificateDer;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    process::{Child, Command},
};

/// The key of pebble's external account `kid-1`.
pub const MAC: &str = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W";

/// A server. It forgets everything when it is dropped.
#[derive(Debug)]
pub struct Pebble {
    /// Where it answers.
    pub port: u16,
    /// Where its validators come by plain HTTP.
    pub http_port: u16,
    /// Where its validators come by TLS.
    pub tls_port: u16,
    /// Where its name server is told what to answer.
    pub names_port: u16,
    /// The server's certificate (PEM).
    pub certificate: String,
    /// Its key (PEM).
    pub key: String,
    /// The root it hangs on.
    pub root: CertificateDer<'static>,
    /// The root as PEM.
    pub root_pem: String,
    /// Its folder.
    pub dir: tempfile::TempDir,
    nonces: u32,
    names_at: u16,
    processes: Vec<Child>,
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("pebble can be set up");
    listener.local_addr().expect("pebble can be set up").port()
}

impl Pebble {
    /// Starts one. `nonces` of a hundred good nonces are refused.
    pub async fn start(nonces: u32, wants_external_account: bool) -> Self {
        let mut pebble = Self::prepare(nonces, wants_external_account);
        pebble.run().await;
        pebble
    }

    /// One that does not answer before it is [run](Self::run).
    pub fn prepare(nonces: u32, wants_external_account: bool) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let [port, http_port, tls_port, dns_port, names_port] = [(); 5].map(|()| free_port());
        let (root, root_pem, certificate, key) = server_certificate();
        std::fs::write(dir.path().join("cert.pem"), &certificate).expect("pebble can be set up");
        std::fs::write(dir.path().join("key.pem"), &key).expect("pebble can be set up");
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
        std::fs::write(dir.path().join("config.json"), config.to_string())
            .expect("pebble can be set up");
        Self {
            port,
            http_port,
            tls_port,
            names_port,
            certificate,
            key,
            root,
            root_pem,
            dir,
            nonces,
            names_at: dns_port,
            processes: Vec::new(),
        }
    }

    /// Starts it and its name server, and waits until both answer.
    pub async fn run(&mut self) {
        let (dir, dns_port, names_port) = (&self.dir, self.names_at, self.names_port);
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
            .env("PEBBLE_WFE_NONCEREJECT", self.nonces.to_string())
            .stdout(std::fs::File::create(dir.path().join("log")).expect("pebble can be set up"))
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("pebble is installed (cargo xtask test does)");
        self.processes = vec![names, server];
        self.answers(self.port).await;
        self.answers(self.names_port).await;
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
    pub async fn txt(names_port: u16, verb: &str, record: &str, value: &str) {
        let body = json!({ "host": format!("{record}."), "value": value }).to_string();
        let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, names_port))
            .await
            .expect("pebble can be set up");
        let request = format!(
            "POST /{verb}-txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream
            .write_all(request.as_bytes())
            .await
            .expect("pebble can be set up");
        let mut answer = String::new();
        stream
            .read_to_string(&mut answer)
            .await
            .expect("pebble can be set up");
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
}

/// A root, and a certificate for loopback.
fn server_certificate() -> (CertificateDer<'static>, String, String, String) {
    let mut params = rcgen::CertificateParams::new(Vec::new()).expect("pebble can be set up");
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let root_key = rcgen::KeyPair::generate().expect("pebble can be set up");
    let root = params.self_signed(&root_key).expect("pebble can be set up");
    let issuer = rcgen::Issuer::new(params, root_key);
    let names = vec!["127.0.0.1".to_owned(), "localhost".to_owned()];
    let params = rcgen::CertificateParams::new(names).expect("pebble can be set up");
    let key = rcgen::KeyPair::generate().expect("pebble can be set up");
    let leaf = params
        .signed_by(&key, &issuer)
        .expect("pebble can be set up");
    (
        root.der().clone(),
        root.pem(),
        leaf.pem(),
        key.serialize_pem(),
    )
}
