//! A ledger with one deployment of many kinds of change.

use std::{
    process::{Command, Output},
    sync::Arc,
};

use deploy::{Caller, Deployments, FlowTarget, Proposed, Submission, Taken, futures::Given};
use model::{
    access::Role,
    baseline::Baseline,
    clock::{FixedClock, Timestamp},
    deployment::{DeploymentType, Origin},
    flow::{Limits, credentials::Credentials},
    id::{Hash, InstanceId, SessionId, UserId},
    principal::{Principal, Via},
    rehearsal::{Attempt, Observation, Outcome, Protocol, Rehearsal},
};
use serde_json::json;
use store::{BaselineContent, Store};

/// The flows that run.
fn base() -> serde_json::Value {
    json!([
        {"id": "t", "type": "tab", "label": "Pumps"},
        {"id": "b\u{202e}1", "type": "mqtt-broker", "name": "Plant", "broker": "broker.example", "port": "1883"},
        {"id": "c", "type": "inject", "z": "t", "name": "Clock", "repeat": "300", "crontab": "",
         "x": 100, "y": 100, "wires": [["f"]]},
        {"id": "f", "type": "function", "z": "t", "name": "Work", "x": 200, "y": 100, "wires": [["s"]],
         "func": "// a pump\nmsg.n = 1;\nreturn msg;\n"},
        {"id": "s", "type": "switch", "z": "t", "name": "Limit", "property": "payload", "propertyType": "msg",
         "rules": [{"t": "gt", "v": "80", "vt": "num"}], "checkall": "true", "repair": false, "outputs": 1,
         "x": 250, "y": 100, "wires": [["p1"]]},
        {"id": "p1", "type": "mqtt out", "z": "t", "name": "Pump 1", "topic": "p/1", "broker": "b\u{202e}1",
         "x": 300, "y": 100, "wires": []},
        {"id": "old", "type": "debug", "z": "t", "name": "Old lamp", "x": 300, "y": 200, "wires": []},
    ])
}

/// The flows that are proposed: something of every kind.
fn proposed() -> serde_json::Value {
    let mut flows = base();
    let all = flows.as_array_mut().unwrap();
    all.retain(|node| node["id"] != "old");
    for node in all.iter_mut() {
        match node["id"].as_str().unwrap() {
            "b\u{202e}1" => node["port"] = json!("8883"),
            "c" => node["repeat"] = json!("18000"),
            "f" => {
                node["func"] = json!("// a pump\nmsg.n = 2;\nprocess.exit(1);\nreturn msg;\n");
                node["timeout"] = json!(null);
                node["wires"] = json!([["s", "p2"]]);
            }
            "s" => node["rules"][0]["v"] = json!("90"),
            "p1" => node["x"] = json!(500),
            _ => {}
        }
    }
    let rows: Vec<String> = (1..=200).map(|row| format!("row {row}")).collect();
    all.extend([
        json!({"id": "p2", "type": "mqtt out", "z": "t", "name": "Pump 2", "topic": "p/2", "broker": "b\u{202e}1",
               "x": 300, "y": 150, "wires": []}),
        json!({"id": "h", "type": "http request", "z": "t", "name": "\u{1b}]0;owned\u{7}\u{202e}", "method": "GET",
               "url": "http://pump.example/\u{1b}[2J", "x": 300, "y": 250, "wires": [["p2"]],
               "credentials": {"user": "op", "password": "hidden"}}),
        json!({"id": "e", "type": "template", "z": "t", "name": "Page", "format": "text",
               "template": rows.join("\n"), "x": 300, "y": 300, "wires": [[]]}),
        json!({"id": "t2", "type": "tab", "label": "Second"}),
    ]);
    flows
}

/// A Node-RED that is not there.
#[derive(Debug)]
struct Nobody;

impl FlowTarget for Nobody {
    fn give(&self, _: &InstanceId, _: String, _: DeploymentType) -> Given<'_, Taken> {
        Box::pin(async { Err("nobody is there".to_owned()) })
    }

    fn reload(&self, _: &InstanceId) -> Given<'_, ()> {
        Box::pin(async { Err("nobody is there".to_owned()) })
    }
}

fn person(user: i64, name: &str, role: Role, via: Via) -> Caller {
    Caller {
        principal: Principal {
            user: UserId(user),
            name: name.parse().unwrap(),
            role,
            via,
        },
        address: Some("10.0.0.7".parse().unwrap()),
    }
}

/// The folder of the ledger.
pub(super) struct House(tempfile::TempDir);

