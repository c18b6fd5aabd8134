//! Signing in, enrolling, revoking.

use model::{access::Role, audit::EventKind, principal::Actor};
use store::{SecondFactor, Secret, SessionKind};

use crate::{
    house::{GATE, ORIGIN, PASSWORD},
    http::{Ask, Console, set_cookie},
};

#[tokio::test]
async fn signing_in_makes_a_session_and_wrong_says_nothing() {
    let console = Console::new().await;
    console.house.user("ann", Role::Editor).await;
    let form = |name: &'static str, password: &'static str| {
        Ask::post(
            "/sign-in",
            &[
                ("name", name),
                ("password", password),
                ("next", "/deployments"),
            ],
        )
    };
    let unknown = form("nobody", PASSWORD)
        .send(&console.router)
        .await
        .expect(422);
    let wrong = form("ann", "not this one at all")
        .send(&console.router)
        .await
        .expect(422);
    assert!(set_cookie(&wrong).is_none());
    let error = "Name, password or code is wrong.";
    assert!(unknown.text.contains(error) && wrong.text.contains(error));
    assert!(wrong.text.contains("value=\"ann\""), "the name stays");
    assert!(
        !wrong.text.contains("not this one"),
        "the password does not"
    );
    console.clock.advance(3_600);
    let right = form("ann", PASSWORD)
        .send(&console.router)
        .await
        .expect(303);
    assert_eq!(right.header("location"), "/deployments");
    let session = set_cookie(&right).unwrap();
    console.get(&session, "/deployments").await.expect(200);
    let out = console.post(&session, "/sign-out", &[]).await.expect(303);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    console.get(&session, "/deployments").await.expect(303);
}

#[tokio::test]
async fn many_failures_are_slowed_down() {
    let console = Console::new().await;
    console.house.user("ann", Role::Editor).await;
    let mut last = 0;
    for _ in 0..12 {
        let ask = Ask::post(
            "/sign-in",
            &[("name", "ann"), ("password", "wrong wrong wrong")],
        );
        let answer = ask.send(&console.router).await;
        last = answer.status.as_u16();
        if last == 429 {
            assert!(!answer.header("retry-after").is_empty());
            break;
        }
    }
    assert_eq!(last, 429);
}

#[tokio::test]
async fn the_way_into_a_gate_leads_only_into_our_gates() {
    let console = Console::new().await;
    let ann = console.person("ann", Role::Editor).await;
    // From the gate's origin our cookie does not come along: one step on our own site first.
    let first =
        Ask::get("/sign-in?gate=main&state=abc&to=%2Fx").with("sec-fetch-site", "cross-site");
    let first = first
        .with("sec-fetch-mode", "navigate")
        .with("sec-fetch-dest", "document")
        .send(&console.router)
        .await
        .expect(200);
    assert!(
        first
            .text
            .contains("content=\"0;url=/sign-in/continue?gate=main&#38;state=abc")
    );
    let second = console
        .get(&ann, "/sign-in/continue?gate=main&state=abc&to=%2Fx")
        .await
        .expect(200);
    let (_, rest) = second
        .text
        .split_once(&format!("url={GATE}/.redkeep/enter?code="))
        .unwrap();
    let code = rest.split("&#38;").next().unwrap();
    assert!(rest.contains("&#38;state=abc&#38;to=%2Fx"));
    let (user, _) = console.house.store.redeem_entry_code(code, "abc").unwrap();
    assert_eq!(user, console.house.caller("ann").await.principal.user);
    console
        .get(&ann, "/sign-in?gate=https://evil.example&state=abc")
        .await
        .expect(404);
    console
        .get(&ann, "/sign-in?gate=main&state=%22%3E%3Cscript%3E")
        .await
        .expect(422);
    console.get(&ann, "/sign-in?gate=main").await.expect(422);
    let home = console
        .get(&ann, "/sign-in?next=//evil.example")
        .await
        .expect(303);
    assert_eq!(home.header("location"), "/");
}

#[tokio::test]
async fn a_sign_in_for_a_gate_goes_on_by_a_page_and_sets_the_cookie() {
    let console = Console::new().await;
    console.house.user("ann", Role::Editor).await;
    let fields = [
        ("name", "ann"),
        ("password", PASSWORD),
        ("gate", "main"),
        ("state", "s-1"),
    ];
    let answer = Ask::post("/sign-in", &fields)
        .send(&console.router)
        .await
        .expect(200);
    assert!(
        answer.text.contains("http-equiv=\"refresh\""),
        "{}",
        answer.text
    );
    assert!(set_cookie(&answer).is_some());
}

