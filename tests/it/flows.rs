//! Real flows, as people keep them: proposed, reviewed, drawn, approved, applied, and every key
//! still there.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};
use testkit::{Client, Redkeep, until};

#[tokio::test(flavor = "multi_thread")]
async fn real_flows_go_through_the_queue_without_a_lost_key_first_half() {
    half(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn real_flows_go_through_the_queue_without_a_lost_key_second_half() {
    half(1).await;
}

/// Every second folder of the files: each apply is watched for seconds, so two go side by side.
async fn half(which: usize) {
    let redkeep = Redkeep::up().await;
    let rita = redkeep.person("rita", "reviewer").await;
    let console = rita.at_console(&redkeep).await;
    let rita = redkeep.token("rita", &["propose", "review"]).await;
    let folders = folders();
    assert_eq!(folders.len(), 9, "the real flows are not all there");
    for files in folders.into_iter().skip(which).step_by(2) {
        let mut missing = BTreeSet::new();
        for (name, flows) in files {
            one(&redkeep, &rita, &console, (&name, &flows), &mut missing).await;
        }
    }
    redkeep.assert_record_whole().await;
}

/// The files of each folder, oldest first.
fn folders() -> Vec<Vec<(String, Value)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/flows");
    let sorted = |folder: &Path| {
        let found = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        let mut paths: Vec<_> = found.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let read = |path: &Path| {
        let text = fs::read_to_string(path).unwrap();
        let flows = serde_json::from_str(&text);
        (
            path.display().to_string(),
            flows.unwrap_or_else(|e| panic!("{}: {e}", path.display())),
        )
    };
    let folders = sorted(&root).into_iter().filter(|path| path.is_dir());
    folders
        .map(|folder| sorted(&folder).iter().map(|path| read(path)).collect())
        .collect()
}

/// Takes one file through the queue. With packages missing that it needs, it is taken back, all of
/// it; and goes through with stand-ins for their nodes. `missing`: the types known to be missing.
async fn one(
    redkeep: &Redkeep,
    rita: &Client,
    console: &Client,
    (name, flows): (&str, &Value),
    missing: &mut BTreeSet<String>,
) {
    let before = redkeep.running(rita).await;
    let proposed = with_stand_ins(flows, missing);
    let Some(answer) = walk(redkeep, rita, console, name, &proposed).await else {
        return;
    };
    if answer["state"] == "applied" {
        return;
    }
    assert_eq!(answer["state"], "failed", "{name}: {answer}");
    let reason = answer["reason"].as_str().unwrap_or_default();
    let (_, types) = reason
        .split_once("node types are missing: ")
        .unwrap_or_else(|| panic!("{name}: {reason}"));
    missing.extend(types.split(", ").map(str::to_owned));
    until("the flows of before", || async {
        let runs = redkeep.running(rita).await;
        (runs == before).then_some(())
    })
    .await;
    let proposed = with_stand_ins(flows, missing);
    if let Some(answer) = walk(redkeep, rita, console, name, &proposed).await {
        assert_eq!(answer["state"], "applied", "{name}: {answer}");
    }
}

/// The same with nodes of these types called comments, all their other keys kept.
fn with_stand_ins(flows: &Value, missing: &BTreeSet<String>) -> Value {
    let mut flows = flows.clone();
    for node in flows.as_array_mut().expect("a list of nodes") {
        if node["type"]
            .as_str()
            .is_some_and(|kind| missing.contains(kind))
        {
            node["type"] = json!("comment");
        }
    }
    flows
}

/// Proposes, reviews, draws, approves and applies; gives the deployment as it stands then, or
/// nothing if nothing changes.
async fn walk(
    redkeep: &Redkeep,
    rita: &Client,
    console: &Client,
    name: &str,
    flows: &Value,
) -> Option<Value> {
    let answer = redkeep.post_flows(rita, flows, "full").await;
    if answer.status == 200 {
        // The same flows as the version before it.
        let runs = redkeep.running(rita).await;
        assert_eq!(runs["flows"], without_credentials(flows), "{name}");
        return None;
    }
    let id = answer.expect(202).json()["redkeep"]["deployment"]
        .as_i64()
        .expect("its number");
    let review = rita
        .get(redkeep.api_url(&format!("/deployments/{id}")))
        .await
        .expect(200)
        .json();
    nothing_is_hidden(redkeep, rita, console, name, &review).await;
    let shown = json!({"shown": review["shown"]});
    let all = json!({"shown": review["shown"], "choices": "all-approve"});
    let mut last = Value::Null;
    for (verb, body) in [("decisions", &all), ("approve", &shown), ("apply", &shown)] {
        let answer = rita
            .post(redkeep.api_url(&format!("/deployments/{id}/{verb}")), body)
            .await;
        assert_eq!(answer.status, 200, "{name}: {verb}: {}", answer.text());
        last = answer.json();
    }
    if last["state"] == "applied" {
        let runs = redkeep.running(rita).await;
        assert_eq!(
            runs["flows"],
            without_credentials(flows),
            "{name}: a key was lost or changed"
        );
        assert_eq!(
            runs["rev"], review["proposal"]["flows"],
            "{name}: not what was shown runs"
        );
    }
    Some(last)
}

async fn nothing_is_hidden(
    redkeep: &Redkeep,
    rita: &Client,
    console: &Client,
    name: &str,
    review: &Value,
) {
    let id = &review["id"];
    let steps = review["steps"].as_array().expect("steps");
    let in_steps: usize = steps
        .iter()
        .map(|step| step["changes"].as_array().expect("changes").len())
        .sum();
    let changes = review["diff"]["changes"].as_array().expect("changes");
    assert_eq!(
        in_steps,
        changes.len(),
        "{name}: changes outside of every step"
    );
    let page = console
        .get(format!("{}/deployments/{id}", redkeep.console()))
        .await
        .expect(200);
    assert!(!page.text().contains("<script"), "{name}");
    let step = console
        .get(format!("{}/deployments/{id}/steps/1", redkeep.console()))
        .await;
    assert!(!step.expect(200).text().contains("<script"), "{name}");
    let picture = rita
        .get(redkeep.api_url(&format!("/deployments/{id}/picture.svg")))
        .await;
    if picture.status == 200 {
        let svg = picture.text();
        assert!(
            svg.starts_with("<svg") && !svg.contains("<script"),
            "{name}"
        );
    } else {
        assert_eq!(picture.status, 404, "{name}: {}", picture.text());
    }
}

/// What Node-RED gives back: never credentials.
fn without_credentials(flows: &Value) -> Value {
    let mut flows = flows.clone();
    for node in flows.as_array_mut().expect("a list of nodes") {
        if let Some(node) = node.as_object_mut() {
            node.shift_remove("credentials");
        }
    }
    flows
}
