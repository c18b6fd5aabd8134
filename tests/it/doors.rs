//! The two doors: what is let in, as whom, and what never is.

mod tricks;

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};
use testkit::{
    Options, Redkeep, comms::Comms, flows, http::place, person::navigate, sockets, until,
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_doors_let_in_what_they_should_and_nothing_else() {
    the_doors(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_doors_let_in_what_they_should_over_http2_too() {
    the_doors(true).await;
}

async fn the_doors(is_http2: bool) {
    let redkeep = Redkeep::start(Options {
        is_http2,
        ..Options::default()
    })
    .await;
    redkeep.person("ada", "administrator").await;
    let author = redkeep.author().await;
    redkeep
        .run_flows(&author, &flows::greeting("/hello", "one"))
        .await;
    no_port_but_the_two(&redkeep);
    old_tls_is_refused(&redkeep).await;
    calls_home_are_off(&redkeep, &author).await;
    plain_http_only_redirects(&redkeep).await;
    status_tells_what_the_jail_enforces(&redkeep).await;
    roles_are_held_to(&redkeep).await;
    strangers_see_nothing(&redkeep).await;
    public_paths_are_what_policy_says(&redkeep).await;
    tricks::path_tricks_apply_nothing(&redkeep, &author).await;
    tricks::framing_tricks_apply_nothing(&redkeep, &author).await;
    tokens_are_held_to_their_scopes(&redkeep).await;
    other_sites_are_refused(&redkeep).await;
    revoking_closes_live_sockets(&redkeep).await;
    guessing_is_slow(&redkeep).await;
    redkeep.assert_record_whole().await;
}

fn port(origin: &str) -> u16 {
    place(&origin.parse().unwrap()).unwrap().1
}

fn no_port_but_the_two(redkeep: &Redkeep) {
    assert!(
        !redkeep.node_pids().is_empty(),
        "Node-RED must be among the processes looked at"
    );
    let ports = sockets::listening(&redkeep.family());
    let expected = BTreeSet::from([port(redkeep.editor()), port(redkeep.console())]);
    assert_eq!(ports, expected, "the kernel lists other listeners");
}

/// A client that knows nothing newer than TLS 1.1 is told so, and gets no further.
async fn old_tls_is_refused(redkeep: &Redkeep) {
    // A ClientHello by the book (RFC 4346): its version, 32 bytes at random, no session, two
    // cipher suites every server of that time had, no compression.
    let hello = |version: u8| {
        let mut body = vec![3, version];
        body.extend([7; 32]);
        body.extend([0, 0, 4, 0xc0, 0x14, 0x00, 0x35, 1, 0]);
        let length = u8::try_from(body.len()).unwrap();
        let mut record = vec![22, 3, 1, 0, length + 4, 1, 0, 0, length];
        record.extend(body);
        record
    };
    for origin in [redkeep.editor(), redkeep.console()] {
        for version in [1, 2] {
            let mut stream = TcpStream::connect(("127.0.0.1", port(origin)))
                .await
                .unwrap();
            stream.write_all(&hello(version)).await.unwrap();
            let mut answer = [0; 7];
            stream.read_exact(&mut answer).await.unwrap();
            // An alert (21), fatal (2).
            assert_eq!((answer[0], answer[5]), (21, 2), "{answer:?}");
        }
    }
}

async fn calls_home_are_off(redkeep: &Redkeep, author: &testkit::Client) {
    let asked = author.get(redkeep.gate_url("/settings")).await;
    let settings = asked.expect(200).json();
    assert_eq!(settings["telemetryEnabled"], false, "{settings}");
    let catalogues = &settings["editorTheme"]["palette"]["catalogues"];
    assert_eq!(*catalogues, json!([]), "{settings}");
}

async fn plain_http_only_redirects(redkeep: &Redkeep) {
    let client = redkeep.client();
    for (origin, path) in [
        (redkeep.editor(), "/flows"),
        (redkeep.console(), "/deployments"),
    ] {
        let plain = origin.replacen("https", "http", 1);
        let answer = client.get(format!("{plain}{path}")).await;
        assert!(
            matches!(answer.status, 301 | 307 | 308),
            "{}: {}",
            answer.status,
            answer.text()
        );
        assert_eq!(answer.header("location"), format!("{origin}{path}"));
        let asked = client
            .ask("POST", format!("{plain}{path}"))
            .json(&json!([]))
            .try_send()
            .await;
        assert!(
            asked.is_err() || asked.unwrap().status >= 300,
            "a POST over plain HTTP"
        );
    }
}

async fn status_tells_what_the_jail_enforces(redkeep: &Redkeep) {
    let status = redkeep.cli(&["status"]).await.ok().json();
    let layers = status["instances"][0]["enforcement"].as_array().cloned();
    let layers = layers.unwrap_or_else(|| panic!("no enforcement in {status}"));
    assert!(layers.len() >= 4, "{layers:?}");
    for layer in &layers {
        let state = layer["state"].as_str().unwrap();
        assert!(
            ["enforced", "partial", "absent", "missing"].contains(&state),
            "{layer}"
        );
        assert!(
            state == "enforced" || !layer["note"].as_str().unwrap().is_empty(),
            "{layer}"
        );
    }
}

async fn strangers_see_nothing(redkeep: &Redkeep) {
    let client = redkeep.client();
    for path in [
        "/flows",
        "/nodes",
        "/settings",
        "/hello",
        "/red/red.min.js",
        "/comms",
        "/nothing",
    ] {
        let answer = client.get(redkeep.gate_url(path)).await;
        assert!(
            matches!(answer.status, 401 | 403),
            "{path}: {} {}",
            answer.status,
            answer.text()
        );
    }
    let page = navigate(&client, &redkeep.gate_url("/")).await;
    assert!(
        page.header("location").starts_with(redkeep.console()),
        "{:?}",
        page.headers
    );
    assert!(
        Comms::try_open(redkeep, &redkeep.client(), redkeep.editor())
            .await
            .is_err()
    );
    for path in [
        "/status",
        "/deployments",
        "/users",
        "/audit",
        "/instances/main/logs",
    ] {
        let answer = client.get(redkeep.api_url(path)).await;
        assert_eq!(answer.status, 401, "{path}: {}", answer.text());
    }
    // Identity headers are Redkeep's to write, not a client's.
    for name in [
        "x-redkeep-identity",
        "x_redkeep_identity",
        "x-forwarded-user",
        "authorization",
    ] {
        let url = redkeep.gate_url("/flows");
        let answer = client
            .ask("GET", url)
            .header(name, "eyJ1IjoiYWRhIn0.AAAA")
            .send()
            .await;
        assert!(
            matches!(answer.status, 400 | 401 | 403),
            "{name}: {}",
            answer.status
        );
    }
}

async fn public_paths_are_what_policy_says(redkeep: &Redkeep) {
    let admin = redkeep.token("ada", &["admin"]).await;
    let stranger = redkeep.client();
    redkeep
        .set_policy(&admin, &json!({"public_paths": ["/hello"]}))
        .await;
    assert_eq!(redkeep.endpoint(&stranger, "/hello").await, "one");
    for path in [
        "/flows",
        "/hello/../flows",
        "/hello/%2e%2e/flows",
        "/hello%2f..%2fflows",
        "/",
    ] {
        let answer = stranger.get(redkeep.gate_url(path)).await;
        assert_ne!(answer.status, 200, "{path}: {}", answer.text());
    }
    redkeep
        .set_policy(&admin, &json!({"public_paths": []}))
        .await;
    until("a path that is public no more", || async {
        (stranger.get(redkeep.gate_url("/hello")).await.status == 401).then_some(())
    })
    .await;
}

async fn reject_all(redkeep: &Redkeep) {
    for deployment in redkeep.deployments().await {
        if deployment["is_open"] == true {
            let id = deployment["id"].to_string();
            redkeep
                .cli(&[
                    "deployments",
                    "reject",
                    &id,
                    "--reason",
                    "a test's leftover",
                ])
                .await
                .ok();
        }
    }
}

async fn tokens_are_held_to_their_scopes(redkeep: &Redkeep) {
    let read = redkeep.token("ada", &["read"]).await;
    assert_eq!(read.get(redkeep.gate_url("/flows")).await.status, 200);
    assert_eq!(
        redkeep
            .post_flows(&read, &flows::greeting("/x", "x"), "full")
            .await
            .status,
        403
    );
    assert_eq!(read.get(redkeep.api_url("/audit")).await.status, 403);
    assert_eq!(read.get(redkeep.api_url("/users")).await.status, 403);
    let audit = redkeep.token("ada", &["audit"]).await;
    assert_eq!(audit.get(redkeep.api_url("/audit")).await.status, 200);
    assert_eq!(audit.get(redkeep.gate_url("/flows")).await.status, 403);
    let review = redkeep.token("ada", &["review"]).await;
    assert_eq!(
        redkeep
            .post_flows(&review, &flows::greeting("/x", "x"), "full")
            .await
            .status,
        403
    );
    let inject = redkeep.at_gate(&review, "POST", "/inject/g-i").send().await;
    assert_eq!(inject.status, 403);
    for wrong in [
        "",
        "x",
        "rk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let nobody = redkeep.client().with_bearer(wrong);
        assert_eq!(
            nobody.get(redkeep.api_url("/status")).await.status,
            401,
            "{wrong:?}"
        );
        let status = nobody.get(redkeep.gate_url("/flows")).await.status;
        assert!(matches!(status, 401 | 403), "{wrong:?}: {status}");
    }
    // A token of nobody's console: pages are for people who signed in.
    let admin = redkeep.token("ada", &["admin"]).await;
    let page = admin
        .get(format!("{}/deployments", redkeep.console()))
        .await;
    assert_ne!(page.status, 200, "a page was shown to a token");
    // Revoked: over at once.
    let tokens = redkeep.cli(&["token", "list"]).await.ok().json();
    let newest = testkit::verbs::listed(&tokens, "tokens");
    let newest = newest
        .iter()
        .filter_map(|it| it["id"].as_i64())
        .max()
        .unwrap()
        .to_string();
    redkeep.cli(&["token", "revoke", &newest]).await.ok();
    assert_eq!(admin.get(redkeep.api_url("/status")).await.status, 401);
    assert_eq!(admin.get(redkeep.gate_url("/flows")).await.status, 401);
}

async fn other_sites_are_refused(redkeep: &Redkeep) {
    let anna = redkeep.person("anna", "editor").await;
    let editor = anna.at_editor(redkeep).await;
    let evil = "https://evil.example";
    let asked = [
        ("cross-site", evil),
        ("same-site", redkeep.console()),
        ("cross-site", "null"),
    ];
    for (site, origin) in asked {
        let answer = editor
            .ask("POST", redkeep.gate_url("/flows"))
            .header("node-red-api-version", "v2")
            .header("origin", origin)
            .header("sec-fetch-site", site)
            .json(&json!({"flows": []}))
            .send()
            .await;
        assert_eq!(answer.status, 403, "{origin}: {}", answer.text());
        let opened = Comms::try_open(redkeep, &editor, origin).await;
        assert!(opened.is_err(), "/comms was opened from {origin}");
    }
    let ada = testkit::Person::named("ada");
    let console = ada.at_console(redkeep).await;
    let url = format!("{}/sign-out", redkeep.console());
    for (site, origin) in [("cross-site", evil), ("same-site", redkeep.editor())] {
        let asked = console.ask("POST", &url).header("origin", origin);
        let asked = asked
            .header("sec-fetch-site", site)
            .header("content-type", FORM)
            .body("csrf=x");
        assert_eq!(asked.send().await.status, 403, "from {origin}");
    }
    let bare = console.ask("POST", &url).form(&[]).send().await;
    assert!(
        (400..500).contains(&bare.status),
        "without the session's token: {}",
        bare.status
    );
    let still = console
        .get(format!("{}/deployments", redkeep.console()))
        .await;
    assert_eq!(
        still.status, 200,
        "the session did not survive what was refused"
    );
    assert!(still.header("access-control-allow-origin").is_empty());
    let policy = still.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("script"),
        "{policy}"
    );
}

const FORM: &str = "application/x-www-form-urlencoded";

async fn roles_are_held_to(redkeep: &Redkeep) {
    for (name, role, may_read, may_propose) in [
        ("vera", "viewer", true, false),
        ("otto", "auditor", true, false),
    ] {
        redkeep.person(name, role).await;
        let client = redkeep.token(name, &["admin"]).await;
        let read = client.get(redkeep.gate_url("/flows")).await;
        assert_eq!(read.status == 200, may_read, "{role}: {}", read.text());
        let proposed = redkeep
            .post_flows(&client, &flows::greeting("/x", "x"), "full")
            .await;
        assert_eq!(
            proposed.status == 202,
            may_propose,
            "{role}: {}",
            proposed.text()
        );
        assert_eq!(
            client.get(redkeep.api_url("/users")).await.status,
            403,
            "{role}"
        );
        redkeep
            .recorded("request-refused", |it| it["event"]["actor"]["name"] == name)
            .await;
    }
}

async fn guessing_is_slow(redkeep: &Redkeep) {
    // A wrong password and a name nobody has are told the same.
    let client = redkeep.client();
    let page = |answer: testkit::Answer| (answer.status, visible(&answer.text()));
    let mut ada = testkit::Person::named("ada");
    "something else entirely".clone_into(&mut ada.password);
    let known = page(ada.sign_in(&client, redkeep, &[]).await);
    let unknown = testkit::Person {
        name: "nobody-at-all".to_owned(),
        ..ada.clone()
    };
    let unknown = page(unknown.sign_in(&client, redkeep, &[]).await);
    assert_eq!(known.0, unknown.0);
    let unnamed = |text: &str| text.replace("nobody-at-all", "ada");
    assert_eq!(
        unnamed(&known.1),
        unnamed(&unknown.1),
        "the answer tells who exists"
    );
    redkeep.recorded("login-failed", |_| true).await;
    // Many wrong ones are slowed down.
    let limited = until("a limit on wrong passwords", || async {
        let answer = ada.sign_in(&client, redkeep, &[]).await;
        (answer.status == 429).then_some(answer)
    });
    assert!(!limited.await.header("retry-after").is_empty());
}

fn visible(page: &str) -> String {
    page.split('<')
        .filter_map(|rest| rest.split_once('>'))
        .map(|(_, text)| text)
        .collect()
}

async fn revoking_closes_live_sockets(redkeep: &Redkeep) {
    let paul = redkeep.person("paul", "editor").await;
    let editor = paul.at_editor(redkeep).await;
    let token = redkeep.token("paul", &["propose"]).await;
    let admin = redkeep.token("ada", &["admin"]).await;
    let mut by_session = Comms::open(redkeep, &editor).await;
    let mut by_token = Comms::open(redkeep, &token).await;
    let found = admin
        .get(redkeep.api_url("/sessions"))
        .await
        .expect(200)
        .json();
    let users = admin
        .get(redkeep.api_url("/users"))
        .await
        .expect(200)
        .json();
    let users = testkit::verbs::listed(&users, "users");
    let paul_id = users.iter().find(|it| it["name"] == "paul").unwrap()["id"].clone();
    let sessions: Vec<Value> = testkit::verbs::listed(&found, "sessions")
        .into_iter()
        .filter(|it| it["user"] == paul_id)
        .collect();
    assert!(!sessions.is_empty(), "paul has no session in {found}");
    for session in sessions {
        let url = redkeep.api_url(&format!("/sessions/{}", session["id"]));
        let status = admin.ask("DELETE", url).send().await.status;
        // The editor's session hangs on the console's, and goes with it.
        assert!(matches!(status, 204 | 404), "{status}");
    }
    let soon = Duration::from_secs(2);
    assert!(
        by_session.closes_within(soon).await,
        "a revoked session's socket lives"
    );
    assert!(matches!(
        editor.get(redkeep.gate_url("/flows")).await.status,
        401 | 403
    ));
    let tokens = admin
        .get(redkeep.api_url("/tokens"))
        .await
        .expect(200)
        .json();
    let tokens = testkit::verbs::listed(&tokens, "tokens");
    let id = tokens.iter().find(|it| it["user"] == paul_id).unwrap()["id"].clone();
    admin
        .ask("DELETE", redkeep.api_url(&format!("/tokens/{id}")))
        .send()
        .await
        .expect(204);
    assert!(
        by_token.closes_within(soon).await,
        "a revoked token's socket lives"
    );
}
