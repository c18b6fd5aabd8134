//! A node opens a port, and looks for the admin API on loopback.

use std::collections::BTreeSet;

use serde_json::Value;
use testkit::{Redkeep, http::place, sockets};

use crate::package::{all_failed, intrude};

#[tokio::test(flavor = "multi_thread")]
async fn a_node_cannot_open_a_port_nor_find_the_admin_api_on_one() {
    let redkeep = Redkeep::up().await;
    let author = redkeep.author().await;
    let outcomes = intrude(&redkeep, &author, "listen", &Value::Null).await;
    // A UDP socket of a node is no door to Node-RED; the network policy is what bounds it.
    all_failed(&outcomes, &["udp"]);
    let port = |origin: &str| place(&origin.parse().unwrap()).unwrap().1;
    let expected = BTreeSet::from([port(redkeep.editor()), port(redkeep.console())]);
    assert_eq!(
        sockets::listening(&redkeep.family()),
        expected,
        "from the kernel's tables"
    );
}
