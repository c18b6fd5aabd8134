//! More than Node-RED has memory for: it takes the flows with 204, and dies of them, at once or at
//! each start. An engineer's mistake and no attack; it must not be the end of a plant.

use std::time::Duration;

use serde_json::{Value, json};
use testkit::{Client, Redkeep, flows, until, wait};

const NODES: usize = 8_000;
const TABS: usize = 40;

#[tokio::test(flavor = "multi_thread")]
async fn flows_that_kill_node_red_by_their_number_or_later_are_taken_back() {
    let redkeep = Redkeep::up().await;
    redkeep.person("ada", "administrator").await;
    let ada = redkeep.token("ada", &["admin", "propose"]).await;
    on_a_small_machine(&redkeep, &ada).await;
    let good = flows::greeting("/hello", "one");
    propose(&redkeep, &ada, &good).await;
    let before = redkeep.running(&ada).await;
    assert_eq!(redkeep.endpoint(&ada, "/hello").await, "one");

    for (what, flows) in [
        ("number", without_number()),
        ("later", filling_the_memory()),
    ] {
        let id = propose(&redkeep, &ada, &flows).await;
        wait::within(
            Duration::from_secs(90),
            "the deployment taken back",
            || async { (redkeep.state(id).await == "failed").then_some(()) },
        )
        .await;
        let all = redkeep.deployments().await;
        let failed = all.iter().find(|it| it["id"] == id).unwrap();
        let reason = failed["reason"].as_str().unwrap_or_default();
        assert!(
            reason.contains("ran out of its memory of 192 MiB") && reason.contains("policy"),
            "{what}: {reason}"
        );
        // A flow that fills the memory later was applied and ran; that it died is seen from outside.
        assert_eq!(
            reason.contains("did not survive"),
            what == "later",
            "{reason}"
        );
        assert_eq!(redkeep.endpoint(&ada, "/hello").await, "one", "{what}");
        assert_eq!(redkeep.running(&ada).await, before, "{what}");
        let is_told = |row: &Value| row["event"]["detail"]["reason"].as_str() == Some(reason);
        redkeep.recorded("apply-failed", is_told).await;
    }
    redkeep.recorded("instance-crash-loop", |_| true).await;
    redkeep.assert_record_whole().await;
}

/// The least memory Node-RED may be given, by the instance's policy.
async fn on_a_small_machine(redkeep: &Redkeep, admin: &Client) {
    let small = json!({"memory": "192 MiB", "apply": "automatic"});
    redkeep.set_policy(admin, &small).await;
    let restart = redkeep.api_url("/instances/main/restart");
    let asked = admin.post(restart, &json!({})).await;
    assert!((200..300).contains(&asked.status), "{}", asked.text());
    until("Node-RED with little memory", || async {
        let status = redkeep.cli(&["status"]).await.ok().stdout;
        (status.contains("192 MiB") && status.contains("\"ready\"")).then_some(())
    })
    .await;
}

/// Through the API, which takes more at once than the editor may send. It is applied by policy.
async fn propose(redkeep: &Redkeep, author: &Client, flows: &Value) -> i64 {
    let body = json!({"instance": "main", "flows": flows});
    let asked = author.post(redkeep.api_url("/deployments"), &body).await;
    let answer = asked.expect(200).json();
    let id = answer["deployment"]["id"].as_i64();
    id.unwrap_or_else(|| panic!("nothing was applied: {answer}"))
}

/// Tabs full of function nodes: each has a JavaScript context of its own.
fn without_number() -> Value {
    let tab = |tab| flows::tab(&format!("tab{tab}"), &format!("Line {tab}"));
    let mut all: Vec<Value> = (0..TABS).map(tab).collect();
    all.extend((TABS..NODES).map(|number| {
        let z = format!("tab{}", number % TABS);
        flows::function_node(&format!("n{number}"), &z, "return msg;", &[])
    }));
    Value::Array(all)
}

/// Few nodes, which build tables for themselves once they are counted as running.
fn filling_the_memory() -> Value {
    let table = "setTimeout(() => context.set('table', \
        Array.from({length: 20000}, (_, row) => ({row, name: 'row ' + row}))), 5000);";
    let mut all = vec![flows::tab("t9", "Tables")];
    all.extend((0..300).map(|number| {
        let mut node = flows::function_node(&format!("f{number}"), "t9", "return msg;", &[]);
        node["initialize"] = json!(table);
        node
    }));
    Value::Array(all)
}
