//! Every trick with paths and methods: a change never reaches Node-RED.

use http::{Method, StatusCode};
use model::{
    access::Role,
    instance::{AllowedRoute, Policy},
    principal::Actor,
};

use crate::house::House;

#[tokio::test]
async fn no_trick_gets_a_change_past_the_gate() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Administrator).await;
    for path in [
        "/flows/",
        "/Flows",
        "/FLOWS/",
        "/%66lows",
        "/fl%6Fws/",
        "//flows",
        "/./flows",
        "/x/../flows",
        "/flows;x",
        "/flows%2f",
        "/%2fflows",
        "/flows%00",
        "/flow",
        "/FLOW/",
        "/nodes",
        "/Nodes/",
        "/flows/state",
        "/projects",
        "/projects/x",
        "/settings/user/keys",
        "/unknown",
        "/flows%3bx",
        "/flow%2f",
        "/.%2fflows",
        "/%2e/flows",
        "/library/local/flows",
        "/flows?x=/../../red/a.js",
    ] {
        let request = house
            .script("POST", path, &cookie)
            .header("content-type", "application/json");
        let answer = house.send(request, r#"{"flows":"no"}"#).await;
        assert!(
            answer.status.is_client_error(),
            "POST {path} gave {}",
            answer.status
        );
    }
    for (method, path) in [
        ("PUT", "/flow/t1"),
        ("PUT", "/FLOW/global"),
        ("DELETE", "/nodes/x"),
        ("PUT", "/nodes/a/b"),
        ("PATCH", "/flows"),
        ("DELETE", "/settings/user/keys/x"),
        ("PUT", "/projects/x"),
    ] {
        let answer = house.send(house.script(method, path, &cookie), "").await;
        assert!(
            answer.status.is_client_error(),
            "{method} {path} gave {}",
            answer.status
        );
    }
    let through: Vec<_> = house
        .node_red
        .seen()
        .into_iter()
        .map(|seen| seen.path)
        .collect();
    assert!(through.is_empty(), "Node-RED was sent {through:?}");
}

#[tokio::test]
async fn a_method_override_is_a_header_like_no_other() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    let request = house
        .script("GET", "/flows", &cookie)
        .header("x-http-method-override", "POST")
        .header("x-http-method", "POST")
        .header("x_http_method_override", "POST");
    assert_eq!(house.send(request, "").await.status, StatusCode::OK);
    let seen = house.node_red.last();
    assert_eq!(seen.method, Method::GET);
    assert!(
        !seen
            .headers
            .keys()
            .any(|name| name.as_str().contains("method")),
        "{:?}",
        seen.headers
    );
}

#[tokio::test]
async fn absolute_form_is_classified_and_other_hosts_are_refused() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    let host = &house.origin["https://".len()..];
    let ask = |target: String, host: &str| {
        format!(
            "POST {target} HTTP/1.1\r\nHost: {host}\r\nCookie: {cookie}\r\nOrigin: {}\r\nContent-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}",
            house.origin
        )
    };
    let answer = house
        .raw(ask(format!("{}/flows", house.origin), host).as_bytes())
        .await;
    assert!(
        answer.starts_with("HTTP/1.1 400"),
        "intercepted, and no flows: {answer}"
    );
    let answer = house
        .raw(ask("https://evil.example/flows".into(), host).as_bytes())
        .await;
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    let answer = house
        .raw(ask("/flows".into(), "evil.example").as_bytes())
        .await;
    assert!(answer.starts_with("HTTP/1.1 421"), "{answer}");
    assert!(house.node_red.seen().is_empty());
}

#[tokio::test]
async fn an_unknown_route_is_refused_noted_and_can_be_allowed() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    assert_eq!(
        house.get("/my-node/list", &cookie).await.status,
        StatusCode::OK
    );
    let post = async || {
        house
            .send(house.script("POST", "/My-Node/run/", &cookie), "")
            .await
    };
    let answer = post().await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert_eq!(answer.json()["code"], "route_not_allowed");
    let refused = house.store.refused_routes(&house.instance).await.unwrap();
    assert_eq!(
        refused[0].route,
        AllowedRoute {
            method: "POST".into(),
            path: "/my-node/run".into()
        }
    );
    let policy = Policy {
        allowed_routes: vec![refused[0].route.clone()],
        ..Policy::default()
    };
    house
        .store
        .set_policy(&house.instance, &policy, &Actor::System)
        .await
        .unwrap();
    crate::house::eventually("the route is allowed", async || {
        post().await.status == StatusCode::OK
    })
    .await;
    let viewer = house.session("vic", Role::Viewer).await;
    let answer = house
        .send(house.script("POST", "/my-node/run", &viewer), "")
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn effects_are_what_was_approved_and_are_recorded() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    let post = async |path: &str, body: &'static str| {
        let request = house
            .script("POST", path, &cookie)
            .header("content-type", "application/json");
        house.send(request, body).await.status
    };
    assert_eq!(post("/inject/i1", "{}").await, StatusCode::OK);
    assert_eq!(house.node_red.last().body, "{}");
    assert_eq!(post("/inject/d1", "{}").await, StatusCode::NOT_FOUND);
    let env = r#"{"__user_inject_props__":[{"p":"x","v":"HOME","vt":"env"}]}"#;
    assert_eq!(post("/inject/i1", env).await, StatusCode::FORBIDDEN);
    assert_eq!(post("/debug/d1/disable", "").await, StatusCode::OK);
    assert_eq!(post("/debug/i1/disable", "").await, StatusCode::FORBIDDEN);
    assert_eq!(house.node_red.seen().len(), 2);
    let filter = store::AuditFilter {
        kind: Some(model::audit::EventKind::Triggered),
        ..store::AuditFilter::default()
    };
    let rows = house.store.audit(&filter).await.unwrap();
    assert_eq!(rows[1].event.subject, "POST /inject/i1");
    let viewer = house.session("vic", Role::Viewer).await;
    let answer = house
        .send(house.script("POST", "/inject/i1", &viewer), "")
        .await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn telemetry_stays_off() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    let request = house
        .script("POST", "/settings/user", &cookie)
        .header("content-type", "application/json");
    house
        .send(request, r#"{"telemetryEnabled":true,"editor":{}}"#)
        .await;
    assert_eq!(house.node_red.last().body, r#"{"editor":{}}"#);
}
