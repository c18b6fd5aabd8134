//! The journey a person makes, in a real Chromium: from the enrolment link to a debug message.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Browser, NodeRed, Options, Person, Redkeep, html, until};

#[tokio::test(flavor = "multi_thread")]
async fn from_enrolment_to_a_running_flow_on_node_red_5() {
    journey(NodeRed::V5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_enrolment_to_a_running_flow_on_node_red_4() {
    journey(NodeRed::V4).await;
}

async fn journey(node_red: NodeRed) {
    let redkeep = Redkeep::start(Options {
        node_red,
        ..Options::default()
    })
    .await;
    let anna = Person::named("anna");
    let annas = Browser::open().await;
    enrol(&redkeep, &annas, &anna).await;
    propose_in_the_editor(&redkeep, &annas).await;

    let ben = redkeep.person("ben", "reviewer").await;
    let author = redkeep.author().await;
    assert_eq!(
        redkeep.running(&author).await["flows"],
        json!([]),
        "applied unreviewed"
    );

    let bens = Browser::open().await;
    review_and_apply(&redkeep, &bens, &ben, node_red).await;
    bens.close().await;
    the_flow_runs(&annas).await;
    annas
        .shot(&format!("editor-running-{}", node_red.as_str()))
        .await;
    annas.close().await;
    redkeep.assert_record_whole().await;
}

/// The second factor's code now, from the key the page shows.
fn code(key: &str) -> String {
    let key: String = key.split_whitespace().collect();
    let secret = totp_rs::Secret::try_from_base32(&key).expect("a base32 key");
    #[expect(
        clippy::disallowed_methods,
        reason = "the authenticator has a clock of its own"
    )]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let totp = totp_rs::Builder::new()
        .with_secret(secret)
        .build_noncompliant();
    totp.generate(now.expect("after 1970").as_secs())
        .to_string()
}

async fn enrol(redkeep: &Redkeep, browser: &Browser, anna: &Person) {
    browser.goto(redkeep.enrolment()).await;
    browser.shots("enrol").await;
    browser.fill("#name", &anna.name).await;
    browser.fill("#password", &anna.password).await;
    browser.fill("#again", &anna.password).await;
    browser.press("Go on to the second factor").await;
    browser.find("svg.qr").await;
    let key = browser
        .run("return document.querySelector('code.key').textContent")
        .await;
    let key = key.as_str().expect("the key").to_owned();
    browser.fill("#code", "000000").await;
    browser.press("Finish enrolment").await;
    browser.find("#code-error").await;
    let key_again = browser
        .run("return document.querySelector('code.key').textContent")
        .await;
    assert_eq!(key_again, json!(key), "another key after a wrong code");
    browser.fill("#code", &code(&key)).await;
    browser.press("Finish enrolment").await;
    browser.find(".codes").await;
    let codes = browser
        .run("return document.querySelectorAll('.codes li').length")
        .await;
    assert!(codes.as_i64() >= Some(8), "recovery codes: {codes}");
    browser.press("I have kept them").await;
    // The link is good once.
    let again = redkeep.client().get(redkeep.enrolment()).await;
    assert_eq!(again.status, 404, "the link works twice");

    // Without the code nobody comes in; and a code is good once.
    browser.sign_in(&anna.name, &anna.password, None).await;
    browser.find("#wrong").await;
    let signed_in = until("a code that was not used yet", || async {
        browser
            .sign_in(&anna.name, &anna.password, Some(&code(&key)))
            .await;
        if browser.has("#wrong").await {
            tokio::time::sleep(Duration::from_secs(5)).await;
            return None;
        }
        Some(browser.text().await)
    })
    .await;
    assert!(signed_in.contains("Overview"), "{signed_in}");
    browser.shots("overview-first").await;
}

async fn propose_in_the_editor(redkeep: &Redkeep, browser: &Browser) {
    browser.goto(&format!("{}/", redkeep.editor())).await;
    browser.editor_loaded(redkeep).await;
    let user = browser.run("return RED.settings.user.username").await;
    assert_eq!(user, json!("anna"), "Node-RED does not know who it is");
    let draw = "RED.nodes.import([\
        {id:'rkinject',type:'inject',z:RED.workspaces.active(),name:'say hello',\
         props:[{p:'payload'}],repeat:'',crontab:'',once:false,onceDelay:0.1,topic:'',\
         payload:'hello from behind the gate',payloadType:'str',x:200,y:120,wires:[['rkdebug']]},\
        {id:'rkdebug',type:'debug',z:RED.workspaces.active(),name:'seen',active:true,\
         tosidebar:true,console:false,tostatus:false,complete:'payload',targetType:'msg',\
         statusVal:'',statusType:'auto',x:420,y:120,wires:[]}],{generateIds:false});\
        RED.nodes.dirty(true); RED.view.redraw(true); return true;";
    browser.run(draw).await;
    browser.click("#red-ui-header-button-deploy").await;
    let told = browser
        .run_until(
            "the editor's word that it waits for review",
            "return [...document.querySelectorAll('.red-ui-notification')]\
             .map(it => it.innerHTML).find(it => it.includes('waits for review')) || ''",
        )
        .await;
    let told = told.as_str().unwrap_or_default();
    let link = html::tags(told, "a").find_map(|tag| html::attribute(tag, "href"));
    assert_eq!(
        link,
        Some(format!("{}/deployments/1", redkeep.console())),
        "{told}"
    );
    assert!(told.contains("Nothing of it is running yet"), "{told}");
    assert_eq!(redkeep.state(1).await, "pending");
    let shown = "return [...document.querySelectorAll('.red-ui-header-toolbar a')]\
        .map(it => it.textContent).find(it => it.includes('for review')) || ''";
    let count = browser
        .run_until("the count in the editor's header", shown)
        .await;
    assert!(count.as_str().is_some_and(|it| it.contains('1')), "{count}");
    browser.shot("editor-queued").await;
}

