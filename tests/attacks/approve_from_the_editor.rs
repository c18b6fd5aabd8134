//! A plugin's script approves, as the reviewer who has editor and console open in one browser.

use serde_json::json;
use testkit::{Redkeep, flows};

use crate::package::{in_the_editor, page_script};

#[tokio::test(flavor = "multi_thread")]
async fn the_editors_page_cannot_approve_anything() {
    let redkeep = Redkeep::up().await;
    let ada = redkeep.person("ada", "administrator").await;
    let author = redkeep.author().await;
    let id = redkeep
        .propose(&author, &flows::greeting("/evil", "approved by a plugin"))
        .await;
    let shown = redkeep.deployment(id).await["shown"].clone();
    let editor = in_the_editor(&redkeep, &ada).await;
    // She is signed in to the console in this very browser.
    editor
        .goto(&format!("{}/deployments/{id}", redkeep.console()))
        .await;
    let page = editor.text().await;
    assert!(
        page.contains(&format!("{id}")) && !page.contains("Password"),
        "not signed in: {page}"
    );
    editor.goto(&format!("{}/", redkeep.editor())).await;
    editor.editor_loaded(&redkeep).await;
    editor
        .run(&page_script("node-red-contrib-approver", "approver.html"))
        .await;
    let arguments = vec![json!(redkeep.console()), json!(id), shown];
    let attempts = editor
        .run_async("return await window.attack_approve(...args)", arguments)
        .await;
    assert_ne!(attempts["cors"], json!(200), "{attempts}");
    let seen = attempts["frame"].as_str().unwrap_or_default();
    assert!(
        !seen.contains("approved by a plugin"),
        "the page was read in a frame: {seen}"
    );
    let state = redkeep.state(id).await;
    assert!(
        ["pending", "in-review"].contains(&state.as_str()),
        "it is {state}: {attempts}"
    );
    let decisions = redkeep.deployment(id).await["decisions"].clone();
    assert_eq!(decisions, json!([]), "a decision was taken: {attempts}");
    assert!(redkeep.audit("decided").await.is_empty());
    assert!(redkeep.audit("deployment-approved").await.is_empty());
    editor.close().await;

    // The session cookie of the gate, carried off to the console, is worth nothing there; nor is a
    // token of the gate's page.
    let client = ada.at_editor(&redkeep).await;
    for (name, value) in client
        .cookies("localhost")
        .split("; ")
        .filter_map(|it| it.split_once('='))
    {
        let thief = redkeep.client();
        for name in [name, "__Host-redkeep-console"] {
            thief.set_cookie("keep.localhost", name, value);
        }
        let url = redkeep.api_url(&format!("/deployments/{id}/decisions"));
        let body = json!({"shown": "0".repeat(64), "choices": "all-approve"});
        let asked = thief.ask("POST", url).header("origin", redkeep.console());
        let answer = asked
            .header("sec-fetch-site", "same-origin")
            .json(&body)
            .send()
            .await;
        assert!(
            matches!(answer.status, 401 | 403),
            "{name}: {}",
            answer.text()
        );
    }
}
