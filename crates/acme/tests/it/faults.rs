//! What goes wrong, and what is left standing.

use std::{sync::atomic::Ordering, time::Duration};

use acme::{Authority, Method, News};

use crate::{
    pebble::{BOUND, Bench, Pebble, authority, settings},
    proxy::Proxy,
    shown::Shown,
};

const NAMES: [&str; 1] = ["plant.example"];

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_proof_is_told_in_plain_words_and_tried_again_later() {
    let pebble = Pebble::start(30, false).await;
    let (shown, proxy) = (Shown::serve(&pebble).await, Proxy::start(&pebble).await);
    let wanted = settings(&NAMES, Method::Http01, vec![authority(&pebble, proxy.port)]);
    let bench = Bench::new(&pebble.dir.path().join("state"), wanted, &shown);
    shown.lies.store(true, Ordering::SeqCst);
    bench.look().await;
    let error = bench.error();
    assert!(error.contains("could not verify plant.example"), "{error}");
    assert!(shown.standing.lock().unwrap().is_empty());
    let asked = proxy.asked.lock().unwrap().len();
    bench.look().await;
    assert_eq!(proxy.asked.lock().unwrap().len(), asked, "not at once");
    bench.clock.advance(76);
    bench.look().await;
    assert!(matches!(
        &bench.told.0.lock().unwrap()[..],
        [News::Failing {
            not_after: None,
            is_urgent: false,
            ..
        }]
    ));
    shown.lies.store(false, Ordering::SeqCst);
    bench.clock.advance(376);
    bench.look().await;
    assert_eq!(
        bench.names().unwrap_or_else(|| panic!("{}", bench.error())),
        NAMES
    );
    assert_eq!(bench.error(), "");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rate_limit_is_honoured_across_a_restart_and_whoever_asks() {
    let pebble = Pebble::start(0, false).await;
    let (shown, proxy) = (Shown::serve(&pebble).await, Proxy::start(&pebble).await);
    let wanted = settings(&NAMES, Method::Http01, vec![authority(&pebble, proxy.port)]);
    let dir = pebble.dir.path().join("state");
    *proxy.limit.lock().unwrap() = Some("7200");
    let bench = Bench::new(&dir, wanted.clone(), &shown);
    bench.look().await;
    assert!(
        bench
            .error()
            .contains("asks to wait: too many certificates"),
        "{}",
        bench.error()
    );
    let orders = || proxy.count("/order-plz");
    assert_eq!(orders(), 1);
    let bench = Bench::new(&dir, wanted, &shown);
    bench.clock.advance(7000);
    bench.engine.renew_now();
    bench.look().await;
    assert_eq!(orders(), 1, "the server's word counts");
    *proxy.limit.lock().unwrap() = None;
    bench.clock.advance(300);
    bench.look().await;
    assert_eq!(orders(), 2);
    assert_eq!(
        bench.names().unwrap_or_else(|| panic!("{}", bench.error())),
        NAMES
    );
}

/// Whatever request it dies in, the next start goes on, and the server sees one order.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_at_any_request_goes_on_with_the_same_order() {
    let pebble = Pebble::start(0, false).await;
    let shown = Shown::serve(&pebble).await;
    let mut number = 1;
    loop {
        let proxy = Proxy::start(&pebble).await;
        // A name of its own: no verification is taken over from an earlier round.
        let name = format!("n{number}.example");
        let wanted = settings(
            &[&name],
            Method::Http01,
            vec![authority(&pebble, proxy.port)],
        );
        let dir = pebble.dir.path().join(format!("state{number}"));
        proxy.hang_at.store(number, Ordering::SeqCst);
        let first = Bench::new(&dir, wanted.clone(), &shown);
        let engine = first.engine.clone();
        let looking = tokio::spawn(async move { engine.look().await });
        let was_hung = tokio::select! {
            () = proxy.hung.notified() => true,
            () = async { while first.names().is_none() { tokio::time::sleep(Duration::from_millis(20)).await } } => false,
            () = tokio::time::sleep(BOUND) => panic!("neither issued nor hung"),
        };
        looking.abort();
        drop(looking.await);
        if !was_hung {
            break;
        }
        proxy.hang_at.store(0, Ordering::SeqCst);
        let second = Bench::new(&dir, wanted, &shown);
        second.look().await;
        let names = second
            .names()
            .unwrap_or_else(|| panic!("{number}: {}", second.error()));
        assert_eq!(names, [name]);
        assert_eq!(
            proxy.orders.lock().unwrap().len(),
            1,
            "orders, killed at request {number}"
        );
        assert!(
            shown.standing.lock().unwrap().is_empty(),
            "nothing is left standing"
        );
        number += 1;
    }
    assert!(number > 8, "an order is more than {number} requests");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kill_while_a_proof_is_shown_leaves_nothing_standing() {
    let pebble = Pebble::start(0, false).await;
    let (shown, proxy) = (Shown::serve(&pebble).await, Proxy::start(&pebble).await);
    let wanted = settings(&NAMES, Method::Dns01, vec![authority(&pebble, proxy.port)]);
    let dir = pebble.dir.path().join("state");
    shown.hangs.store(true, Ordering::SeqCst);
    let first = Bench::new(&dir, wanted.clone(), &shown);
    let engine = first.engine.clone();
    let looking = tokio::spawn(async move { engine.look().await });
    tokio::time::timeout(BOUND, async {
        while shown.standing.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await
    .expect("it is shown");
    looking.abort();
    drop(looking.await);
    shown.hangs.store(false, Ordering::SeqCst);
    shown.standing.lock().unwrap().dedup();
    let second = Bench::new(&dir, wanted, &shown);
    second.look().await;
    assert_eq!(
        second
            .names()
            .unwrap_or_else(|| panic!("{}", second.error())),
        NAMES
    );
    assert_eq!(proxy.orders.lock().unwrap().len(), 1);
    assert!(shown.standing.lock().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_servers_window_renews_and_a_broken_certificate_replaces_nothing() {
    let pebble = Pebble::start(30, false).await;
    let (shown, proxy) = (Shown::serve(&pebble).await, Proxy::start(&pebble).await);
    let mut authority = authority(&pebble, proxy.port);
    authority.profile = Some("shortlived".to_owned());
    let wanted = settings(&NAMES, Method::Http01, vec![authority]);
    let dir = pebble.dir.path().join("state");
    let bench = Bench::new(&dir, wanted.clone(), &shown);
    *proxy.window.lock().unwrap() =
        Some(("2100-01-01T00:00:00Z".into(), "2100-01-02T00:00:00Z".into()));
    bench.look().await;
    let first = bench.engine.certificate().borrow().clone();
    let first = first.unwrap_or_else(|| panic!("{}", bench.error()));
    let orders = || proxy.orders.lock().unwrap().clone();
    assert_eq!(orders()[0]["profile"], "shortlived");
    bench.look().await;
    assert_eq!(orders().len(), 1, "the window is far");
    // The window moves to now, as after a revocation at the authority.
    *proxy.window.lock().unwrap() =
        Some(("2026-01-01T00:00:00Z".into(), "2026-01-02T00:00:00Z".into()));
    bench.clock.advance(24 * 3600);
    *proxy.forged.lock().unwrap() = Some(pebble.certificate.clone());
    bench.look().await;
    let error = bench.error();
    assert!(error.contains("is not used"), "{error}");
    let serial = |it: &acme::Certificate| it.certified.cert[0].clone();
    let now = bench.engine.certificate().borrow().clone().unwrap();
    assert_eq!(serial(&now), serial(&first), "the good one stays");
    let kept = Bench::new(&dir, wanted, &shown).engine.certificate();
    let kept = kept.borrow().clone().unwrap();
    assert_eq!(serial(&kept), serial(&first), "and is what is kept");
    *proxy.forged.lock().unwrap() = None;
    bench.clock.advance(100);
    bench.look().await;
    let now = bench.engine.certificate().borrow().clone().unwrap();
    assert_ne!(serial(&now), serial(&first), "{}", bench.error());
    assert!(orders().last().unwrap()["replaces"].is_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_authority_is_asked_when_the_first_does_not_answer() {
    let pebble = Pebble::start(0, false).await;
    let shown = Shown::serve(&pebble).await;
    let dead = Authority {
        directory: "https://127.0.0.1:1/dir".to_owned(),
        ..authority(&pebble, 1)
    };
    let wanted = settings(
        &NAMES,
        Method::Http01,
        vec![dead, authority(&pebble, pebble.port)],
    );
    let bench = Bench::new(&pebble.dir.path().join("state"), wanted, &shown);
    bench.look().await;
    assert!(
        bench.error().contains("127.0.0.1:1 could not be reached"),
        "{}",
        bench.error()
    );
    bench.look().await;
    assert_eq!(bench.names(), None, "one slip is no reason");
    bench.clock.advance(76);
    bench.look().await;
    bench.look().await;
    assert_eq!(
        bench.names().unwrap_or_else(|| panic!("{}", bench.error())),
        NAMES
    );
}
