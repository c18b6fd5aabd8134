//! What a door shows to everybody who connects: asked of the door itself, as the outside would. No file
//! of a key is opened for it.

use std::{net::IpAddr, sync::Arc, time::Duration};

use model::clock::{Clock as _, Timestamp};
use rustls::{
    ClientConfig, RootCertStore,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject as _},
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{
    listeners::Listener,
    points::{Door, Shown, Trust},
};
use crate::clock::SystemClock;

/// How long a door on this machine may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Whom certificates are held against.
#[derive(Debug)]
pub(super) struct Roots {
    provider: Arc<CryptoProvider>,
    own: Option<Arc<WebPkiServerVerifier>>,
    machine: Option<rustls_platform_verifier::Verifier>,
}

impl Roots {
    /// Redkeep's own authority (PEM; empty where there is none) and those this machine trusts.
    pub(super) fn new(own: &str) -> anyhow::Result<Self> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = RootCertStore::empty();
        for root in CertificateDer::pem_slice_iter(own.as_bytes()) {
            roots.add(root?)?;
        }
        let own = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
        Ok(Self {
            // Both fail where there is no root at all: then nobody vouches.
            own: own.build().ok(),
            machine: rustls_platform_verifier::Verifier::new(provider.clone()).ok(),
            provider,
        })
    }

    /// Asks one door. Errors: why it showed nothing, in words.
    pub(super) async fn look(
        &self,
        door: &Door,
        listeners: &[Listener],
    ) -> Option<Result<Shown, String>> {
        let listener = listeners.iter().find(|it| door.is(it))?;
        let mut address = listener.address;
        match address.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip([127, 0, 0, 1].into()),
            IpAddr::V6(ip) if ip.is_unspecified() => {
                address.set_ip(std::net::Ipv6Addr::LOCALHOST.into());
            }
            _ => {}
        }
        let asked = tokio::time::timeout(PATIENCE, self.ask(&door.name, address)).await;
        let shown = asked.unwrap_or_else(|_| Err(anyhow::anyhow!("it did not answer in time")));
        Some(shown.map_err(|error| error.to_string()))
    }

    async fn ask(&self, name: &str, address: std::net::SocketAddr) -> anyhow::Result<Shown> {
        let server = ServerName::try_from(name.to_owned())?;
        let config = ClientConfig::builder_with_provider(self.provider.clone())
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Onlooker(self.provider.clone())))
            .with_no_client_auth();
        let tcp = TcpStream::connect(address).await?;
        let connector = TlsConnector::from(Arc::new(config));
        let tls = connector.connect(server.clone(), tcp).await?;
        let (_, session) = tls.get_ref();
        let chain = session.peer_certificates().unwrap_or_default();
        let Some((leaf, between)) = chain.split_first() else {
            anyhow::bail!("it showed no certificate");
        };
        let facts = acme::facts(leaf).map_err(|why| anyhow::anyhow!(why))?;
        let trust = self.trust(leaf, between, &facts.names, facts.not_before);
        Ok(Shown { facts, trust })
    }

    /// Who vouches for a chain. Asked for a name that stands in it, and for a time at which it was good:
    /// what is wrong with name and time is told by points of their own.
    fn trust(
        &self,
        leaf: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        names: &[String],
        not_before: Timestamp,
    ) -> Trust {
        let Some(name) = names.first() else {
            return Trust::Nobody;
        };
        // A wildcard is asked for by a name it covers.
        let name = name
            .strip_prefix("*.")
            .map_or_else(|| name.clone(), |base| format!("any.{base}"));
        let Ok(name) = ServerName::try_from(name) else {
            return Trust::Nobody;
        };
        let seconds = SystemClock.now().unix_seconds();
        let at = |seconds: i64| {
            let seconds = seconds.try_into().unwrap_or(0);
            UnixTime::since_unix_epoch(Duration::from_secs(seconds))
        };
        let vouches = |verifier: &dyn ServerCertVerifier| {
            [seconds, not_before.unix_seconds()]
                .into_iter()
                .any(|seconds| {
                    let held = verifier.verify_server_cert(leaf, between, &name, &[], at(seconds));
                    held.is_ok()
                })
        };
        if self.own.as_deref().is_some_and(|own| vouches(own)) {
            Trust::Own
        } else if self
            .machine
            .as_ref()
            .is_some_and(|machine| vouches(machine))
        {
            Trust::Machine
        } else {
            Trust::Nobody
        }
    }
}

/// Looks at whatever certificate comes. Nothing is sent on such a connection and nothing is believed that
/// comes over it; that the door holds the certificate's key is checked all the same.
#[derive(Debug)]
struct Onlooker(Arc<CryptoProvider>);

impl ServerCertVerifier for Onlooker {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &rustls::DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
