//! Before something dangerous: a proof from a moment ago, asked for without losing what was typed.

use axum::http::Method;
use model::{
    access::{Role, Scope},
    audit::EventKind,
    rules::Source,
};
use serde_json::json;
use store::{AuditFilter, External, ExternalSignIn, NewToken, Says, Secret};

use crate::{
    house::PASSWORD,
    http::{Answer, Ask, Console, set_cookie},
    passkeys::{add, options},
};

/// What asks for no proof, and why.
const MILD: &[(&str, &str)] = &[
    ("/sign-in", "is one"),
    ("/sign-in/passkey", "is one"),
    ("/sign-in/with", "leads to one"),
    ("/sign-out", "gives up"),
    ("/enrol", "is held by the link"),
    ("/enrol/confirm", "is held by the link"),
    ("/enrol/passkey", "is held by the link"),
    ("/account/password", "asks for the password itself"),
    ("/account/mail", "asks for the password itself"),
    ("/account/factor", "asks for password and code itself"),
    ("/account/factor/confirm", "goes on from that"),
    (
        "/account/recovery-codes",
        "asks for password and code itself",
    ),
    (
        "/account/passkeys/begin",
        "asks for password and code itself",
    ),
    ("/account/passkeys/add", "goes on from that"),
    ("/account/passkeys/{id}/rename", "is a name"),
    (
        "/account/passkeys/{id}/remove",
        "asks for password and code itself",
    ),
    ("/account/sessions/revoke-others", "takes away"),
    ("/access/sessions/{id}/revoke", "takes away"),
    ("/access/tokens/{id}/revoke", "takes away"),
    ("/access/kiosks/{id}/revoke", "takes away"),
    ("/access/rules/undo", "goes back to what held"),
    (
        "/deployments/{id}/steps/{number}",
        "is the review, whose policy may ask for a touch",
    ),
    ("/deployments/{id}/together/{kind}", "is the review"),
    ("/deployments/{id}/comments", "is talk"),
    ("/deployments/{id}/steps/{number}/risk", "is the review"),
    (
        "/deployments/{id}/confirm",
        "is the review, whose policy may ask for a touch",
    ),
    ("/deployments/{id}/touch", "is a proof"),
    ("/deployments/{id}/reject", "takes away"),
    ("/deployments/{id}/rebase", "is queued"),
    ("/deployments/{id}/withdraw", "takes away"),
    ("/deployments/{id}/emergency-review", "is a look"),
    ("/deployments/{id}/rehearse", "is a trial"),
    ("/history/rollback", "is queued"),
    ("/risks/{id}/withdraw", "takes away"),
    ("/record/verify", "is a look"),
    ("/settings/restart", "runs what was approved"),
];

/// Calls of the API that ask for none.
const MILD_CALLS: &[&str] = &[
    "post /certificates/renew",
    "post /instances/{id}/restart",
    "post /instances/{id}/rollback",
    "post /deployments",
    "post /deployments/{id}/decisions",
    "post /deployments/{id}/comments",
    "post /deployments/{id}/approve",
    "post /deployments/{id}/apply",
    "post /deployments/{id}/reject",
    "post /deployments/{id}/withdraw",
    "post /deployments/{id}/rebase",
    "post /deployments/{id}/emergency-review",
    "post /deployments/{id}/rehearse",
    "post /deployments/{id}/risks",
    "delete /risks/{id}",
    "delete /tokens/{id}",
    "delete /sessions/{id}",
    "post /sessions/revoke",
    "delete /kiosks/{id}",
    "post /mail/test",
    "post /access/rules/undo",
    "post /access/simulate",
    "post /audit/verify",
];

fn starred(path: &str) -> String {
    let segments = path.split('/');
    let segments = segments.map(|it| if it.starts_with('{') { "*" } else { it });
    segments.collect::<Vec<_>>().join("/")
}

#[test]
fn every_form_and_call_asks_for_a_proof_or_says_why_not() {
    for (method, path) in console::PAGE_ROUTES {
        let asks = console::PROVEN_PAGES
            .iter()
            .any(|(it, _)| *it == starred(path));
        let is_mild = MILD.iter().any(|(it, _)| it == path);
        let known = *method != "post" || asks != is_mild;
        assert!(known, "{method} {path}: dangerous or mild?");
    }
    for (method, path) in console::API_ROUTES {
        let upper = method.to_uppercase();
        let calls = console::PROVEN_CALLS.iter();
        let asks = calls
            .clone()
            .any(|it| *it == (upper.as_str(), starred(path).as_str()));
        let is_mild = MILD_CALLS.contains(&format!("{method} {path}").as_str());
        let known = *method == "get" || asks != is_mild;
        assert!(known, "{method} {path}: dangerous or mild?");
    }
    let there = |path: &str| {
        console::PAGE_ROUTES
            .iter()
            .any(|(_, it)| starred(it) == path)
    };
    for (path, _) in console::PROVEN_PAGES {
        assert!(there(path), "there is no page {path}");
    }
    for (method, path) in console::PROVEN_CALLS {
        let mut all = console::API_ROUTES.iter();
        let is = all.any(|(verb, it)| verb.to_uppercase() == *method && starred(it) == *path);
        assert!(is, "there is no call {method} {path}");
    }
}