/// A code of the moment, worked out as an authenticator does (RFC 6238).
fn code_now(console: &Console, sealed_key: &str) -> String {
    let digits: String = sealed_key.chars().filter(|c| !c.is_whitespace()).collect();
    let secret = data_encoding::BASE32_NOPAD
        .decode(digits.as_bytes())
        .unwrap();
    let factor = SecondFactor {
        secret: Secret::new(secret),
    };
    let now = console.house.store.clock().now();
    (0..1_000_000)
        .map(|code| format!("{code:06}"))
        .find(|code| factor.accepts(code, now))
        .expect("a code is right at any time")
}

#[tokio::test]
#[expect(
    clippy::too_many_lines,
    reason = "one enrolment from its link to its end"
)]
async fn enrolment_works_once_and_only_with_a_proven_factor() {
    let console = Console::new().await;
    console.house.user("ada", Role::Administrator).await;
    let made = console
        .house
        .store
        .make_enrolment(Role::Reviewer, None, 3_600, &Actor::System)
        .await;
    let token = made.unwrap().secret;
    let open = Ask::get(&format!("/enrol?token={token}"))
        .send(&console.router)
        .await
        .expect(200);
    assert!(open.text.contains("reviewer"));
    let begin = |name: &'static str, password: &'static str, again: &'static str| {
        let fields = [
            ("token", token.as_str()),
            ("name", name),
            ("password", password),
            ("again", again),
        ];
        Ask::post("/enrol", &fields)
    };
    begin("rita", "short", "short")
        .send(&console.router)
        .await
        .expect(422);
    begin("rita", PASSWORD, "another thing here")
        .send(&console.router)
        .await
        .expect(422);
    let bad = begin("<b>", PASSWORD, PASSWORD)
        .send(&console.router)
        .await
        .expect(422);
    assert!(bad.text.contains("A name is"), "{}", bad.text);
    let factor = begin("rita", PASSWORD, PASSWORD)
        .send(&console.router)
        .await
        .expect(200);
    assert!(
        !factor.text.contains(PASSWORD),
        "the password is not on the page"
    );
    let sealed = factor.field("sealed");
    let (_, rest) = factor.text.split_once("<code class=\"key\">").unwrap();
    let code = code_now(&console, rest.split('<').next().unwrap());
    let confirm = |sealed: &str, code: &str| {
        Ask::post(
            "/enrol/confirm",
            &[("token", &token), ("sealed", sealed), ("code", code)],
        )
    };
    let wrong = if code == "000000" { "111111" } else { "000000" };
    confirm(&sealed, wrong)
        .send(&console.router)
        .await
        .expect(422);
    confirm("forged", &code)
        .send(&console.router)
        .await
        .expect(422);
    let done = confirm(&sealed, &code)
        .send(&console.router)
        .await
        .expect(200);
    assert_eq!(done.text.matches("<li><code>").count(), 10, "{}", done.text);
    confirm(&sealed, &code)
        .send(&console.router)
        .await
        .expect(404);
    Ask::get(&format!("/enrol?token={token}"))
        .send(&console.router)
        .await
        .expect(404);
    let user = console
        .house
        .store
        .user_by_name(&"rita".parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    assert!(user.has_second_factor);
    assert_eq!(user.role, Role::Reviewer);
}

