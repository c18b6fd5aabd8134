//! The certificate a listener presents, kept fresh. Its key is not here: whoever holds it is asked to
//! sign each handshake.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use arc_swap::{ArcSwap, ArcSwapOption};
use keys::{AuthorityState, Handshakes, KeysError, Presented};
use rustls::{
    ServerConfig, SignatureAlgorithm, SignatureScheme,
    pki_types::CertificateDer,
    server::ResolvesServerCert,
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
    authority: Arc<ArcSwapOption<AuthorityState>>,
    issued: Arc<Issued>,
    tls: Arc<ServerConfig>,
    /// The same, asking clients for a certificate.
    asking: Arc<ServerConfig>,
    /// What the authority says of a leaf, shown in handshakes with it.
    staple: Arc<Mutex<Option<Stapled>>>,
    /// Why the last renewal or reading failed.
    trouble: Arc<Mutex<Option<String>>>,
}

/// A leaf, and what its authority says of it (OCSP, DER).
type Stapled = (CertificateDer<'static>, Vec<u8>);

impl Certificates {
    /// What `handshakes` presents. Errors: it has no certificate, with the reason.
    pub fn new(handshakes: Handshakes) -> Result<Self, KeysError> {
        let presented = handshakes.present()?;
        let root = presented.chain.root.clone();
        let current = Arc::new(Current::new(Arc::new(certified(presented))));
        let made = |error: rustls::Error| KeysError::Certificate(error.to_string());
        let issued = Arc::new(Issued::default());
        let choice: Arc<dyn ResolvesServerCert> = Arc::new(Choice {
            own: Arc::clone(&current) as _,
            issued: Arc::clone(&issued),
        });
        let tls = tls::server_config(Arc::clone(&choice), false).map_err(made)?;
        let asking = tls::server_config(choice, true).map_err(made)?;
        let made = Self {
            handshakes: Arc::new(handshakes),
            current,
            root: Arc::new(ArcSwap::from_pointee(root)),
            authority: Arc::default(),
            issued,
            tls,
            asking,
            staple: Arc::default(),
            trouble: Arc::default(),
        };
        made.look_at_authority()?;
        Ok(made)
    }

    /// For [`crate::listen::serve`].
    pub fn server_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.tls)
    }

    /// The same, which asks clients for a certificate and takes what they show, for
    /// [`crate::Gate::with_clients`].
    pub fn asking_config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.asking)
    }

    /// Where a certificate authority's certificate is put beside ours, and its proofs are shown.
    pub fn issued(&self) -> Arc<Issued> {
        Arc::clone(&self.issued)
    }

    /// The root certificate (PEM), for import; none with the operator's own files.
    pub fn ca_pem(&self) -> Option<String> {
        (**self.root.load()).clone()
    }

    /// How our own authority stood when the certificate was last looked at; none with the
    /// operator's own files.
    pub fn authority(&self) -> Option<Arc<AuthorityState>> {
        self.authority.load_full()
    }

    /// Has a new root made; for so many days the old one is good beside it. Connections made from
    /// then on get leafs of the new one; those that are open notice nothing.
    pub fn rotate(&self, days: u16) -> Result<(), KeysError> {
        self.handshakes.rotate(days)?;
        self.renew_if_due()
    }

    /// Takes that back.
    pub fn cancel_rotation(&self) -> Result<(), KeysError> {
        self.handshakes.cancel_rotation()?;
        self.renew_if_due()
    }

    /// Puts a leaf of ours on the revocation list; the one that is presented is replaced at once.
    pub fn revoke(&self, serial: &[u8]) -> Result<(), KeysError> {
        self.handshakes.revoke(serial)?;
        self.renew_if_due()
    }

    fn look_at_authority(&self) -> Result<(), KeysError> {
        let state = self.handshakes.authority()?.map(Arc::new);
        let list = state.as_ref().map(|state| state.crl.clone());
        self.issued.show_list(list);
        self.authority.store(state);
        Ok(())
    }

    /// Has the leaf renewed when a third of its life is left, or the operator's files read anew.
    /// Connections made from then on get it. Waits for files and for a process: not for a thread
    /// that serves.
    pub fn renew_if_due(&self) -> Result<(), KeysError> {
        let presented = self.handshakes.present();
        let presented = presented.and_then(|it| self.look_at_authority().map(|()| it));
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match presented {
            Ok(presented) => {
                self.root.store(Arc::new(presented.chain.root.clone()));
                self.show(certified(presented));
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

    /// From now on this answer of its authority (OCSP, DER) is shown with this leaf; none: nothing is.
    pub fn staple(&self, leaf: &CertificateDer<'static>, answer: Option<Vec<u8>>) {
        let staple = answer.map(|answer| (leaf.clone(), answer));
        *self.staple.lock().unwrap_or_else(PoisonError::into_inner) = staple;
        self.show(CertifiedKey::clone(&self.current.get()));
    }

    /// Has the doors present it, with what its authority says of it.
    fn show(&self, mut key: CertifiedKey) {
        let staple = self.staple.lock().unwrap_or_else(PoisonError::into_inner);
        let staple = staple.as_ref();
        let ours = staple.filter(|(leaf, _)| key.cert.first() == Some(leaf));
        key.ocsp = ours.map(|(_, answer)| answer.clone());
        self.current.replace(Arc::new(key));
    }

    /// The chain in use, leaf first (DER).
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        self.current.get().cert.clone()
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
