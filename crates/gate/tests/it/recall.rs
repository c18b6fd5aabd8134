//! Answers that are kept, and for whom they are not.

use std::sync::Arc;

use http::StatusCode;
use model::access::Role;

use crate::house::{Answer, House};

async fn ask(house: &House, path: &str, cookie: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = house.script("GET", path, cookie);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = house.send(request, "").await;
    assert_eq!(answer.status, StatusCode::OK, "{path}");
    answer
}

#[tokio::test]
async fn node_red_is_asked_once_for_what_is_the_same_for_all() {
    let house = House::new().await;
    house.node_red_starts(1);
    let ann = house.session("ann", Role::Editor).await;
    let eve = house.session("eve", Role::Editor).await;
    let first = ask(&house, "/nodes?_=1", &format!("{ann}; dashboard=1"), &[]).await;
    let second = ask(&house, "/nodes?_=2", &eve, &[]).await;
    assert_eq!(first.body, second.body);
    let asked = house.node_red.asked("/nodes");
    let [asked] = asked.as_slice() else {
        panic!("asked {} times", asked.len());
    };
    // What is not in the key is not told.
    assert_eq!(asked.path, "/nodes");
    for name in ["cookie", "x-forwarded-for", "x-requested-with", "origin"] {
        assert!(!asked.headers.contains_key(name), "{name}");
    }
    assert!(asked.headers.contains_key("x-gate-identity"));

    let packed = ask(&house, "/nodes?_=3", &ann, &[("accept-encoding", "br")]).await;
    assert_eq!(packed.headers["content-encoding"], "br");
    assert!(packed.body.len() < first.body.len());
    let gzip = ask(&house, "/nodes?_=4", &ann, &[("accept-encoding", "gzip")]).await;
    assert_eq!(gzip.headers["content-encoding"], "gzip");
    let tag = packed.headers["etag"].clone();
    let again = house
        .script("GET", "/nodes?_=5", &ann)
        .header("if-none-match", tag);
    let again = house.send(again, "").await;
    assert_eq!((again.status.as_u16(), again.body.len()), (304, 0));
    assert_eq!(house.node_red.asked("/nodes").len(), 1);
}

#[tokio::test]
async fn nothing_is_kept_across_permissions_wishes_and_starts() {
    let house = House::new().await;
    house.node_red_starts(1);
    let ann = house.session("ann", Role::Editor).await;
    let vic = house.session("vic", Role::Viewer).await;
    let count = || house.node_red.asked("/nodes").len();
    ask(&house, "/nodes", &ann, &[]).await;
    ask(&house, "/nodes", &vic, &[]).await;
    assert_eq!(count(), 2, "who may only look is answered as such");
    let said = |at: usize| {
        let asked = house.node_red.asked("/nodes");
        asked[at].headers["x-gate-identity"]
            .to_str()
            .unwrap()
            .to_owned()
    };
    assert!(said(0).starts_with("ann:*.read") && said(1).starts_with("vic:flows.read"));
    for (times, headers) in [
        (3, [("accept", "application/json")]),
        (4, [("accept-language", "de")]),
    ] {
        ask(&house, "/nodes", &ann, &headers).await;
        ask(&house, "/nodes", &ann, &headers).await;
        assert_eq!(count(), times);
    }
    ask(&house, "/nodes?lng=de", &ann, &[]).await;
    assert_eq!(count(), 5);
    // Restarted: nothing of before counts, whoever asks.
    house.node_red_starts(2);
    for cookie in [&ann, &vic, &ann, &vic] {
        ask(&house, "/nodes", cookie, &[]).await;
    }
    assert_eq!(count(), 7);
    // A parameter a node may read.
    for _ in 0..2 {
        ask(&house, "/nodes?x=1", &ann, &[]).await;
    }
    assert_eq!(count(), 9);
}

#[tokio::test]
async fn what_is_for_one_person_is_asked_for_each_time() {
    let house = House::new().await;
    house.node_red_starts(1);
    let ann = house.session("ann", Role::Editor).await;
    for path in ["/settings", "/settings/user", "/flows", "/context/global"] {
        for _ in 0..2 {
            ask(&house, path, &ann, &[]).await;
        }
        assert_eq!(house.node_red.asked(path).len(), 2, "{path}");
    }
    // It sets a cookie, so it is fetched in full, with those of the browser.
    let theme = ask(&house, "/theme", &format!("{ann}; dashboard=1"), &[]).await;
    assert_eq!(theme.headers["set-cookie"], "own=1");
    assert_eq!(house.node_red.last().headers["cookie"], "dashboard=1");
    let before = house.node_red.asked("/theme").len();
    ask(&house, "/theme", &ann, &[]).await;
    assert!(house.node_red.asked("/theme").len() > before);
}

#[tokio::test]
async fn where_it_is_not_known_what_runs_nothing_is_kept() {
    let house = House::new().await;
    let ann = house.session("ann", Role::Editor).await;
    for _ in 0..2 {
        ask(&house, "/nodes", &ann, &[]).await;
    }
    assert_eq!(house.node_red.asked("/nodes").len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_who_come_first_ask_node_red_once() {
    let house = Arc::new(House::new().await);
    house.node_red_starts(1);
    let ann = house.session("ann", Role::Editor).await;
    let asks = (0..16).map(|_| {
        let (house, ann) = (Arc::clone(&house), ann.clone());
        tokio::spawn(async move { ask(&house, "/nodes", &ann, &[]).await.body })
    });
    let bodies = futures_util::future::join_all(asks).await;
    let bodies: Vec<_> = bodies.into_iter().map(Result::unwrap).collect();
    assert!(
        bodies
            .iter()
            .all(|body| *body == bodies[0] && !body.is_empty())
    );
    assert_eq!(house.node_red.asked("/nodes").len(), 1);
}

#[tokio::test]
async fn what_the_gate_says_differently_is_kept_as_it_says_it() {
    let house = House::new().await;
    house.node_red_starts(1);
    let ann = house.session("ann", Role::Editor).await;
    for _ in 0..2 {
        let texts = ask(&house, "/locales/editor?lng=de", &ann, &[])
            .await
            .json();
        let said = texts["deploy"]["successfulDeploy"].as_str().unwrap();
        assert!(said.contains("Submitted for review"), "{said}");
    }
    assert_eq!(house.node_red.asked("/locales/editor").len(), 1);
    let policy = model::instance::Policy {
        apply: model::instance::ApplyPolicy::Automatic,
        ..model::instance::Policy::default()
    };
    let system = model::principal::Actor::System;
    let set = house.store.set_policy(&house.instance, &policy, &system);
    set.await.unwrap();
    crate::house::eventually("the editor's own word is the true one", async || {
        let texts = ask(&house, "/locales/editor?lng=de", &ann, &[])
            .await
            .json();
        texts["deploy"]["successfulDeploy"] == "Successfully deployed"
    })
    .await;
}
