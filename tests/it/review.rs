//! Somebody who never saw the system reviews a deployment with changes of every kind, from the
//! pages alone: in Chromium, without a line of script, on a desktop and a phone, in light and dark.

mod plant;

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Browser, Person, Redkeep, npm::AXE, within};

const PATIENCE: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_reviews_every_kind_of_change_without_script() {
    let redkeep = Redkeep::up().await;
    let ben = redkeep.person("ben", "reviewer").await;
    let id = proposed(&redkeep).await;
    let pages = pages(&redkeep, id).await;
    axe_is_clean(&redkeep, &ben, &pages).await;
    let browser = Browser::open().await;
    browser
        .devtools("Emulation.setScriptExecutionDisabled", json!({"value": true}))
        .await;
    let console = redkeep.console();
    browser.goto(&format!("{console}{}", pages[0])).await;
    browser.fill("#name", &ben.name).await;
    browser.fill("#password", &ben.password).await;
    browser.click("form button.primary").await;
    browser.find("#summary").await;
    browser.shots("review-summary").await;
    for (n, page) in pages.iter().enumerate().skip(1) {
        browser.goto(&format!("{console}{page}")).await;
        browser.shots(&format!("review-{n:02}")).await;
        let text = browser.text().await;
        eprintln!("=== {page}\n{text}\n");
    }
    browser.close().await;
    redkeep.assert_record_whole().await;
}

/// Proposes on top of what runs, and waits until it was rehearsed.
async fn proposed(redkeep: &Redkeep) -> i64 {
    let author = redkeep.author().await;
    redkeep.run_flows(&author, &plant::before()).await;
    let id = redkeep.propose(&author, &plant::after()).await;
    within(PATIENCE, "the rehearsal to be over", || async {
        let seen = redkeep.deployment(id).await["rehearsal"].clone();
        (seen["state"] != "running" && !seen.is_null()).then_some(())
    })
    .await;
    id
}

/// The pages of its review: the summary, each step, and the confirmation.
async fn pages(redkeep: &Redkeep, id: i64) -> Vec<String> {
    let review = redkeep.deployment(id).await;
    let steps = review["steps"].as_array().unwrap().len();
    let mut pages = vec![format!("/deployments/{id}")];
    pages.extend((1..=steps).map(|step| format!("/deployments/{id}/steps/{step}")));
    pages.push(format!("/deployments/{id}/confirm"));
    pages
}

async fn axe_is_clean(redkeep: &Redkeep, ben: &Person, pages: &[String]) {
    let axe = AXE.file("axe.min.js");
    let browser = Browser::open().await;
    let console = redkeep.console();
    browser.goto(&format!("{console}/sign-in")).await;
    browser.sign_in(&ben.name, &ben.password, None).await;
    let mut found = Vec::new();
    for page in pages {
        browser.goto(&format!("{console}{page}")).await;
        super::accessibility::look(&browser, &axe, page, &mut found).await;
    }
    browser.close().await;
    assert!(found.is_empty(), "{}", found.join("\n"));
}
