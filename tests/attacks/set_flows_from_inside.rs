//! A node sets flows with Node-RED's own functions and storage, under a forged name.

use serde_json::{Value, json};
use testkit::{Redkeep, until};

use crate::package::{all_failed, intrude};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_cannot_set_flows_and_is_seen_trying() {
    let redkeep = Redkeep::up().await;
    redkeep.person("ada", "administrator").await;
    let author = redkeep.author().await;
    let outcomes = intrude(&redkeep, &author, "set_flows", &Value::Null).await;
    all_failed(&outcomes, &[]);
    let queued = until("what it tried in the queue", || async {
        redkeep
            .deployments()
            .await
            .into_iter()
            .find(|it| it["origin"] == "runtime")
    })
    .await;
    assert_eq!(
        queued["proposer"],
        json!({"who": "runtime", "claimed": queued["proposer"]["claimed"]})
    );
    redkeep.recorded("runtime-refused", |_| true).await;
    let runs = redkeep.running(&author).await;
    let tabs: Vec<_> = runs["flows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|it| it["type"] == "tab")
        .collect();
    assert_eq!(tabs.len(), 1, "a tab more: {tabs:?}");
    redkeep.assert_record_whole().await;
}
