//! Certificates in every way there is.

use acme::{Method, News};

use crate::{
    pebble::{Bench, Pebble, authority, external_account, settings},
    shown::Shown,
};

#[tokio::test(flavor = "multi_thread")]
async fn two_names_by_http_while_seven_in_ten_nonces_are_refused() {
    let pebble = Pebble::start(70, false).await;
    let shown = Shown::serve(&pebble).await;
    let state = tempfile::tempdir().unwrap();
    let dir = state.path().join("acme");
    let names = ["plant.example", "keep.plant.example"];
    let wanted = settings(
        &names,
        Method::Http01,
        vec![authority(&pebble, pebble.port)],
    );
    let bench = Bench::new(&dir, wanted.clone(), &shown);
    assert_eq!(bench.names(), None);
    bench.look().await;
    let issued = bench.names().unwrap_or_else(|| panic!("{}", bench.error()));
    assert_eq!(issued, ["keep.plant.example", "plant.example"]);
    assert!(
        shown.standing.lock().unwrap().is_empty(),
        "proofs are taken down"
    );
    assert!(matches!(
        &bench.told.0.lock().unwrap()[..],
        [News::Issued { .. }]
    ));
    let status = bench.engine.status();
    assert_eq!(status.error, None);
    assert!(status.issuer.unwrap().contains("Pebble"));
    assert!(status.next.unwrap() < status.not_after.unwrap());
    // The next start uses what is there, and asks nobody.
    drop(pebble);
    let again = Bench::new(&dir, wanted, &shown);
    again.look().await;
    assert_eq!(
        again.names().unwrap(),
        ["keep.plant.example", "plant.example"]
    );
    assert_eq!(again.error(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_and_an_address_by_tls() {
    let pebble = Pebble::start(30, false).await;
    let shown = Shown::serve(&pebble).await;
    let wanted = settings(
        &["plant.example", "127.0.0.1"],
        Method::TlsAlpn01,
        vec![authority(&pebble, pebble.port)],
    );
    let bench = Bench::new(&pebble.dir.path().join("state"), wanted, &shown);
    bench.look().await;
    let issued = bench.names().unwrap_or_else(|| panic!("{}", bench.error()));
    assert_eq!(issued, ["127.0.0.1", "plant.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wildcard_and_its_base_by_dns() {
    let pebble = Pebble::start(30, false).await;
    let shown = Shown::serve(&pebble).await;
    let wanted = settings(
        &["plant.example", "*.plant.example"],
        Method::Dns01,
        vec![authority(&pebble, pebble.port)],
    );
    let bench = Bench::new(&pebble.dir.path().join("state"), wanted, &shown);
    bench.look().await;
    let issued = bench.names().unwrap_or_else(|| panic!("{}", bench.error()));
    assert_eq!(issued, ["*.plant.example", "plant.example"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_external_account_where_the_server_wants_one() {
    let pebble = Pebble::start(30, true).await;
    let shown = Shown::serve(&pebble).await;
    let mut authority = authority(&pebble, pebble.port);
    let names = ["plant.example"];
    let without = settings(&names, Method::Http01, vec![authority.clone()]);
    let bench = Bench::new(&pebble.dir.path().join("without"), without, &shown);
    bench.look().await;
    assert_eq!(bench.names(), None);
    assert!(bench.error().contains("refused"), "{}", bench.error());
    authority.external_account = Some(external_account());
    let with = settings(&names, Method::Http01, vec![authority]);
    let bench = Bench::new(&pebble.dir.path().join("with"), with, &shown);
    bench.look().await;
    assert_eq!(
        bench.names().unwrap_or_else(|| panic!("{}", bench.error())),
        names
    );
}
