//! What is negotiated: only TLS 1.2 and 1.3, nothing old, and the exchange that outlives quantum
//! computers where both sides know it.

use std::sync::Arc;

use rustls::{
    ClientConfig, HandshakeKind, NamedGroup, ProtocolVersion, SupportedProtocolVersion,
    crypto::aws_lc_rs::kx_group,
    pki_types::ServerName,
    version::{TLS12, TLS13},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::house::House;

fn config(house: &House, version: &'static SupportedProtocolVersion) -> Arc<ClientConfig> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(house.roots())
        .with_no_client_auth();
    Arc::new(config)
}

/// Connects, asks for something so that tickets come, and says what was negotiated.
async fn meet(house: &House, config: Arc<ClientConfig>) -> Negotiated {
    let stream = TcpStream::connect(house.address).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    let connector = tokio_rustls::TlsConnector::from(config);
    let mut stream = connector.connect(name, stream).await.unwrap();
    let ask = format!(
        "GET /auth/login HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        &house.origin[8..]
    );
    stream.write_all(ask.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let tls = stream.get_ref().1;
    Negotiated {
        version: tls.protocol_version().unwrap(),
        group: tls
            .negotiated_key_exchange_group()
            .map(rustls::crypto::SupportedKxGroup::name),
        kind: tls.handshake_kind().unwrap(),
        suite: format!("{:?}", tls.negotiated_cipher_suite().unwrap().suite()),
    }
}

struct Negotiated {
    version: ProtocolVersion,
    group: Option<NamedGroup>,
    kind: HandshakeKind,
    suite: String,
}

#[tokio::test]
async fn the_exchange_is_hybrid_and_a_session_is_resumed() {
    let house = House::new().await;
    let config = config(&house, &TLS13);
    let first = meet(&house, Arc::clone(&config)).await;
    assert_eq!(first.version, ProtocolVersion::TLSv1_3);
    assert_eq!(first.group, Some(NamedGroup::X25519MLKEM768));
    assert!(!matches!(first.kind, HandshakeKind::Resumed));
    let second = meet(&house, config).await;
    assert_eq!(second.kind, HandshakeKind::Resumed);
}

#[tokio::test]
async fn tls_1_2_is_forward_secret_and_authenticated() {
    let house = House::new().await;
    let config = config(&house, &TLS12);
    let first = meet(&house, Arc::clone(&config)).await;
    assert_eq!(first.version, ProtocolVersion::TLSv1_2);
    assert!(first.suite.starts_with("TLS_ECDHE_") && !first.suite.contains("CBC"));
    assert_eq!(meet(&house, config).await.kind, HandshakeKind::Resumed);
}

/// Data before the handshake is done can be sent again by whoever heard it.
#[tokio::test]
async fn no_early_data_is_taken() {
    let house = House::new().await;
    let mut config = Arc::unwrap_or_clone(config(&house, &TLS13));
    config.enable_early_data = true;
    let config = Arc::new(config);
    meet(&house, Arc::clone(&config)).await;
    let name = ServerName::try_from("localhost").unwrap();
    let mut again = rustls::ClientConnection::new(config, name).unwrap();
    assert!(again.early_data().is_none(), "the ticket allows it");
}

#[tokio::test]
async fn the_gates_order_of_suites_counts() {
    let house = House::new().await;
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.reverse();
    for (version, best) in [
        (&TLS13, "TLS13_AES_256_GCM_SHA384"),
        (&TLS12, "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384"),
    ] {
        let config = ClientConfig::builder_with_provider(Arc::new(provider.clone()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(house.roots())
            .with_no_client_auth();
        assert_eq!(meet(&house, Arc::new(config)).await.suite, best);
    }
}

/// A client that knows nothing but the hybrid group is met in it.
#[tokio::test]
async fn the_hybrid_group_alone_is_enough() {
    let house = House::new().await;
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.kx_groups = vec![kx_group::X25519MLKEM768];
    let config = ClientConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])
        .unwrap()
        .with_root_certificates(house.roots())
        .with_no_client_auth();
    let met = meet(&house, Arc::new(config)).await;
    assert_eq!(met.group, Some(NamedGroup::X25519MLKEM768));
}

/// A client's hello by hand: what no library we have would offer.
fn hello(version: u16, suites: &[u16]) -> Vec<u8> {
    let mut body = version.to_be_bytes().to_vec();
    body.extend([7; 32]);
    body.push(0);
    body.extend(u16::try_from(suites.len() * 2).unwrap().to_be_bytes());
    body.extend(suites.iter().flat_map(|suite| suite.to_be_bytes()));
    body.extend([1, 0]);
    // Groups x25519 and P-256, plain points, signatures with ECDSA and RSA.
    let extensions = [
        &[0, 10, 0, 6, 0, 4, 0, 29, 0, 23][..],
        &[0, 11, 0, 2, 1, 0],
        &[0, 13, 0, 10, 0, 8, 4, 3, 4, 1, 2, 1, 2, 3],
        &[0, 23, 0, 0],
    ]
    .concat();
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let mut record = vec![22, 3, 1];
    record.extend(u16::try_from(body.len() + 4).unwrap().to_be_bytes());
    record.extend([1, 0]);
    record.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
    record.extend(body);
    record
}

#[tokio::test]
async fn old_versions_and_suites_are_refused() {
    const PROTOCOL_VERSION: u8 = 70;
    const HANDSHAKE_FAILURE: u8 = 40;
    let house = House::new().await;
    let cbc = [0xc009, 0xc00a, 0xc013, 0xc014, 0xc023, 0xc027];
    let rsa = [0x002f, 0x0035, 0x009c, 0x009d];
    let dhe = [0x0033, 0x0039, 0x009e, 0x009f];
    let weak = [0x0005, 0x000a, 0xc007, 0xc012, 0x0000, 0x0034];
    let modern = [0xc02b, 0xc02c, 0xc02f, 0xc030, 0xcca8, 0xcca9];
    for (version, suites, wanted) in [
        (0x0300, &modern[..], PROTOCOL_VERSION),
        (0x0301, &modern, PROTOCOL_VERSION),
        (0x0302, &modern, PROTOCOL_VERSION),
        (0x0303, &cbc, HANDSHAKE_FAILURE),
        (0x0303, &rsa, HANDSHAKE_FAILURE),
        (0x0303, &dhe, HANDSHAKE_FAILURE),
        (0x0303, &weak, HANDSHAKE_FAILURE),
    ] {
        let alert = answered(&house, version, suites).await;
        assert_eq!(
            alert[0], 21,
            "{version:x} {suites:x?} got no alert: {alert:?}"
        );
        assert_eq!(alert[5..7], [2, wanted], "{version:x} {suites:x?}");
    }
    // The same hello with what is good gets an answer: the others were refused for what they offer.
    assert_eq!(answered(&house, 0x0303, &modern).await[0], 22);
}

async fn answered(house: &House, version: u16, suites: &[u16]) -> [u8; 7] {
    let mut stream = TcpStream::connect(house.address).await.unwrap();
    stream.write_all(&hello(version, suites)).await.unwrap();
    let mut answer = [0; 7];
    stream.read_exact(&mut answer).await.unwrap();
    answer
}
