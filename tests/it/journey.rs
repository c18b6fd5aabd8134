//! From nothing to running, and every door a change can come by, on both Node-REDs.

use serde_json::{Value, json};
use testkit::{Client, NodeRed, Options, Person, Redkeep, flows};

#[tokio::test(flavor = "multi_thread")]
async fn from_a_deploy_to_running_on_node_red_5() {
    journey(NodeRed::V5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn from_a_deploy_to_running_on_node_red_4() {
    journey(NodeRed::V4).await;
}

async fn journey(node_red: NodeRed) {
    let redkeep = Redkeep::start(Options {
        node_red,
        ..Options::default()
    })
    .await;
    let anna = redkeep.person("anna", "editor").await;
    let ben = redkeep.person("ben", "reviewer").await;
    let editor = anna.at_editor(&redkeep).await;
    nothing_is_applied_unreviewed(&redkeep, &anna, &editor).await;
    a_second_person_applies_it(&redkeep, &ben, &editor).await;
    every_way_to_deploy_is_queued(&redkeep, &editor).await;
    one_flow_at_a_time(&redkeep, &editor).await;
    a_new_version_replaces_the_waiting_one(&redkeep, &editor).await;
    rejected_is_over(&redkeep, &editor).await;
    a_moved_baseline_makes_it_stale(&redkeep, &editor).await;
    back_to_a_snapshot(&redkeep, &editor).await;
    redkeep.assert_record_whole().await;
}

async fn nothing_is_applied_unreviewed(redkeep: &Redkeep, anna: &Person, editor: &Client) {
    let before = redkeep.running(editor).await;
    let answer = redkeep
        .post_flows(editor, &flows::greeting("/hello", "one"), "full")
        .await;
    let answer = answer.expect(202);
    let future = answer.json()["rev"].clone();
    assert_ne!(
        future, before["rev"],
        "the answer tells the revision it will have"
    );
    assert_eq!(
        redkeep.running(editor).await,
        before,
        "something was applied"
    );
    let asked = editor.get(redkeep.gate_url("/hello")).await;
    assert_ne!(
        asked.text(),
        "one",
        "the endpoint answers before it was approved"
    );
    let deployment = redkeep.deployment(1).await;
    assert_eq!(deployment["origin"], "editor", "{deployment}");
    assert_eq!(deployment["state"], "pending", "{deployment}");
    assert_eq!(deployment["proposer"]["name"], anna.name, "{deployment}");
    redkeep
        .recorded("deployment-queued", |it| {
            it["event"]["subject"] == "deployment 1"
        })
        .await;
    let status = redkeep.cli(&["status"]).await.ok().json();
    assert_eq!(status["queue"]["open"], 1, "{status}");
}

async fn a_second_person_applies_it(redkeep: &Redkeep, ben: &Person, editor: &Client) {
    let own = redkeep.token("anna", &["admin"]).await;
    let shown = redkeep.deployment(1).await["shown"].clone();
    let all = json!({"shown": shown, "choices": "all-approve"});
    let one = json!({"shown": shown});
    let refused = own
        .post(redkeep.api_url("/deployments/1/decisions"), &all)
        .await;
    assert_eq!(refused.status, 403, "an editor decided: {}", refused.text());
    let ben = redkeep.token(&ben.name, &["review"]).await;
    let early = ben
        .post(redkeep.api_url("/deployments/1/apply"), &one)
        .await;
    assert!(
        (400..500).contains(&early.status),
        "applied unapproved: {}",
        early.text()
    );
    let undecided = ben
        .post(redkeep.api_url("/deployments/1/approve"), &one)
        .await;
    assert!(
        (400..500).contains(&undecided.status),
        "approved undecided: {}",
        undecided.text()
    );
    let wrong = json!({"shown": "0".repeat(64), "choices": "all-approve"});
    let other = ben
        .post(redkeep.api_url("/deployments/1/decisions"), &wrong)
        .await;
    assert!(
        (400..500).contains(&other.status),
        "another hash was taken: {}",
        other.text()
    );
    ben.post(redkeep.api_url("/deployments/1/decisions"), &all)
        .await
        .expect(200);
    ben.post(redkeep.api_url("/deployments/1/approve"), &one)
        .await
        .expect(200);
    ben.post(redkeep.api_url("/deployments/1/apply"), &one)
        .await
        .expect(200);
    assert_eq!(redkeep.state(1).await, "applied");
    assert_eq!(redkeep.endpoint(editor, "/hello").await, "one");
    let runs = redkeep.running(editor).await;
    assert_eq!(
        runs["flows"],
        flows::greeting("/hello", "one"),
        "not what was proposed"
    );
    for kind in ["deployment-approved", "apply-started"] {
        let entry = redkeep
            .recorded(kind, |it| it["event"]["subject"] == "deployment 1")
            .await;
        assert_eq!(entry["event"]["actor"]["name"], "ben", "{entry}");
    }
    redkeep
        .recorded("applied", |it| it["event"]["subject"] == "deployment 1")
        .await;
}

async fn every_way_to_deploy_is_queued(redkeep: &Redkeep, editor: &Client) {
    for (number, kind) in ["full", "flows", "nodes"].into_iter().enumerate() {
        let text = format!("by {kind}");
        let before = redkeep.running(editor).await;
        let proposed = flows::greeting("/hello", &text);
        redkeep
            .post_flows(editor, &proposed, kind)
            .await
            .expect(202);
        assert_eq!(redkeep.running(editor).await, before, "{kind} was applied");
        let applied = redkeep.approve_and_apply(redkeep.newest().await).await;
        assert_eq!(applied["state"], "applied", "{number} {kind}: {applied}");
        until_greeting(redkeep, editor, &text).await;
    }
    // The first version of the API: a plain array. Node-RED answers 204 there.
    let before = redkeep.running(editor).await;
    let answer = redkeep
        .at_gate(editor, "POST", "/flows")
        .json(&flows::greeting("/hello", "by v1"))
        .send()
        .await;
    assert!(matches!(answer.status, 202 | 204), "{}", answer.status);
    assert_eq!(redkeep.running(editor).await, before, "v1 was applied");
    redkeep.approve_and_apply(redkeep.newest().await).await;
    until_greeting(redkeep, editor, "by v1").await;
    // `reload` changes nothing, whatever it carries.
    let known = redkeep.newest().await;
    let before = redkeep.running(editor).await;
    for kind in ["reload", "load", "unheard-of"] {
        redkeep
            .post_flows(editor, &flows::greeting("/hello", "smuggled"), kind)
            .await;
        assert_eq!(
            redkeep.running(editor).await,
            before,
            "{kind} changed what runs"
        );
    }
    until_greeting(redkeep, editor, "by v1").await;
    // What was queued by them, if anything, is not wanted here.
    for id in known + 1..=redkeep.newest().await {
        let arguments = [
            "deployments",
            "reject",
            &id.to_string(),
            "--reason",
            "not wanted",
        ];
        redkeep.cli(&arguments).await;
    }
}

async fn until_greeting(redkeep: &Redkeep, client: &Client, text: &str) {
    testkit::until(&format!("/hello says {text:?}"), || async {
        let answer = client.get(redkeep.gate_url("/hello")).await;
        (answer.status == 200 && answer.text() == text).then_some(())
    })
    .await;
}

async fn one_flow_at_a_time(redkeep: &Redkeep, editor: &Client) {
    let before = redkeep.running(editor).await;
    let nodes = flows::endpoint(
        "p",
        "ignored",
        "/extra",
        "msg.payload = 'extra'; return msg;",
    );
    let flow = json!({"label": "Extra", "nodes": nodes, "configs": []});
    let added = redkeep
        .at_gate(editor, "POST", "/flow")
        .json(&flow)
        .send()
        .await;
    assert!((200..300).contains(&added.status), "{}", added.text());
    assert_eq!(
        redkeep.running(editor).await,
        before,
        "POST /flow was applied"
    );
    redkeep.approve_and_apply(redkeep.newest().await).await;
    assert_eq!(redkeep.endpoint(editor, "/extra").await, "extra");
    let runs = redkeep.running(editor).await;
    let tab = tab_of(&runs, "Extra");

    let path = format!("/flow/{tab}");
    let nodes = flows::endpoint("p", &tab, "/extra", "msg.payload = 'changed'; return msg;");
    let flow = json!({"id": tab, "label": "Extra", "nodes": nodes, "configs": []});
    let changed = redkeep
        .at_gate(editor, "PUT", &path)
        .json(&flow)
        .send()
        .await;
    assert!((200..300).contains(&changed.status), "{}", changed.text());
    assert_eq!(
        redkeep.running(editor).await,
        runs,
        "PUT /flow/:id was applied"
    );
    redkeep.approve_and_apply(redkeep.newest().await).await;
    testkit::until("the changed flow", || async {
        (editor.get(redkeep.gate_url("/extra")).await.text() == "changed").then_some(())
    })
    .await;

    let runs = redkeep.running(editor).await;
    let removed = redkeep.at_gate(editor, "DELETE", &path).send().await;
    assert!(
        (200..300).contains(&removed.status),
        "{} {}",
        removed.status,
        removed.text()
    );
    assert_eq!(
        redkeep.running(editor).await,
        runs,
        "DELETE /flow/:id was applied"
    );
    redkeep.approve_and_apply(redkeep.newest().await).await;
    assert!(
        !redkeep.running(editor).await.to_string().contains("Extra"),
        "it is still there"
    );
}

fn tab_of(runs: &Value, label: &str) -> String {
    let flows = runs["flows"].as_array().unwrap();
    let tab = flows
        .iter()
        .find(|node| node["type"] == "tab" && node["label"] == label);
    tab.unwrap_or_else(|| panic!("no tab {label:?}"))["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

async fn a_new_version_replaces_the_waiting_one(redkeep: &Redkeep, editor: &Client) {
    let first = redkeep
        .propose(editor, &flows::greeting("/hello", "first thought"))
        .await;
    let second = redkeep
        .propose(editor, &flows::greeting("/hello", "second thought"))
        .await;
    assert_eq!(redkeep.state(first).await, "superseded");
    let refused = redkeep
        .cli(&["deployments", "approve", &first.to_string()])
        .await;
    assert_ne!(
        refused.code,
        Some(0),
        "a superseded deployment was approved"
    );
    assert_eq!(redkeep.approve_and_apply(second).await["state"], "applied");
    until_greeting(redkeep, editor, "second thought").await;
}

async fn rejected_is_over(redkeep: &Redkeep, editor: &Client) {
    let before = redkeep.running(editor).await;
    let id = redkeep
        .propose(editor, &flows::greeting("/hello", "no"))
        .await
        .to_string();
    let empty = redkeep
        .cli(&["deployments", "reject", &id, "--reason", "  "])
        .await;
    assert_ne!(empty.code, Some(0), "rejected without a reason");
    redkeep
        .cli(&[
            "deployments",
            "reject",
            &id,
            "--reason",
            "the pump would stop",
        ])
        .await
        .ok();
    for verb in ["approve", "apply"] {
        let again = redkeep.cli(&["deployments", verb, &id]).await;
        assert_ne!(again.code, Some(0), "{verb} of a rejected deployment");
    }
    assert_eq!(redkeep.running(editor).await, before);
    let rejected = redkeep.deployment(id.parse().unwrap()).await;
    assert!(
        rejected.to_string().contains("the pump would stop"),
        "{rejected}"
    );
}

async fn a_moved_baseline_makes_it_stale(redkeep: &Redkeep, editor: &Client) {
    let author = redkeep.author().await;
    let mut with_more = flows::greeting("/hello", "second thought");
    with_more
        .as_array_mut()
        .unwrap()
        .push(flows::tab("t2", "Second tab"));
    let late = redkeep.propose(&author, &with_more).await;
    let quick = redkeep
        .propose(editor, &flows::greeting("/hello", "third"))
        .await;
    redkeep
        .cli(&["deployments", "approve", &late.to_string()])
        .await
        .ok();
    assert_eq!(redkeep.approve_and_apply(quick).await["state"], "applied");
    assert_eq!(
        redkeep.state(late).await,
        "stale",
        "its approval must be void"
    );
    let applied = redkeep
        .cli(&["deployments", "apply", &late.to_string()])
        .await;
    assert_ne!(applied.code, Some(0), "a stale deployment was applied");
    until_greeting(redkeep, editor, "third").await;

    redkeep.person("rita", "reviewer").await;
    let rita = redkeep.token("rita", &["review", "propose"]).await;
    let rebased = rita
        .post(
            redkeep.api_url(&format!("/deployments/{late}/rebase")),
            &json!({}),
        )
        .await;
    assert!((200..300).contains(&rebased.status), "{}", rebased.text());
    assert_eq!(redkeep.state(late).await, "pending");
    let applied = redkeep
        .cli(&["deployments", "apply", &late.to_string()])
        .await;
    assert_ne!(applied.code, Some(0), "an approval survived the rebase");
    assert_eq!(redkeep.approve_and_apply(late).await["state"], "applied");
    until_greeting(redkeep, editor, "third").await;
    tab_of(&redkeep.running(editor).await, "Second tab");
}

async fn back_to_a_snapshot(redkeep: &Redkeep, editor: &Client) {
    let snapshots = redkeep.cli(&["deployments", "rollback"]).await.ok().json();
    let snapshots = testkit::verbs::listed(&snapshots, "snapshots");
    let first = snapshots
        .iter()
        .find(|it| it["deployment"] == 1)
        .expect("the first snapshot");
    let hash = first["hash"].as_str().unwrap();
    redkeep
        .cli(&["deployments", "rollback", "--to", hash])
        .await
        .ok();
    let id = redkeep.newest().await;
    assert_eq!(redkeep.deployment(id).await["origin"], "rollback");
    until_greeting(redkeep, editor, "third").await;
    assert_eq!(redkeep.approve_and_apply(id).await["state"], "applied");
    until_greeting(redkeep, editor, "one").await;
    assert_eq!(
        redkeep.running(editor).await["flows"],
        flows::greeting("/hello", "one")
    );
}
