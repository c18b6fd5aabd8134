//! Who decides: four eyes, automatic apply, emergencies, and approving only a part.

use serde_json::{Value, json};
use testkit::{Client, Redkeep, flows};

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_says_who_decides() {
    let redkeep = Redkeep::up().await;
    redkeep.person("ada", "administrator").await;
    redkeep.person("rob", "reviewer").await;
    redkeep.person("rose", "reviewer").await;
    let admin = redkeep.token("ada", &["admin"]).await;
    let rob = redkeep.token("rob", &["propose", "review"]).await;
    let rose = redkeep.token("rose", &["propose", "review"]).await;
    own_changes_where_they_are_allowed(&redkeep, &rob).await;
    four_eyes(&redkeep, &admin, &rob, &rose).await;
    only_what_was_approved(&redkeep, &rob, &rose).await;
    automatic(&redkeep, &admin, &rob).await;
    redkeep.assert_record_whole().await;
}

async fn call(
    redkeep: &Redkeep,
    client: &Client,
    id: i64,
    verb: &str,
    body: Value,
) -> (u16, Value) {
    let answer = client
        .post(redkeep.api_url(&format!("/deployments/{id}/{verb}")), &body)
        .await;
    (answer.status, answer.json())
}

async fn hash(redkeep: &Redkeep, id: i64) -> Value {
    redkeep.deployment(id).await["shown"].clone()
}

async fn own_changes_where_they_are_allowed(redkeep: &Redkeep, rob: &Client) {
    let id = redkeep.propose(rob, &flows::greeting("/who", "rob")).await;
    let shown = hash(redkeep, id).await;
    let all = json!({"shown": shown, "choices": "all-approve"});
    assert_eq!(call(redkeep, rob, id, "decisions", all).await.0, 200);
    assert_eq!(
        call(redkeep, rob, id, "approve", json!({"shown": shown}))
            .await
            .0,
        200
    );
    assert_eq!(
        call(redkeep, rob, id, "apply", json!({"shown": shown}))
            .await
            .0,
        200
    );
    assert_eq!(redkeep.state(id).await, "applied");
}

async fn four_eyes(redkeep: &Redkeep, admin: &Client, rob: &Client, rose: &Client) {
    redkeep
        .set_policy(admin, &json!({"own_changes": "four-eyes"}))
        .await;
    redkeep.recorded("policy-changed", |_| true).await;
    let id = redkeep
        .propose(rob, &flows::greeting("/who", "rob again"))
        .await;
    let shown = hash(redkeep, id).await;
    let all = json!({"shown": shown, "choices": "all-approve"});
    let (status, why) = call(redkeep, rob, id, "decisions", all.clone()).await;
    assert_eq!(status, 403, "rob approved his own: {why}");
    assert_eq!(call(redkeep, rose, id, "decisions", all).await.0, 200);
    let (status, why) = call(redkeep, rob, id, "approve", json!({"shown": shown})).await;
    assert_eq!(status, 403, "rob confirmed his own: {why}");
    assert_eq!(
        call(redkeep, rose, id, "approve", json!({"shown": shown}))
            .await
            .0,
        200
    );
    let (status, why) = call(redkeep, rob, id, "apply", json!({"shown": shown})).await;
    assert_eq!(status, 403, "rob applied his own: {why}");
    assert_eq!(
        call(redkeep, rose, id, "apply", json!({"shown": shown}))
            .await
            .0,
        200
    );
    assert_eq!(redkeep.endpoint(rose, "/who").await, "rob again");
}

