//! Who may come from where: what the rules let in, what they do not, and when.

use futures_util::{SinkExt as _, StreamExt as _};
use http::StatusCode;
use model::{
    access::{Role, Scope},
    principal::Actor,
    rules::{AccessRules, By, Outcome, Question, Visitor},
};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;
use tokio_tungstenite::{
    WebSocketStream, client_async,
    tungstenite::{Error, Message, client::IntoClientRequest as _},
};

use crate::house::{Answer, House, eventually};

const HOME: [u8; 4] = [127, 0, 0, 1];
const AWAY: [u8; 4] = [127, 0, 0, 2];

impl House {
    async fn rule(&self, text: &str) {
        self.rule_for(text, None).await;
    }

    async fn rule_for(&self, text: &str, trial: Option<i64>) {
        let rules: AccessRules = serde_json::from_str(text).expect("rules");
        let version = self.store.access_rules().await.unwrap().version;
        self.store
            .set_access_rules(version, &rules, trial, &Actor::System)
            .await
            .expect("rules that can be kept");
    }

    async fn get_from(&self, from: [u8; 4], path: &str, cookie: &str) -> Answer {
        self.send_from(from, self.script("GET", path, cookie), "")
            .await
    }

    async fn socket_from(
        &self,
        from: [u8; 4],
        path: &str,
        cookie: &str,
    ) -> Result<WebSocketStream<TlsStream<TcpStream>>, Error> {
        let address = format!("{}{path}", self.origin.replace("https", "wss"));
        let mut request = address.into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("cookie", cookie.parse().unwrap());
        headers.insert("origin", self.origin.parse().unwrap());
        let stream = self.connect_from(from, b"http/1.1").await;
        let (socket, _) = client_async(request, stream).await?;
        Ok(socket)
    }
}

#[tokio::test]
async fn an_address_is_the_peers_and_nothing_a_client_says() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Administrator).await;
    house
        .rule(r#"{"rules": [{"from": ["127.0.0.1"], "who": "login"}, {"who": "nobody"}]}"#)
        .await;
    assert_eq!(house.get("/flows", &cookie).await.status, StatusCode::OK);
    let seen = house.node_red.seen().len();
    for path in [
        "/",
        "/flows",
        "/red/x.js",
        "/auth/login",
        "/.redkeep/enter?code=x&state=y",
    ] {
        let answer = house.get_from(AWAY, path, &cookie).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{path}");
        assert!(
            answer.text().contains("ule 2 does not let you in"),
            "{path}: {}",
            answer.text()
        );
    }
    for (name, value) in [
        ("x-forwarded-for", "127.0.0.1"),
        ("x_forwarded_for", "127.0.0.1"),
        ("forwarded", "for=127.0.0.1"),
        ("x-real-ip", "127.0.0.1"),
        ("true-client-ip", "127.0.0.1"),
        ("x-client-ip", "127.0.0.1"),
        ("via", "1.1 127.0.0.1"),
    ] {
        let request = house.script("GET", "/flows", &cookie).header(name, value);
        let answer = house.send_from(AWAY, request, "").await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{name}");
    }
    let socket = house.socket_from(AWAY, "/ws/live", &cookie).await;
    assert!(matches!(socket, Err(Error::Http(answer)) if answer.status() == StatusCode::FORBIDDEN));
    assert_eq!(
        house.node_red.seen().len(),
        seen,
        "nothing of it reached Node-RED"
    );
}

#[tokio::test]
async fn a_path_that_is_shut_has_no_twin() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Editor).await;
    house
        .rule(r#"{"rules": [{"paths": ["/api/pump"], "who": "nobody"}]}"#)
        .await;
    for (path, status) in [
        ("/api/pump/3", StatusCode::FORBIDDEN),
        ("/API/Pump/3", StatusCode::FORBIDDEN),
        ("/%61pi/p%75mp/3", StatusCode::FORBIDDEN),
        ("/api/pump/3/", StatusCode::FORBIDDEN),
        ("/api/pump/3?x=/../", StatusCode::FORBIDDEN),
        ("/api/./pump/3", StatusCode::BAD_REQUEST),
        ("/api//pump/3", StatusCode::BAD_REQUEST),
        ("/api%2fpump/3", StatusCode::BAD_REQUEST),
        ("/open/%2e%2e/api/pump/3", StatusCode::BAD_REQUEST),
        ("/open/../api/pump/3", StatusCode::BAD_REQUEST),
        ("/api;x/pump/3", StatusCode::BAD_REQUEST),
        ("/%2561pi/pump/3", StatusCode::BAD_REQUEST),
    ] {
        for override_ in ["", "GET"] {
            let mut request = house.script("POST", path, &cookie);
            if !override_.is_empty() {
                request = request.header("x-http-method-override", override_);
            }
            let answer = house.send(request, "{}").await;
            assert_eq!(answer.status, status, "{path}");
        }
    }
    assert!(house.node_red.seen().is_empty());
    let open = house.send(house.script("POST", "/open/door", &cookie), "{}");
    assert_eq!(open.await.status, StatusCode::OK);
}

