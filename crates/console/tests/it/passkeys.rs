//! Passkeys on the pages: which run script, adding one, signing in with it, and the touch.

use model::{
    access::Role, audit::EventKind, deployment::State, instance::Policy, principal::Actor,
};
use store::{AuditFilter, SessionKind, Store};

use crate::{
    authenticator::Authenticator,
    house::{GATE, ORIGIN, PASSWORD},
    http::{Answer, Ask, Console, set_cookie},
};

const FLOWS: &str = r#"[{"id":"t","type":"tab","label":"Tab"}]"#;

/// What a page asks the browser.
#[track_caller]
pub(crate) fn options(page: &Answer) -> String {
    let (_, rest) = page.text.split_once("data-options=\"").expect("a question");
    let text = rest.split('"').next().unwrap();
    text.replace("&#34;", "\"").replace("&#38;", "&")
}

/// Adds a passkey over the pages. Returns it; the session has another secret by then.
pub(crate) async fn add(console: &Console, session: &mut String) -> Authenticator {
    let mut key = Authenticator::at(ORIGIN);
    let fields = [("name", "blue key"), ("present", PASSWORD)];
    let page = console
        .post(session, "/account/passkeys/begin", &fields)
        .await
        .expect(200);
    let (ceremony, answer) = (page.field("ceremony"), key.make(&options(&page)));
    let fields = [
        ("name", "blue key"),
        ("ceremony", &ceremony),
        ("answer", &answer),
    ];
    let done = console
        .post(session, "/account/passkeys/add", &fields)
        .await
        .expect(200);
    assert!(
        done.text.contains("<ol class=\"codes\""),
        "no recovery codes: {}",
        done.text
    );
    let before = std::mem::replace(session, set_cookie(&done).expect("another secret"));
    console.get(&before, "/account").await.expect(303);
    key
}

async fn touching(console: &Console) {
    let policy = Policy {
        touch: true,
        ..Policy::default()
    };
    let set = console
        .house
        .store
        .set_policy(&console.house.main, &policy, &Actor::System);
    set.await.unwrap();
}

/// Somebody's deployment, every change of it approved by `rita`.
async fn decided(console: &Console, session: &str) -> i64 {
    console.house.user("ed", Role::Editor).await;
    let id = console.house.propose("ed", FLOWS).await;
    let page = console
        .get(session, &format!("/deployments/{id}/confirm"))
        .await
        .expect(200);
    let shown = page.field("shown");
    let fields = [("do", "approve-rest"), ("looked", "yes"), ("shown", &shown)];
    console
        .post(session, &format!("/deployments/{id}/confirm"), &fields)
        .await
        .expect(303);
    id.0
}

async fn state(console: &Console, id: i64) -> State {
    let id = model::id::DeploymentId(id);
    console.house.store.deployment(id).await.unwrap().state
}