/// Two tabs and a changed word are proposed; a tab is rejected, with a wire to nowhere refused.
async fn only_what_was_approved(redkeep: &Redkeep, rob: &Client, rose: &Client) {
    let mut proposed = flows::greeting("/who", "half");
    let all = proposed.as_array_mut().unwrap();
    all.push(flows::tab("extra", "Not this one"));
    all.push(flows::inject("extra-i", "extra", &["extra-d"]));
    all.push(flows::debug("extra-d", "extra"));
    let id = redkeep.propose(rob, &proposed).await;
    let shown = hash(redkeep, id).await;
    let changes = redkeep.deployment(id).await["diff"]["changes"]
        .as_array()
        .unwrap()
        .clone();
    let choice =
        |is_rejected: &dyn Fn(&Value) -> bool| -> Vec<Value> {
            changes
            .iter()
            .map(|change| {
                let verdict = if is_rejected(change) { "reject" } else { "approve" };
                json!({"change": change["id"], "verdict": verdict, "comment": "not wanted here"})
            })
            .collect()
        };
    // An inject node without the debug node it is wired to is not whole.
    let torn = choice(&|change| change["node"] == "extra-d");
    let decided = json!({"shown": shown, "choices": torn});
    assert_eq!(call(redkeep, rose, id, "decisions", decided).await.0, 200);
    let (status, why) = call(redkeep, rose, id, "approve", json!({"shown": shown})).await;
    assert!(
        (400..500).contains(&status),
        "a torn result was approved: {why}"
    );
    assert!(
        why.to_string().contains("extra"),
        "it must say which: {why}"
    );
    // A rejection needs its reason.
    let silent = json!([{"change": changes[0]["id"], "verdict": "reject", "comment": " "}]);
    let silent = json!({"shown": shown, "choices": silent});
    let (status, _) = call(redkeep, rose, id, "decisions", silent).await;
    assert!((400..500).contains(&status), "rejected without a reason");
    // Rejected as a whole, the rest is applied, and nothing of the tab.
    let whole = choice(&|change| {
        change["node"]
            .as_str()
            .unwrap_or_default()
            .starts_with("extra")
    });
    let decided = json!({"shown": shown, "choices": whole});
    assert_eq!(call(redkeep, rose, id, "decisions", decided).await.0, 200);
    let (status, why) = call(redkeep, rose, id, "approve", json!({"shown": shown})).await;
    assert_eq!(status, 200, "{why}");
    assert_eq!(
        call(redkeep, rose, id, "apply", json!({"shown": shown}))
            .await
            .0,
        200
    );
    let runs = redkeep.running(rose).await["flows"].clone();
    assert_eq!(
        runs,
        flows::greeting("/who", "half"),
        "more or less than was approved runs"
    );
}

async fn automatic(redkeep: &Redkeep, admin: &Client, rob: &Client) {
    // Refused while deployments are reviewed: an emergency is for who may apply, with a reason.
    let urgent = flows::greeting("/who", "urgent");
    let editor = redkeep.author().await;
    let asked = emergency(redkeep, &editor, &urgent, "I cannot wait").await;
    assert_eq!(asked.0, 403, "an editor did it: {}", asked.1);
    assert_ne!(redkeep.endpoint(rob, "/who").await, "urgent");
    let asked = emergency(redkeep, rob, &urgent, " ").await;
    assert!(asked.0 >= 400, "an emergency without a reason: {}", asked.1);
    let asked = emergency(redkeep, rob, &urgent, "the valve is stuck open").await;
    assert!((200..300).contains(&asked.0), "{}", asked.1);
    testkit::until("the emergency runs", || async {
        (rob.get(redkeep.gate_url("/who")).await.text() == "urgent").then_some(())
    })
    .await;
    redkeep.recorded("emergency-applied", |_| true).await;
    let status = redkeep.cli(&["status"]).await.ok().json().to_string();
    let listed = redkeep.deployment(redkeep.newest().await).await;
    assert_eq!(
        listed["emergency"]["reason"], "the valve is stuck open",
        "{status} {listed}"
    );

    redkeep
        .set_policy(admin, &json!({"apply": "automatic"}))
        .await;
    let answer = redkeep
        .post_flows(&editor, &flows::greeting("/who", "at once"), "full")
        .await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    testkit::until("what was deployed runs at once", || async {
        (rob.get(redkeep.gate_url("/who")).await.text() == "at once").then_some(())
    })
    .await;
    assert_eq!(redkeep.state(redkeep.newest().await).await, "applied");
}

/// An emergency deployment, by the API.
async fn emergency(redkeep: &Redkeep, client: &Client, flows: &Value, why: &str) -> (u16, Value) {
    let body = json!({"instance": "main", "flows": flows, "emergency_reason": why});
    let answer = client.post(redkeep.api_url("/deployments"), &body).await;
    (
        answer.status,
        serde_json::from_slice(&answer.body).unwrap_or_default(),
    )
}
