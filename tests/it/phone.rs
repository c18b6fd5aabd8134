//! A browser on a phone through the gate, and one that becomes a wall display, in real Chromium.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{
    Browser, Redkeep,
    browser::{Scheme, Screen},
    flows, until,
};

/// Whether the page is as wide as the screen, and no wider.
async fn fits(browser: &Browser, page: &str) {
    let widths = "const it = document.documentElement; return [it.scrollWidth, it.clientWidth];";
    let widths = browser.run(widths).await;
    let wide = |place: usize| widths[place].as_i64().unwrap();
    assert!(
        wide(1) <= 390,
        "{page} is not shown as on a phone: {widths}"
    );
    assert!(
        wide(0) <= wide(1),
        "{page} is wider than the screen: {widths}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone_one_signs_in_and_a_link_makes_a_wall_display_of_a_browser() {
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    redkeep
        .run_flows(&author, &flows::greeting("/hello", "the plant runs"))
        .await;
    let ada = redkeep.person("ada", "administrator").await;

    let phone = Browser::open().await;
    phone.look(Screen::Phone, Scheme::Light).await;
    phone.goto(&format!("{}/", redkeep.editor())).await;
    fits(&phone, "sign-in").await;
    phone.sign_in(&ada.name, &ada.password, None).await;
    phone.editor_loaded(&redkeep).await;
    let user = phone.run("return RED.settings.user.username").await;
    assert_eq!(user, json!("ada"));
    for page in ["/", "/account", "/access", "/access/rules"] {
        phone.goto(&format!("{}{page}", redkeep.console())).await;
        fits(&phone, page).await;
    }

    // In her hand: a display for the hall.
    phone.goto(&format!("{}/access", redkeep.console())).await;
    phone.fill("#kiosk-name", "hall").await;
    phone
        .run("document.querySelector('#kiosk-path').value = ''; return true;")
        .await;
    phone.fill("#kiosk-path", "/hello").await;
    // The bar at the bottom lies over what has not been scrolled to.
    let scroll = "document.querySelector('#kiosk-days').scrollIntoView({block: 'center'}); \
                  document.querySelector('#kiosk-days').form.querySelector('button') \
                    .scrollIntoView({block: 'center'}); return true;";
    phone.run(scroll).await;
    phone.press("Make a link for a wall display").await;
    phone.find("svg.qr").await;
    fits(&phone, "the link").await;
    let link = phone
        .run("return document.querySelector('code.key').textContent")
        .await;
    let link = link.as_str().unwrap().to_owned();

    let hall = Browser::open().await;
    hall.goto(&link).await;
    assert!(hall.text().await.contains("the plant runs"));
    hall.goto(&format!("{}/", redkeep.editor())).await;
    hall.editor_loaded(&redkeep).await;
    let deploy = "const done = await fetch('flows', {method: 'POST', headers: \
        {'content-type': 'application/json', 'node-red-api-version': 'v2'}, \
        body: JSON.stringify({flows: []})}); return done.status;";
    let status: Value = hall.run_async(deploy, vec![]).await;
    assert_eq!(status, json!(403), "it only looks");
    hall.goto(&format!("{}/account", redkeep.console())).await;
    assert!(
        hall.has("#password").await,
        "the console asks it to sign in"
    );

    let kiosks = redkeep.cli(&["kiosk", "list"]).await.ok().json();
    let id = kiosks["kiosks"][0]["id"].to_string();
    hall.goto(&format!("{}/", redkeep.editor())).await;
    hall.editor_loaded(&redkeep).await;
    redkeep.cli(&["kiosk", "revoke", &id]).await.ok();
    until("the display's page asks to sign in", || async {
        let asks = "return !!document.querySelector('.red-ui-dialog, #node-dialog-login')";
        (hall.run(asks).await == json!(true)).then_some(())
    })
    .await;
    hall.goto(&link).await;
    assert!(hall.text().await.contains("This link cannot be used"));
    hall.close().await;
    phone.close().await;
    let recorded = redkeep.audit("kiosk-opened").await;
    assert_eq!(recorded.len(), 1);
    // Nothing runs on that nobody sees.
    tokio::time::timeout(Duration::from_mins(1), redkeep.assert_record_whole())
        .await
        .unwrap();
}
