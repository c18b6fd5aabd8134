//! Passkeys in a real Chromium: enrolled with, signed in with, and an approval touched for.

use serde_json::{Value, json};
use testkit::{Browser, Options, Person, Redkeep, flows, npm::AXE};

use crate::accessibility::look;

#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_touched_for_and_the_file_proves_it() {
    let redkeep = Redkeep::start(Options::default()).await;
    let axe = AXE.file("axe.min.js");
    let mut faults = Vec::new();
    let anna = Person::named("anna");
    let browser = Browser::open().await;
    browser.authenticator().await;
    enrol(&redkeep, &browser, &anna).await;
    sign_in(&redkeep, &browser, &anna).await;
    browser
        .goto(&format!("{}/account/passkeys", redkeep.console()))
        .await;
    browser.shots("passkeys").await;
    look(&browser, &axe, "passkeys", &mut faults).await;

    let admin = redkeep.token("anna", &["admin", "review", "read"]).await;
    redkeep.set_policy(&admin, &json!({ "touch": true })).await;
    let author = redkeep.author().await;
    let id = redkeep
        .propose(&author, &flows::greeting("/hello", "touched"))
        .await;
    let shown = redkeep.deployment(id).await["shown"].clone();
    let all = json!({ "shown": shown, "choices": "all-approve" });
    let url = redkeep.api_url(&format!("/deployments/{id}/decisions"));
    admin.post(url, &all).await.expect(200);
    // A token decides; it cannot touch.
    let url = redkeep.api_url(&format!("/deployments/{id}/apply"));
    let refused = admin
        .post(url, &json!({ "shown": shown }))
        .await
        .expect(403)
        .json();
    assert_eq!(refused["error"]["code"], "touch-needed", "{refused}");
    let id_text = id.to_string();
    let refused = redkeep.cli(&["deployments", "apply", &id_text]).await;
    assert_ne!(
        refused.code,
        Some(0),
        "the command line applied without a touch"
    );
    assert_eq!(redkeep.state(id).await, "in-review");

    let console = redkeep.console();
    browser
        .goto(&format!("{console}/deployments/{id}/confirm"))
        .await;
    let scripts = browser.run("return document.scripts.length").await;
    assert_eq!(scripts, json!(0), "the review's last page holds script");
    browser.shots("confirm-touch").await;
    browser
        .click_through(&format!("a[href='/deployments/{id}/touch']"))
        .await;
    browser.shots("touch").await;
    look(&browser, &axe, "touch", &mut faults).await;
    browser
        .run_until(
            "the button",
            "return !document.querySelector('form[data-passkey] button').disabled",
        )
        .await;
    browser.press("Touch, and apply").await;
    let applied = "return location.search.includes('done=applied')";
    browser
        .run_until("the word that it was applied", applied)
        .await;
    assert_eq!(redkeep.state(id).await, "applied");
    assert_eq!(redkeep.endpoint(&author, "/hello").await, "touched");
    browser.close().await;
    the_file_proves_it(&redkeep, &id_text, &shown).await;
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    redkeep.assert_record_whole().await;
}

async fn enrol(redkeep: &Redkeep, browser: &Browser, anna: &Person) {
    browser.goto(redkeep.enrolment()).await;
    browser.fill("#name", &anna.name).await;
    browser.fill("#password", &anna.password).await;
    browser.fill("#again", &anna.password).await;
    browser.press("Go on to the second factor").await;
    browser.find("svg.qr").await;
    browser.shots("enrol-passkey").await;
    browser.fill("#passkey", "laptop").await;
    browser.press("Finish with a passkey").await;
    browser.find(".codes").await;
}

async fn sign_in(redkeep: &Redkeep, browser: &Browser, anna: &Person) {
    let console = redkeep.console();
    browser.goto(&format!("{console}/sign-in")).await;
    browser.shots("sign-in-passkey").await;
    // The password alone leads half way; a touch the other half.
    browser.sign_in(&anna.name, &anna.password, None).await;
    browser.shots("sign-in-half-way").await;
    browser.press("Touch your passkey instead").await;
    let is_in = "return document.querySelector('nav[aria-label=Main]') !== null";
    browser
        .run_until("the overview after password and touch", is_in)
        .await;
    browser.press("Sign out").await;
    browser.find("#password").await;
    browser.press("Sign in with a passkey alone").await;
    browser
        .run_until("the overview after a touch alone", is_in)
        .await;
}

async fn the_file_proves_it(redkeep: &Redkeep, id: &str, shown: &Value) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("it.json");
    let file = file.to_str().unwrap();
    redkeep
        .cli(&["deployments", "export", id, "--out", file])
        .await
        .ok();
    let verified = redkeep.cli(&["verify", file]).await.ok().json();
    let touch = &verified["statement"]["touch"];
    assert_eq!(touch["origin"], json!(redkeep.console()), "{touch}");
    assert_eq!(
        (&touch["statement"]["shown"], &touch["passkey"]),
        (shown, &json!("laptop"))
    );
    assert_eq!(touch["is_verified"], json!(true));
}
