//! Who may come from where: the console obeys it, changes it, asks twice and takes it back.

use axum::http::Method;
use model::{
    access::{Role, Scope},
    principal::Actor,
    rules::AccessRules,
};
use serde_json::{Value, json};
use store::{NewToken, SessionKind};

use crate::http::{Answer, Ask, Console};

const OFFICE_ONLY: &str = r#"{"networks": {"office": ["192.0.2.0/24"]}, "rules": [
    {"areas": ["console"], "from": ["office"], "who": "login"},
    {"areas": ["console"], "who": "nobody"}]}"#;

impl Console {
    async fn rule(&self, text: &str) {
        let rules: AccessRules = serde_json::from_str(text).unwrap();
        let version = self.house.store.access_rules().await.unwrap().version;
        self.house
            .store
            .set_access_rules(version, &rules, None, &Actor::System)
            .await
            .unwrap();
    }

    /// Sends the rules' form, made of the version that holds.
    async fn form(&self, session: &str, fields: &[(&str, &str)]) -> Answer {
        let version = self.kept().await["version"].to_string();
        let mut fields = fields.to_vec();
        fields.push(("version", &version));
        self.post(session, "/access/rules", &fields).await
    }

    async fn kept(&self) -> Value {
        json!(self.house.store.access_rules().await.unwrap())
    }
}

#[tokio::test]
async fn the_console_is_open_from_its_networks_alone() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    let caller = console.house.caller("ada").await;
    let new = NewToken {
        user: caller.principal.user,
        label: "test".to_owned(),
        scopes: vec![Scope::Admin],
        expires_at: console.house.store.clock().now().plus_seconds(3_600),
        networks: Vec::new(),
    };
    let made = console.house.store.make_token(new, &Actor::System).await;
    let token = made.unwrap().1;
    console.rule(OFFICE_ONLY).await;
    for (path, is_api) in [
        ("/", false),
        ("/sign-in", false),
        ("/sign-in?gate=main&state=x", false),
        ("/enrol?code=x", false),
        ("/access/rules", false),
        ("/api/v1/status", true),
        ("/api/v1/openapi.json", true),
    ] {
        let ask = || {
            if is_api {
                Ask::get(path).bearer(&token)
            } else {
                Ask::get(path).session(&ada)
            }
        };
        let inside = ask().send(&console.router).await;
        assert_ne!(inside.status, 403, "{path}");
        for away in ["198.51.100.7", "::ffff:198.51.100.7", "2001:db8::1"] {
            let outside = ask().from(away).with("x-forwarded-for", "192.0.2.7");
            let outside = outside.with("forwarded", "for=192.0.2.7");
            assert_eq!(outside.send(&console.router).await.status, 403, "{path}");
        }
        let mapped = ask().from("::ffff:192.0.2.7").send(&console.router).await;
        assert_ne!(mapped.status, 403, "{path}");
    }
    let fields = [("name", "ada"), ("password", crate::house::PASSWORD)];
    let sign_in = Ask::post("/sign-in", &fields).from("198.51.100.7");
    sign_in.send(&console.router).await.expect(403);
    let control = console::control_router(console.house.context());
    let local = Ask::get("/api/v1/access/rules").from("198.51.100.7");
    local.send(&control).await.expect(200);
}

#[tokio::test]
async fn a_console_for_some_roles_still_signs_others_in_to_the_gate() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    let vic = console.person("vic", Role::Viewer).await;
    console
        .rule(r#"{"rules": [{"areas": ["console"], "who": {"roles": ["administrator"]}}]}"#)
        .await;
    console.get(&ada, "/").await.expect(200);
    console.get(&vic, "/").await.expect(403);
    let api = Ask::get("/api/v1/instances").session(&vic);
    api.send(&console.router).await.expect(403);
    let state = "s".repeat(43);
    let gate = format!("/sign-in?gate=main&state={state}&to=%2F");
    let signed = console.get(&vic, &gate).await;
    assert_ne!(signed.status, 403, "{}", signed.text);
}

