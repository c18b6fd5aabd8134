//! Shows proofs to pebble's validators, and can be made to show wrong ones.

use std::{
    collections::HashMap,
    net::Ipv4Addr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use acme::{Boxed, Proof, Show, alpn_certificate};
use rustls::{
    ServerConfig,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::pebble::Pebble;

#[derive(Debug, Default)]
pub(crate) struct Shown {
    names_port: u16,
    files: Mutex<HashMap<String, String>>,
    certificates: Mutex<HashMap<String, Arc<CertifiedKey>>>,
    /// Everything that is shown just now.
    pub(crate) standing: Mutex<Vec<Proof>>,
    /// Show something else.
    pub(crate) lies: AtomicBool,
    /// Never come to an end of showing.
    pub(crate) hangs: AtomicBool,
}

#[derive(Debug)]
struct Resolver(Arc<Shown>);

impl ResolvesServerCert for Resolver {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let name = hello.server_name()?;
        self.0.certificates.lock().unwrap().get(name).cloned()
    }
}

impl Shown {
    /// Answers on pebble's validation ports until the test's runtime ends.
    pub(crate) async fn serve(pebble: &Pebble) -> Arc<Self> {
        let shown = Arc::new(Self {
            names_port: pebble.names_port,
            ..Self::default()
        });
        let http = TcpListener::bind((Ipv4Addr::LOCALHOST, pebble.http_port))
            .await
            .unwrap();
        let it = shown.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = http.accept().await {
                let mut head = vec![0; 4096];
                let read = stream.read(&mut head).await.unwrap_or(0);
                let head = String::from_utf8_lossy(&head[..read]).into_owned();
                let path = head.split(' ').nth(1).unwrap_or_default();
                let token = path.strip_prefix("/.well-known/acme-challenge/");
                let body = token.and_then(|token| it.files.lock().unwrap().get(token).cloned());
                let body = body.unwrap_or_else(|| "nothing".to_owned());
                let answer = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
                    body.len()
                );
                stream.write_all(answer.as_bytes()).await.ok();
            }
        });
        let tls = TcpListener::bind((Ipv4Addr::LOCALHOST, pebble.tls_port))
            .await
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Resolver(shown.clone())));
        config.alpn_protocols = vec![b"acme-tls/1".to_vec()];
        let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
        tokio::spawn(async move {
            while let Ok((stream, _)) = tls.accept().await {
                acceptor.accept(stream).await.ok();
            }
        });
        shown
    }

    fn present(&self, proof: &Proof) {
        let lies = self.lies.load(Ordering::SeqCst);
        match proof.clone() {
            Proof::Http { token, answer } => {
                let answer = if lies { "another".to_owned() } else { answer };
                self.files.lock().unwrap().insert(token, answer);
            }
            Proof::Tls {
                name,
                server_name,
                mut digest,
            } => {
                digest[0] ^= u8::from(lies);
                let certified = alpn_certificate(&name, &digest).unwrap();
                self.certificates
                    .lock()
                    .unwrap()
                    .insert(server_name, Arc::new(certified));
            }
            Proof::Dns { .. } => {}
        }
    }
}

impl Show for Shown {
    fn present<'a>(&'a self, proof: &'a Proof) -> Boxed<'a, Result<(), String>> {
        Box::pin(async move {
            self.standing.lock().unwrap().push(proof.clone());
            Self::present(self, proof);
            if let Proof::Dns { record, value } = proof {
                Pebble::txt(self.names_port, "set", record, value).await;
            }
            if self.hangs.load(Ordering::SeqCst) {
                std::future::pending::<()>().await;
            }
            Ok(())
        })
    }

    fn remove<'a>(&'a self, proof: &'a Proof) -> Boxed<'a, Result<(), String>> {
        Box::pin(async move {
            self.standing.lock().unwrap().retain(|it| it != proof);
            match proof {
                Proof::Http { token, .. } => {
                    self.files.lock().unwrap().remove(token);
                }
                Proof::Tls { server_name, .. } => {
                    self.certificates.lock().unwrap().remove(server_name);
                }
                Proof::Dns { record, value } => {
                    Pebble::txt(self.names_port, "clear", record, value).await;
                }
            }
            Ok(())
        })
    }
}
