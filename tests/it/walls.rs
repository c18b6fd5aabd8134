//! What the kernel says of Node-RED's processes, and that an instance's policy reaches them.

use std::net::TcpListener;

use serde_json::{Value, json};
use testkit::{Client, Redkeep, flows, processes::Kernel, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_kernel_confirms_the_jail_and_policy_reaches_it() {
    let redkeep = Redkeep::up().await;
    redkeep.person("ada", "administrator").await;
    let admin = redkeep.token("ada", &["admin"]).await;
    node_red_is_nobody_who_may_do_anything(&redkeep);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    redkeep
        .run_flows(&admin, &flows::hostile("/try", &tries(port)))
        .await;

    let by_default = tried(&redkeep, &admin).await;
    assert!(
        is_refused(&by_default["id"]) && is_refused(&by_default["ls"]),
        "{by_default}"
    );
    assert_eq!(by_default["connect"], "done ok", "{by_default}");

    under(
        &redkeep,
        &admin,
        &json!({"commands": ["/usr/bin/id"], "network": "none"}),
    )
    .await;
    let outcome = tried(&redkeep, &admin).await;
    let ran = outcome["id"].as_str().unwrap();
    assert!(
        ran.starts_with("done uid="),
        "a listed command must run: {outcome}"
    );
    assert!(!ran.contains("uid=0"), "{outcome}");
    assert!(
        is_refused(&outcome["ls"]),
        "a command that is not listed ran: {outcome}"
    );
    assert!(
        is_refused(&outcome["connect"]),
        "without a network: {outcome}"
    );

    let other = json!({"commands": [], "network": {"ports": [port.wrapping_add(1).max(1)]}});
    under(&redkeep, &admin, &other).await;
    let outcome = tried(&redkeep, &admin).await;
    assert!(
        is_refused(&outcome["id"]) && is_refused(&outcome["connect"]),
        "{outcome}"
    );

    under(&redkeep, &admin, &json!({"network": {"ports": [port]}})).await;
    let outcome = tried(&redkeep, &admin).await;
    assert_eq!(
        outcome["connect"], "done ok",
        "a listed port must be reached: {outcome}"
    );

    a_node_red_that_does_not_stop_is_stopped(redkeep, &admin).await;
}

fn node_red_is_nobody_who_may_do_anything(redkeep: &Redkeep) {
    let own = Kernel::of(redkeep.pid());
    let nodes = redkeep.node_pids();
    assert!(!nodes.is_empty());
    for pid in nodes {
        let node = Kernel::of(pid);
        node.assert_confined();
        assert_ne!(node.uid(), 0, "Node-RED runs as root");
        if own.uid() == 0 {
            assert_ne!(node.uid(), own.uid());
            for kind in ["mnt", "pid", "ipc"] {
                assert_ne!(node.namespace(kind), own.namespace(kind), "{kind}");
            }
        }
    }
}

/// Two commands and a connection, tried from inside Node-RED's process.
fn tries(port: u16) -> String {
    format!(
        "const trying = async what => {{ try {{ return 'done ' + await what(); }}\n\
           catch (e) {{ return String(e.code || e.message); }} }};\n\
         const run = file => require('child_process').execFileSync(file).toString();\n\
         const connect = () => new Promise((yes, no) => {{\n\
           const socket = require('net').connect({port}, '127.0.0.1', () => {{\n\
             socket.destroy(); yes('ok'); }});\n\
           socket.on('error', no); }});\n\
         return {{id: await trying(() => run('/usr/bin/id')),\n\
           ls: await trying(() => run('/usr/bin/ls')), connect: await trying(connect)}};"
    )
}

async fn tried(redkeep: &Redkeep, client: &Client) -> Value {
    let answer = redkeep.endpoint(client, "/try").await;
    let outcome: Value = serde_json::from_str(&answer).unwrap();
    outcome["done"].clone()
}

/// Refused by a wall, and not by a mistake of the one who tried.
fn is_refused(outcome: &Value) -> bool {
    let walls = ["EACCES", "EPERM", "ENOENT", "ECONNREFUSED", "ENETUNREACH"];
    outcome.as_str().is_some_and(|it| walls.contains(&it))
}

/// Sets the policy, and starts Node-RED anew under it.
async fn under(redkeep: &Redkeep, admin: &Client, rules: &Value) {
    let before = redkeep.node_pids();
    redkeep.set_policy(admin, rules).await;
    let restarted = admin
        .post(redkeep.api_url("/instances/main/restart"), &json!({}))
        .await;
    assert!(
        (200..300).contains(&restarted.status),
        "{}",
        restarted.text()
    );
    until("Node-RED under the new rules", || async {
        let now = redkeep.node_pids();
        (!now.is_empty() && now.iter().all(|pid| !before.contains(pid))).then_some(())
    })
    .await;
}

/// Soft, then hard.
async fn a_node_red_that_does_not_stop_is_stopped(redkeep: Redkeep, admin: &Client) {
    let code = "process.removeAllListeners('SIGTERM'); process.on('SIGTERM', () => {});\n\
        setTimeout = process.mainModule.require('timers').setTimeout;\n\
        setTimeout(() => { for (;;) {} }, 200); return 'deaf';";
    redkeep
        .run_flows(admin, &flows::hostile("/deaf", code))
        .await;
    assert!(redkeep.endpoint(admin, "/deaf").await.contains("deaf"));
    let family = redkeep.family();
    drop(redkeep.stop().await);
    // The kernel takes a killed process's memory apart after its parent was told of the end.
    until("nothing of it lives any more", || async {
        let lives = |pid: &u32| std::fs::exists(format!("/proc/{pid}")).unwrap_or(false);
        (!family.iter().any(lives)).then_some(())
    })
    .await;
}
