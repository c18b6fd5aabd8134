//! A node, and Node-RED's own exec node, run a command.

use serde_json::{Value, json};
use testkit::{Redkeep, flows, until};

use crate::package::{all_failed, intrude};

#[tokio::test(flavor = "multi_thread")]
async fn nothing_in_node_red_can_run_a_command() {
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    let outcomes = intrude(&redkeep, &author, "run_command", &Value::Null).await;
    // Node.js may start Node.js: in the same jail, with no more power than the node already has.
    all_failed(&outcomes, &["node", "fork"]);
    for name in ["node", "fork"] {
        let (how, inner) = (&outcomes[name], &outcomes["inner"]);
        assert!(
            !inner.starts_with("done"),
            "{name} {how}, and from there a command: {inner}"
        );
    }

    // The exec node itself fails as a person understands: "not allowed", not "not found".
    let exec = json!({"id": "x1", "type": "exec", "z": "t1", "command": "/usr/bin/id",
        "addpay": "", "append": "", "useSpawn": "false", "timer": "", "winHide": false,
        "oldrc": false, "name": "", "x": 1, "y": 1, "wires": [[], [], ["d1"]]});
    let mut debug = flows::debug("d1", "t1");
    debug["console"] = json!(true);
    let mut inject = flows::inject("i1", "t1", &["x1"]);
    inject["once"] = json!(true);
    redkeep
        .run_flows(
            &author,
            &json!([flows::tab("t1", "Exec"), inject, exec, debug]),
        )
        .await;
    let log = until("the exec node's failure in the log", || async {
        let log = redkeep.cli(&["logs", "-n", "500"]).await.ok().stdout;
        (log.contains("EACCES") || log.contains("EPERM")).then_some(log)
    })
    .await;
    assert!(!log.contains("uid="), "the command ran: {log}");
    // And the review said so beforehand.
    let review = redkeep.deployment(redkeep.newest().await).await.to_string();
    assert!(review.contains("exec"), "{review}");
}