async fn tokens(console: &Console) -> Vec<store::AccessToken> {
    console.house.store.tokens(None).await.unwrap()
}

async fn proofs(console: &Console) -> Vec<serde_json::Value> {
    let filter = AuditFilter {
        limit: 1000,
        ..AuditFilter::default()
    };
    let entries = console.house.store.audit(&filter).await.unwrap();
    let proofs = entries
        .into_iter()
        .filter(|entry| entry.event.kind == EventKind::IdentityProven);
    proofs.map(|entry| entry.event.detail).collect()
}

/// Everything the page that asks carries on.
fn carried(page: &Answer) -> Vec<(String, String)> {
    let (_, form) = page
        .text
        .split_once("<form method=\"post\" action=\"/acc")
        .unwrap();
    let (form, _) = form.split_once("</form>").unwrap();
    let fields = form.split("<input type=\"hidden\" name=\"").skip(1);
    let fields = fields.map(|field| {
        let (name, rest) = field.split_once("\" value=\"").unwrap();
        let value = rest.split('"').next().unwrap();
        let value = value
            .replace("&#60;", "<")
            .replace("&#62;", ">")
            .replace("&#34;", "\"");
        (name.to_owned(), value.replace("&#38;", "&"))
    });
    fields.collect()
}

async fn send(
    console: &Console,
    session: &str,
    path: &str,
    fields: &[(String, String)],
    more: &[(&str, &str)],
) -> Answer {
    let fields = fields
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let fields: Vec<_> = fields.chain(more.iter().copied()).collect();
    let ask = Ask::post(path, &fields).session(session);
    ask.send(&console.router).await
}

const LABEL: &str = "build \"machine\" <b>&amp;</b>";

fn token_fields() -> Vec<(&'static str, &'static str)> {
    vec![
        ("label", LABEL),
        ("scope", "read"),
        ("scope", "audit"),
        ("days", "7"),
        ("networks", "10.0.0.0/8"),
    ]
}

#[tokio::test]
async fn a_sign_in_of_a_moment_ago_is_enough_and_an_older_one_is_asked_and_goes_on() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    console.clock.advance(599);
    let path = "/account/tokens";
    console.post(&ada, path, &token_fields()).await.expect(200);
    assert_eq!(tokens(&console).await.len(), 1);
    console.clock.advance(1);
    let asked = console.post(&ada, path, &token_fields()).await.expect(403);
    assert!(asked.text.contains("You are about to make a token"));
    assert_eq!(tokens(&console).await.len(), 1, "nothing was made");
    let fields = carried(&asked);

    let wrong = [("proof-password", "not this one at all")];
    let again = send(&console, &ada, path, &fields, &wrong)
        .await
        .expect(403);
    assert!(again.text.contains("Password or code is wrong."));
    assert!(set_cookie(&again).is_none());
    let fields = carried(&again);
    console.clock.advance(60);
    let right = [("proof-password", PASSWORD)];
    let done = send(&console, &ada, path, &fields, &right)
        .await
        .expect(200);
    assert!(
        done.text.contains("Your new token."),
        "it goes on by itself"
    );
    let made = tokens(&console).await.remove(0);
    assert_eq!(
        (made.label.as_str(), made.scopes),
        (LABEL, vec![Scope::Read, Scope::Audit])
    );
    let networks: Vec<Source> = vec!["10.0.0.0/8".parse().unwrap()];
    assert_eq!(made.networks, networks, "nothing typed was lost");

    // Whoever took the cookie before the proof has nothing by it.
    let fresh = set_cookie(&done).expect("another secret");
    console.get(&ada, "/account").await.expect(303);
    console.get(&fresh, "/account").await.expect(200);
    console.clock.advance(599);
    console
        .post(&fresh, path, &token_fields())
        .await
        .expect(200);
    assert_eq!(proofs(&console).await.len(), 1);
    assert_eq!(proofs(&console).await[0]["with"], "password");
}