async fn passkeys(store: &Store, name: &str) -> usize {
    let user = store
        .user_by_name(&name.parse().unwrap())
        .await
        .unwrap()
        .unwrap();
    store.passkeys(user.id).await.unwrap().len()
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one straight sequence")]
async fn a_passkey_is_added_and_signs_in_with_the_password_or_alone() {
    let console = Console::new().await;
    let mut rita = console.person("rita", Role::Reviewer).await;
    let wrong = [("name", "x"), ("present", "not this password")];
    let refused = console
        .post(&rita, "/account/passkeys/begin", &wrong)
        .await
        .expect(422);
    assert!(refused.text.contains("Password or code is wrong"));
    let mut key = add(&console, &mut rita).await;
    let page = console.get(&rita, "/account/passkeys").await.expect(200);
    assert!(page.text.contains("<b>blue key</b>") && page.text.contains("never"));

    // The password alone does not come in; with a touch it does.
    let fields = [("name", "rita"), ("password", PASSWORD)];
    let half = Ask::post("/sign-in", &fields)
        .send(&console.router)
        .await
        .expect(422);
    assert!(set_cookie(&half).is_none());
    assert!(
        half.text.contains("Touch your passkey instead of a code"),
        "{}",
        half.text
    );
    let (ceremony, answer) = (half.field("ceremony"), key.sign(&options(&half)));
    let fields = [
        ("ceremony", &*ceremony),
        ("answer", &*answer),
        ("next", "/deployments"),
    ];
    let sign_in = || Ask::post("/sign-in/passkey", &fields).send(&console.router);
    let right = sign_in().await.expect(303);
    assert_eq!(right.header("location"), "/deployments");
    let fresh = set_cookie(&right).unwrap();
    let again = sign_in().await.expect(422);
    assert!(set_cookie(&again).is_none(), "the same answer twice");

    // Alone, by whoever the passkey says it is; on the gate's origin it is worth nothing.
    let page = Ask::get("/sign-in")
        .with("sec-fetch-site", "none")
        .send(&console.router)
        .await;
    key.origin = GATE.to_owned();
    let (ceremony, answer) = (page.field("ceremony"), key.sign(&options(&page)));
    let fields = [("ceremony", &*ceremony), ("answer", &*answer)];
    let there = Ask::post("/sign-in/passkey", &fields)
        .send(&console.router)
        .await
        .expect(422);
    assert!(there.text.contains("another origin"), "{}", there.text);
    key.origin = ORIGIN.to_owned();
    let answer = key.sign(&options(&page));
    let fields = [("ceremony", &*ceremony), ("answer", &*answer)];
    let right = Ask::post("/sign-in/passkey", &fields)
        .send(&console.router)
        .await
        .expect(303);
    assert!(set_cookie(&right).is_some());

    // A moment after, the password is enough to change things; without it a code is asked for.
    let fields = [("name", "spare"), ("present", PASSWORD)];
    console
        .post(&rita, "/account/passkeys/begin", &fields)
        .await
        .expect(422);
    console
        .post(&fresh, "/account/passkeys/begin", &fields)
        .await
        .expect(200);
    let page = console.get(&fresh, "/account/passkeys").await.expect(200);
    let (_, rest) = page.text.split_once("/account/passkeys/").unwrap();
    let id = rest.split('/').next().unwrap().to_owned();
    let remove = format!("/account/passkeys/{id}/remove");
    let last = console
        .post(&fresh, &remove, &[("present", PASSWORD)])
        .await
        .expect(422);
    assert!(last.text.contains("last second factor"), "{}", last.text);
    console.clock.advance(301);
    console
        .post(&fresh, "/account/passkeys/begin", &fields)
        .await
        .expect(422);
    assert_eq!(passkeys(&console.house.store, "rita").await, 1);
}

#[tokio::test]
async fn only_the_pages_that_ask_for_a_passkey_run_script() {
    let console = Console::new().await;
    let mut rita = console.person("rita", Role::Reviewer).await;
    add(&console, &mut rita).await;
    touching(&console).await;
    let id = decided(&console, &rita).await;
    for (path, runs) in [
        (format!("/deployments/{id}/touch"), true),
        (format!("/deployments/{id}/confirm"), false),
        (format!("/deployments/{id}"), false),
        (format!("/deployments/{id}/steps/1"), false),
        ("/account".to_owned(), false),
        ("/".to_owned(), false),
    ] {
        let page = console.get(&rita, &path).await.expect(200);
        let policy = page.header("content-security-policy");
        assert_eq!(
            policy.contains("script-src 'self';"),
            runs,
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe"), "{path}: {policy}");
        assert_eq!(page.text.contains("<script"), runs, "{path}");
    }
    let page = Ask::get("/sign-in")
        .with("sec-fetch-site", "none")
        .send(&console.router)
        .await;
    let (_, rest) = page.text.split_once("<script src=\"").expect("the script");
    let script = Ask::get(rest.split('"').next().unwrap())
        .send(&console.router)
        .await
        .expect(200);
    assert_eq!(
        script.header("content-type"),
        "text/javascript; charset=utf-8"
    );
}

#[tokio::test]
#[expect(clippy::too_many_lines, reason = "one straight sequence")]
async fn where_a_touch_is_asked_for_nothing_else_applies() {
    let console = Console::new().await;
    let mut rita = console.person("rita", Role::Reviewer).await;
    let mut key = add(&console, &mut rita).await;
    touching(&console).await;
    let id = decided(&console, &rita).await;
    let (confirm, touch) = (
        format!("/deployments/{id}/confirm"),
        format!("/deployments/{id}/touch"),
    );
    let page = console.get(&rita, &confirm).await.expect(200);
    assert!(
        page.text.contains(&format!("href=\"{touch}\"")),
        "{}",
        page.text
    );
    // The form of before, sent all the same, with the session's own token.
    let page = console.get(&rita, &touch).await.expect(200);
    let shown = page.field("shown");
    let apply = [("do", "apply"), ("shown", &*shown)];
    let sent = console.post(&rita, &confirm, &apply).await.expect(303);
    assert_eq!(sent.header("location"), touch);
    let api = Ask::new(
        http::Method::POST,
        &format!("/api/v1/deployments/{id}/apply"),
    );
    let api = api
        .json(&serde_json::json!({ "shown": shown }))
        .session(&rita);
    let refused = api
        .with("origin", ORIGIN)
        .send(&console.router)
        .await
        .expect(403);
    assert_eq!(refused.json()["error"]["code"], "touch-needed");
    assert!(refused.text.contains(&touch), "{}", refused.text);
    assert_eq!(state(&console, id).await, State::InReview);

    // Touched on the editor's origin, then in vain: without an answer, for another deployment.
    let ceremony = page.field("ceremony");
    let send = |ceremony: String, answer: String| {
        let (console, rita, touch, shown) = (&console, &rita, &touch, &shown);
        async move {
            let fields = [
                ("shown", &**shown),
                ("ceremony", &*ceremony),
                ("answer", &*answer),
            ];
            console.post(rita, touch, &fields).await
        }
    };
    key.origin = GATE.to_owned();
    let answer = key.sign(&options(&page));
    let there = send(ceremony.clone(), answer).await.expect(409);
    assert!(there.text.contains("another origin"), "{}", there.text);
    key.origin = ORIGIN.to_owned();
    let nothing = send(ceremony.clone(), String::new()).await.expect(409);
    assert!(
        nothing.text.contains("could not be read"),
        "{}",
        nothing.text
    );
    let sign_in = Ask::get("/sign-in")
        .with("sec-fetch-site", "none")
        .send(&console.router)
        .await;
    let answer = key.sign(&options(&sign_in));
    let other = send(sign_in.field("ceremony"), answer.clone())
        .await
        .expect(409);
    assert!(other.text.contains("out of date"), "{}", other.text);
    let other = send(ceremony.clone(), answer).await.expect(409);
    assert!(other.text.contains("something else"), "{}", other.text);
    assert_eq!(state(&console, id).await, State::InReview);

    // Without the form's token a touch is somebody else's page's.
    let answer = key.sign(&options(&page));
    let fields = [
        ("shown", &*shown),
        ("ceremony", &*ceremony),
        ("answer", &*answer),
    ];
    Ask::post(&touch, &fields)
        .session(&rita)
        .send(&console.router)
        .await
        .expect(403);
    let done = send(ceremony.clone(), answer.clone()).await.expect(303);
    assert_eq!(
        done.header("location"),
        format!("/deployments/{id}?done=applied")
    );
    assert!(matches!(state(&console, id).await, State::Applied { .. }));
    let again = send(ceremony, answer).await;
    assert!(again.status.is_client_error(), "{}", again.status);
}

#[tokio::test]
async fn whoever_has_no_passkey_is_told_where_to_add_one() {
    let console = Console::new().await;
    let rita = console.person("rita", Role::Reviewer).await;
    touching(&console).await;
    let id = decided(&console, &rita).await;
    let page = console
        .get(&rita, &format!("/deployments/{id}/touch"))
        .await
        .expect(200);
    assert!(
        page.text.contains("you have none yet") && page.text.contains("href=\"/account/passkeys\"")
    );
    assert!(!page.text.contains("data-options"));
}

#[tokio::test]
async fn a_console_reached_by_its_address_says_why_it_asks_for_no_passkey() {
    let mut console = Console::new().await;
    let mut context = console.house.context();
    context.addresses.console_origin = "https://192.0.2.1:8443".to_owned();
    console.router = console::router(context);
    let page = Ask::get("/sign-in")
        .with("sec-fetch-site", "none")
        .send(&console.router)
        .await;
    assert!(
        page.text.contains("Passkeys need a host name"),
        "{}",
        page.text
    );
    assert!(!page.text.contains("<script"));
    let ann = console.person("ann", Role::Editor).await;
    let page = console.get(&ann, "/account/passkeys").await.expect(200);
    assert!(
        page.text.contains("Passkeys need a host name") && !page.text.contains("Add a passkey")
    );
}

/// No session was opened, and none is recorded.
async fn no_login(console: &Console, answer: &Answer) {
    assert!(set_cookie(answer).is_none());
    let filter = AuditFilter::default();
    let entries = console.house.store.audit(&filter).await.unwrap();
    let last = entries.first().expect("an entry");
    assert_eq!(last.event.kind, EventKind::LoginFailed);
}

#[tokio::test]
async fn a_role_that_signs_in_with_a_passkey_signs_in_with_nothing_less() {
    let mut console = Console::new().await;
    let mut context = console.house.context();
    context.passkey_required = vec![Role::Administrator];
    console.router = console::router(context);
    console.house.user("root", Role::Administrator).await;
    // Without one, a password leads to the page where it is added, and nowhere else.
    let fields = [
        ("name", "root"),
        ("password", PASSWORD),
        ("gate", "main"),
        ("state", "s"),
    ];
    let first = Ask::post("/sign-in", &fields)
        .send(&console.router)
        .await
        .expect(303);
    assert_eq!(first.header("location"), "/account/passkeys");
    let root = set_cookie(&first).unwrap();
    for path in [
        "/",
        "/deployments",
        "/account",
        "/access",
        "/sign-in?gate=main&state=s",
    ] {
        let there = console.get(&root, path).await.expect(303);
        assert_eq!(there.header("location"), "/account/passkeys", "{path}");
    }
    let api = Ask::get("/api/v1/users")
        .session(&root)
        .send(&console.router)
        .await
        .expect(403);
    assert_eq!(api.json()["error"]["code"], "passkey-required");
    let page = console.get(&root, "/account/passkeys").await.expect(200);
    assert!(page.text.contains("signs in with a passkey here"));
    // Others are not held up.
    let ann = console.person("ann", Role::Editor).await;
    console.get(&ann, "/").await.expect(200);

    let csrf = page.field("csrf");
    let mut key = Authenticator::at(ORIGIN);
    let fields = [("name", "k"), ("present", PASSWORD), ("csrf", &csrf)];
    let begun = Ask::post("/account/passkeys/begin", &fields).session(&root);
    let begun = begun.send(&console.router).await.expect(200);
    let (ceremony, answer) = (begun.field("ceremony"), key.make(&options(&begun)));
    let fields = [
        ("name", "k"),
        ("ceremony", &*ceremony),
        ("answer", &*answer),
        ("csrf", &csrf),
    ];
    let added = Ask::post("/account/passkeys/add", &fields).session(&root);
    let added = added.send(&console.router).await.expect(200);
    let root = set_cookie(&added).expect("another secret");
    let (_, codes) = added.text.split_once("<li><code>").unwrap();
    let code = codes.split('<').next().unwrap().to_owned();
    console.get(&root, "/").await.expect(200);
    // From now on a password with a recovery code does not do.
    let fields = [("name", "root"), ("password", PASSWORD), ("code", &*code)];
    let less = Ask::post("/sign-in", &fields)
        .send(&console.router)
        .await
        .expect(422);
    no_login(&console, &less).await;
    assert!(
        less.text.contains("signs in with a passkey here"),
        "{}",
        less.text
    );
    let again = console.session("root", SessionKind::Console).await;
    console.get(&again, "/").await.expect(200);
}

#[tokio::test]
async fn enrolment_takes_a_passkey_instead_of_codes() {
    let console = Console::new().await;
    let store = &console.house.store;
    let link = store
        .make_enrolment(Role::Reviewer, None, 600, &Actor::System)
        .await
        .unwrap();
    let fields = [
        ("token", &*link.secret),
        ("name", "mia"),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    let page = Ask::post("/enrol", &fields)
        .send(&console.router)
        .await
        .expect(200);
    let mut key = Authenticator::at(ORIGIN);
    let (sealed, ceremony) = (page.field("sealed"), page.field("ceremony"));
    let answer = key.make(&options(&page));
    let fields = [
        ("token", &*link.secret),
        ("sealed", &sealed),
        ("name", "phone"),
        ("ceremony", &ceremony),
        ("answer", &answer),
    ];
    let done = Ask::post("/enrol/passkey", &fields)
        .send(&console.router)
        .await
        .expect(200);
    assert_eq!(done.text.matches("<li><code>").count(), 10);
    assert_eq!(passkeys(store, "mia").await, 1);
    let page = Ask::get("/sign-in")
        .with("sec-fetch-site", "none")
        .send(&console.router)
        .await;
    let (ceremony, answer) = (page.field("ceremony"), key.sign(&options(&page)));
    let fields = [("ceremony", &*ceremony), ("answer", &*answer)];
    Ask::post("/sign-in/passkey", &fields)
        .send(&console.router)
        .await
        .expect(303);
}
