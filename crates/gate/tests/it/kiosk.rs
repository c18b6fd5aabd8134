//! Wall displays at the gate, and tokens that come from elsewhere.

use futures_util::StreamExt as _;
use http::StatusCode;
use model::{
    access::{Role, Scope},
    clock::Clock as _,
    principal::Actor,
};
use store::{NewKiosk, NewToken};
use tokio_tungstenite::tungstenite::Message;

use crate::{
    house::{House, Now, eventually},
    websockets::open,
};

async fn link(house: &House, path: &str) -> (model::id::KioskId, String) {
    let user = house.user("ada", Role::Administrator).await;
    let new = NewKiosk {
        name: "hall".into(),
        instance: house.instance.clone(),
        networks: Vec::new(),
        path: path.into(),
        life_seconds: 86_400,
    };
    let made = house.store.make_kiosk(user, new, &Actor::System).await;
    let (kiosk, secret) = made.expect("a wall display");
    (kiosk.id, format!("/.redkeep/kiosk?code={secret}"))
}

/// Opens it as a browser does; its cookie.
async fn display(house: &House, link: &str) -> String {
    let page = house.request("GET", link).header("accept", "text/html");
    let answer = house.send(page, "").await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    let cookie = answer.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.contains("; Secure; HttpOnly; SameSite=Lax; Path=/; Max-Age="));
    cookie.split(';').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_wall_display_reads_and_changes_nothing_though_an_administrator_made_it() {
    let house = House::new().await;
    let (_, link) = link(&house, "/").await;
    // What only fetches does not use the link up.
    let fetched = house.send(house.request("GET", &link), "").await;
    assert_eq!(fetched.status, StatusCode::BAD_REQUEST);
    let cookie = display(&house, &link).await;
    let again = house.request("GET", &link).header("accept", "text/html");
    let again = house.send(again, "").await;
    assert_eq!(again.status, StatusCode::BAD_REQUEST, "it opens once");
    assert_eq!(house.get("/flows", &cookie).await.status, StatusCode::OK);
    for (method, path) in [
        ("POST", "/flows"),
        ("POST", "/inject/n1"),
        ("POST", "/debug/n1/disable"),
        ("POST", "/nodes"),
        ("DELETE", "/context/global/x"),
        ("GET", "/context/global"),
        ("GET", "/credentials/x/y"),
        ("GET", "/diagnostics"),
    ] {
        let asked = house.script(method, path, &cookie);
        let answer = house.send(asked, "[]").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
    }
}

#[tokio::test]
async fn revoking_a_wall_display_closes_its_sockets_within_a_second() {
    let house = House::new().await;
    let (id, link) = link(&house, "/").await;
    let cookie = display(&house, &link).await;
    let mut comms = open(&house, "/comms", &cookie, &house.origin)
        .await
        .unwrap();
    house.store.revoke_kiosk(id, &Actor::System).await.unwrap();
    let ended = async {
        let mut said = Vec::new();
        while let Some(Ok(message)) = comms.next().await {
            said.push(message);
        }
        said
    };
    let second = std::time::Duration::from_secs(1);
    let said = tokio::time::timeout(second, ended)
        .await
        .expect("it ends within a second");
    assert_eq!(said[0], Message::text(r#"{"auth":"fail"}"#));
    let gone = house.get("/flows", &cookie).await;
    assert_eq!(gone.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_token_is_good_from_its_network_alone_and_a_socket_ends_when_that_moves() {
    let house = House::new().await;
    let set = async |version: i64, block: &str| {
        let text = format!(r#"{{"networks":{{"plc":["{block}"]}}}}"#);
        let rules = serde_json::from_str(&text).unwrap();
        let by = Actor::System;
        let set = house.store.set_access_rules(version, &rules, None, &by);
        set.await.unwrap().version
    };
    let version = set(0, "127.0.0.0/24").await;
    let user = house.user("ann", Role::Editor).await;
    let new = NewToken {
        user,
        label: "plc".into(),
        scopes: vec![Scope::Read],
        expires_at: Now.now().plus_seconds(3600),
        networks: vec!["plc".parse().unwrap()],
    };
    let made = house.store.make_token(new, &Actor::System).await.unwrap();
    let bearer = format!("Bearer {}", made.1);
    let ask = || {
        house
            .request("GET", "/flows")
            .header("authorization", &bearer)
    };
    assert_eq!(house.send(ask(), "").await.status, StatusCode::OK);
    let there = house.send_from([127, 0, 9, 1], ask(), "").await;
    assert_eq!(there.status, StatusCode::UNAUTHORIZED);
    let mut comms = crate::websockets::open_by_token(&house, "/comms", &bearer)
        .await
        .unwrap();
    set(version, "127.0.9.0/24").await;
    eventually("the socket ends", async || {
        matches!(
            comms.next().await,
            None | Some(Err(_) | Ok(Message::Close(_)))
        )
    })
    .await;
}