#[tokio::test]
async fn what_was_sealed_for_one_link_is_nothing_to_another() {
    let console = Console::new().await;
    let link = || async {
        let made = console
            .house
            .store
            .make_enrolment(Role::Viewer, None, 3_600, &Actor::System)
            .await;
        made.unwrap().secret
    };
    let (first, second) = (link().await, link().await);
    let fields = [
        ("token", first.as_str()),
        ("name", "x1"),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    let sealed = Ask::post("/enrol", &fields)
        .send(&console.router)
        .await
        .expect(200)
        .field("sealed");
    let fields = [
        ("token", second.as_str()),
        ("sealed", &sealed),
        ("code", "000000"),
    ];
    let answer = Ask::post("/enrol/confirm", &fields)
        .send(&console.router)
        .await
        .expect(422);
    assert!(answer.text.contains("out of date"), "{}", answer.text);
}

#[tokio::test]
async fn people_change_only_what_is_theirs() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    let ed = console.person("ed", Role::Editor).await;
    let store = &console.house.store;
    let adas = store.sessions(None).await.unwrap();
    let adas = adas
        .iter()
        .find(|session| session.user_name.as_str() == "ada")
        .unwrap();
    let path = format!("/access/sessions/{}/revoke", adas.id);
    console.post(&ed, &path, &[]).await.expect(404);
    console
        .post(&ed, "/access/enrolments", &[("role", "administrator")])
        .await
        .expect(403);
    let ed_id = console.house.caller("ed").await.principal.user;
    let path = format!("/access/users/{ed_id}/role");
    console
        .post(&ed, &path, &[("role", "administrator")])
        .await
        .expect(403);
    console
        .post(&ada, &path, &[("role", "reviewer")])
        .await
        .expect(303);
    assert_eq!(store.user(ed_id).await.unwrap().role, Role::Reviewer);
    let made = console
        .post(&ada, "/access/enrolments", &[("role", "viewer")])
        .await
        .expect(200);
    assert!(
        made.text
            .contains("https://keep.localhost:8443/enrol?token="),
        "{}",
        made.text
    );
    let path = format!("/access/users/{ed_id}/remove");
    console
        .post(&ada, &path, &[("name", "eddy")])
        .await
        .expect(422);
    console
        .post(&ada, &path, &[("name", "ed")])
        .await
        .expect(303);
    console.get(&ed, "/").await.expect(303);
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it() {
    let console = Console::new().await;
    let ed = console.person("ed", Role::Editor).await;
    let gate = console.session("ed", SessionKind::Gate).await;
    let new = "nine blue boats at sea";
    let fields = |present: &'static str| [("present", present), ("password", new), ("again", new)];
    console
        .post(&ed, "/account/password", &fields("not my password"))
        .await
        .expect(422);
    console.clock.advance(3_600);
    let done = console
        .post(&ed, "/account/password", &fields(PASSWORD))
        .await
        .expect(303);
    let session = set_cookie(&done).unwrap();
    console.get(&session, "/account").await.expect(200);
    console.get(&ed, "/account").await.expect(303);
    let gone = console
        .house
        .store
        .session_principal(&gate, SessionKind::Gate)
        .await
        .unwrap();
    assert!(gone.is_none(), "other sessions end");
    let filter = store::AuditFilter {
        limit: 100,
        ..store::AuditFilter::default()
    };
    let record = console.house.store.audit(&filter);
    let kinds: Vec<_> = record
        .await
        .unwrap()
        .iter()
        .map(|entry| entry.event.kind)
        .collect();
    assert!(kinds.contains(&EventKind::PasswordChanged), "{kinds:?}");
    assert!(!kinds.contains(&EventKind::LoggedIn), "{kinds:?}");
}

#[tokio::test]
async fn a_factor_is_renewed_by_who_knows_password_and_code() {
    let console = Console::new().await;
    let ed = console.person("ed", Role::Editor).await;
    let begin = |present: &'static str| [("present", present)];
    let path = "/account/factor";
    let wrong = console.post(&ed, path, &begin("not it")).await.expect(422);
    assert!(wrong.text.contains("Password or code is wrong."));
    console.clock.advance(3_600);
    let page = console.post(&ed, path, &begin(PASSWORD)).await.expect(200);
    let sealed = page.field("sealed");
    let (_, rest) = page.text.split_once("<code class=\"key\">").unwrap();
    let key = rest.split('<').next().unwrap().to_owned();
    let confirm = "/account/factor/confirm";
    let fields = |code: &str| vec![("sealed", sealed.clone()), ("code", code.to_owned())];
    let post = async |session: &str, code: &str| {
        let fields = fields(code);
        let fields: Vec<_> = fields.iter().map(|(k, v)| (*k, v.as_str())).collect();
        console.post(session, confirm, &fields).await
    };
    post(&ed, "no").await.expect(422);
    let mallory = console.person("mallory", Role::Editor).await;
    let theirs = post(&mallory, &code_now(&console, &key)).await.expect(422);
    assert!(theirs.text.contains("out of date"), "{}", theirs.text);
    let done = post(&ed, &code_now(&console, &key)).await.expect(200);
    assert_eq!(done.text.matches("<li><code>").count(), 10);
    console.get(&ed, "/account").await.expect(303);
    let ed = set_cookie(&done).expect("another secret");
    // From now on the code is asked for.
    let refused = console.post(&ed, path, &begin(PASSWORD)).await.expect(422);
    assert!(
        refused.text.contains("A code is needed"),
        "{}",
        refused.text
    );
    console.clock.advance(3_600);
    let code = code_now(&console, &key);
    let fields = [("present", PASSWORD), ("code", code.as_str())];
    let codes = console
        .post(&ed, "/account/recovery-codes", &fields)
        .await
        .expect(200);
    assert_eq!(codes.text.matches("<li><code>").count(), 10);
    let again = console.post(&ed, "/account/recovery-codes", &fields).await;
    again.expect(422);
}

#[tokio::test]
async fn an_administrator_resets_another_and_the_link_renews_the_account() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    let ed = console.person("ed", Role::Editor).await;
    let id = console.house.caller("ed").await.principal.user;
    let path = format!("/access/users/{id}/reset");
    console
        .post(&ed, &path, &[("name", "ed")])
        .await
        .expect(403);
    console
        .post(&ada, &path, &[("name", "eddy")])
        .await
        .expect(422);
    console.get(&ed, "/account").await.expect(200);
    let made = console
        .post(&ada, &path, &[("name", "ed")])
        .await
        .expect(200);
    console.get(&ed, "/account").await.expect(303);
    let (_, rest) = made.text.split_once("/enrol?token=").unwrap();
    let token = rest.split('<').next().unwrap();
    let open = Ask::get(&format!("/enrol?token={token}"));
    let open = open.send(&console.router).await.expect(200);
    assert!(open.text.contains("Your account, anew"), "{}", open.text);
    let new = "nine blue boats at sea";
    let fields = [("token", token), ("password", new), ("again", new)];
    let factor = Ask::post("/enrol", &fields).send(&console.router).await;
    let factor = factor.expect(200);
    let (_, rest) = factor.text.split_once("<code class=\"key\">").unwrap();
    let code = code_now(&console, rest.split('<').next().unwrap());
    let sealed = factor.field("sealed");
    let fields = [("token", token), ("sealed", &sealed), ("code", &code)];
    let done = Ask::post("/enrol/confirm", &fields)
        .send(&console.router)
        .await;
    assert!(
        done.expect(200)
            .text
            .contains("Your account is renewed, ed")
    );
    let user = console.house.store.user(id).await.unwrap();
    assert!(user.has_second_factor);
    assert_eq!(user.role, Role::Editor);
}

