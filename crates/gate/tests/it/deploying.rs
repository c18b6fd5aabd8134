//! Deploys end in the queue, whatever client sends them.

use http::StatusCode;
use model::{
    access::{Role, Scope},
    deployment::Origin,
};
use serde_json::{Value, json};

use crate::house::{Answer, FLOWS, House};

/// Headers, body, and what comes of it.
type Case<'a> = (&'a [(&'a str, &'a str)], &'static str, StatusCode);

async fn deploy(house: &House, cookie: &str, kind: &str, body: String) -> Answer {
    let request = house
        .script("POST", "/flows", cookie)
        .header("content-type", "application/json; charset=UTF-8")
        .header("node-red-api-version", "v2")
        .header("node-red-deployment-type", kind);
    house.send(request, body).await
}

fn more() -> Value {
    let mut flows: Value = serde_json::from_str(FLOWS).unwrap();
    flows
        .as_array_mut()
        .unwrap()
        .push(json!({"id":"n1","type":"comment","z":"t1","x":1,"y":9,"wires":[]}));
    flows
}

#[tokio::test]
async fn the_editors_deploy_is_queued() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    for (number, kind) in ["full", "flows", "nodes"].into_iter().enumerate() {
        let answer = deploy(&house, &cookie, kind, json!({"flows": more()}).to_string()).await;
        assert_eq!(
            answer.status,
            StatusCode::ACCEPTED,
            "{kind}: {}",
            answer.text()
        );
        assert_eq!(answer.json()["rev"].as_str().unwrap().len(), 64);
        let location = answer.headers["location"].to_str().unwrap().to_owned();
        let queued = house.store.deployments(None, false, 10).await.unwrap();
        assert!(
            location.ends_with(&format!("/deployments/{}", queued[0].id)),
            "{number} {location}"
        );
        assert_eq!(queued[0].origin, Origin::Editor);
    }
    assert!(house.node_red.seen().is_empty(), "Node-RED was asked");
}

#[tokio::test]
async fn nothing_new_is_nothing_queued() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    let answer = deploy(&house, &cookie, "full", format!("{{\"flows\":{FLOWS}}}")).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
    assert!(
        house
            .store
            .deployments(None, false, 10)
            .await
            .unwrap()
            .is_empty()
    );
    let answer = deploy(&house, &cookie, "reload", String::new()).await;
    assert_eq!((answer.status, house.reloads()), (StatusCode::OK, 1));
}

#[tokio::test]
async fn other_readings_of_a_deploy_are_refused() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    let ask = |pairs: &[(&str, &str)]| {
        let mut request = house.script("POST", "/flows", &cookie);
        for (name, value) in pairs {
            request = request.header(*name, *value);
        }
        request
    };
    let json_type = ("content-type", "application/json");
    let cases: [Case<'_>; 8] = [
        (
            &[("content-type", "application/x-www-form-urlencoded")],
            "a=b",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            &[("content-type", "text/plain")],
            "[]",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (&[], "[]", StatusCode::UNSUPPORTED_MEDIA_TYPE),
        (
            &[json_type, ("content-encoding", "gzip")],
            "[]",
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
        ),
        (
            &[json_type, ("node-red-deployment-type", "load")],
            "[]",
            StatusCode::BAD_REQUEST,
        ),
        (
            &[json_type, ("node-red-api-version", "v3")],
            "[]",
            StatusCode::BAD_REQUEST,
        ),
        (
            &[json_type, ("node-red-api-version", "v2")],
            r#"{"flows":[],"credentials":{"$":"x"}}"#,
            StatusCode::BAD_REQUEST,
        ),
        (
            &[json_type, ("node-red-api-version", "v2")],
            r#"{"flows":[],"rev":"0000"}"#,
            StatusCode::CONFLICT,
        ),
    ];
    for (headers, body, expected) in cases {
        let answer = house.send(ask(headers), body).await;
        assert_eq!(answer.status, expected, "{headers:?}: {}", answer.text());
        assert!(answer.json()["message"].is_string());
    }
    assert!(
        house
            .store
            .deployments(None, false, 10)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(house.node_red.seen().is_empty());
}

#[tokio::test]
async fn too_large_is_said_before_it_is_read() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    let request = house
        .script("POST", "/flows", &cookie)
        .header("content-type", "application/json");
    let answer = house.send(request, vec![b' '; (5 << 20) + 1]).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn command_line_clients_are_told_where_it_waits() {
    let house = House::new().await;
    let token = house.token("bot", Role::Editor, Scope::Propose).await;
    let ask = |method: &str, path: &str| {
        house
            .request(method, path)
            .header("authorization", &token)
            .header("content-type", "application/json")
    };
    let answer = house.send(ask("POST", "/flows"), more().to_string()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED);
    let told = answer.json();
    assert_eq!(told["redkeep"]["state"], "pending");
    assert!(
        told["redkeep"]["review"]
            .as_str()
            .unwrap()
            .starts_with("https://keep.localhost:9443/deployments/")
    );
    assert_eq!(
        house.store.deployments(None, true, 10).await.unwrap()[0].origin,
        Origin::Api
    );

    let flow = json!({"label":"New","nodes":[{"id":"q1","type":"comment","x":1,"y":1,"wires":[]}]});
    let answer = house.send(ask("POST", "/flow"), flow.to_string()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    assert_eq!(answer.json()["id"].as_str().unwrap().len(), 16);
    let answer = house.send(ask("PUT", "/flow/t1"), flow.to_string()).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    let answer = house.send(ask("DELETE", "/flow/t1"), "").await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{}", answer.text());
    assert_eq!(
        house.send(ask("DELETE", "/flow/nope"), "").await.status,
        StatusCode::NOT_FOUND
    );
    let answer = house
        .send(ask("PUT", "/nodes/node-red-node-x"), r#"{"enabled":false}"#)
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(house.node_red.seen().is_empty());
}

#[tokio::test]
async fn who_may_not_propose_does_not() {
    let house = House::new().await;
    let viewer = house.session("vic", Role::Viewer).await;
    let answer = deploy(
        &house,
        &viewer,
        "full",
        json!({"flows": more()}).to_string(),
    )
    .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    let token = house.token("bot", Role::Editor, Scope::Read).await;
    let request = house
        .request("POST", "/flows")
        .header("authorization", &token)
        .header("content-type", "application/json");
    assert_eq!(
        house.send(request, more().to_string()).await.status,
        StatusCode::FORBIDDEN
    );
    assert!(
        house
            .store
            .deployments(None, false, 10)
            .await
            .unwrap()
            .is_empty()
    );
}
