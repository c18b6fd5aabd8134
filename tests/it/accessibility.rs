//! Every page of the console under axe-core, on a desktop and a phone, in light and in dark.

use serde_json::{Value, json};
use testkit::{
    Browser, Redkeep,
    browser::{Scheme, Screen},
    flows,
    npm::AXE,
};

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_meet_wcag_aa() {
    let redkeep = Redkeep::up().await;
    let axe = AXE.file("axe.min.js");
    let browser = Browser::open().await;
    let mut found = Vec::new();
    browser.goto(redkeep.enrolment()).await;
    look(&browser, &axe, "enrol", &mut found).await;
    a_fault_would_be_found(&browser, &axe).await;
    browser
        .goto(&format!("{}/install", redkeep.console()))
        .await;
    look(&browser, &axe, "install", &mut found).await;
    let ada = redkeep.person("ada", "administrator").await;
    let steps = something_to_review(&redkeep).await;
    let console = redkeep.console();
    browser.goto(&format!("{console}/sign-in")).await;
    look(&browser, &axe, "sign-in", &mut found).await;
    browser
        .sign_in(&ada.name, "something else entirely", None)
        .await;
    look(&browser, &axe, "sign-in that failed", &mut found).await;
    browser.sign_in(&ada.name, &ada.password, None).await;
    let mut pages: Vec<String> = [
        "/",
        "/deployments",
        "/deployments/2",
        "/deployments/2/reject",
        "/deployments/2/confirm",
        "/history",
        "/access",
        "/access/rules",
        "/record",
        "/settings?instance=main",
        "/logs?instance=main",
        "/account",
        "/components",
        "/no-such-page",
    ]
    .map(str::to_owned)
    .into();
    pages.extend((1..=steps).map(|step| format!("/deployments/2/steps/{step}")));
    for page in pages {
        browser.goto(&format!("{console}{page}")).await;
        look(&browser, &axe, &page, &mut found).await;
    }
    browser.close().await;
    assert!(
        found.is_empty(),
        "{} violations:\n{}",
        found.len(),
        found.join("\n")
    );
}

/// Pages without a fault and a check that finds none look the same from here.
async fn a_fault_would_be_found(browser: &Browser, axe: &str) {
    browser
        .run(
            "const faint = document.createElement('p'); faint.textContent = 'hardly to be read'; \
             faint.style.color = '#777'; faint.style.background = '#888'; \
             document.querySelector('main').append(faint, document.createElement('img'));",
        )
        .await;
    let mut faults = Vec::new();
    look(browser, axe, "a faulty page", &mut faults).await;
    let faults = faults.join("\n");
    for rule in ["image-alt", "color-contrast"] {
        assert_eq!(
            faults.matches(rule).count(),
            4,
            "{rule} was not found: {faults}"
        );
    }
}

/// One deployment that was applied, and one with something of every kind that is decided but not
/// applied. Gives the number of its steps.
async fn something_to_review(redkeep: &Redkeep) -> usize {
    let author = redkeep.author().await;
    let mut flows = flows::greeting("/hello", "one");
    let all = flows.as_array_mut().unwrap();
    all.push(flows::tab("t2", "Goes away"));
    all.push(flows::debug("d9", "t2"));
    redkeep.run_flows(&author, &flows).await;
    let mut flows = flows::greeting("/hello", "two");
    let all = flows.as_array_mut().unwrap();
    all.push(flows::tab("t3", "Pumps"));
    all.push(flows::inject("i1", "t3", &["x1", "d1"]));
    all.push(flows::debug("d1", "t3"));
    all.push(
        json!({"id": "x1", "type": "exec", "z": "t3", "command": "/usr/bin/id", "addpay": "",
        "append": "", "useSpawn": "false", "timer": "", "oldrc": false, "name": "",
        "x": 300, "y": 300, "wires": [[], [], ["d1"]]}),
    );
    all.push(
        json!({"id": "r1", "type": "http request", "z": "t3", "name": "pump room",
        "url": "http://pump.example/", "method": "GET", "x": 500, "y": 300, "wires": [["d1"]],
        "credentials": {"user": "operator", "password": "hidden"}}),
    );
    let id = redkeep.propose(&author, &flows).await;
    assert_eq!(id, 2);
    redkeep.person("rita", "reviewer").await;
    let rita = redkeep.token("rita", &["review"]).await;
    let shown = redkeep.deployment(id).await;
    let body = json!({"shown": shown["shown"], "choices": "all-approve"});
    let url = redkeep.api_url("/deployments/2/decisions");
    rita.post(url, &body).await.expect(200);
    shown["steps"].as_array().unwrap().len()
}

/// Adds what axe finds on the page that is open.
pub(super) async fn look(browser: &Browser, axe: &str, page: &str, found: &mut Vec<String>) {
    // WebDriver's scripts are not the page's: its policy, which allows none, stays as it is.
    let loaded = browser
        .run(&format!("{axe}; return typeof window.axe;"))
        .await;
    assert_eq!(loaded, "object", "axe-core is not there on {page}");
    for (screen, width) in [(Screen::Desktop, "desktop"), (Screen::Phone, "phone")] {
        for (scheme, tone) in [(Scheme::Light, "light"), (Scheme::Dark, "dark")] {
            browser.look(screen, scheme).await;
            let said = browser
                .run_async(
                    "const found = await axe.run(document, {resultTypes: ['violations'], \
                       runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']});\
                     return {passed: found.passes.length, violations: found.violations.map(it => \
                       it.id + ' (' + it.help + '): ' + it.nodes.slice(0, 3).map(node => \
                         node.target.join(' ') + ' ' + (node.any[0]?.message ?? '')).join('; '))};",
                    vec![],
                )
                .await;
            assert!(
                said["passed"].as_i64() > Some(5),
                "nothing was looked at: {page} {said}"
            );
            let violations = said["violations"].as_array().cloned().unwrap_or_default();
            found.extend(
                violations
                    .iter()
                    .filter_map(Value::as_str)
                    .map(|violation| format!("{page} {width} {tone}: {violation}")),
            );
        }
    }
    browser.look(Screen::Desktop, Scheme::Light).await;
}