#[tokio::test]
async fn a_token_is_shown_once_and_only_once() {
    let console = Console::new().await;
    let ed = console.person("ed", Role::Editor).await;
    let fields = [
        ("label", "build"),
        ("scope", "read"),
        ("scope", "propose"),
        ("days", "30"),
    ];
    let made = console
        .post(&ed, "/account/tokens", &fields)
        .await
        .expect(200);
    let (_, rest) = made.text.split_once(">rk_").unwrap();
    let secret = format!("rk_{}", rest.split('<').next().unwrap());
    Ask::get("/api/v1/deployments")
        .bearer(&secret)
        .send(&console.router)
        .await
        .expect(200);
    let later = console.get(&ed, "/account").await.expect(200);
    assert!(later.text.contains("build") && !later.text.contains(&secret));
    console
        .post(&ed, "/account/tokens", &[("label", "x"), ("days", "30")])
        .await
        .expect(422);
}

#[tokio::test]
async fn nobody_changes_their_own_mail_address_without_the_password() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    let (own, bob) = (
        console.house.caller("ada").await.principal.user,
        console.house.user("bob", Role::Editor).await,
    );
    let put = async |id: model::id::UserId, body: serde_json::Value| {
        let ask = Ask::new(http::Method::PUT, &format!("/api/v1/users/{id}/mail"));
        let ask = ask
            .session(&ada)
            .with("origin", ORIGIN)
            .json(&body)
            .send(&console.router);
        ask.await
    };
    let thief = serde_json::json!({ "address": "thief@evil.example" });
    let refused = put(own, thief.clone()).await.expect(422);
    assert!(
        refused.text.contains("with your password"),
        "{}",
        refused.text
    );
    assert_eq!(console.house.store.user(own).await.unwrap().mail, None);
    put(bob, thief).await.expect(200);
}
