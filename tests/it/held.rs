//! Two hundred open sockets held while everything round them changes: exactly those close whose session was
//! revoked or whose person has another role.

use std::time::Duration;

use serde_json::json;
use testkit::{
    Client, Options, Redkeep, comms::Comms, pebble::Pebble, person::CONSOLE_HOST, until,
};

/// Sockets of each of four people: below what one user may have, and together below what one address may.
const EACH: usize = 50;

async fn closed(all: &mut [Comms], bound: Duration) -> usize {
    let looks = all.iter_mut().map(|it| it.closes_within(bound));
    let closed = futures_util::future::join_all(looks).await;
    closed.into_iter().filter(|is| *is).count()
}

/// A session of theirs at the gate, by its number.
async fn sessions(redkeep: &Redkeep, name: &str, kind: &str) -> Vec<i64> {
    let found = redkeep.cli(&["session", "list"]).await.ok().json();
    let all = found["sessions"].as_array().unwrap().iter();
    let theirs = all.filter(|it| it["user_name"] == name && it["kind"] == kind);
    theirs.map(|it| it["id"].as_i64().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
#[expect(clippy::too_many_lines, reason = "one straight sequence")]
async fn two_hundred_websockets_outlive_all_but_what_revokes_them() {
    let mut pebble = Pebble::prepare(0, false);
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
    let mut people: Vec<(&str, Client, Vec<Comms>)> = Vec::new();
    for name in ["kept", "moved", "revoked", "watched"] {
        let person = redkeep.person(name, "editor").await;
        let client = person.at_editor(&redkeep).await;
        let mut held = Vec::new();
        for _ in 0..EACH {
            held.push(Comms::open(&redkeep, &client).await);
        }
        people.push((name, client, held));
    }

    // The rules who may come from where, and an instance's policy.
    let rules = redkeep.path().join("rules.json");
    let text = json!({ "networks": { "here": ["127.0.0.0/8"] },
        "rules": [{ "from": ["here"], "who": "login" }] });
    std::fs::write(&rules, text.to_string()).unwrap();
    let rules = rules.to_str().unwrap();
    redkeep.cli(&["access", "set", rules]).await.ok();
    redkeep.person("root", "administrator").await;
    let root = redkeep.token("root", &["admin"]).await;
    redkeep
        .set_policy(&root, &json!({ "own_changes": "four-eyes" }))
        .await;
    // A certificate comes, and another takes its place.
    pebble.run().await;
    for _ in 0..2 {
        let issued = redkeep.audit("certificate-issued").await.len();
        redkeep.cli(&["certificates", "renew"]).await.ok();
        until("a certificate is issued", || async {
            (redkeep.audit("certificate-issued").await.len() > issued).then_some(())
        })
        .await;
    }
    for (name, _, held) in &mut people {
        let gone = closed(held, Duration::from_millis(300)).await;
        assert_eq!(gone, 0, "{name}: nothing was revoked yet");
    }

    // One is given another role, another's session is revoked: theirs close, and no others.
    redkeep.cli(&["user", "role", "moved", "viewer"]).await.ok();
    for id in sessions(&redkeep, "revoked", "console").await {
        redkeep
            .cli(&["session", "revoke", &id.to_string()])
            .await
            .ok();
    }
    for (name, _, held) in &mut people {
        let expected = if ["moved", "revoked"].contains(name) {
            EACH
        } else {
            0
        };
        // Those that stay are looked at as long as those that go may take.
        assert_eq!(
            closed(held, Duration::from_secs(2)).await,
            expected,
            "{name}"
        );
    }
    let hello = testkit::flows::greeting("/hello", "hello");
    let (_, author, _) = people.remove(3);
    let (_, _, mut kept) = people.remove(0);
    redkeep.propose(&author, &hello).await;
    for comms in &mut kept {
        comms
            .event("how many wait", |event| event["topic"] == "redkeep/queue")
            .await;
    }
}
