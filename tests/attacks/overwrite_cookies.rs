//! A plugin's script and an http-in node plant cookies in the console's name.

use serde_json::{Value, json};
use testkit::{Redkeep, flows};

use crate::package::{in_the_editor, page_script};

#[tokio::test(flavor = "multi_thread")]
async fn planted_cookies_change_no_session() {
    let redkeep = Redkeep::up().await;
    let ada = redkeep.person("ada", "administrator").await;
    let author = redkeep.author().await;
    let names = [
        "__Host-redkeep-console=x; Path=/; Secure",
        "__Host-redkeep-gate=x; Path=/; Secure",
        "redkeep-x=1; Domain=localhost",
        "__HOST-REDKEEP-GATE=x; Path=/; Secure",
        "=__Host-redkeep-gate=x; Path=/",
        "theme=dark; Path=/",
    ];
    let body = format!(
        "msg.headers = {{'set-cookie': {}}}; msg.payload = 'planted'; return msg;",
        json!(names)
    );
    let mut planting = vec![flows::tab("t1", "Cookies")];
    planting.extend(flows::endpoint("c", "t1", "/cookies", &body));
    redkeep.run_flows(&author, &Value::Array(planting)).await;
    let answer = author.get(redkeep.gate_url("/cookies")).await.expect(200);
    let set: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
    let text = format!("{set:?}").to_lowercase();
    assert!(
        !text.contains("redkeep"),
        "an answer of Node-RED sets our cookies: {text}"
    );
    assert!(
        text.contains("theme=dark"),
        "its own cookies are its own: {text}"
    );

    let browser = in_the_editor(&redkeep, &ada).await;
    browser
        .run(&page_script("node-red-contrib-cookies", "cookies.html"))
        .await;
    browser.run("return window.attack_cookies()").await;
    browser
        .run_async("await fetch('cookies'); return 1", vec![])
        .await;
    browser
        .goto(&format!("{}/deployments", redkeep.console()))
        .await;
    let page = browser.text().await;
    assert!(
        page.contains("Queue") && !page.contains("Password"),
        "the session is lost: {page}"
    );
    // What was planted is nobody, too: another browser with nothing but the plant is a stranger.
    let stranger = redkeep.client();
    stranger.set_cookie("keep.localhost", "__Host-redkeep-console", "planted");
    assert_eq!(stranger.get(redkeep.api_url("/status")).await.status, 401);
    browser.close().await;
}
