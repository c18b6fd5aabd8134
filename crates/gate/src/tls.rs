//! TLS: which versions and protocols, and a certificate that can be replaced while in use.

use std::sync::Arc;

use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    server::{ClientHello, ResolvesServerCert},
    sign::CertifiedKey,
};

use crate::clients::Anybody;

/// The certificate in use. Replacing it touches no open connection.
#[derive(Debug)]
pub(crate) struct Current(ArcSwap<CertifiedKey>);

impl Current {
    /// Begins with this one.
    pub(crate) fn new(key: Arc<CertifiedKey>) -> Self {
        Self(ArcSwap::new(key))
    }

    /// The one in use.
    pub(crate) fn get(&self) -> Arc<CertifiedKey> {
        self.0.load_full()
    }

    /// From now on this one.
    pub(crate) fn replace(&self, key: Arc<CertifiedKey>) {
        self.0.store(key);
    }
}

impl ResolvesServerCert for Current {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

/// A server's settings: TLS 1.2 and 1.3, HTTP/2 before HTTP/1.1.
///
/// Errors: the cryptography lacks what these versions need.
pub(crate) fn server_config(
    certificate: Arc<dyn ResolvesServerCert>,
    asks_clients: bool,
) -> Result<Arc<ServerConfig>, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let anybody = Anybody(Arc::clone(&provider));
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?;
    let config = if asks_clients {
        config.with_client_cert_verifier(Arc::new(anybody))
    } else {
        config.with_no_client_auth()
    };
    let mut config = config.with_cert_resolver(certificate);
    config.alpn_protocols = vec![
        b"h2".to_vec(),
        b"http/1.1".to_vec(),
        // Taken last, and closed after the handshake: `listen` serves nothing over it.
        crate::issued::VALIDATION.to_vec(),
    ];
    // Our order of suites: a client's may be years old.
    config.ignore_client_order = true;
    // No early data: it can be replayed, and a replayed inject is a second inject.
    config.max_early_data_size = 0;
    Ok(Arc::new(config))
}
