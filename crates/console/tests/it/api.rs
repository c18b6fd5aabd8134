//! The API: who may, what it answers, and that its description is whole.

use std::collections::BTreeSet;

use axum::{Router, http::Method};
use model::{
    access::{Role, Scope},
    deployment::State,
};
use serde_json::{Value, json};
use store::NewToken;

use crate::{
    house::ORIGIN,
    http::{Answer, Ask, Console},
};

const FLOWS: &str = r#"[{"id":"t","type":"tab","label":"Tab"},{"id":"a","type":"inject","z":"t","name":"go","x":100,"y":80,"wires":[[]]}]"#;

async fn token(console: &Console, name: &str, scopes: &[Scope]) -> String {
    let caller = console.house.caller(name).await;
    let new = NewToken {
        user: caller.principal.user,
        label: "test".to_owned(),
        scopes: scopes.to_vec(),
        expires_at: console.house.store.clock().now().plus_seconds(3_600),
        networks: Vec::new(),
    };
    console
        .house
        .store
        .make_token(new, &caller.actor())
        .await
        .unwrap()
        .1
}

fn path(route: &str) -> String {
    let id = if route.starts_with("/instances") {
        "main"
    } else {
        "1"
    };
    format!("/api/v1{}", route.replace("{id}", id))
}

fn method(word: &str) -> Method {
    Method::from_bytes(word.to_uppercase().as_bytes()).unwrap()
}

async fn ask(router: &Router, word: &str, route: &str, body: &Value) -> Answer {
    Ask::new(method(word), &path(route))
        .json(body)
        .send(router)
        .await
}

#[test]
fn every_route_is_described_and_every_description_is_a_route() {
    let described: Value = serde_json::from_str(console::openapi()).unwrap();
    assert_eq!(described["openapi"], "3.1.0");
    let mut there = BTreeSet::new();
    for (path, operations) in described["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(operation["operationId"].is_string(), "{method} {path}");
            assert!(
                operation["responses"]["default"].is_object(),
                "{method} {path}"
            );
            there.insert((method.clone(), path.clone()));
        }
    }
    let routes: BTreeSet<_> = console::API_ROUTES
        .iter()
        .map(|(method, path)| ((*method).to_owned(), (*path).to_owned()))
        .collect();
    assert_eq!(routes, there);
    let text = console::openapi();
    for reference in text.split("\"$ref\": \"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(
            described.pointer(pointer).is_some(),
            "{pointer} leads nowhere"
        );
    }
}

#[tokio::test]
async fn nobody_gets_an_answer_without_saying_who() {
    let console = Console::new().await;
    for (word, route) in console::API_ROUTES {
        let ask = Ask::new(method(word), &path(route)).json(&json!({}));
        let ask = ask.bearer("rk_not-a-token");
        let answer = ask.send(&console.router).await;
        if *route == "/openapi.json" {
            answer.expect(200);
        } else {
            let answer = answer.expect(401);
            assert_eq!(
                answer.json()["error"]["code"],
                "unauthenticated",
                "{word} {route}"
            );
            assert_eq!(answer.header("www-authenticate"), "Bearer");
        }
    }
}

#[tokio::test]
async fn a_token_does_what_its_scopes_say_and_no_more() {
    let console = Console::new().await;
    console.house.user("ada", Role::Administrator).await;
    console.house.propose("ada", FLOWS).await;
    let table: [(&str, &str, &[Scope]); 8] = [
        (
            "get",
            "/deployments",
            &[Scope::Read, Scope::Propose, Scope::Review, Scope::Audit],
        ),
        (
            "get",
            "/status",
            &[Scope::Read, Scope::Propose, Scope::Review],
        ),
        ("get", "/instances/{id}/logs", &[Scope::Read]),
        ("get", "/audit", &[Scope::Audit]),
        ("get", "/users", &[]),
        ("get", "/tokens", &[]),
        ("get", "/sessions", &[]),
        ("get", "/instances/{id}/refused-routes", &[]),
    ];
    for scope in Scope::ALL {
        let secret = token(&console, "ada", &[scope]).await;
        for (word, route, allowed) in table {
            let ask = Ask::new(method(word), &path(route)).bearer(&secret);
            let status = ask.send(&console.router).await.status.as_u16();
            let expected = scope == Scope::Admin || allowed.contains(&scope);
            assert_eq!(
                status,
                if expected { 200 } else { 403 },
                "{scope} {word} {route}"
            );
        }
    }
}

