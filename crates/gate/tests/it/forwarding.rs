//! What passes, and with which headers.

use http::StatusCode;
use model::access::Role;

use crate::house::{House, read};

#[tokio::test]
async fn the_editor_passes_with_identity_and_policy() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    let request = house
        .script("GET", "/", &format!("{cookie}; other=1"))
        .header("x-gate-identity", "forged")
        .header("x_gate_identity", "forged")
        .header("x-forwarded-for", "10.0.0.1")
        .header("authorization", "Basic eDp5");
    let answer = house.send(request, "").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert!(
        answer.headers["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("default-src 'self'")
    );
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert!(!answer.headers.contains_key("access-control-allow-origin"));
    assert!(!answer.headers.contains_key("x-powered-by"));
    let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["own=1"], "ours cannot be set by Node-RED");

    let seen = house.node_red.last();
    let identity = seen.headers["x-gate-identity"].to_str().unwrap();
    assert!(
        identity.starts_with("ann:*.read,") && !identity.contains("flows.write"),
        "{identity}"
    );
    assert_eq!(seen.headers.get_all("x-gate-identity").iter().count(), 1);
    assert!(!seen.headers.contains_key("x_gate_identity"));
    assert!(!seen.headers.contains_key("authorization"));
    assert_eq!(seen.headers["x-forwarded-for"], "127.0.0.1");
    assert_eq!(seen.headers["cookie"], "other=1");
}

#[tokio::test]
async fn viewers_read_no_secrets() {
    let house = House::new().await;
    let cookie = house.session("vic", Role::Viewer).await;
    assert_eq!(house.get("/flows", &cookie).await.status, StatusCode::OK);
    let identity = house.node_red.last().headers["x-gate-identity"]
        .to_str()
        .unwrap()
        .to_owned();
    assert!(
        !identity.contains("*.read") && !identity.contains("credentials"),
        "{identity}"
    );
    let before = house.node_red.seen().len();
    for path in [
        "/context/global",
        "/context/flow/x/y",
        "/credentials/mqtt-broker/x",
        "/diagnostics",
    ] {
        assert_eq!(
            house.get(path, &cookie).await.status,
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    assert_eq!(
        house.node_red.seen().len(),
        before,
        "nothing of it reached Node-RED"
    );
    let settings = house.get("/settings", &cookie).await.json();
    assert_eq!(settings["user"]["permissions"], "*.read");
}

#[tokio::test]
async fn the_editor_is_told_what_is_true() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    let settings = house.get("/settings", &cookie).await.json();
    assert_eq!(settings["user"]["permissions"], "*");
    assert_eq!(settings["editorTheme"]["deployButton"]["label"], "Propose");
    let texts = house.get("/locales/editor?lng=de", &cookie).await.json();
    let said = texts["deploy"]["successfulDeploy"].as_str().unwrap();
    assert!(said.contains("Submitted for review"), "{said}");
    let plugins = house.get("/plugins", &cookie).await.text();
    assert!(plugins.starts_with("<!-- plugins -->") && plugins.contains("redkeep/gate"));
    let tls = house.get("/credentials/tls-config/x", &cookie).await.text();
    assert!(!tls.contains("PRIVATE"), "{tls}");
}

#[tokio::test]
async fn files_of_the_editor_are_compressed_and_kept() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    let request = house
        .script("GET", "/red/big.js?v=0123456789abcdef", &cookie)
        .header("accept-encoding", "gzip, br");
    let answer = house.send(request, "").await;
    assert_eq!(answer.headers["content-encoding"], "br");
    assert!(
        answer.headers["cache-control"]
            .to_str()
            .unwrap()
            .contains("immutable")
    );
    assert!(answer.body.len() < 10_000, "{} bytes", answer.body.len());
    let plain = house.get("/red/big.js", &cookie).await;
    assert_eq!(plain.body.len(), "var a = 1;\n".len() * 10_000);
    assert!(!plain.headers.contains_key("content-encoding"));
}

