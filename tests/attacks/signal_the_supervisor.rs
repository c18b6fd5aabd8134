//! A node stops, kills or traces the process that guards it.

use serde_json::json;
use testkit::Redkeep;

use crate::package::{all_failed, intrude};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_cannot_signal_or_trace_what_guards_it() {
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    let supervisor = redkeep.pid();
    let mut outcomes = intrude(&redkeep, &author, "signal", &json!(supervisor)).await;
    // What is 1 to it is the first process of its own jail: its to signal, and it lives on.
    outcomes.retain(|name, _| name.starts_with(&supervisor.to_string()));
    all_failed(&outcomes, &[]);
    assert!(outcomes.len() >= 5, "{outcomes:?}");
    let status = redkeep.cli(&["status"]).await.ok().json();
    assert_eq!(status["instances"][0]["phase"], "ready", "{status}");
    redkeep.endpoint(&author, "/attack").await;
}