#[tokio::test]
async fn a_read_token_changes_nothing() {
    let console = Console::new().await;
    console.house.user("ada", Role::Administrator).await;
    console.house.propose("ada", FLOWS).await;
    let secret = token(&console, "ada", &[Scope::Read]).await;
    let before = console
        .house
        .store
        .audit(&store::AuditFilter::default())
        .await
        .unwrap()
        .len();
    for (word, route) in console::API_ROUTES
        .iter()
        .filter(|(word, _)| *word != "get")
    {
        let ask = Ask::new(method(word), &path(route))
            .bearer(&secret)
            .json(&json!({}));
        let status = ask.send(&console.router).await.status.as_u16();
        assert!(matches!(status, 400..=422), "{word} {route}: {status}");
    }
    let state = console
        .house
        .store
        .deployment(model::id::DeploymentId(1))
        .await
        .unwrap()
        .state;
    assert_eq!(state, State::Pending);
    let after = console
        .house
        .store
        .audit(&store::AuditFilter::default())
        .await
        .unwrap()
        .len();
    assert_eq!(before, after, "nothing was done");
}

#[tokio::test]
async fn a_cookie_needs_our_origin_too() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    let body = json!({ "role": "viewer" });
    let post = || {
        Ask::new(Method::POST, "/api/v1/enrolments")
            .session(&ada)
            .json(&body)
    };
    post().send(&console.router).await.expect(403);
    post()
        .with("origin", "https://evil.example")
        .send(&console.router)
        .await
        .expect(403);
    let made = post()
        .with("origin", ORIGIN)
        .send(&console.router)
        .await
        .expect(200);
    assert!(
        made.json()["url"]
            .as_str()
            .unwrap()
            .contains("/enrol?token=")
    );
}

/// Of the one deployment there is.
async fn pictures(control: &Router) {
    let picture = ask(control, "get", "/deployments/{id}/picture.svg", &json!({})).await;
    let picture = picture.expect(200);
    assert_eq!(picture.header("content-type"), "image/svg+xml");
    assert!(picture.text.starts_with("<svg"), "{}", picture.text);
    let path = "/deployments/{id}/picture.png?scale=0.5&scheme=dark";
    let picture = ask(control, "get", path, &json!({})).await.expect(200);
    assert_eq!(picture.header("content-type"), "image/png");
    assert!(picture.text.contains("PNG\r\n"), "{:.20}", picture.text);
    for wrong in ["scale=9", "scale=NaN", "width=0", "scheme=blue"] {
        let path = format!("/deployments/{{id}}/picture.png?{wrong}");
        ask(control, "get", &path, &json!({})).await.expect(422);
    }
    let path = "/deployments/{id}/picture.png?tab=nowhere";
    ask(control, "get", path, &json!({})).await.expect(404);
}