async fn review_and_apply(redkeep: &Redkeep, browser: &Browser, ben: &Person, node_red: NodeRed) {
    let console = redkeep.console();
    browser.goto(&format!("{console}/deployments/1")).await;
    browser.shots("sign-in").await;
    browser.sign_in(&ben.name, &ben.password, None).await;
    browser.requested().await;
    let with_pictures = node_red == NodeRed::V5;
    browser.find("main").await;
    assert!(
        browser.address().await.ends_with("/deployments/1"),
        "{}",
        browser.address().await
    );
    is_a_page_without_script(redkeep, browser).await;
    if with_pictures {
        browser.shots("deployment").await;
    }
    browser.press("Start review").await;
    let mut steps = 0;
    while !browser.address().await.ends_with("/confirm") {
        steps += 1;
        assert!(
            steps < 30,
            "the review never ends: {}",
            browser.text().await
        );
        is_a_page_without_script(redkeep, browser).await;
        if with_pictures && steps <= 3 {
            browser.shots(&format!("step-{steps}")).await;
        }
        browser
            .click_through("button[name=verdict][value=approve]")
            .await;
    }
    is_a_page_without_script(redkeep, browser).await;
    browser.shots("confirm").await;
    assert_eq!(
        redkeep.state(1).await,
        "in-review",
        "approved before it was confirmed"
    );
    browser.press("Apply").await;
    let page = until("the word that it was applied", || async {
        let page = browser.text().await;
        page.contains("Applied").then_some(page)
    })
    .await;
    assert!(page.contains("took it and runs"), "{page}");
    is_a_page_without_script(redkeep, browser).await;
    browser.shots("applied").await;
    let foreign: Vec<String> = browser
        .requested()
        .await
        .into_iter()
        .filter(|url| !url.starts_with(&format!("{console}/")) && !url.starts_with("data:"))
        .collect();
    assert!(foreign.is_empty(), "review pages asked others: {foreign:?}");
    if with_pictures {
        for (path, name) in [
            ("", "overview"),
            ("/deployments", "queue"),
            ("/history", "history"),
            ("/record", "record"),
        ] {
            browser.goto(&format!("{console}{path}")).await;
            browser.shots(name).await;
        }
    }
}

async fn is_a_page_without_script(redkeep: &Redkeep, browser: &Browser) {
    let address = browser.address().await;
    assert!(address.starts_with(redkeep.console()), "{address}");
    let found = browser
        .run(
            "const handlers = [...document.querySelectorAll('*')].flatMap(it => \
               [...it.attributes].filter(a => a.name.startsWith('on') \
               || /^\\s*javascript:/i.test(a.value)));\
             return {scripts: document.scripts.length, handlers: handlers.length,\
               frames: document.querySelectorAll('iframe,object,embed').length,\
               lang: document.documentElement.lang, title: document.title,\
               mains: document.querySelectorAll('main').length,\
               unnamed: [...document.querySelectorAll('input:not([type=hidden]),textarea,select')]\
                 .filter(it => !it.labels.length && !it.getAttribute('aria-label')).length};",
        )
        .await;
    let zero: Value = json!(0);
    for what in ["scripts", "handlers", "frames", "unnamed"] {
        assert_eq!(found[what], zero, "{what} at {address}: {found}");
    }
    assert_eq!(found["mains"], json!(1), "{found}");
    assert!(
        found["lang"] != json!("") && found["title"] != json!(""),
        "{found}"
    );
}

async fn the_flow_runs(browser: &Browser) {
    browser
        .run_until(
            "the editor's word that it was applied",
            "return [...document.querySelectorAll('.red-ui-notification')]\
             .some(it => !it.textContent.includes('waits for review') \
               && /applied|runs/i.test(it.textContent))",
        )
        .await;
    browser.run("RED.sidebar.show('debug'); return 1").await;
    browser
        .click("[id='rkinject'] .red-ui-flow-node-button-button")
        .await;
    browser
        .run_until(
            "the debug message in the sidebar",
            "return [...document.querySelectorAll('.red-ui-debug-msg')]\
             .some(it => it.textContent.includes('hello from behind the gate'))",
        )
        .await;
}
