//! Signing in by a real OpenID Connect provider (npm's certified `oidc-provider`), in a real Chromium.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{
    Browser, Options, Redkeep, npm::AXE, openid::OpenIdProvider, until, verbs::listed, within,
};

use crate::accessibility::look;

const SECTION: &str = "accounts = \"just-in-time\"\nrecheck_seconds = 1\nroles = [\n\
    { group = \"keepers\", role = \"reviewer\" },\n{ group = \"staff\", role = \"editor\" },\n]";

async fn house(section: &str) -> (OpenIdProvider, Redkeep) {
    let mut provider = OpenIdProvider::start();
    provider.set_people(&json!({ "ann": { "preferred_username": "ann", "groups": ["keepers"] } }));
    let redkeep = Redkeep::start(Options {
        config: Some(provider.config("plant", section)),
        ..Options::default()
    })
    .await;
    redkeep.person("ada", "administrator").await;
    provider.open_for("plant", redkeep.console());
    (provider, redkeep)
}

/// At the provider's own pages: who one is, and that Redkeep may know.
async fn at_the_provider(browser: &Browser, name: &str) {
    browser.fill("input[name=login]", name).await;
    browser.fill("input[name=password]", "any").await;
    browser.click_through("button.login-submit").await;
    browser.press("Continue").await;
}

async fn users(redkeep: &Redkeep) -> Vec<Value> {
    listed(&redkeep.cli(&["user", "list"]).await.ok().json(), "users")
}

async fn ann(redkeep: &Redkeep) -> Value {
    let users = users(redkeep).await;
    let found = users.into_iter().find(|it| it["name"] == "ann");
    found.unwrap_or_default()
}

async fn role_becomes(redkeep: &Redkeep, role: &str) {
    until(&format!("ann being {role}"), || async {
        (ann(redkeep).await["role"] == role).then_some(())
    })
    .await;
}