#[tokio::test]
async fn the_control_socket_runs_a_deployment_through() {
    let console = Console::new().await;
    let control = console::control_router(console.house.context());
    let flows: Value = serde_json::from_str(FLOWS).unwrap();
    let body = json!({ "instance": "main", "flows": flows, "deployment_type": "nodes" });
    let queued = ask(&control, "post", "/deployments", &body)
        .await
        .expect(202)
        .json();
    assert_eq!(queued["result"], "queued");
    assert_eq!(queued["deployment"]["state"], "pending");
    let found = ask(&control, "get", "/deployments/{id}", &json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(found["undecided"], 2);
    assert_eq!(found["diff"]["changes"].as_array().unwrap().len(), 2);
    assert!(found["steps"].is_array() && found["rehearsal"].is_null());
    let route = "/deployments/{id}?changes=false";
    let brief = ask(&control, "get", route, &json!({})).await.expect(200);
    let brief = brief.json();
    assert_eq!(brief["hash"], found["hash"]);
    assert!(brief["diff"].is_null(), "{brief}");
    let shown = found["hash"].clone();
    let undecided = json!({ "shown": shown });
    let early = ask(&control, "post", "/deployments/{id}/apply", &undecided)
        .await
        .expect(409);
    assert_eq!(early.json()["error"]["code"], "undecided");
    let wrong = json!({ "shown": "0".repeat(64), "choices": "all-approve" });
    ask(&control, "post", "/deployments/{id}/decisions", &wrong)
        .await
        .expect(409);
    let all = json!({ "shown": shown, "choices": "all-approve" });
    ask(&control, "post", "/deployments/{id}/decisions", &all)
        .await
        .expect(200);
    let done = ask(&control, "post", "/deployments/{id}/apply", &undecided)
        .await
        .expect(200);
    assert_eq!(done.json()["state"], "applied");
    let list = ask(&control, "get", "/deployments", &json!({}))
        .await
        .expect(200)
        .json();
    assert!(list["deployments"][0]["summary"].is_string(), "{list}");
    pictures(&control).await;
    let whole = ask(&control, "get", "/audit/verify", &json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(whole["is_whole"], true);
    let record = ask(&control, "get", "/audit?kind=decided", &json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(
        record["entries"][0]["actor_label"], "local-administrator",
        "{record}"
    );
}

#[tokio::test]
async fn the_control_router_has_no_pages() {
    let console = Console::new().await;
    let control = console::control_router(console.house.context());
    Ask::get("/").send(&control).await.expect(404);
    Ask::get("/sign-in").send(&control).await.expect(404);
}

#[tokio::test]
async fn the_console_is_not_the_control_socket() {
    let console = Console::new().await;
    for name in ["x-control-socket", "x-forwarded-for", "forwarded"] {
        let ask = Ask::get("/api/v1/users").with(name, "127.0.0.1");
        ask.send(&console.router).await.expect(401);
    }
}

#[tokio::test]
async fn users_are_added_with_and_without_a_second_factor() {
    let console = Console::new().await;
    let control = console::control_router(console.house.context());
    let add = |name: &str, password: &str, second_factor: bool| {
        let role = "editor";
        json!({ "name": name, "role": role, "password": password, "second_factor": second_factor })
    };
    let password = "seven green bottles";
    let made = ask(&control, "post", "/users", &add("ann", password, false))
        .await
        .expect(201);
    assert_eq!(made.json()["user"]["name"], "ann");
    assert!(!made.text.contains(password));
    let made = ask(&control, "post", "/users", &add("ben", password, true))
        .await
        .expect(201)
        .json();
    assert!(
        made["second_factor"]["uri"]
            .as_str()
            .unwrap()
            .starts_with("otpauth://totp/")
    );
    assert_eq!(made["recovery_codes"].as_array().unwrap().len(), 10);
    ask(&control, "post", "/users", &add("ann", password, false))
        .await
        .expect(409);
    let weak = ask(&control, "post", "/users", &add("cat", "short", false))
        .await
        .expect(422);
    assert!(!weak.text.contains("\"short\""), "{}", weak.text);
    let body = json!({ "user": "ann", "scopes": ["read"], "label": "l", "days": 10 });
    let made = ask(&control, "post", "/tokens", &body)
        .await
        .expect(201)
        .json();
    let secret = made["secret"].as_str().unwrap();
    Ask::get("/api/v1/deployments")
        .bearer(secret)
        .send(&console.router)
        .await
        .expect(200);
    ask(&control, "delete", "/tokens/{id}", &json!({}))
        .await
        .expect(204);
    Ask::get("/api/v1/deployments")
        .bearer(secret)
        .send(&console.router)
        .await
        .expect(401);
    let too_long = json!({ "user": "ann", "scopes": ["read"], "label": "l", "days": 400 });
    ask(&control, "post", "/tokens", &too_long)
        .await
        .expect(422);
}

#[tokio::test]
async fn a_policy_is_checked_before_it_is_kept() {
    let console = Console::new().await;
    let control = console::control_router(console.house.context());
    let set = |body: Value| {
        let control = control.clone();
        async move { ask(&control, "put", "/instances/{id}/policy", &body).await }
    };
    set(json!({ "own_changes": "four-eyes", "network": { "ports": [1883] } }))
        .await
        .expect(200);
    for bad in [
        json!({ "own_changes": "none" }),
        json!({ "unknown": 1 }),
        json!({ "commands": ["ping"] }),
        json!({ "public_paths": ["/a/../admin"] }),
    ] {
        let answer = set(bad.clone()).await;
        assert_eq!(answer.status, 422, "{bad}");
        assert!(answer.json()["error"]["message"].is_string());
    }
    let route = json!({ "method": "POST", "path": "/serialports" });
    ask(&control, "post", "/instances/{id}/allowed-routes", &route)
        .await
        .expect(200);
    let found = ask(&control, "get", "/instances/{id}", &json!({}))
        .await
        .expect(200)
        .json();
    assert_eq!(found["policy"]["own_changes"], "four-eyes");
    assert_eq!(found["policy"]["allowed_routes"][0]["path"], "/serialports");
}