#[tokio::test]
async fn rules_are_added_changed_moved_and_removed_on_the_page() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    let send = async |fields: &[(&str, &str)]| console.form(&ada, fields).await;
    send(&[
        ("do", "network"),
        ("name", "plant"),
        ("blocks", "10.9.0.0/16 2001:db8:9::/48"),
    ])
    .await
    .expect(303);
    send(&[
        ("do", "add"),
        ("place", "1"),
        ("from", "plant"),
        ("area", "dashboard-2"),
        ("area", "dashboard-1"),
        ("who", "public"),
        ("requests_a_minute", "60"),
        ("note", "wall <panels>"),
    ])
    .await
    .expect(303);
    send(&[
        ("do", "add"),
        ("place", "1"),
        ("area", "endpoints"),
        ("who", "token"),
    ])
    .await
    .expect(303);
    let page = console.get(&ada, "/access/rules").await.expect(200).text;
    assert!(
        page.contains("wall &#60;panels&#62;") && page.contains("10.9.0.0/16, 2001:db8:9::/48")
    );
    assert!(page.contains("everybody, without a login") && page.contains("60 requests a minute"));
    let form = console
        .get(&ada, "/access/rules?rule=2")
        .await
        .expect(200)
        .text;
    assert!(form.contains("Change rule 2") && form.contains("value=\"plant\""));
    send(&[("do", "up"), ("place", "2")]).await.expect(303);
    send(&[
        ("do", "change"),
        ("place", "2"),
        ("area", "endpoints"),
        ("who", "nobody"),
    ])
    .await
    .expect(303);
    let rules = console.kept().await["rules"].clone();
    assert_eq!(rules["rules"][0]["who"], "public");
    assert_eq!(
        rules["rules"][0]["areas"],
        json!(["dashboard-1", "dashboard-2"])
    );
    assert_eq!(rules["rules"][1]["who"], "nobody");
}

#[tokio::test]
async fn a_form_that_says_nothing_clear_changes_nothing_and_says_why() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    console
        .rule(
            r#"{"networks": {"plant": ["10.9.0.0/16"]},
                "rules": [{"areas": ["endpoints"], "from": ["plant"], "who": "nobody"}]}"#,
        )
        .await;
    let send = async |fields: &[(&str, &str)]| console.form(&ada, fields).await;
    let used = send(&[("do", "forget-network"), ("name", "plant")]).await;
    assert!(used.expect(422).text.contains("plant"));
    for (wrong, said) in [
        (
            vec![("do", "add"), ("place", "1"), ("who", "public")],
            "everything",
        ),
        (
            vec![
                ("do", "add"),
                ("place", "1"),
                ("who", "login"),
                ("from", "nowhere"),
            ],
            "nowhere",
        ),
        (
            vec![
                ("do", "add"),
                ("place", "1"),
                ("who", "login"),
                ("paths", "/a/../b"),
            ],
            "/a/../b",
        ),
        (
            vec![("do", "network"), ("name", "x"), ("blocks", "10.0.0.0/99")],
            "10.0.0.0/99",
        ),
        (
            vec![("do", "whole"), ("rules", "{}x")],
            "changed on its way",
        ),
        (vec![("do", "remove"), ("place", "9")], "no such rule"),
    ] {
        let answer = send(&wrong).await.expect(422);
        assert!(answer.text.contains(said), "{wrong:?}");
    }
    send(&[("do", "remove"), ("place", "1")]).await.expect(303);
    assert_eq!(console.kept().await["rules"]["rules"], json!([]));
    let stale = [
        ("do", "forget-network"),
        ("name", "plant"),
        ("version", "1"),
    ];
    console
        .post(&ada, "/access/rules", &stale)
        .await
        .expect(409);
    let rita = console.person("rita", Role::Reviewer).await;
    console.get(&rita, "/access/rules").await.expect(403);
    let fields = [("do", "remove"), ("place", "1"), ("version", "7")];
    console
        .post(&rita, "/access/rules", &fields)
        .await
        .expect(403);
}