#[tokio::test]
async fn public_opens_what_flows_offer_and_nothing_else() {
    let house = House::new().await;
    house
        .rule(
            r#"{"rules": [{"areas": ["endpoints", "dashboard-1", "dashboard-2"], "paths": ["/"],
                "who": "public"}]}"#,
        )
        .await;
    let plain = |method: &str, path: &str| house.request(method, path);
    let open = house.send(plain("POST", "/open/door"), "{}").await;
    assert_eq!(open.status, StatusCode::OK);
    let seen = house.node_red.seen().len();
    for (method, path) in [
        ("GET", "/flows"),
        ("POST", "/flows"),
        ("PUT", "/flow/t1"),
        ("DELETE", "/nodes/x"),
        ("POST", "/inject/i1"),
        ("GET", "/settings"),
        ("GET", "/credentials/mqtt/b1"),
        ("POST", "/some-node/command"),
        ("GET", "/red/red.js"),
        ("GET", "/comms"),
    ] {
        let answer = house.send(plain(method, path), "{}").await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{method} {path}");
    }
    assert_eq!(house.node_red.seen().len(), seen);
}

#[tokio::test]
async fn roles_and_tokens_are_asked_for_where_a_rule_says_so() {
    let house = House::new().await;
    house
        .rule(
            r#"{"rules": [{"areas": ["endpoints"], "paths": ["/api"], "who": "token"},
                {"areas": ["editor"], "who": {"roles": ["administrator"]}}]}"#,
        )
        .await;
    let editor = house.session("ann", Role::Editor).await;
    let admin = house.session("root", Role::Administrator).await;
    let token = house.token("machine", Role::Viewer, Scope::Read).await;
    assert_eq!(house.get("/", &editor).await.status, StatusCode::FORBIDDEN);
    assert_eq!(house.get("/", &admin).await.status, StatusCode::OK);
    assert_eq!(house.get("/flows", &editor).await.status, StatusCode::OK);
    let call = house.send(house.script("POST", "/api/pump/1", &admin), "{}");
    assert_eq!(
        call.await.status,
        StatusCode::FORBIDDEN,
        "a session is no token"
    );
    let by_token = house
        .request("POST", "/api/pump/1")
        .header("authorization", &token);
    assert_eq!(house.send(by_token, "{}").await.status, StatusCode::OK);
    let nobody = house.send(house.request("POST", "/api/pump/1"), "{}").await;
    assert_eq!(nobody.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn a_new_rule_closes_the_sockets_it_forbids_and_no_other() {
    let house = House::new().await;
    house
        .rule(r#"{"rules": [{"areas": ["endpoints"], "paths": ["/ws"], "who": "public"}]}"#)
        .await;
    let cookie = house.session("ann", Role::Editor).await;
    let mut kept = house.socket_from(HOME, "/ws/live", &cookie).await.unwrap();
    let mut live = house.socket_from(AWAY, "/ws/live", &cookie).await.unwrap();
    let mut public = house.socket_from(AWAY, "/ws/live", "x=1").await.unwrap();
    let mut comms = house.socket_from(AWAY, "/comms", &cookie).await.unwrap();
    for socket in [&mut live, &mut public, &mut kept] {
        socket.send(Message::text("x")).await.unwrap();
        socket.next().await.unwrap().unwrap();
    }
    // Rules that forbid nothing of it close nothing.
    house
        .rule(
            r#"{"rules": [{"areas": ["endpoints"], "paths": ["/ws"], "who": "public"},
                             {"from": ["127.0.0.9"], "who": "nobody"}]}"#,
        )
        .await;
    live.send(Message::text("on")).await.unwrap();
    assert_eq!(live.next().await.unwrap().unwrap(), Message::text("on"));
    house
        .rule(r#"{"rules": [{"from": ["127.0.0.2"], "who": "nobody"}]}"#)
        .await;
    let ended = async {
        for socket in [&mut live, &mut public, &mut comms] {
            while let Some(Ok(_)) = socket.next().await {}
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(1), ended)
        .await
        .expect("all end within a second");
    kept.send(Message::text("still")).await.unwrap();
    assert_eq!(kept.next().await.unwrap().unwrap(), Message::text("still"));
}

#[tokio::test]
async fn a_trial_ends_at_the_gate_by_itself() {
    let house = House::new().await;
    let cookie = house.session("ann", Role::Administrator).await;
    house
        .rule(r#"{"rules": [{"areas": ["endpoints"], "who": "login"}]}"#)
        .await;
    house
        .rule_for(r#"{"rules": [{"who": "nobody"}]}"#, Some(1))
        .await;
    assert_eq!(
        house.get("/flows", &cookie).await.status,
        StatusCode::FORBIDDEN
    );
    eventually("what held before holds again", async || {
        house.get("/flows", &cookie).await.status == StatusCode::OK
    })
    .await;
    eventually("it is written down", async || {
        house.store.access_rules().await.unwrap().version == 3
    })
    .await;
}

#[tokio::test]
async fn a_rule_bounds_requests_bodies_and_sockets() {
    let house = House::new().await;
    house
        .rule(
            r#"{"rules": [
                {"areas": ["endpoints"], "paths": ["/open"], "who": "public",
                 "bounds": {"requests_a_minute": 2}},
                {"areas": ["endpoints"], "paths": ["/api"], "who": "public",
                 "bounds": {"body_bytes": 8}},
                {"areas": ["endpoints"], "paths": ["/ws"], "who": "public",
                 "bounds": {"at_once": 1}}]}"#,
        )
        .await;
    let knock = async |from| {
        let request = house.request("POST", "/open/door");
        house.send_from(from, request, "{}").await
    };
    assert_eq!(knock(AWAY).await.status, StatusCode::OK);
    assert_eq!(knock(AWAY).await.status, StatusCode::OK);
    let third = knock(AWAY).await;
    assert_eq!(third.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(third.headers.contains_key("retry-after"));
    assert_eq!(knock(HOME).await.status, StatusCode::OK, "another address");

    let post = || house.request("POST", "/api/pump/1");
    assert_eq!(house.send(post(), "12345678").await.status, StatusCode::OK);
    let seen = house.node_red.seen().len();
    let long = house.send(post(), "123456789").await;
    assert_eq!(long.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(house.node_red.seen().len(), seen);
    let host = &house.origin["https://".len()..];
    let chunked = format!(
        "POST /api/pump/1 HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n\
         4\r\n1234\r\n5\r\n56789\r\n0\r\n\r\n"
    );
    let answer = house.raw(chunked.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");

    let first = house.socket_from(AWAY, "/ws/live", "x=1").await.unwrap();
    let second = house.socket_from(AWAY, "/ws/live", "x=1").await;
    let status = |error: Error| match error {
        Error::Http(answer) => answer.status(),
        other => panic!("{other}"),
    };
    assert_eq!(status(second.unwrap_err()), StatusCode::TOO_MANY_REQUESTS);
    assert!(house.socket_from(HOME, "/ws/live", "x=1").await.is_ok());
    drop(first);
    eventually("the place is free again", async || {
        house.socket_from(AWAY, "/ws/live", "x=1").await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn the_simulator_answers_what_would_happen() {
    let house = House::new().await;
    house
        .rule(
            r#"{"rules": [{"areas": ["endpoints"], "paths": ["/open"], "who": "public"},
                {"from": ["127.0.0.1"], "who": "login"},
                {"areas": ["endpoints", "sign-in"], "who": "login"},
                {"who": "nobody"}]}"#,
        )
        .await;
    let cookie = house.session("vic", Role::Viewer).await;
    let rows = [
        ("GET", "/flows"),
        ("GET", "/"),
        ("POST", "/open/door"),
        ("POST", "/api/pump/3"),
        ("GET", "/projects"),
        ("GET", "/diagnostics"),
        ("POST", "/unknown/route"),
        ("GET", "/a//b"),
    ];
    for (method, path) in rows {
        for from in [HOME, AWAY] {
            for who in [None, Some(Role::Viewer)] {
                let request = match who {
                    Some(_) => house.script(method, path, &cookie),
                    None => house.request(method, path),
                };
                let real = house.send_from(from, request, "{}").await.status;
                let question = Question {
                    instance: Some(house.instance.clone()),
                    from: from.into(),
                    who: who.map(|role| Visitor { role, token: false }),
                    certificate: None,
                    method: method.to_owned(),
                    path: path.to_owned(),
                    websocket: false,
                };
                let answer = house.gate.would(&question).await.unwrap();
                let expected = match answer.outcome {
                    Outcome::Allowed => real == StatusCode::OK,
                    Outcome::LogIn => real == StatusCode::UNAUTHORIZED,
                    Outcome::Refused => {
                        real == StatusCode::FORBIDDEN || real == StatusCode::BAD_REQUEST
                    }
                };
                assert!(
                    expected,
                    "{method} {path} {from:?} {who:?}: {real}, {answer:?}"
                );
            }
        }
    }
    let question = Question {
        instance: Some(house.instance.clone()),
        from: AWAY.into(),
        who: Some(Visitor {
            role: Role::Administrator,
            token: true,
        }),
        certificate: None,
        method: "POST".to_owned(),
        path: "/flows".to_owned(),
        websocket: false,
    };
    let answer = house.gate.would(&question).await.unwrap();
    assert_eq!(
        (answer.outcome, answer.by),
        (Outcome::Refused, Some(By::Rule(4)))
    );
}
