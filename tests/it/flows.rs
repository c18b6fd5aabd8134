//! Real flows, as people keep them: proposed, reviewed, drawn, approved, applied, and every key
//! still there.

use std::{collections::BTreeSet, fs, path::Path};

use serde_json::{Value, json};
use testkit::{Client, Redkeep, until};

#[tokio::test(flavor = "multi_thread")]
async fn real_flows_go_through_the_queue_without_a_lost_key() {
    let redkeep = Redkeep::up().await;
    let rita = redkeep.person("rita", "reviewer").await;
    let console = rita.at_console(&redkeep).await;
    let rita = redkeep.token("rita", &["propose", "review"]).await;
    let mut count = 0;
    for (name, flows) in files() {
        one(&redkeep, &rita, &console, &name, &flows).await;
        count += 1;
    }
    assert!(count >= 40, "the real flows are not all there: {count}");
    redkeep.assert_record_whole().await;
}

fn files() -> Vec<(String, Value)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/flows");
    let mut found = Vec::new();
    for folder in fs::read_dir(&root).unwrap_or_else(|e| panic!("{}: {e}", root.display())) {
        let folder = folder.unwrap().path();
        for file in fs::read_dir(&folder).into_iter().flatten() {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            let flows =
                serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
            found.push((path.display().to_string(), flows));
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    found
}

/// Takes one file through the queue. Packages it needs that are not installed: it is taken back,
/// all of it; and goes through with stand-ins for their nodes.
async fn one(redkeep: &Redkeep, rita: &Client, console: &Client, name: &str, flows: &Value) {
    let before = redkeep.running(rita).await;
    let Some(answer) = walk(redkeep, rita, console, name, flows).await else {
        return;
    };
    if answer["state"] == "applied" {
        return;
    }
    assert_eq!(answer["state"], "failed", "{name}: {answer}");
    let reason = answer["reason"].as_str().unwrap_or_default();
    let (_, missing) = reason
        .split_once("node types are missing: ")
        .unwrap_or_else(|| panic!("{name}: {reason}"));
    let missing: BTreeSet<&str> = missing.split(", ").collect();
    let back = until("the flows of before", || async {
        let runs = redkeep.running(rita).await;
        (runs == before).then_some(())
    });
    back.await;
    let mut stand_in = flows.clone();
    for node in stand_in.as_array_mut().expect("a list of nodes") {
        if node["type"]
            .as_str()
            .is_some_and(|kind| missing.contains(kind))
        {
            node["type"] = json!("comment");
        }
    }
    if let Some(answer) = walk(redkeep, rita, console, name, &stand_in).await {
        assert_eq!(answer["state"], "applied", "{name}: {answer}");
    }
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
    let t0 = std::time::Instant::now();
    let answer = redkeep.post_flows(rita, flows, "full").await;
    eprintln!("{name} post {:?}", t0.elapsed());
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
    eprintln!("get {:?}", t0.elapsed());
    nothing_is_hidden(redkeep, rita, console, name, &review).await;
    eprintln!("pages {:?}", t0.elapsed());
    let shown = json!({"shown": review["shown"]});
    let all = json!({"shown": review["shown"], "choices": "all-approve"});
    let mut last = Value::Null;
    for (verb, body) in [("decisions", &all), ("approve", &shown), ("apply", &shown)] {
        let answer = rita
            .post(redkeep.api_url(&format!("/deployments/{id}/{verb}")), body)
            .await;
        assert_eq!(answer.status, 200, "{name}: {verb}: {}", answer.text());
        last = answer.json();
        eprintln!("{verb} {:?}", t0.elapsed());
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