/// Waits for a page of the console that says this.
async fn says(browser: &Browser, words: &str) {
    let script = format!("return document.body?.innerText.includes({})", json!(words));
    browser.run_until(words, &script).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_removed_from_the_group_is_out_within_a_minute() {
    let (provider, redkeep) = house(SECTION).await;
    let browser = Browser::open().await;
    browser.goto(redkeep.editor()).await;
    browser.press("Sign in with Plant ID").await;
    at_the_provider(&browser, "ann").await;
    browser.editor_loaded(&redkeep).await;
    let known = ann(&redkeep).await;
    assert_eq!(
        (&known["role"], &known["provider"]),
        (&json!("reviewer"), &json!("plant")),
        "{known}"
    );
    let token = redkeep.token("ann", &["read"]).await;
    let url = redkeep.api_url("/instances");
    token.get(url.clone()).await.expect(200);
    browser
        .run(
            "window.closed_by_gate = false;\
             const socket = new WebSocket(location.origin.replace('https', 'wss') + '/comms');\
             socket.onclose = () => { window.closed_by_gate = true; };",
        )
        .await;
    provider.set_people(&json!({ "ann": { "preferred_username": "ann", "groups": ["staff"] } }));
    role_becomes(&redkeep, "editor").await;
    token.get(url.clone()).await.expect(200);

    provider.set_people(&json!({ "ann": { "preferred_username": "ann", "groups": ["guests"] } }));
    let ended = |it: &Value| it["event"]["detail"]["provider"] == "plant";
    let minute = Duration::from_mins(1);
    within(minute, "the end of ann's sessions", || async {
        let revoked = redkeep.audit("session-revoked").await;
        revoked.iter().any(ended).then_some(())
    })
    .await;
    let closed = "return window.closed_by_gate === true";
    browser.run_until("the live socket's end", closed).await;
    token.get(url.clone()).await.expect(401);
    browser.goto(redkeep.editor()).await;
    // The provider knows them still, and asks for leave each time.
    browser.press("Sign in with Plant ID").await;
    browser.press("Continue").await;
    says(&browser, "none of your groups has a role here").await;

    // Let in again, the token works again too.
    provider.set_people(&json!({ "ann": { "preferred_username": "ann", "groups": ["keepers"] } }));
    browser.press("Sign in with Plant ID").await;
    browser.press("Continue").await;
    browser.editor_loaded(&redkeep).await;
    token.get(url).await.expect(200);
    browser.close().await;
    redkeep.assert_record_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_provider_the_local_account_works_and_alarms() {
    let (mut provider, redkeep) = house(SECTION).await;
    let console = redkeep.console().to_owned();
    redkeep.cli(&["user", "break-glass", "ada"]).await.ok();
    let axe = AXE.file("axe.min.js");
    let mut faults = Vec::new();
    let browser = Browser::open().await;
    // An answer that nobody asked for is nobody's.
    let planted = format!("{console}/sign-in/back/plant?code=x&state=y");
    browser.goto(&planted).await;
    says(&browser, "not begun in this browser").await;
    look(&browser, &axe, "sign-in that was not begun", &mut faults).await;
    browser.press("Sign in with Plant ID").await;
    at_the_provider(&browser, "ann").await;
    let is_in = "return document.querySelector('nav[aria-label=Main]') !== null";
    browser.run_until("the overview", is_in).await;
    browser.goto(&format!("{console}/account")).await;
    assert!(
        !browser.has("#password").await,
        "a password here could be set"
    );
    look(&browser, &axe, "account by a provider", &mut faults).await;

    provider.down();
    until("a look that found nobody", || async {
        redkeep
            .said()
            .contains("a provider could not be asked again")
            .then_some(())
    })
    .await;
    browser.goto(&format!("{console}/account")).await;
    browser.run_until("ann, who goes on", is_in).await;
    browser.press("Sign out").await;
    browser.find("#password").await;
    browser.press("Sign in with Plant ID").await;
    says(&browser, "Plant ID cannot be asked now").await;
    browser
        .sign_in("ada", "seven green miles to walk", None)
        .await;
    browser.run_until("ada, by the local account", is_in).await;
    let used = redkeep.recorded("break-glass-used", |_| true).await;
    assert_eq!(used["event"]["subject"], "user ada", "{used}");
    browser.goto(&format!("{console}/access")).await;
    look(&browser, &axe, "access with providers", &mut faults).await;
    browser.close().await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    redkeep.assert_record_whole().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_taken_by_the_provider_and_signing_out_leads_by_it() {
    let (_provider, redkeep) = house("").await;
    let console = redkeep.console().to_owned();
    let browser = Browser::open().await;
    browser.goto(&format!("{console}/sign-in")).await;
    browser.press("Sign in with Plant ID").await;
    at_the_provider(&browser, "ann").await;
    says(&browser, "nobody has let you in here").await;
    assert_eq!(ann(&redkeep).await, Value::Null);
    let add = ["user", "add", "plant-ann", "--role", "auditor"];
    let link = redkeep.cli(&add).await.ok().json();
    browser.goto(link["url"].as_str().unwrap()).await;
    browser.press("Sign in with Plant ID").await;
    browser.press("Continue").await;
    let is_in = "return document.querySelector('nav[aria-label=Main]') !== null";
    browser.run_until("the overview", is_in).await;
    let users = users(&redkeep).await;
    let made = users.iter().find(|it| it["name"] == "plant-ann").unwrap();
    assert_eq!(
        (&made["role"], &made["provider"]),
        (&json!("auditor"), &json!("plant"))
    );

    browser.press("Sign out").await;
    browser.press("Yes, sign me out").await;
    browser.find("#password").await;
    assert!(browser.address().await.starts_with(&console));
    // The provider has forgotten them too: it asks who they are.
    browser.press("Sign in with Plant ID").await;
    browser.find("input[name=login]").await;
    browser.close().await;
    redkeep.assert_record_whole().await;
}
