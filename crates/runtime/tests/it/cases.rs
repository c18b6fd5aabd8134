//! What must hold, for both Node-RED versions where it could differ.

use std::{fs, future::Future, pin::Pin, time::Duration};

use model::{deployment::DeploymentType, instance::NodeRedMajor, principal::Actor};
use runtime::{
    RuntimeError, RuntimeEvent, Taken,
    status::{InstanceStatus, Phase},
};
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::timeout;

use crate::{
    house::{House, holds},
    palette,
};

pub(crate) type Case = fn() -> Pin<Box<dyn Future<Output = ()>>>;

macro_rules! cases {
    ($($name:literal => $case:expr),* $(,)?) => {
        pub(crate) fn all() -> Vec<(&'static str, Case)> {
            vec![$(($name, || Box::pin($case))),*]
        }
    };
}

cases! {
    "node_red_5_runs_what_the_bridge_gives" => runs_what_the_bridge_gives(NodeRedMajor::V5),
    "node_red_4_runs_what_the_bridge_gives" => runs_what_the_bridge_gives(NodeRedMajor::V4),
    "node_red_5_keeps_credentials_off_the_disk" => keeps_credentials_off_the_disk(NodeRedMajor::V5),
    "node_red_4_keeps_credentials_off_the_disk" => keeps_credentials_off_the_disk(NodeRedMajor::V4),
    "a_refused_deployment_changes_nothing" => a_refused_deployment_changes_nothing(),
    "missing_types_halt_the_flows_and_are_named" => missing_types_halt_the_flows(),
    "what_fails_to_start_is_in_the_status" => what_fails_to_start_is_said(),
    "the_policys_memory_holds_from_the_next_start" => memory_is_limited(),
    "flows_that_kill_node_red_are_an_error_with_the_cause" => flows_that_kill_are_an_error(),
    "a_command_cannot_be_run" => a_command_cannot_be_run(),
    "a_killed_node_red_is_started_again" => a_killed_node_red_is_started_again(),
    "three_ends_in_a_row_are_a_crash_loop" => three_ends_in_a_row_are_a_crash_loop(),
    "what_hinders_a_start_is_no_crash" => what_hinders_a_start_is_no_crash(),
    "a_jail_that_does_not_hold_is_not_used" => a_jail_that_does_not_hold_is_not_used(),
    "a_bridge_the_jail_removed_comes_back" => a_removed_bridge_comes_back(),
    "flows_that_could_not_be_loaded_are_loaded_later" => flows_are_loaded_later(),
    "a_node_red_that_hangs_is_not_asked_to_reload" => a_hanging_one_is_started_anew(),
    "node_red_5_palette_is_read" => palette::is_read(NodeRedMajor::V5),
    "node_red_4_palette_is_read" => palette::is_read(NodeRedMajor::V4),
    "code_left_in_the_work_folder_does_not_run" => code_left_behind_does_not_run(),
}

/// Answers `GET /probe` with what the function's body puts into `msg.payload`.
fn probe(body: &str) -> String {
    serde_json::json!([
        {"id": "t1", "type": "tab", "label": "probe"},
        {"id": "n1", "type": "http in", "z": "t1", "x": 1, "y": 1, "url": "/probe",
         "method": "get", "wires": [["n2"]]},
        {"id": "n2", "type": "function", "z": "t1", "x": 2, "y": 1, "func": body, "outputs": 1,
         "libs": [], "wires": [["n3"]]},
        {"id": "n3", "type": "http response", "z": "t1", "x": 3, "y": 1, "wires": []},
    ])
    .to_string()
}

