//! TLS certificates, and signing handshakes with keys that stay where they are.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use model::clock::Clock;
use rustls::SignatureScheme;
use sandbox::folder::Folder;

use crate::{
    AuthorityState, Chain, Keeper, KeysError,
    certificate::{CertificateError, Certificates, Read, Source},
    line::Link,
    wire::{self, Lane, Request},
};

/// The certificates of this installation, wherever their keys are held.
#[derive(Debug)]
pub struct Handshakes(Holder);

#[derive(Debug)]
enum Holder {
    Here {
        held: Arc<Mutex<Certificates>>,
        clock: Arc<dyn Clock>,
    },
    /// The operator's files, read anew each time.
    Files {
        certificate: PathBuf,
        key: PathBuf,
    },
    There(Arc<Keeper>),
}

/// A certificate to be presented, and a hand to sign for it.
#[derive(Debug, Clone)]
pub struct Presented {
    /// The certificate.
    pub chain: Chain,
    hand: Hand,
}

#[derive(Debug, Clone)]
enum Hand {
    Here(Arc<Mutex<Certificates>>),
    /// The process it was presented by, and the keeper for when that one is gone.
    There(Arc<Link>, Arc<Keeper>),
}

impl Handshakes {
    /// Our own root and leaf in `dir` (made, mode 0700, when missing; files 0600), for these host
    /// names and addresses, with their keys in the memory of this process: for tests. A root that
    /// was made for other names is replaced, and the old one kept as `ca.pem.old`: it must be
    /// imported anew.
    pub fn own(dir: &Path, names: &[String], clock: Arc<dyn Clock>) -> Result<Self, KeysError> {
        let folder = Folder::open(dir).map_err(|error| KeysError::File {
            path: dir.to_owned(),
            why: error.to_string(),
        })?;
        let Source::Own { names, crl } = Source::own(names) else {
            return Err(KeysError::Certificate("there are no names".to_owned()));
        };
        let held = Certificates::own(folder, names, crl, clock.now())?;
        let held = Arc::new(Mutex::new(held));
        Ok(Self(Holder::Here { held, clock }))
    }

    /// The operator's own certificate chain and key (PEM), in the memory of this process: for tests.
    pub fn files(certificate: &Path, key: &Path) -> Self {
        Self(Holder::Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        })
    }

    /// The certificates that this keeper's process holds.
    pub fn kept(keeper: Arc<Keeper>) -> Self {
        Self(Holder::There(keeper))
    }

    /// The certificate to present from now on: one of our own is renewed when a third of its life is
    /// left, the operator's files are read anew when they have changed.
    pub fn present(&self) -> Result<Presented, KeysError> {
        match &self.0 {
            Holder::Here { held, clock } => {
                let chain = lock(held).present(clock.now())?.clone();
                let hand = Hand::Here(held.clone());
                Ok(Presented { chain, hand })
            }
            Holder::Files { certificate, key } => {
                let held = Certificates::files(&Read::from(certificate, key)?)?;
                let held = Arc::new(Mutex::new(held));
                // No file is looked at for it, so no time either.
                let chain = lock(&held).present(model::clock::Timestamp(0))?.clone();
                let hand = Hand::Here(held);
                Ok(Presented { chain, hand })
            }
            Holder::There(keeper) => {
                keeper.reload_if_changed()?;
                let link = keeper.line().now()?;
                let chain = link.ask(Lane::Handshakes, &Request::Certificate)?;
                let chain = wire::decode_chain(&chain);
                let chain = chain.ok_or_else(|| {
                    KeysError::Unavailable("its certificate cannot be read".to_owned())
                })?;
                let hand = Hand::There(link, keeper.clone());
                Ok(Presented { chain, hand })
            }
        }
    }
}

/// Our own authority. With the operator's files there is none, and nothing can be asked of it.
impl Handshakes {
    /// How it stands. Errors: nobody answers.
    pub fn authority(&self) -> Result<Option<AuthorityState>, KeysError> {
        match &self.0 {
            Holder::Here { held, clock } => Ok(lock(held).authority(clock.now())?),
            Holder::Files { .. } => Ok(None),
            Holder::There(keeper) => {
                let answer = keeper.ask(Lane::Handshakes, &Request::Authority)?;
                serde_json::from_slice(&answer)
                    .map_err(|error| KeysError::Unavailable(error.to_string()))
            }
        }
    }

    /// Has a new root made; for `days` (1 to 366) what trusts the old one or the new one trusts the
    /// leafs issued from now on, then the old one is gone.
    pub fn rotate(&self, days: u16) -> Result<(), KeysError> {
        match &self.0 {
            Holder::Here { held, clock } => Ok(lock(held).rotate(days, clock.now())?),
            Holder::Files { .. } => Err(not_ours()),
            Holder::There(keeper) => keeper
                .ask(Lane::Handshakes, &Request::Rotate { days })
                .map(drop),
        }
    }

    /// Takes that back: the old root stays, the new one is gone.
    pub fn cancel_rotation(&self) -> Result<(), KeysError> {
        match &self.0 {
            Holder::Here { held, clock } => Ok(lock(held).cancel_rotation(clock.now())?),
            Holder::Files { .. } => Err(not_ours()),
            Holder::There(keeper) => keeper
                .ask(Lane::Handshakes, &Request::CancelRotation)
                .map(drop),
        }
    }

    /// Puts the leaf with this serial number (at most 20 bytes) on the revocation list. Whoever
    /// presents it should ask for another at once.
    pub fn revoke(&self, serial: &[u8]) -> Result<(), KeysError> {
        match &self.0 {
            Holder::Here { held, clock } => Ok(lock(held).revoke(serial, clock.now())?),
            Holder::Files { .. } => Err(not_ours()),
            Holder::There(keeper) => keeper
                .ask(Lane::Handshakes, &Request::Revoke { serial })
                .map(drop),
        }
    }
}

fn not_ours() -> KeysError {
    let why = "the certificate comes from your own files ([tls]): whoever issued it revokes it";
    KeysError::Certificate(why.to_owned())
}

impl Presented {
    /// Signs a handshake's message. Never waits for a process that is being started: the handshake
    /// fails, and the client comes again.
    pub fn sign(&self, scheme: SignatureScheme, message: &[u8]) -> Result<Vec<u8>, KeysError> {
        let id = self.chain.id;
        let (link, keeper) = match &self.hand {
            Hand::Here(held) => return Ok(lock(held).sign(id, scheme, message)?),
            Hand::There(link, keeper) => (link, keeper),
        };
        let request = Request::Handshake {
            id,
            scheme,
            message,
        };
        let signature = match link.ask(Lane::Handshakes, &request) {
            Err(KeysError::Unavailable(_)) => keeper.line().now()?.ask(Lane::Handshakes, &request),
            answer => answer,
        };
        Ok(signature?.to_vec())
    }
}

fn lock(held: &Mutex<Certificates>) -> MutexGuard<'_, Certificates> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<CertificateError> for KeysError {
    fn from(error: CertificateError) -> Self {
        Self::Certificate(error.to_string())
    }
}
