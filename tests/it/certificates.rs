//! Certificates of a real authority at the real doors: what serves until the first is there, and
//! that a renewal drops nobody.

use rustls::pki_types::CertificateDer;
use testkit::{
    Options, Redkeep,
    comms::Comms,
    flows,
    http::place,
    pebble::Pebble,
    person::CONSOLE_HOST,
    until,
    unverified::{connect, shown},
};

async fn leaf(redkeep: &Redkeep) -> CertificateDer<'static> {
    let (host, port) = place(&redkeep.console().parse().unwrap()).unwrap();
    shown(&connect(port, &host, b"http/1.1").await.unwrap())
}

/// Asks for a certificate, and waits until another than these is served.
async fn renewed(redkeep: &Redkeep, before: &[CertificateDer<'static>]) -> CertificateDer<'static> {
    redkeep.cli(&["certificates", "renew"]).await.ok();
    until("another certificate is served", || async {
        let now = leaf(redkeep).await;
        (!before.contains(&now)).then_some(now)
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn our_own_serves_until_an_authoritys_is_there_and_a_renewal_drops_none_of_twenty_websockets()
{
    let mut pebble = Pebble::prepare(30, false);
    let roots = pebble.dir.path().join("roots.pem");
    std::fs::write(&roots, &pebble.root_pem).unwrap();
    let redkeep = Redkeep::start(Options {
        config: Some(format!(
            "[acme]\ndirectory = \"https://127.0.0.1:{}/dir\"\nroots = {roots:?}\n\
             names = [\"{CONSOLE_HOST}\"]\nhttp_listen = \"127.0.0.1:{}\"\n",
            pebble.port, pebble.http_port
        )),
        ..Options::default()
    })
    .await;
    // The authority does not answer: whoever trusts our own root is served.
    let editor = redkeep.author().await;
    let (host, port) = place(&redkeep.console().parse().unwrap()).unwrap();
    editor.tls(&host, port).await.unwrap();
    let own = leaf(&redkeep).await;
    let mut open = Vec::new();
    for _ in 0..20 {
        open.push(Comms::open(&redkeep, &editor).await);
    }
    pebble.run().await;
    let first = renewed(&redkeep, std::slice::from_ref(&own)).await;
    editor.tls(&host, port).await.unwrap_err();
    renewed(&redkeep, &[own, first]).await;
    // For the gate's name it is not: there our own serves still.
    redkeep
        .propose(&editor, &flows::greeting("/hello", "hello"))
        .await;
    for comms in &mut open {
        comms
            .event("what waits", |event| {
                event["topic"]
                    .as_str()
                    .is_some_and(|topic| topic.starts_with("notification/"))
            })
            .await;
    }
}