impl House {
    pub(super) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(fill(dir.path()));
        Self(dir)
    }

    pub(super) fn file(&self, name: &str) -> String {
        self.0.path().join(name).to_str().unwrap().to_owned()
    }

    pub(super) fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_redkeep"))
            .args(["--data-dir", self.0.path().to_str().unwrap()])
            .args(arguments)
            .current_dir(self.0.path())
            .env_clear()
            .output()
            .unwrap()
    }

    /// What it says when it goes well.
    #[track_caller]
    pub(super) fn ok(&self, arguments: &[&str]) -> String {
        let out = self.run(arguments);
        assert!(out.status.success(), "{arguments:?}: {out:?}");
        String::from_utf8(out.stdout).unwrap()
    }

    /// That it is refused, and why.
    #[track_caller]
    pub(super) fn refused(&self, arguments: &[&str], why: &str) {
        let out = self.run(arguments);
        assert_ne!(out.status.code(), Some(0), "{arguments:?}");
        says(&String::from_utf8(out.stderr).unwrap(), &[why]);
    }

    /// The hash that is shown.
    pub(super) fn shown(&self) -> String {
        let text = self.ok(&["deployments", "show", "1", "--json"]);
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        json["shown"].as_str().unwrap().to_owned()
    }

    /// The number a change is shown with.
    pub(super) fn number(&self, of: &str) -> String {
        let text = self.ok(&["deployments", "show", "1"]);
        let line = text.lines().find(|line| line.contains(of)).unwrap();
        line.split_whitespace().next().unwrap().to_owned()
    }
}

async fn fill(dir: &std::path::Path) {
    let clock = Arc::new(FixedClock::new(Timestamp(1_700_000_000_000)));
    let store = Store::open(dir, clock).await.unwrap();
    let room = Deployments::new(store.clone(), Arc::new(Nobody));
    let main: InstanceId = "main".parse().unwrap();
    store.ensure_instance(&main, None).await.unwrap();
    let flows: Arc<str> = base().to_string().into();
    let credentials = Credentials::default();
    let baseline = Baseline {
        flows: Hash::of(flows.as_bytes()),
        credentials: store.credentials_digest(&credentials).unwrap(),
        settings: Hash::of(b"settings"),
        modules: Hash::of(b"modules"),
        node_red: "5.0.7".into(),
        node: "24".into(),
    };
    let content = BaselineContent {
        baseline,
        flows,
        credentials,
    };
    store.set_platform_baseline(&main, &content).await.unwrap();
    let session = SessionId(1);
    let ed = person(1, "ed", Role::Editor, Via::GateSession { session });
    let submission = Submission {
        instance: main,
        origin: Origin::Editor,
        proposer: ed.actor(),
        flows: proposed().to_string().into_bytes(),
        revision: None,
        deployment_type: DeploymentType::Full,
        emergency: None,
    };
    let proposed = room.propose(submission, &Limits::default()).await.unwrap();
    let Proposed::Queued { deployment, .. } = proposed else {
        panic!("not queued: {proposed:?}");
    };
    let console = Via::ConsoleSession { session };
    let ed = person(1, "ed", Role::Editor, console.clone());
    let rita = person(2, "rita", Role::Reviewer, console);
    room.comment(&rita, deployment.id, None, "Which pump?")
        .await
        .unwrap();
    let why = "The second pump \u{202e}is new";
    room.comment(&ed, deployment.id, None, why).await.unwrap();
    store
        .set_rehearsal(&deployment, &rehearsal())
        .await
        .unwrap();
}

fn rehearsal() -> Rehearsal {
    let reach = |host: &str, port| Attempt::Reach {
        protocol: Protocol::Tcp,
        host: host.into(),
        port,
    };
    let look_up = Attempt::LookUp {
        name: "lamp.example".into(),
    };
    let seen = |outcome, attempts, megabytes: u64| Observation {
        outcome,
        missing_types: Vec::new(),
        log: Vec::new(),
        attempts,
        has_more: false,
        memory_bytes: megabytes << 20,
        cpu_ms: 1_200,
        watched_seconds: 20,
    };
    let before = vec![reach("broker.example", 1883), look_up];
    let now = vec![reach("broker.example", 1883), reach("pump.example", 502)];
    let why = "it called process.exit\u{1b}[2J".to_owned();
    Rehearsal::Done {
        at: Timestamp(1_700_000_060_000),
        base: Some(Box::new(seen(Outcome::Ran, before, 80))),
        proposal: Box::new(seen(Outcome::Crashed(why), now, 90)),
    }
}

#[track_caller]
pub(super) fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not said:\n{text}");
    }
}
