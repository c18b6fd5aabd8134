//! The editor's WebSocket before a real Node-RED: who hears what, and that a role edit acts on it at once.

use std::{cell::RefCell, time::Duration};

use serde_json::{Value, json};
use testkit::{Redkeep, comms::Comms, flows};

fn topic(event: &Value) -> String {
    event["topic"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_hears_how_nodes_stand_and_no_payload_until_made_an_editor() {
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    let stands = "node.status({ text: 'stands' }); return msg;";
    let running = json!([
        flows::tab("t1", "Bench"),
        flows::inject("i1", "t1", &["f1"]),
        flows::function_node("f1", "t1", stands, &["d1"]),
        flows::debug("d1", "t1")
    ]);
    redkeep.run_flows(&author, &running).await;
    let vera = redkeep.person("vera", "viewer").await;
    let client = vera.at_editor(&redkeep).await;
    let mut hers = Comms::open(&redkeep, &client).await;
    let mut his = Comms::open(&redkeep, &author).await;
    // It would ask for everything Node-RED keeps, and have something published.
    hers.send(r##"{"subscribe":"#"}"##).await;
    hers.send(r#"{"topic":"multiplayer/connect","data":{"session":"x"}}"#)
        .await;

    let heard = RefCell::new(Vec::new());
    for _ in 0..2 {
        let pressed = redkeep.at_gate(&author, "POST", "/inject/i1").send().await;
        pressed.expect(200);
        his.event("the payload", |event| topic(event) == "debug")
            .await;
        hers.event("how the node stands", |event| {
            heard.borrow_mut().push(topic(event));
            topic(event) == "status/f1"
        })
        .await;
    }
    let heard = heard.into_inner();
    let others = heard.iter().filter(|topic| {
        let known = ["status/", "notification/", "hb"];
        !topic.is_empty()
            && !known.iter().any(|it| topic.starts_with(it))
            && !topic.starts_with("redkeep/")
    });
    assert_eq!(
        others.collect::<Vec<_>>(),
        Vec::<&String>::new(),
        "{heard:?}"
    );

    // Somebody has to be left who can undo it.
    redkeep.person("root", "administrator").await;
    redkeep.cli(&["user", "role", "vera", "editor"]).await.ok();
    assert!(hers.closes_within(Duration::from_secs(2)).await);
    let client = vera.at_editor(&redkeep).await;
    let mut hers = Comms::open(&redkeep, &client).await;
    let pressed = redkeep.at_gate(&client, "POST", "/inject/i1").send().await;
    pressed.expect(200);
    hers.event("the payload", |event| topic(event) == "debug")
        .await;
}
