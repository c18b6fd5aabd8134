//! Certificates of our own making: a root that may only vouch for the names it was made for, and a
//! leaf that is renewed by itself. Or the operator's own files.

mod issue;

use std::{
    fs, io,
    io::Write as _,
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use model::clock::{Clock, Timestamp};
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
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

/// Why there is no certificate.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// A file could not be read or written.
    #[error("{path}: {source}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file holds no certificate or key, or they do not belong together.
    #[error("{path}: {why}; give a PEM file with the whole chain, and its key")]
    Unusable {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// A name cannot stand in a certificate.
    #[error("{name:?} cannot stand in a certificate; give a host name or an address")]
    Name {
        /// Which.
        name: String,
    },
    /// The cryptography failed.
    #[error("no certificate could be made: {0}")]
    Made(String),
}

/// The certificates of a listener, kept fresh.
#[derive(Debug)]
pub struct Certificates {
    source: Source,
    clock: Arc<dyn Clock>,
    current: Arc<Current>,
    issued: Arc<Issued>,
    tls: Arc<ServerConfig>,
    /// Why the last renewal or reading failed.
    trouble: Mutex<Option<String>>,
}

#[derive(Debug)]
enum Source {
    Own { dir: PathBuf, names: Vec<String> },
    Files { certificate: PathBuf, key: PathBuf },
}

impl Certificates {
    /// Our own root and leaf in `dir` (made, mode 0700, when missing; files 0600), for these host
    /// names and addresses. A root that was made for other names is replaced, and the old one kept
    /// as `ca.pem.old`: it must be imported anew.
    pub fn open(
        dir: &Path,
        names: &[String],
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CertificateError> {
        let make = fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir);
        make.map_err(|source| CertificateError::File {
            path: dir.to_owned(),
            source,
        })?;
        let mut names: Vec<String> = names.iter().map(|name| name.to_ascii_lowercase()).collect();
        names.sort();
        names.dedup();
        Self::new(
            Source::Own {
                dir: dir.to_owned(),
                names,
            },
            clock,
        )
    }

    /// The operator's own certificate chain and key (PEM). Others in their place are taken
    /// within seconds.
    pub fn from_files(
        certificate: &Path,
        key: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, CertificateError> {
        let source = Source::Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        Self::new(source, clock)
    }

    fn new(source: Source, clock: Arc<dyn Clock>) -> Result<Self, CertificateError> {
        let key = source.load(clock.now())?;
        let current = Arc::new(Current::new(Arc::new(key)));
        let made = |error: rustls::Error| CertificateError::Made(error.to_string());
        let issued = Arc::new(Issued::default());
        let choice = Choice {
            own: Arc::clone(&current) as _,
            issued: Arc::clone(&issued),
        };
        let tls = tls::server_config(Arc::new(choice)).map_err(made)?;
        Ok(Self {
            source,
            clock,
            current,
            issued,
            tls,
            trouble: Mutex::new(None),
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
        self.ca_path()
            .and_then(|path| fs::read_to_string(path).ok())
    }

    /// Where the root certificate lies; none with the operator's own files.
    pub fn ca_path(&self) -> Option<PathBuf> {
        match &self.source {
            Source::Own { dir, .. } => Some(dir.join("ca.pem")),
            Source::Files { .. } => None,
        }
    }

    /// Renews the leaf when a third of its life is left, or reads the operator's files anew.
    /// Connections made from then on get it.
    pub fn renew_if_due(&self) -> Result<(), CertificateError> {
        let loaded = self.source.load(self.clock.now());
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match loaded {
            Ok(key) => {
                self.current.replace(Arc::new(key));
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

    /// Calls [`Certificates::renew_if_due`] until `shutdown`: every hour, or as soon as the
    /// operator's files are others. A failure keeps the certificate there is.
    pub async fn keep_renewed(&self, shutdown: CancellationToken) {
        let mut seen = self.source.stamps();
        let mut waited = Duration::ZERO;
        loop {
            let pause = if seen.is_some() { LOOK } else { CHECK };
            tokio::select! {
                () = tokio::time::sleep(pause) => waited += pause,
                () = shutdown.cancelled() => return,
            }
            let present = self.source.stamps();
            if present == seen && waited < CHECK {
                continue;
            }
            (seen, waited) = (present, Duration::ZERO);
            match self.renew_if_due() {
                Ok(()) => tracing::debug!("the certificate is fresh"),
                Err(error) => tracing::warn!(%error, "the certificate was not renewed"),
            }
        }
    }
}

/// What tells one content of a file from another without reading it; none: there is no file.
type Stamp = Option<(u64, u64, i64, i64, i64)>;

impl Source {
    /// The stamps of the operator's files; none: there are none.
    fn stamps(&self) -> Option<[Stamp; 2]> {
        let Self::Files { certificate, key } = self else {
            return None;
        };
        let stamp = |path: &Path| {
            let found = fs::metadata(path).ok()?;
            let times = (found.mtime(), found.mtime_nsec(), found.ctime());
            Some((found.ino(), found.len(), times.0, times.1, times.2))
        };
        Some([stamp(certificate), stamp(key)])
    }

    fn load(&self, now: Timestamp) -> Result<CertifiedKey, CertificateError> {
        match self {
            Self::Own { dir, names } => {
                let leaf = issue::leaf(dir, names, now)?;
                certified(&leaf, &leaf)
            }
            Self::Files { certificate, key } => {
                refuse_if_anybody_may_read(key)?;
                certified(certificate, key)
            }
        }
    }
}

/// Refuses a key that everybody on the machine could read or change. Its group may: Debian keeps keys
/// for the group `ssl-cert`.
fn refuse_if_anybody_may_read(key: &Path) -> Result<(), CertificateError> {
    let found = fs::metadata(key).map_err(|source| CertificateError::File {
        path: key.to_owned(),
        source,
    })?;
    if found.permissions().mode() & 0o007 == 0 {
        return Ok(());
    }
    Err(CertificateError::Unusable {
        path: key.to_owned(),
        why: "everybody on this machine can read or change it; run `chmod o=` on it, and \
              have a new one issued: this one may be known"
            .to_owned(),
    })
}

/// Reads a chain and its key from PEM files (which may be one).
fn certified(chain: &Path, key: &Path) -> Result<CertifiedKey, CertificateError> {
    let unusable = |path: &Path, why: String| CertificateError::Unusable {
        path: path.to_owned(),
        why,
    };
    let text = read(chain)?;
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(&text)
        .collect::<Result<_, _>>()
        .map_err(|error| unusable(chain, error.to_string()))?;
    if certificates.is_empty() {
        return Err(unusable(chain, "there is no certificate in it".to_owned()));
    }
    let secret = PrivateKeyDer::from_pem_slice(&read(key)?)
        .map_err(|error| unusable(key, error.to_string()))?;
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    CertifiedKey::from_der(certificates, secret, &provider)
        .map_err(|error| unusable(key, error.to_string()))
}

fn read(path: &Path) -> Result<Vec<u8>, CertificateError> {
    fs::read(path).map_err(|source| CertificateError::File {
        path: path.to_owned(),
        source,
    })
}

/// Writes a file of mode 0600 whole or not at all.
fn write(path: &Path, text: &str) -> Result<(), CertificateError> {
    let temporary = path.with_extension("new");
    let attempt = || -> io::Result<()> {
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    };
    attempt().map_err(|source| CertificateError::File {
        path: path.to_owned(),
        source,
    })
}

#[cfg(test)]
mod tests;
