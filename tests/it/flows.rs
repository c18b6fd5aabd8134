//! Real flows, as people keep them: proposed, reviewed, drawn, approved, applied, and every key
//! still there.

use std::{fs, path::Path};

use serde_json::{Value, json};
use testkit::{Client, Redkeep};

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

async fn one(redkeep: &Redkeep, rita: &Client, console: &Client, name: &str, flows: &Value) {
    let answer = redkeep.post_flows(rita, flows, "full").await;
    if answer.status == 200 {
        // The same flows as the version before it.
        assert_eq!(
            redkeep.running(rita).await["flows"],
            without_credentials(flows),
            "{name}"
        );
        return;
    }
    let id = answer.expect(202).json()["redkeep"]["deployment"]
        .as_i64()
        .expect("its number");
    let review = rita
        .get(redkeep.api_url(&format!("/deployments/{id}")))
        .await
        .expect(200)
        .json();
    let shown = json!({"shown": review["shown"]});
    let every_change: usize = review["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["changes"].as_array().unwrap().len())
        .sum();
    assert_eq!(
        every_change,
        review["diff"]["changes"].as_array().unwrap().len(),
        "{name}: hidden changes"
    );
    let page = console
        .get(format!("{}/deployments/{id}", redkeep.console()))
        .await
        .expect(200);
    assert!(!page.text().contains("<script"), "{name}");
    let step = console
        .get(format!("{}/deployments/{id}/steps/1", redkeep.console()))
        .await;
    step.expect(200);
    let picture = rita
        .get(redkeep.api_url(&format!("/deployments/{id}/picture.svg")))
        .await;
    if picture.status == 200 {
        let svg = picture.text();
        assert!(
            svg.starts_with("<svg") && !svg.contains("<script"),
            "{name}: {}",
            &svg[..80]
        );
    } else {
        assert_eq!(picture.status, 404, "{name}: {}", picture.text());
    }
    let all = json!({"shown": review["shown"], "choices": "all-approve"});
    for (verb, body) in [("decisions", &all), ("approve", &shown), ("apply", &shown)] {
        let answer = rita
            .post(redkeep.api_url(&format!("/deployments/{id}/{verb}")), body)
            .await;
        assert_eq!(answer.status, 200, "{name}: {verb}: {}", answer.text());
        if verb == "apply" {
            assert_eq!(
                answer.json()["state"],
                "applied",
                "{name}: {}",
                answer.text()
            );
        }
    }
    let runs = redkeep.running(rita).await;
    assert_eq!(
        runs["flows"],
        without_credentials(flows),
        "{name}: a key was lost or changed"
    );
    assert_eq!(
        runs["rev"], review["proposal"]["flows"],
        "{name}: not the revision that was shown"
    );
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
