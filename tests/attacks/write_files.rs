//! A node writes the files that decide what runs: settings, flows, credentials, Node-RED, Node.js.

use serde_json::Value;
use testkit::Redkeep;

use crate::package::{all_failed, intrude};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_cannot_write_settings_flows_credentials_or_modules() {
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    let outcomes = intrude(&redkeep, &author, "write_files", &Value::Null).await;
    all_failed(&outcomes, &[]);
    // And the next start finds every file of Node-RED as it was.
    let options = redkeep.options();
    let data = redkeep.stop().await;
    let redkeep = Redkeep::again(data, options).await;
    assert!(
        redkeep.audit("disk-drift").await.is_empty(),
        "a file was changed"
    );
    let author = redkeep.author().await;
    redkeep.endpoint(&author, "/attack").await;
}
