//! Client certificates: asked for where a rule names one, judged by the authorities of the
//! configuration.
//!
//! The handshake takes any certificate whose key the client proves to hold; which authority vouches
//! for it is found out afterwards. So whoever shows one that is not known gets an answer in words,
//! and not a broken connection.

use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use arc_swap::ArcSwap;
use model::rules::Shown;
use rustls::{
    DigitallySignedStruct, DistinguishedName, RootCertStore, ServerConfig, SignatureScheme,
    client::danger::HandshakeSignatureValid,
    crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature},
    pki_types::{CertificateDer, CertificateRevocationListDer, UnixTime},
    server::{
        WebPkiClientVerifier,
        danger::{ClientCertVerified, ClientCertVerifier},
    },
};
use tokio::sync::watch;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

/// Names of one certificate that are looked at.
const NAMES_MAX: usize = 64;
/// Certificates of a chain that are looked at.
const CHAIN_MAX: usize = 8;

/// An authority as it is configured.
#[derive(Debug, Clone)]
pub struct ClientAuthority {
    /// What rules call it.
    pub name: String,
    /// Its root certificates.
    pub roots: Vec<CertificateDer<'static>>,
    /// Its revocation lists; empty: nothing is revoked.
    pub lists: Vec<CertificateRevocationListDer<'static>>,
}

/// What rules call an authority, and what judges by it.
type Known = (String, Arc<dyn ClientCertVerifier>);

/// The authorities, shared by all gates. Cheap to ask.
#[derive(Debug)]
pub struct Clients {
    known: ArcSwap<Vec<Known>>,
    /// How often they were replaced.
    replaced: watch::Sender<u64>,
}

impl Clients {
    /// Of these authorities. Errors: one of them cannot be used, with its name.
    pub fn new(authorities: &[ClientAuthority]) -> Result<Self, String> {
        let known = ArcSwap::from_pointee(verifiers(authorities)?);
        let replaced = watch::Sender::new(0);
        Ok(Self { known, replaced })
    }

    /// From now on these. What clients showed is judged anew, on connections that are open too: by
    /// the lists as they are now, and by the clock.
    pub fn replace(&self, authorities: &[ClientAuthority]) -> Result<(), String> {
        self.known.store(Arc::new(verifiers(authorities)?));
        self.replaced
            .send_modify(|times| *times = times.wrapping_add(1));
        Ok(())
    }

