//! A proposal is tried before anybody decides on it, and what it would do stands on its page.

use serde_json::{Value, json};
use testkit::{
    Browser, Redkeep,
    browser::{Scheme, Screen},
    flows,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proposal_would_do_is_shown_before_review() {
    let redkeep = Redkeep::up().await;
    let ben = redkeep.person("ben", "administrator").await;
    let author = redkeep.author().await;
    let id = redkeep.propose(&author, &reaching_out()).await;
    let seen = redkeep.rehearsed(id).await;
    assert_eq!(seen["proposal"]["outcome"]["outcome"], "ran", "{seen:#}");
    let attempts = seen["proposal"]["attempts"].as_array().unwrap();
    for expected in [
        json!({"kind": "reach", "protocol": "tcp", "host": "api.example", "port": 8080}),
        json!({"kind": "run", "program": "/bin/sh", "arguments": ["-c", "reboot --now"]}),
    ] {
        assert!(
            attempts.contains(&expected),
            "{expected} is not in {seen:#}"
        );
    }
    assert_eq!(seen["base"]["attempts"], json!([]), "{seen:#}");
    assert!(!redkeep.path().join("rehearsal").exists());

    let browser = Browser::open().await;
    browser
        .goto(&format!("{}/deployments/{id}", redkeep.console()))
        .await;
    browser.sign_in(&ben.name, &ben.password, None).await;
    browser.find("#rehearsal").await;
    let text = browser.text().await;
    for words in [
        "It started and ran.",
        "reach api.example, TCP port 8080",
        "run /bin/sh -c reboot --now",
    ] {
        assert!(text.contains(words), "{words:?} is not in {text}");
    }
    browser.shots("rehearsal").await;
    browser.look(Screen::Phone, Scheme::Light).await;
    let to_it = "document.querySelector('#rehearsal').scrollIntoView()";
    browser.run(to_it).await;
    browser.shot("rehearsal-phone-section").await;
    browser.close().await;
    a_crash_is_marked_and_not_let_through(&redkeep).await;
    redkeep.assert_record_whole().await;
}

async fn a_crash_is_marked_and_not_let_through(redkeep: &Redkeep) {
    let admin = redkeep.token("ben", &["admin", "propose", "review"]).await;
    redkeep
        .set_policy(&admin, &json!({"rehearsal": "required"}))
        .await;
    let crash = "RED.util.cloneMessage.constructor('return process')().exit(3);";
    let id = redkeep.propose(&admin, &at_once(crash)).await;
    let shown = redkeep.deployment(id).await["shown"].clone();
    let verb = |verb: &str| redkeep.api_url(&format!("/deployments/{id}/{verb}"));
    let all = json!({"shown": shown, "choices": "all-approve"});
    assert_eq!(admin.post(verb("decisions"), &all).await.status, 200);
    let seen = redkeep.rehearsed(id).await;
    assert_eq!(
        seen["proposal"]["outcome"]["outcome"], "crashed",
        "{seen:#}"
    );
    let refused = admin.post(verb("approve"), &json!({"shown": shown})).await;
    assert_eq!(refused.status, 409);
    assert!(
        refused.text().contains("clean rehearsal"),
        "{}",
        refused.text()
    );
}

fn at_once(body: &str) -> Value {
    json!([
        flows::tab("t1", "Pumps"),
        {"id": "i1", "type": "inject", "z": "t1", "x": 100, "y": 100, "once": true,
         "onceDelay": 0.1, "repeat": "", "crontab": "", "props": [], "wires": [["f1"]]},
        flows::function_node("f1", "t1", body, &[]),
    ])
}

fn reaching_out() -> Value {
    json!([
        flows::tab("t1", "Pumps"),
        {"id": "i1", "type": "inject", "z": "t1", "x": 100, "y": 100, "once": true,
         "onceDelay": 0.1, "repeat": "", "crontab": "", "props": [], "wires": [["r1", "e1"]]},
        {"id": "r1", "type": "http request", "z": "t1", "x": 300, "y": 100, "method": "GET",
         "ret": "txt", "url": "http://api.example:8080/x", "wires": [[]]},
        {"id": "e1", "type": "exec", "z": "t1", "x": 300, "y": 200, "command": "reboot --now",
         "addpay": "", "append": "", "useSpawn": "false", "timer": "", "wires": [[], [], []]},
    ])
}
