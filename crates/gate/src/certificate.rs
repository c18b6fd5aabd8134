//! The certificate a listener presents, kept fresh. Its key is not here: whoever holds it is asked to
//! sign each handshake.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::ArcSwap;
use keys::{Handshakes, KeysError, Presented};
use rustls::{
    ServerConfig, SignatureAlgorithm, SignatureScheme,
    pki_types::CertificateDer,
    sign::{CertifiedKey, Signer, SigningKey},
};
use tokio_util::sync::CancellationToken;

use crate::{
    issued::{Choice, Issued},
    tls::{self, Current},
};

/// How often the age of our own certificate is looked at.
const CHECK: Duration = Duration::from_hours(1);
/// How often it is looked whether the operator's files are others.
const LOOK: Duration = Duration::from_secs(3);

/// The certificates of a listener, kept fresh. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Certificates {
    handshakes: Arc<Handshakes>,
    current: Arc<Current>,
    root: Arc<ArcSwap<Option<String>>>,
    issued: Arc<Issued>,
    tls: Arc<ServerConfig>,
    /// Why the last renewal or reading failed.
    trouble: Arc<Mutex<Option<String>>>,
}

impl Certificates {
    /// What `handshakes` presents. Errors: it has no certificate, with the reason.
    pub fn new(handshakes: Handshakes) -> Result<Self, KeysError> {
        let presented = handshakes.present()?;
        let root = presented.chain.root.clone();
        let current = Arc::new(Current::new(Arc::new(certified(presented))));
        let made = |error: rustls::Error| KeysError::Certificate(error.to_string());
        let issued = Arc::new(Issued::default());
        let choice = Choice {
            own: Arc::clone(&current) as _,
            issued: Arc::clone(&issued),
        };
        let tls = tls::server_config(Arc::new(choice)).map_err(made)?;
        Ok(Self {
            handshakes: Arc::new(handshakes),
            current,
            root: Arc::new(ArcSwap::from_pointee(root)),
            issued,
            tls,
            trouble: Arc::default(),
        })
    }

    /// For [`crate::listen::serve`].
    pub fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.tls)
    }

    /// Where a certificate authority's certificate is put beside ours, and its proofs are shown.
    pub fn issued(&self) -> Arc<Issued> {
        Arc::clone(&self.issued)
    }

    /// The root certificate (PEM), for import; none with the operator's own files.
    pub fn ca_pem(&self) -> Option<String> {
        (**self.root.load()).clone()
    }

    /// Has the leaf renewed when a third of its life is left, or the operator's files read anew.
    /// Connections made from then on get it. Waits for files and for a process: not for a thread
    /// that serves.
    pub fn renew_if_due(&self) -> Result<(), KeysError> {
        let presented = self.handshakes.present();
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match presented {
            Ok(presented) => {
                self.root.store(Arc::new(presented.chain.root.clone()));
                self.current.replace(Arc::new(certified(presented)));
                *trouble = None;
                Ok(())
            }
            Err(error) => {
                *trouble = Some(format!(
                    "{error}. The certificate from before is still served"
                ));
                Err(error)
            }
        }
    }

    /// The leaf in use (DER).
    pub fn leaf(&self) -> Option<CertificateDer<'static>> {
        self.current.get().cert.first().cloned()
    }

    /// Why the last renewal or reading failed; none: it did not.
    pub fn trouble(&self) -> Option<String> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        trouble.clone()
    }

    /// Calls [`Certificates::renew_if_due`] until `shutdown`: every hour, and every few seconds for
    /// the operator's files. A failure keeps the certificate there is.
    pub async fn keep_renewed(&self, shutdown: CancellationToken) {
        loop {
            // Broken ones are looked at as often: whoever mends them waits for it.
            let pause = self.ca_pem().map_or(LOOK, |_| CHECK);
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = shutdown.cancelled() => return,
            }
            let before = self.trouble();
            let certificates = self.clone();
            let renewed = tokio::task::spawn_blocking(move || certificates.renew_if_due()).await;
            match renewed {
                Ok(Ok(())) => {}
                // Looked at every few seconds, and said once.
                Ok(Err(_)) if self.trouble() == before => {}
                Ok(Err(error)) => tracing::warn!(%error, "the certificate was not renewed"),
                Err(error) => tracing::error!(%error, "the certificate was not renewed"),
            }
        }
    }
}

/// The chain with a key that asks.
fn certified(presented: Presented) -> CertifiedKey {
    let chain = presented.chain.certificates.clone();
    CertifiedKey::new(chain, Arc::new(Asking(Arc::new(presented))))
}

/// A key that lies elsewhere.
#[derive(Debug)]
struct Asking(Arc<Presented>);

/// One signature of it. A short round trip over a Unix socket for which the thread waits, as it
/// would for the signature itself; nobody waits for a process that is not there.
#[derive(Debug)]
struct Asked(Arc<Presented>, SignatureScheme);

impl SigningKey for Asking {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let mut ours = self.0.chain.schemes.iter();
        let scheme = ours.find(|scheme| offered.contains(scheme))?;
        Some(Box::new(Asked(self.0.clone(), *scheme)))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.chain.algorithm
    }
}

impl Signer for Asked {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rustls::Error> {
        let signature = self.0.sign(self.1, message);
        signature.map_err(|error| rustls::Error::General(error.to_string()))
    }

    fn scheme(&self) -> SignatureScheme {
        self.1
    }
}

#[cfg(test)]
mod tests;