    /// Which authorities vouch for a chain that a client showed, now, and for which names.
    fn judge(&self, chain: &[CertificateDer<'_>]) -> Arc<[Shown]> {
        let [leaf, above @ ..] = chain else {
            return Arc::default();
        };
        let above = above.get(..CHAIN_MAX).unwrap_or(above);
        let now = UnixTime::now();
        let known = self.known.load();
        let vouch = known
            .iter()
            .filter(|(_, by)| by.verify_client_cert(leaf, above, now).is_ok());
        let shown = vouch.map(|(authority, _)| Shown {
            authority: authority.clone(),
            names: names(leaf),
        });
        shown.collect()
    }
}

/// The certificate a connection began with, and who vouches for it.
#[derive(Debug)]
pub(crate) struct Showing {
    clients: Arc<Clients>,
    chain: Vec<CertificateDer<'static>>,
    judged: Mutex<(u64, Arc<[Shown]>)>,
}

impl Showing {
    fn new(clients: &Arc<Clients>, chain: &[CertificateDer<'static>]) -> Self {
        // Read first: lists that come meanwhile are judged by again.
        let times = *clients.replaced.borrow();
        Self {
            judged: Mutex::new((times, clients.judge(chain))),
            clients: Arc::clone(clients),
            chain: chain.to_vec(),
        }
    }

    /// By each authority that vouches for it at this moment.
    pub(crate) fn now(&self) -> Arc<[Shown]> {
        let times = *self.clients.replaced.borrow();
        let mut judged = self.judged.lock().unwrap_or_else(PoisonError::into_inner);
        if judged.0 != times {
            *judged = (times, self.clients.judge(&self.chain));
        }
        Arc::clone(&judged.1)
    }

    /// Tells when it may be judged otherwise.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.clients.replaced.subscribe()
    }
}

fn verifiers(authorities: &[ClientAuthority]) -> Result<Vec<Known>, String> {
    let one = |authority: &ClientAuthority| {
        let name = &authority.name;
        let mut roots = RootCertStore::empty();
        for root in &authority.roots {
            let added = roots.add(root.clone());
            added.map_err(|error| format!("the client authority {name}: {error}"))?;
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .with_crls(authority.lists.clone())
            .only_check_end_entity_revocation();
        // Without a list nothing is known of revocation, which would else refuse all.
        let builder = if authority.lists.is_empty() {
            builder.allow_unknown_revocation_status()
        } else {
            builder
        };
        let built = builder.build();
        let built = built.map_err(|error| format!("the client authority {name}: {error}"))?;
        Ok((name.clone(), built))
    };
    authorities.iter().map(one).collect()
}

/// Every name in a certificate: the subject's common name, and the alternative ones.
fn names(leaf: &CertificateDer<'_>) -> Vec<String> {
    let Ok((_, leaf)) = X509Certificate::from_der(leaf) else {
        return Vec::new();
    };
    let common = leaf.subject().iter_common_name();
    let common = common.filter_map(|it| it.as_str().ok().map(str::to_owned));
    let others = leaf.subject_alternative_name().ok().flatten();
    let others = others.into_iter().flat_map(|it| &it.value.general_names);
    let others = others.filter_map(|name| match name {
        GeneralName::DNSName(name) | GeneralName::RFC822Name(name) | GeneralName::URI(name) => {
            Some((*name).to_owned())
        }
        GeneralName::IPAddress(bytes) => address(bytes),
        _ => None,
    });
    common.chain(others).take(NAMES_MAX).collect()
}

fn address(bytes: &[u8]) -> Option<String> {
    if let Ok(four) = <[u8; 4]>::try_from(bytes) {
        return Some(std::net::Ipv4Addr::from(four).to_string());
    }
    let sixteen = <[u8; 16]>::try_from(bytes).ok()?;
    Some(std::net::Ipv6Addr::from(sixteen).to_string())
}

/// One gate's way to ask for certificates.
#[derive(Debug)]
pub(crate) struct Asking {
    clients: Arc<Clients>,
    tls: Arc<ServerConfig>,
    /// Whether a rule of now names one: browsers bother people with a choice of certificates.
    is_wanted: AtomicBool,
}

impl Asking {
    pub(crate) fn new(clients: Arc<Clients>, tls: Arc<ServerConfig>) -> Self {
        Self {
            clients,
            tls,
            is_wanted: AtomicBool::new(false),
        }
    }

    pub(crate) fn want(&self, is_wanted: bool) {
        self.is_wanted.store(is_wanted, Ordering::Release);
    }

    /// The settings by which a certificate is asked for; none: it is not.
    pub(crate) fn tls(&self) -> Option<Arc<ServerConfig>> {
        let is_wanted = self.is_wanted.load(Ordering::Acquire);
        is_wanted.then(|| Arc::clone(&self.tls))
    }

    /// What a client showed at its handshake; none: nothing.
    pub(crate) fn showing(
        &self,
        chain: Option<&[CertificateDer<'static>]>,
    ) -> Option<Arc<Showing>> {
        let chain = chain.filter(|chain| !chain.is_empty())?;
        Some(Arc::new(Showing::new(&self.clients, chain)))
    }
}

/// Takes any certificate whose key the client proves to hold, and none as well.
#[derive(Debug)]
pub(crate) struct Anybody(pub(crate) Arc<CryptoProvider>);

impl ClientCertVerifier for Anybody {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        // Nothing is allowed by it: `Clients::judge` says who vouches for it, before any request.
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let known = &self.0.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