fn deployment(flows: &str) -> String {
    format!(r#"{{"flows":{flows}}}"#)
}

async fn runs_what_the_bridge_gives(major: NodeRedMajor) {
    let mut house = House::build(major, &probe("msg.payload = 'as approved'; return msg;")).await;
    let status = house.run().await;
    assert_eq!(status.phase, Phase::Ready);
    assert!(
        !status.enforcement.is_empty(),
        "the jail's layers are not in the status"
    );
    assert_eq!(
        house.ask("GET", "/probe", None, "").await,
        (200, "as approved".into())
    );

    // Who acts is what the gate signed, and nothing else.
    let (code, settings) = house.ask("GET", "/settings", Some(&["*.read"]), "").await;
    assert_eq!(code, 200);
    let settings: serde_json::Value = serde_json::from_str(&settings).unwrap();
    assert_eq!(settings["user"]["username"], "ann");
    assert_eq!(settings["editorTheme"]["deployButton"]["label"], "Propose");
    assert_eq!(house.ask("GET", "/settings", None, "").await.0, 401);
    let ann = "ann".parse().unwrap();
    let long_ago = model::clock::Timestamp(1_000_000);
    let signer = house.workshop.signer();
    let expired = signer.header(&ann, &["*"], long_ago).unwrap();
    assert_eq!(
        house.ask_as("GET", "/settings", Some(&expired), "").await.0,
        401
    );
    let now = house.store.clock().now();
    let good = signer.header(&ann, &["settings.read"], now).unwrap();
    let forged = good.replacen('.', "A.", 1);
    assert_eq!(
        house.ask_as("GET", "/settings", Some(&forged), "").await.0,
        401
    );
    let read_only = house
        .ask("POST", "/flows", Some(&["*.read"]), r#"{"flows":[]}"#)
        .await;
    assert_eq!(read_only.0, 401);

    assert_eq!(listening_tcp_sockets(house.process()), Vec::<String>::new());

    *house.room.takes.lock().unwrap() = true;
    let next = probe("msg.payload = 'given'; return msg;");
    let given = house
        .workshop
        .give(&house.id, deployment(&next), DeploymentType::Nodes)
        .await;
    given.unwrap();
    assert_eq!(
        house.ask("GET", "/probe", None, "").await,
        (200, "given".into())
    );
    assert_eq!(
        *house.room.claimed.lock().unwrap(),
        [Some("redkeep".to_owned())]
    );
    let running = house.workshop.running_flows(&house.id).await.unwrap();
    let running: serde_json::Value = serde_json::from_slice(&running).unwrap();
    assert_eq!(
        running,
        serde_json::from_str::<serde_json::Value>(&next).unwrap()
    );

    let log = house.log().await;
    assert!(
        log.contains("Info") && log.contains("Started flows"),
        "{log}"
    );
    house.end().await;
}

/// The TCP sockets the process listens on, by the kernel's tables.
fn listening_tcp_sockets(pid: u32) -> Vec<String> {
    let links = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let own: Vec<String> = links
        .filter_map(|link| fs::read_link(link.unwrap().path()).ok())
        .filter_map(|link| {
            let link = link
                .to_str()?
                .strip_prefix("socket:[")?
                .strip_suffix(']')?
                .to_owned();
            Some(link)
        })
        .collect();
    assert!(
        !own.is_empty(),
        "not even Node-RED's own socket is seen: the test looks amiss"
    );
    let mut listening = Vec::new();
    for table in ["tcp", "tcp6"] {
        let table = fs::read_to_string(format!("/proc/{pid}/net/{table}")).unwrap();
        for line in table.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // The fourth field is the state; 0A is LISTEN. The tenth is the inode.
            if fields[3] == "0A" && own.iter().any(|inode| inode == fields[9]) {
                listening.push(line.to_owned());
            }
        }
    }
    listening
}

async fn keeps_credentials_off_the_disk(major: NodeRedMajor) {
    let flows = r#"[{"id":"t1","type":"tab"},
        {"id":"b1","type":"mqtt-broker","broker":"127.0.0.1","port":"1","autoConnect":false}]"#;
    let mut house = House::build(major, flows).await;
    let secret = "s3cret-of-the-broker";
    let credentials = format!(r#"{{"b1":{{"user":"bob","password":"{secret}"}}}}"#);
    *house.room.credentials.lock().unwrap() = serde_json::from_str(&credentials).unwrap();
    house.run().await;
    let (code, handed) = house
        .ask(
            "GET",
            "/credentials/mqtt-broker/b1",
            Some(&["credentials.read"]),
            "",
        )
        .await;
    assert_eq!(
        (code, handed.as_str()),
        (200, r#"{"user":"bob","has_password":true}"#)
    );

    // A new one goes the other way.
    *house.room.takes.lock().unwrap() = true;
    let changed = flows.replace(
        r#""autoConnect":false"#,
        r#""autoConnect":false,"credentials":{"password":"another-s3cret"}"#,
    );
    let given = house
        .workshop
        .give(&house.id, deployment(&changed), DeploymentType::Full)
        .await;
    given.unwrap();
    let saved = serde_json::to_string(&*house.room.credentials.lock().unwrap()).unwrap();
    assert_eq!(
        saved,
        r#"{"b1":{"password":"another-s3cret","user":"bob"}}"#
    );
    assert!(
        !house.room.flows.lock().unwrap().contains("s3cret"),
        "flows hold a credential"
    );

    for secret in [secret, "another-s3cret"] {
        let found = holds(&house.plan.dir, secret);
        assert_eq!(found, None, "a credential lies on the disk");
    }
    let log = house.log().await;
    assert!(!log.contains("s3cret"), "{log}");
    house.end().await;
}

async fn a_refused_deployment_changes_nothing() {
    let flows = probe("msg.payload = 'as approved'; return msg;");
    let mut house = House::build(NodeRedMajor::V5, &flows).await;
    house.run().await;
    let loads = *house.room.loads.lock().unwrap();
    let evil = deployment(&probe("msg.payload = 'evil'; return msg;"));
    let given = house
        .workshop
        .give(&house.id, evil.clone(), DeploymentType::Full)
        .await;
    let Err(RuntimeError::Answered {
        status: 403,
        message,
    }) = given
    else {
        panic!("{given:?}");
    };
    assert_eq!(message, "waits for review");
    reloaded(&house, loads).await;
    assert_eq!(
        house.ask("GET", "/probe", None, "").await,
        (200, "as approved".into())
    );

    // Refused inside too, whoever it was.
    let loads = *house.room.loads.lock().unwrap();
    let (code, body) = house.ask("POST", "/flows", Some(&["*"]), &evil).await;
    assert_eq!(
        (code, body.contains("waits for review")),
        (403, true),
        "{body}"
    );
    reloaded(&house, loads).await;
    assert_eq!(
        house.ask("GET", "/probe", None, "").await,
        (200, "as approved".into())
    );
    assert_eq!(
        house.workshop.status(&house.id).unwrap().phase,
        Phase::Ready
    );
    house.end().await;
}

/// Waits until Node-RED has loaded everything anew without being asked here, and runs it.
async fn reloaded(house: &House, loads: u32) {
    // Flows and credentials are two loads.
    let loaded = async {
        while *house.room.loads.lock().unwrap() < loads + 2 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(Duration::from_mins(1), loaded)
        .await
        .expect("no reload after a refused save");
    // Takes its turn after that reload, so that no request meets flows that are being restarted.
    house.workshop.reload(&house.id).await.unwrap();
}

async fn missing_types_halt_the_flows() {
    let mut house = House::build(NodeRedMajor::V5, "[]").await;
    house.run().await;
    *house.room.takes.lock().unwrap() = true;
    let flows = r#"[{"id":"t1","type":"tab"},{"id":"n1","type":"no such type","z":"t1"}]"#;
    let given = house
        .workshop
        .give(&house.id, deployment(flows), DeploymentType::Full)
        .await;
    let Ok(Taken::Halted(reason)) = given else {
        panic!("not halted: {given:?}");
    };
    assert!(reason.contains("no such type"), "{reason}");
    let status = house.workshop.status(&house.id).unwrap();
    assert!(matches!(status.phase, Phase::Degraded { .. }), "{status:?}");

    // After a restart it is the same, and seen as such.
    house.workshop.restart(&house.id).await.unwrap();
    let status = house
        .until(|status| status.starts == 2 && status.phase.is_up())
        .await;
    assert!(
        status
            .phase
            .reason()
            .unwrap_or_default()
            .contains("no such type"),
        "{status:?}"
    );

    let given = house
        .workshop
        .give(&house.id, deployment("[]"), DeploymentType::Full)
        .await;
    given.unwrap();
    assert_eq!(
        house.workshop.status(&house.id).unwrap().phase,
        Phase::Ready
    );
    house.end().await;
}

/// Node-RED itself reports "start" and nothing else.
async fn what_fails_to_start_is_said() {
    let mut house = House::build(NodeRedMajor::V5, &probe("return msg;")).await;
    assert_eq!(house.run().await.phase, Phase::Ready);
    *house.room.takes.lock().unwrap() = true;
    let broken = probe("return ((;");
    let given = house
        .workshop
        .give(&house.id, deployment(&broken), DeploymentType::Full)
        .await;
    assert_eq!(given.unwrap(), Taken::Running);
    let is_said = |status: &InstanceStatus| {
        let reason = status.phase.reason().unwrap_or_default();
        status.flows_run && reason.contains("[function:n2] SyntaxError")
    };
    let status = house.workshop.status(&house.id).unwrap();
    assert!(is_said(&status), "{status:?}");
    // A new process on the same flows says the same.
    house.workshop.restart(&house.id).await.unwrap();
    house
        .until(|status| status.starts == 2 && is_said(status))
        .await;
    let mended = deployment(&probe("return msg;"));
    let given = house
        .workshop
        .give(&house.id, mended, DeploymentType::Nodes)
        .await;
    given.unwrap();
    let status = house.workshop.status(&house.id).unwrap();
    assert_eq!(status.phase, Phase::Ready);
    let log = house.log().await;
    assert!(!log.contains("unencrypted credentials"), "{log}");
    house.end().await;
}

/// Buffers are no part of V8's heap: only the kernel can refuse them.
async fn memory_is_limited() {
    let take = "try { Buffer.allocUnsafe(1100e6); msg.payload = 'taken'; } \
                catch (e) { msg.payload = e.message; } return msg;";
    let mut house = House::build(NodeRedMajor::V5, &probe(take)).await;
    let mut policy = house.plan.instance.policy.clone();
    policy.memory = Some("2 GiB".parse().unwrap());
    let by = Actor::System;
    house
        .store
        .set_policy(&house.id, &policy, &by)
        .await
        .unwrap();
    assert_eq!(house.run().await.memory, "2 GiB");
    assert_eq!(house.ask("GET", "/probe", None, "").await.1, "taken");
    policy.memory = Some("192 MiB".parse().unwrap());
    house
        .store
        .set_policy(&house.id, &policy, &by)
        .await
        .unwrap();
    house.workshop.restart(&house.id).await.unwrap();
    house
        .until(|status| status.starts == 2 && status.phase == Phase::Ready)
        .await;
    let (_, said) = house.ask("GET", "/probe", None, "").await;
    assert!(said.contains("allocat"), "{said}");
    house.end().await;
}

async fn flows_that_kill_are_an_error() {
    let mut house = House::build(NodeRedMajor::V5, "[]").await;
    house.run().await;
    // The way out of a function node's context that every flow has.
    let escape = "msg.constructor.constructor('return process')().exit(3)";
    let flows = serde_json::json!([
        {"id": "t1", "type": "tab", "label": "kill"},
        {"id": "n1", "type": "inject", "z": "t1", "x": 1, "y": 1, "props": [], "repeat": "",
         "crontab": "", "once": true, "onceDelay": 0.1, "wires": [["n2"]]},
        {"id": "n2", "type": "function", "z": "t1", "x": 2, "y": 1, "outputs": 0, "libs": [],
         "func": escape, "wires": []},
    ]);
    let deployment = deployment(&flows.to_string());
    *house.room.takes.lock().unwrap() = true;
    let given = house
        .workshop
        .give(&house.id, deployment, DeploymentType::Full)
        .await;
    let Err(RuntimeError::NotRunning { why, .. }) = given else {
        panic!("{given:?}")
    };
    assert_eq!(why, "Node-RED ended with exit code 3");

    // What the waiting room does then.
    *house.room.flows.lock().unwrap() = "[]".to_owned();
    house.workshop.restart(&house.id).await.unwrap();
    house.until(|status| status.phase == Phase::Ready).await;
    house.end().await;
}

async fn a_command_cannot_be_run() {
    // Without a position, Node-RED takes a node for a config node.
    let flows = serde_json::json!([
        {"id": "t1", "type": "tab", "label": "exec"},
        {"id": "n1", "type": "http in", "z": "t1", "x": 1, "y": 1, "url": "/run",
         "method": "get", "wires": [["n2"]]},
        {"id": "n2", "type": "exec", "z": "t1", "x": 2, "y": 1, "command": "/bin/ls",
         "addpay": "", "append": "", "useSpawn": "false", "timer": "", "oldrc": false,
         "wires": [[], [], ["n3"]]},
        {"id": "n3", "type": "function", "z": "t1", "x": 3, "y": 1, "outputs": 1, "libs": [],
         "func": "msg.payload = msg.payload.code; return msg;", "wires": [["n4"]]},
        {"id": "n4", "type": "http response", "z": "t1", "x": 4, "y": 1, "wires": []},
    ]);
    let mut house = House::build(NodeRedMajor::V5, &flows.to_string()).await;
    house.run().await;
    let (_, code) = house.ask("GET", "/run", None, "").await;
    assert!(
        ["EACCES", "ENOENT"].contains(&code.as_str()),
        "a command ended with {code}"
    );
    house.end().await;
}

fn kill_hard(house: &House) {
    let pid = Pid::from_raw(house.process().cast_signed()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

/// What it was given starves it, say: it lives, and never comes to read that it shall reload.
async fn a_hanging_one_is_started_anew() {
    let flows = probe("msg.payload = 'here'; return msg;");
    let mut house = House::build(NodeRedMajor::V5, &flows).await;
    house.run().await;
    let pid = Pid::from_raw(house.process().cast_signed()).unwrap();
    kill_process(pid, Signal::STOP).unwrap();
    house.workshop.reload(&house.id).await.unwrap();
    house
        .until(|status| status.starts == 2 && status.phase == Phase::Ready)
        .await;
    assert_eq!(
        house.ask("GET", "/probe", None, "").await,
        (200, "here".into())
    );
    house.end().await;
}

async fn a_killed_node_red_is_started_again() {
    let flows = probe("msg.payload = 'here'; return msg;");
    let mut house = House::build(NodeRedMajor::V5, &flows).await;
    house.run().await;
    kill_hard(&house);
    let event = house.event().await;
    let RuntimeEvent::Crashed { reason, .. } = event else {
        panic!("{event:?}")
    };
    assert_eq!(reason, "Node-RED was killed by signal 9");
    house
        .until(|status| status.starts == 2 && status.phase == Phase::Ready)
        .await;
    assert_eq!(
        house.ask("GET", "/probe", None, "").await,
        (200, "here".into())
    );
    house.end().await;
}

async fn three_ends_in_a_row_are_a_crash_loop() {
    let mut house = House::build(NodeRedMajor::V5, "[]").await;
    house.run().await;
    for start in 1..=3 {
        house
            .until(|status| status.starts == start && status.phase.is_up())
            .await;
        kill_hard(&house);
        let event = house.event().await;
        assert!(matches!(event, RuntimeEvent::Crashed { .. }), "{event:?}");
    }
    let event = house.event().await;
    assert!(matches!(event, RuntimeEvent::CrashLoop { .. }), "{event:?}");
    let status = house.workshop.status(&house.id).unwrap();
    assert!(
        matches!(status.phase, Phase::CrashLoop { .. }),
        "{status:?}"
    );
    let given = house
        .workshop
        .give(&house.id, deployment("[]"), DeploymentType::Full)
        .await;
    assert!(
        matches!(given, Err(RuntimeError::NotRunning { .. })),
        "{given:?}"
    );

    house.workshop.restart(&house.id).await.unwrap();
    house.until(|status| status.phase == Phase::Ready).await;
    house.end().await;
}

async fn what_hinders_a_start_is_no_crash() {
    let mut house = House::build(NodeRedMajor::V5, "[]").await;
    house.run().await;
    let (work, aside) = (house.plan.dir.join("work"), house.plan.dir.join("aside"));
    fs::rename(&work, &aside).unwrap();
    fs::write(&work, "in the way").unwrap();
    kill_hard(&house);
    let event = house.event().await;
    assert!(matches!(event, RuntimeEvent::Crashed { .. }), "{event:?}");
    // As many starts as a crash loop takes, and one more.
    house.until(|status| status.starts >= 5).await;
    house
        .until(|status| {
            let reason = status.phase.reason().unwrap_or_default();
            matches!(status.phase, Phase::BackingOff { .. })
                && reason.contains("cannot make the folder")
        })
        .await;
    let event = house.event().await;
    let RuntimeEvent::Hindered { reason, .. } = event else {
        panic!("{event:?}")
    };
    assert!(reason.contains("cannot make the folder"), "{reason}");
    // Recorded once, however often it is tried.
    let alerts = store::AuditFilter {
        kind: Some(model::audit::EventKind::InstanceCrashLoop),
        ..store::AuditFilter::default()
    };
    assert_eq!(house.store.audit(&alerts).await.unwrap().len(), 1);
    fs::remove_file(&work).unwrap();
    fs::rename(&aside, &work).unwrap();
    house.until(|status| status.phase == Phase::Ready).await;
    kill_hard(&house);
    // Counted as the second, whatever kept it from starting between.
    let mut event = house.event().await;
    // One of each later attempt.
    while matches!(event, RuntimeEvent::Hindered { .. }) {
        event = house.event().await;
    }
    assert!(matches!(event, RuntimeEvent::Crashed { .. }), "{event:?}");
    house.until(|status| status.phase == Phase::Ready).await;
    house.end().await;
}

async fn a_jail_that_does_not_hold_is_not_used() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut house = House::build(NodeRedMajor::V5, "[]").await;
    let jailer = house.dir.path().join("jailer");
    let script = r#"#!/bin/sh
read -r spec
echo '{"built":{"layers":{"landlock":{"status":"enforced"}},"landlock_abi":7}}'
echo '{"findings":[{"what":"read the keys","outcome":"succeeded","detail":"it was possible"}]}'
exit 1
"#;
    fs::write(&jailer, script).unwrap();
    fs::set_permissions(&jailer, fs::Permissions::from_mode(0o755)).unwrap();
    house.plan.jailer = jailer.into();
    house.workshop.start(house.plan.clone()).await.unwrap();
    let status = house.workshop.settled(&house.id, 60).await.unwrap();
    let Phase::Refused { reason } = &status.phase else {
        panic!("{status:?}")
    };
    assert!(reason.contains("read the keys"), "{reason}");
    let filter = store::AuditFilter {
        kind: Some(model::audit::EventKind::CanaryFailed),
        ..store::AuditFilter::default()
    };
    assert_eq!(house.store.audit(&filter).await.unwrap().len(), 1);
    house.end().await;
}

async fn code_left_behind_does_not_run() {
    let mut house = House::build(NodeRedMajor::V5, "[]").await;
    house.run().await;
    let work = house.plan.dir.join("work");
    let package = work.join("node_modules/node-red-contrib-evil");
    fs::create_dir_all(&package).unwrap();
    let manifest = r#"{"name":"node-red-contrib-evil","version":"1.0.0",
        "node-red":{"nodes":{"evil":"evil.js"}}}"#;
    fs::write(package.join("package.json"), manifest).unwrap();
    fs::write(
        package.join("evil.js"),
        "console.log('evil runs'); module.exports = () => {};",
    )
    .unwrap();
    fs::create_dir_all(work.join("nodes")).unwrap();
    fs::write(
        work.join("nodes/evil.js"),
        "console.log('evil runs'); module.exports = () => {};",
    )
    .unwrap();
    fs::write(
        work.join("nodes/evil.html"),
        "<script data-template-name='evil'></script>",
    )
    .unwrap();
    house.workshop.restart(&house.id).await.unwrap();
    house
        .until(|status| status.starts == 2 && status.phase == Phase::Ready)
        .await;
    house.workshop.stop_all().await;
    let log = house.log().await;
    assert!(
        log.contains("Started flows") && !log.contains("evil runs"),
        "{log}"
    );
}

async fn a_removed_bridge_comes_back() {
    let flows = probe("msg.payload = 'here'; return msg;");
    let mut house = House::build(NodeRedMajor::V5, &flows).await;
    house.run().await;
    // The jail may: the folder is its own.
    fs::remove_file(house.plan.dir.join("run/bridge.sock")).unwrap();
    house.workshop.restart(&house.id).await.unwrap();
    house
        .until(|status| status.starts == 2 && status.phase == Phase::Ready)
        .await;
    assert_eq!(
        house.ask("GET", "/probe", None, "").await,
        (200, "here".into())
    );
    house.end().await;
}

async fn flows_are_loaded_later() {
    let flows = probe("msg.payload = 'here'; return msg;");
    let mut house = House::build(NodeRedMajor::V5, &flows).await;
    *house.room.failing.lock().unwrap() = 1;
    house.run().await;
    house
        .until(|status| status.starts == 1 && status.phase == Phase::Ready)
        .await;
    assert_eq!(
        house.ask("GET", "/probe", None, "").await,
        (200, "here".into())
    );
    house.end().await;
}