#[tokio::test]
async fn what_is_the_same_for_everybody_is_compressed_and_flows_are_not() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    for (path, coding) in [
        ("/nodes", Some("br")),
        ("/plugins/messages", Some("br")),
        ("/flow/big", None),
    ] {
        let request = house
            .script("GET", path, &cookie)
            .header("accept-encoding", "gzip, br");
        let answer = house.send(request, "").await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        let named = answer.headers.get("content-encoding");
        assert_eq!(named.map(|it| it.to_str().unwrap()), coding, "{path}");
    }
}

#[tokio::test]
async fn endpoints_are_not_told_who_asks() {
    let house = House::new().await;
    let cookie = house.session("vic", Role::Viewer).await;
    let answer = house
        .send(house.script("POST", "/api/pump/7", &cookie), "on")
        .await;
    assert_eq!(answer.status, StatusCode::OK);
    let seen = house.node_red.last();
    assert_eq!(
        (seen.path.as_str(), seen.body.as_str()),
        ("/api/pump/7", "on")
    );
    assert!(!seen.headers.contains_key("x-gate-identity"));
}

#[tokio::test]
async fn a_public_path_needs_no_login_and_no_more_than_it() {
    let house = House::new().await;
    let post = async |path: &str| house.send(house.request("POST", path), "x").await.status;
    assert_eq!(post("/open/door").await, StatusCode::UNAUTHORIZED);
    let policy = model::instance::Policy {
        public_paths: vec!["/open".into()],
        ..model::instance::Policy::default()
    };
    let system = model::principal::Actor::System;
    house
        .store
        .set_policy(&house.instance, &policy, &system)
        .await
        .unwrap();
    crate::house::eventually("the path is public", async || {
        post("/open/door").await == StatusCode::OK
    })
    .await;
    assert_eq!(post("/api/pump/7").await, StatusCode::UNAUTHORIZED);
    assert_eq!(post("/open/window").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn node_red_being_away_is_said() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    house.stop_node_red();
    let answer = house.get("/flows", &cookie).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.json()["code"], "starting");
    let page = house
        .request("GET", "/")
        .header("cookie", &cookie)
        .header("accept", "text/html");
    let answer = house.send(page, "").await;
    assert!(answer.text().contains("<h1>Node-RED is not there yet</h1>"));
}

#[tokio::test]
async fn http2_passes_too() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    let mut sender = house.http2().await;
    let request = http::Request::builder()
        .uri(format!("{}/flows", house.origin))
        .header("cookie", &cookie)
        .body(http_body_util::Full::default())
        .unwrap();
    let answer = read(sender.send_request(request).await.unwrap()).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(house.node_red.last().path, "/flows");
}

#[tokio::test]
async fn what_the_gate_changes_is_not_sent_twice() {
    let house = House::new().await;
    let ann = house.session("ann", Role::Editor).await;
    for path in ["/settings", "/locales/editor?lng=de", "/plugins"] {
        let first = house.get(path, &ann).await;
        assert_eq!(first.status, 200, "{path}");
        let tag = first.headers["etag"].clone();
        assert_eq!(
            first.headers["cache-control"], "private, no-cache",
            "{path}"
        );
        let again = house
            .script("GET", path, &ann)
            .header("if-none-match", &tag);
        let again = house.send(again, "").await;
        assert_eq!(
            (again.status.as_u16(), again.body.len()),
            (304, 0),
            "{path}"
        );
        assert_eq!(again.headers["etag"], tag, "{path}");
        let other = house
            .script("GET", path, &ann)
            .header("if-none-match", "\"x\"");
        assert_eq!(house.send(other, "").await.body, first.body, "{path}");
    }
    // Another person is shown other settings, so ann's tag is not theirs.
    let viewer = house.session("vic", Role::Viewer).await;
    let tag = house.get("/settings", &ann).await.headers["etag"].clone();
    let asked = house
        .script("GET", "/settings", &viewer)
        .header("if-none-match", &tag);
    assert_eq!(house.send(asked, "").await.status, 200);
    // Which secrets there are is kept nowhere.
    let secret = house.get("/credentials/tls-config/a", &ann).await;
    assert_eq!(secret.headers["cache-control"], "no-store");
    assert!(!secret.headers.contains_key("etag"));
}