#[tokio::test]
async fn whoever_would_shut_themselves_out_is_asked_twice_and_the_rules_undo_themselves() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    let shut = [
        ("do", "add"),
        ("place", "1"),
        ("from", "198.51.100.0/24"),
        ("area", "console"),
        ("who", "login"),
        ("version", "0"),
    ];
    // From elsewhere it is for others: it shuts nobody out by itself.
    console.post(&ada, "/access/rules", &shut).await.expect(303);
    let rest = [
        ("do", "add"),
        ("place", "2"),
        ("area", "console"),
        ("who", "nobody"),
        ("version", "1"),
    ];
    let asked = console.post(&ada, "/access/rules", &rest).await.expect(409);
    assert!(
        asked.text.contains("could not reach the console any more"),
        "{}",
        asked.text
    );
    assert_eq!(
        console.kept().await["version"],
        1,
        "nothing is changed by the first time"
    );
    let whole = asked.field("rules").replace("&#34;", "\"");
    let again = [
        ("do", "whole"),
        ("rules", whole.as_str()),
        ("shut_out", "yes"),
        ("version", "1"),
    ];
    let tried = console
        .post(&ada, "/access/rules", &again)
        .await
        .expect(303);
    assert_eq!(tried.header("location"), "/access/rules?done=trial");
    console.get(&ada, "/").await.expect(403);
    let confirm = Ask::post("/access/rules/confirm", &[("version", "2")]).session(&ada);
    confirm.send(&console.router).await.expect(403);
    console.clock.advance(599);
    console.get(&ada, "/").await.expect(403);
    console.clock.advance(1);
    console.get(&ada, "/").await.expect(200);
    assert_eq!(
        console.kept().await["rules"]["rules"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_trial_is_confirmed_or_undone_by_whoever_gets_through() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    let api = async |method: Method, path: &str, body: Value| {
        let secret = console.session("ada", SessionKind::Console).await;
        Ask::new(method, &format!("/api/v1{path}"))
            .json(&body)
            .with("origin", crate::house::ORIGIN)
            .session(&secret)
            .send(&console.router)
            .await
    };
    let rules = json!({"rules": [{"areas": ["editor"], "who": "nobody"}]});
    let body = json!({"version": 0, "rules": rules});
    let first = api(Method::PUT, "/access/rules", body.clone())
        .await
        .expect(409);
    assert_eq!(first.json()["error"]["code"], "shuts-out");
    let meant = json!({"version": 0, "rules": rules, "shut_out": true});
    let kept = api(Method::PUT, "/access/rules", meant)
        .await
        .expect(200)
        .json();
    assert!(kept["trial"]["undo_at"].is_i64());
    let page = console.get(&ada, "/access/rules").await.expect(200).text;
    assert!(page.contains("These rules are on trial"));
    let more = json!({"version": 1, "rules": {}});
    api(Method::PUT, "/access/rules", more).await.expect(409);
    let wrong = api(Method::POST, "/access/rules/confirm", json!({"version": 9})).await;
    wrong.expect(409);
    console
        .post(&ada, "/access/rules/undo", &[])
        .await
        .expect(303);
    assert_eq!(console.kept().await["rules"]["rules"], json!([]));
    let meant = json!({"version": 2, "rules": rules, "shut_out": true});
    api(Method::PUT, "/access/rules", meant).await.expect(200);
    let version = [("version", "3")];
    console
        .post(&ada, "/access/rules/confirm", &version)
        .await
        .expect(303);
    console.clock.advance(100_000);
    let kept = console.kept().await;
    assert_eq!(
        (&kept["rules"]["rules"][0]["who"], &kept["trial"]),
        (&json!("nobody"), &Value::Null)
    );
}

#[tokio::test]
async fn the_console_answers_for_itself_who_may_come() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    console.rule(OFFICE_ONLY).await;
    let ask = |from: &str| format!("/access/rules?from={from}&who=viewer&method=get&path=%2F&at=");
    let page = console
        .get(&ada, &ask("198.51.100.7"))
        .await
        .expect(200)
        .text;
    assert!(
        page.contains("refused") && page.contains("by rule 2"),
        "{page}"
    );
    let page = console.get(&ada, &ask("192.0.2.9")).await.expect(200).text;
    assert!(page.contains("allowed") && page.contains("by rule 1"));
    let page = console.get(&ada, &ask("somewhere")).await.expect(200).text;
    assert!(page.contains("is no address"));
    let gate = "/access/rules?from=192.0.2.9&who=&method=GET&path=%2F&at=main";
    let page = console.get(&ada, gate).await.expect(200).text;
    assert!(page.contains("gates are not run by this process"));
}
