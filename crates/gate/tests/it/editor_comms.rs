//! The editor's own WebSocket: what is said, heard, and told by Redkeep.

use futures_util::{SinkExt as _, StreamExt as _};
use model::{access::Role, deployment::State, principal::Actor};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    house::{FLOWS, House, eventually},
    websockets::open,
};

async fn heard(
    socket: &mut (
             impl futures_util::Stream<Item = Result<Message, tokio_tungstenite::tungstenite::Error>>
             + Unpin
         ),
) -> Value {
    loop {
        let wait = tokio::time::timeout(std::time::Duration::from_secs(10), socket.next());
        let message = wait.await.expect("something is said").unwrap().unwrap();
        if let Message::Text(text) = message {
            return serde_json::from_str(&text).unwrap();
        }
    }
}

#[tokio::test]
async fn the_page_subscribes_and_says_nothing_else() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    let mut socket = open(&house, "/comms", &cookie, &house.origin)
        .await
        .unwrap();
    for said in [
        r#"{"topic":"multiplayer/x","data":1}"#,
        "garbage",
        r#"{"auth":"x"}"#,
    ] {
        socket.send(Message::text(said)).await.unwrap();
    }
    assert_eq!(heard(&mut socket).await, json!({"auth":"ok"}));
    socket
        .send(Message::text(r#"{ "subscribe" : "debug" }"#))
        .await
        .unwrap();
    let frame = heard(&mut socket).await;
    assert_eq!(frame[0]["topic"], "debug");
    assert_eq!(house.node_red.frames(), [r#"{"subscribe":"debug"}"#]);
    let upgrade = house.node_red.last();
    assert!(
        upgrade.headers["x-gate-identity"]
            .to_str()
            .unwrap()
            .starts_with("ann:")
    );
    assert!(!upgrade.headers.contains_key("cookie"));
}

#[tokio::test]
async fn viewers_hear_no_debug_messages() {
    let house = House::new().await;
    let cookie = house.session("vic", Role::Viewer).await;
    let mut socket = open(&house, "/comms", &cookie, &house.origin)
        .await
        .unwrap();
    for topic in ["debug", "#", "image-output", "status/#"] {
        let ask = json!({ "subscribe": topic }).to_string();
        socket.send(Message::text(ask)).await.unwrap();
    }
    assert_eq!(
        heard(&mut socket).await,
        json!([{"topic":"status/1","data":"fine"}])
    );
    // What may not be heard is not asked for either.
    assert_eq!(house.node_red.frames(), [r#"{"subscribe":"status/#"}"#]);
}

#[tokio::test]
async fn the_proposer_is_told_and_everybody_sees_the_count() {
    let house = House::new().await;
    let ann = house.session("ann", Role::Editor).await;
    let bob = house.session("bob", Role::Reviewer).await;
    let mut hers = open(&house, "/comms", &ann, &house.origin).await.unwrap();
    let mut his = open(&house, "/comms", &bob, &house.origin).await.unwrap();
    for socket in [&mut hers, &mut his] {
        socket.send(Message::text(r#"{"auth":"x"}"#)).await.unwrap();
        assert_eq!(heard(socket).await, json!({"auth":"ok"}));
    }
    propose(&house, &ann).await;
    let count = json!([{"topic":"redkeep/queue","data":{"count":1,"url":"https://keep.localhost:9443/deployments"}}]);
    assert_eq!(heard(&mut hers).await, count);
    let told = heard(&mut hers).await;
    let deployment = house
        .store
        .deployments(None, true, 1)
        .await
        .unwrap()
        .remove(0);
    assert_eq!(
        told[0]["topic"],
        format!("notification/redkeep-{}", deployment.id)
    );
    let html = told[0]["data"]["defaultValue"].as_str().unwrap();
    assert!(
        html.contains("waits for review")
            && html.contains(&format!("/deployments/{}", deployment.id)),
        "{html}"
    );
    assert_eq!(
        heard(&mut his).await,
        count,
        "he sees the count and not her notice"
    );
}

#[tokio::test]
async fn a_page_loaded_anew_is_told_again_and_a_rejection_is_told_in_plain_text() {
    let house = House::new().await;
    let ann = house.session("ann", Role::Editor).await;
    let mut hers = open(&house, "/comms", &ann, &house.origin).await.unwrap();
    propose(&house, &ann).await;
    let deployment = house
        .store
        .deployments(None, true, 1)
        .await
        .unwrap()
        .remove(0);
    let topic = format!("notification/redkeep-{}", deployment.id);
    while heard(&mut hers).await[0]["topic"] != topic.as_str() {}

    let mut again = open(&house, "/comms", &ann, &house.origin).await.unwrap();
    let asks = r#"{"subscribe":"notification/#"}"#;
    again.send(Message::text(asks)).await.unwrap();
    while heard(&mut again).await[0]["topic"] != topic.as_str() {}

    let reason = "<img src=x onerror=alert(1)> __x__".to_owned();
    let rejected = State::Rejected {
        by: Actor::System,
        at: house.store.clock().now(),
        reason,
    };
    house
        .store
        .step(deployment.id, &deployment.state, rejected, &Actor::System)
        .await
        .unwrap();
    let mut said = Vec::new();
    eventually("she is offered what runs", async || {
        let frame = heard(&mut hers).await;
        said.push(frame.to_string());
        frame[0]["topic"] == "notification/runtime-deploy"
    })
    .await;
    let said = said.join("\n");
    assert!(
        said.contains("was rejected by Redkeep") && !said.contains("<img"),
        "{said}"
    );
    assert!(!said.contains("__x__"), "{said}");
}

async fn propose(house: &House, cookie: &str) {
    let mut flows: Value = serde_json::from_str(FLOWS).unwrap();
    flows
        .as_array_mut()
        .unwrap()
        .push(json!({"id":"n1","type":"comment","z":"t1"}));
    let request = house
        .script("POST", "/flows", cookie)
        .header("content-type", "application/json");
    assert_eq!(house.send(request, flows.to_string()).await.status, 202);
}