#[tokio::test]
async fn a_touch_proves_too_and_in_its_session_alone() {
    let console = Console::new().await;
    let mut ada = console.person("ada", Role::Administrator).await;
    let mut key = add(&console, &mut ada).await;
    let other = console.session("ada", store::SessionKind::Console).await;
    console.clock.advance(3_600);
    let path = "/account/tokens";
    let asked = console.post(&ada, path, &token_fields()).await.expect(403);
    // With a second factor the password alone proves nothing.
    let fields = carried(&asked);
    let half = send(
        &console,
        &ada,
        path,
        &fields,
        &[("proof-password", PASSWORD)],
    )
    .await;
    assert!(half.expect(403).text.contains("A code is needed too"));
    let (ceremony, answer) = (asked.field("ceremony"), key.sign(&options(&asked)));
    let touch = [("ceremony", &*ceremony), ("answer", &*answer)];
    // Asked in one session, it proves nothing in another of the same person.
    let csrf = console.get(&other, "/account").await.field("csrf");
    let mut theirs = fields.clone();
    theirs.retain(|(name, _)| name != "csrf");
    theirs.push(("csrf".to_owned(), csrf));
    let refused = send(&console, &other, path, &theirs, &touch)
        .await
        .expect(403);
    assert!(refused.text.contains("out of date"), "{}", refused.text);
    assert!(tokens(&console).await.is_empty());
    let done = send(&console, &ada, path, &fields, &touch)
        .await
        .expect(200);
    assert!(done.text.contains("Your new token."));
    assert!(set_cookie(&done).is_some());
    assert_eq!(proofs(&console).await[0]["with"], "passkey");
}

#[tokio::test]
async fn a_role_that_signs_in_with_a_passkey_proves_itself_with_no_less() {
    let mut console = Console::new().await;
    let mut ada = console.person("ada", Role::Administrator).await;
    let mut key = add(&console, &mut ada).await;
    console.router = console::router(console::Context {
        passkey_required: vec![Role::Administrator],
        ..console.house.context()
    });
    console.clock.advance(3_600);
    let path = "/account/tokens";
    let asked = console.post(&ada, path, &token_fields()).await.expect(403);
    assert!(
        !asked.text.contains("name=\"proof-password\""),
        "{}",
        asked.text
    );
    let mut fields = carried(&asked);
    fields.retain(|(name, _)| !["ceremony", "answer"].contains(&name.as_str()));
    let less = [("proof-password", PASSWORD), ("proof-code", "whatever")];
    let refused = send(&console, &ada, path, &fields, &less).await.expect(403);
    assert!(refused.text.contains("proves itself with a passkey"));
    let (ceremony, answer) = (asked.field("ceremony"), key.sign(&options(&asked)));
    let touch = [("ceremony", &*ceremony), ("answer", &*answer)];
    send(&console, &ada, path, &fields, &touch)
        .await
        .expect(200);
}

/// Somebody a provider stands for signs in.
async fn by_a_provider(console: &Console) -> String {
    let who = External {
        provider: "plant".to_owned(),
        issuer: "https://id.example".to_owned(),
        subject: "u-1".to_owned(),
        names: vec!["ann".to_owned()],
        says: Says::Is(Role::Administrator),
        makes_accounts: true,
        grant: Secret::new(b"grant".to_vec()),
        again_seconds: 45,
    };
    let store = &console.house.store;
    let came = store.sign_in_external(&who, None, None, "a browser").await;
    match came.unwrap() {
        ExternalSignIn::In(came) => came.2.0,
        other => unreachable!("{other:?}"),
    }
}

#[tokio::test]
async fn whoever_signs_in_by_a_provider_proves_it_there_and_with_no_password() {
    let console = Console::new().await;
    console.person("ada", Role::Administrator).await;
    let ann = by_a_provider(&console).await;
    console.clock.advance(3_600);
    let path = "/account/tokens";
    let asked = console.post(&ann, path, &token_fields()).await.expect(403);
    let text = &asked.text;
    assert!(!text.contains("name=\"proof-password\""), "{text}");
    assert!(text.contains("sign in again with plant"), "{text}");
    let mut fields: Vec<_> = token_fields();
    fields.push(("proof-password", PASSWORD));
    console.post(&ann, path, &fields).await.expect(403);
    assert!(tokens(&console).await.is_empty(), "nothing was made");
    let again = by_a_provider(&console).await;
    console
        .post(&again, path, &token_fields())
        .await
        .expect(200);
    assert_eq!(tokens(&console).await.len(), 1);
}

#[tokio::test]
async fn the_api_asks_sessions_and_not_tokens() {
    let console = Console::new().await;
    let ada = console.person("ada", Role::Administrator).await;
    let user = console.house.caller("ada").await.principal.user;
    let new = NewToken {
        user,
        label: "t".into(),
        scopes: vec![Scope::Admin],
        expires_at: console.house.store.clock().now().plus_seconds(86_400),
        networks: Vec::new(),
    };
    let by = model::principal::Actor::System;
    let (_, token) = console.house.store.make_token(new, &by).await.unwrap();
    console.clock.advance(600);
    let body = json!({ "role": "viewer", "name": "bo" });
    let ask = || Ask::new(Method::POST, "/api/v1/enrolments").json(&body);
    let by_session = ask().session(&ada).with("origin", crate::house::ORIGIN);
    let refused = by_session.send(&console.router).await.expect(403);
    assert_eq!(refused.json()["error"]["code"], "step-up-required");
    ask().bearer(&token).send(&console.router).await.expect(200);
    // What only looks or takes away asks for nothing.
    let listed = Ask::get("/api/v1/users").session(&ada);
    listed.send(&console.router).await.expect(200);
}
