//! The real doors show the proofs and serve what was issued: pebble's validators come to the gate's
//! own listeners, and a renewal drops nobody.

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use acme::{Boxed, Method, Proof, Show, alpn_certificate};
use gate::{Certificates, ConnectionService, Issued, Limits};
use http::{Request, Response};
use http_body_util::Full;
use keys::Handshakes;
use testkit::unverified::{Stream, connect, shown};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};
use tokio_util::sync::CancellationToken;

use crate::pebble::{Bench, Pebble, authority, settings};

/// As `redkeep` shows them at its doors.
#[derive(Debug)]
struct AtTheDoors(Arc<Issued>);

impl Show for AtTheDoors {
    fn present<'a>(&'a self, proof: &'a Proof) -> Boxed<'a, Result<(), String>> {
        match proof {
            Proof::Http { token, answer } => self.0.show_file(token, answer),
            Proof::Tls {
                name,
                server_name,
                digest,
            } => {
                let proof = alpn_certificate(name, digest).unwrap();
                self.0.show_proof(server_name, Arc::new(proof));
            }
            Proof::Dns { .. } => panic!("nobody asked for it"),
        }
        Box::pin(std::future::ready(Ok(())))
    }

    fn remove<'a>(&'a self, proof: &'a Proof) -> Boxed<'a, Result<(), String>> {
        match proof {
            Proof::Http { token, .. } => self.0.hide_file(token),
            Proof::Tls { server_name, .. } => self.0.hide_proof(server_name),
            Proof::Dns { .. } => panic!("nobody asked for it"),
        }
        Box::pin(std::future::ready(Ok(())))
    }
}

/// One request and its answer on an open connection.
async fn asks(stream: &mut Stream) {
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: plant.example\r\n\r\n")
        .await
        .unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        assert_ne!(stream.read_buf(&mut answer).await.unwrap(), 0, "it was cut");
    }
    assert!(answer.starts_with(b"HTTP/1.1 200"));
}

struct Doors {
    certificates: Arc<Certificates>,
    _stop: tokio_util::sync::DropGuard,
}

/// The gate's listeners on the ports pebble's validators come to.
async fn open(pebble: &Pebble) -> Doors {
    let clock = Arc::new(model::clock::FixedClock::new(model::clock::Timestamp(
        jiff::Timestamp::now().as_millisecond(),
    )));
    let names = ["plant.example", "127.0.0.1"].map(str::to_owned);
    let own = Handshakes::own(&pebble.dir.path().join("tls"), &names, clock).unwrap();
    let certificates = Arc::new(Certificates::new(own).unwrap());
    let service = ConnectionService::new(["plant.example".to_owned()], |_: Request<_>, _| async {
        Response::new(Full::new(bytes::Bytes::from_static(b"hello")))
    });
    let service = service.with_issued(certificates.issued());
    let bind = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port));
    let (tls, plain) = (
        bind(pebble.tls_port).await.unwrap(),
        bind(pebble.http_port).await.unwrap(),
    );
    let stop = CancellationToken::new();
    let limits = Limits::default;
    tokio::spawn(gate::serve_plain(
        plain,
        vec![service.clone()],
        limits(),
        stop.clone(),
    ));
    tokio::spawn(gate::serve(
        tls,
        certificates.server_config(),
        service,
        limits(),
        stop.clone(),
    ));
    Doors {
        certificates,
        _stop: stop.drop_guard(),
    }
}

async fn a_renewal_drops_nobody(method: Method) {
    let pebble = Pebble::start(30, false).await;
    let doors = open(&pebble).await;
    let port = pebble.tls_port;
    let issued = doors.certificates.issued();
    let own = shown(&connect(port, "plant.example", b"http/1.1").await.unwrap());
    assert_eq!(
        own,
        doors.certificates.leaf().unwrap(),
        "our own serves meanwhile"
    );
    let mut open = Vec::new();
    for _ in 0..20 {
        let mut stream = connect(port, "plant.example", b"http/1.1").await.unwrap();
        asks(&mut stream).await;
        open.push(stream);
    }
    let wanted = settings(
        &["plant.example"],
        method,
        vec![authority(&pebble, pebble.port)],
    );
    let dir = pebble.dir.path().join("state");
    let bench = Bench::showing(&dir, wanted, Arc::new(AtTheDoors(issued.clone())));
    let mut served = vec![own.clone()];
    for round in 0..2 {
        bench.engine.renew_now();
        bench.look().await;
        assert_eq!(bench.error(), "", "round {round}");
        let certificate = bench.engine.certificate().borrow().clone().unwrap();
        let names = certificate.facts.names.clone();
        issued.replace(Some((names, certificate.certified.clone())));
        let now = shown(&connect(port, "plant.example", b"http/1.1").await.unwrap());
        assert_eq!(now, certificate.certified.cert[0]);
        assert!(!served.contains(&now), "it is a new one");
        served.push(now);
        for stream in &mut open {
            asks(stream).await;
        }
    }
    let by_address = shown(&connect(port, "127.0.0.1", b"http/1.1").await.unwrap());
    assert_eq!(by_address, own, "for what it is not for, our own serves");
    // Nobody gets a proof that is not shown, and over the validators' protocol nothing is served.
    assert!(connect(port, "plant.example", b"acme-tls/1").await.is_err());
    let proof = alpn_certificate("plant.example", &[7; 32]).unwrap();
    issued.show_proof("plant.example", Arc::new(proof));
    let mut validator = connect(port, "plant.example", b"acme-tls/1").await.unwrap();
    validator
        .write_all(b"GET / HTTP/1.1\r\nHost: plant.example\r\n\r\n")
        .await
        .ok();
    let mut answer = Vec::new();
    let read = validator.read_to_end(&mut answer);
    tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .expect("it is closed")
        .ok();
    assert!(answer.is_empty(), "{}", String::from_utf8_lossy(&answer));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_by_tls_at_the_gate_drops_none_of_twenty_connections() {
    a_renewal_drops_nobody(Method::TlsAlpn01).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_renewal_by_plain_http_at_the_gate_drops_none_of_twenty_connections() {
    a_renewal_drops_nobody(Method::Http01).await;
}
