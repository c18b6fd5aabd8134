//! Flows are tried on a real Node-RED, and what they do is seen from outside and comes to nothing.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use model::{
    flow::credentials::Credentials,
    instance::NodeRedMajor,
    rehearsal::{Attempt, Observation, Outcome, Protocol},
};
use runtime::rehearsal::{Bounds, Trial};

use crate::{cases::Case, house::House};

pub(crate) fn all() -> Vec<(&'static str, Case)> {
    vec![
        ("what_flows_try_in_node_red_5_is_seen", || {
            Box::pin(what_flows_try_is_seen(NodeRedMajor::V5))
        }),
        ("what_flows_try_in_node_red_4_is_seen", || {
            Box::pin(what_flows_try_is_seen(NodeRedMajor::V4))
        }),
        ("quiet_flows_are_seen_to_be_quiet", || {
            Box::pin(quiet_flows())
        }),
        ("missing_types_are_seen", || Box::pin(missing_types())),
        ("a_proposal_that_ends_node_red_is_marked", || {
            Box::pin(it_ends_node_red())
        }),
        ("a_proposal_that_never_lets_go_is_marked", || {
            Box::pin(it_never_lets_go())
        }),
        ("a_proposal_that_eats_memory_is_marked", || {
            Box::pin(it_eats_memory())
        }),
        ("a_rehearsal_sees_nothing_of_the_instance", || {
            Box::pin(it_sees_nothing())
        }),
        ("a_busy_machine_is_not_laid_at_the_flows_door", || {
            Box::pin(it_has_no_processor())
        }),
        ("a_rehearsal_fills_no_disk", || Box::pin(it_fills_no_disk())),
        ("a_rehearsal_waits_until_the_one_before_is_gone", || {
            Box::pin(one_after_the_other())
        }),
        ("a_rehearsal_let_go_of_ends_and_leaves_nothing", || {
            Box::pin(it_leaves_nothing())
        }),
    ]
}

/// Its own user when the tests run as root.
const USER: (u32, u32) = (64_124, 64_124);

fn bounds() -> Bounds {
    Bounds {
        watch: Duration::from_secs(4),
        ..Bounds::default()
    }
}

fn trial(house: &House, flows: &str) -> Trial {
    Trial {
        plan: house.plan.clone(),
        dir: house.dir.path().join("rehearsal"),
        user: house.plan.user.map(|_| USER),
        flows: flows.into(),
        credentials: Credentials::default(),
        bounds: bounds(),
    }
}

async fn tried(major: NodeRedMajor, flows: &str) -> Observation {
    let house = House::build(major, "[]").await;
    let seen = house.workshop.rehearse(trial(&house, flows)).await.unwrap();
    assert!(!house.dir.path().join("rehearsal").exists());
    assert!(!house.dir.path().join("rehearsal.trash").exists());
    house.end().await;
    seen
}

/// Flows in which a function runs this at once.
fn at_once(body: &str) -> String {
    serde_json::json!([
        {"id": "t1", "type": "tab", "label": "probe"},
        {"id": "n1", "type": "inject", "z": "t1", "x": 1, "y": 1, "once": true, "onceDelay": 0.1,
         "repeat": "", "crontab": "", "props": [], "wires": [["n2"]]},
        {"id": "n2", "type": "function", "z": "t1", "x": 2, "y": 1, "func": body, "outputs": 1,
         "libs": [], "wires": [[]]},
    ])
    .to_string()
}

/// A function's way to everything Node.js has: out of its sandbox.
const ESCAPE: &str = "const process = RED.util.cloneMessage.constructor('return process')();\n";

async fn what_flows_try_is_seen(major: NodeRedMajor) {
    let flows = serde_json::json!([
        {"id": "t1", "type": "tab", "label": "probe"},
        {"id": "b1", "type": "mqtt-broker", "broker": "broker.example", "port": "1883",
         "autoConnect": true, "protocolVersion": "4", "keepalive": "60", "cleansession": true},
        {"id": "m1", "type": "mqtt in", "z": "t1", "x": 1, "y": 1, "topic": "a", "qos": "0",
         "datatype": "auto", "broker": "b1", "wires": [[]]},
        {"id": "n1", "type": "inject", "z": "t1", "x": 1, "y": 2, "once": true, "onceDelay": 0.1,
         "repeat": "", "crontab": "", "props": [{"p": "payload"}], "payload": "x",
         "payloadType": "str", "wires": [["n2", "n3", "n4"]]},
        {"id": "n2", "type": "http request", "z": "t1", "x": 2, "y": 2, "method": "GET",
         "ret": "txt", "url": "http://api.example:8080/x", "wires": [[]]},
        {"id": "n3", "type": "exec", "z": "t1", "x": 2, "y": 3, "command": "reboot --now",
         "addpay": "", "append": "", "useSpawn": "false", "timer": "", "wires": [[], [], []]},
        {"id": "n4", "type": "file", "z": "t1", "x": 2, "y": 4, "filename": "/etc/cron.d/x",
         "filenameType": "str", "createDir": false, "overwriteFile": "true", "wires": [[]]},
        {"id": "n5", "type": "tcp in", "z": "t1", "x": 2, "y": 5, "server": "server", "host": "",
         "port": "5000", "datamode": "stream", "datatype": "buffer", "wires": [[]]},
    ]);
    let seen = tried(major, &flows.to_string()).await;
    assert_eq!(seen.outcome, Outcome::Ran, "{seen:#?}");
    let reach = |host: &str, port| Attempt::Reach {
        protocol: Protocol::Tcp,
        host: host.into(),
        port,
    };
    let expected = [
        reach("api.example", 8080),
        Attempt::Listen {
            protocol: Protocol::Tcp,
            port: 5000,
        },
        Attempt::Run {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), "reboot --now".into()],
        },
        Attempt::Write {
            path: "/etc/cron.d/x".into(),
        },
        // One of each kind comes first.
        reach("broker.example", 1883),
    ];
    assert_eq!(seen.attempts, expected, "{seen:#?}");
    assert!(
        seen.log
            .iter()
            .any(|line| line.text.contains("ECONNREFUSED")),
        "{:#?}",
        seen.log
    );
    assert!(
        seen.memory_bytes > 40 << 20 && seen.cpu_ms > 100,
        "{seen:?}"
    );
    assert!(seen.watched_seconds >= 4);
}

async fn quiet_flows() {
    let seen = tried(NodeRedMajor::V5, "[]").await;
    assert!(seen.is_clean(), "{seen:#?}");
    assert_eq!(seen.attempts, []);
    assert_eq!(seen.log, []);
}

async fn missing_types() {
    let flows = serde_json::json!([
        {"id": "t1", "type": "tab", "label": "probe"},
        {"id": "n1", "type": "modbus-read", "z": "t1", "x": 1, "y": 1, "wires": [[]]},
    ]);
    let seen = tried(NodeRedMajor::V5, &flows.to_string()).await;
    assert_eq!(seen.outcome, Outcome::Halted, "{seen:#?}");
    assert_eq!(seen.missing_types, ["modbus-read"]);
}

async fn it_ends_node_red() {
    let flows = at_once(&format!("{ESCAPE}process.exit(3);"));
    let seen = tried(NodeRedMajor::V5, &flows).await;
    let Outcome::Crashed(why) = &seen.outcome else {
        panic!("{seen:#?}")
    };
    assert!(why.contains("exit code 3"), "{why}");
}

async fn it_never_lets_go() {
    let seen = tried(NodeRedMajor::V5, &at_once("for (;;) ;")).await;
    assert!(matches!(seen.outcome, Outcome::Hung(_)), "{seen:#?}");
    assert!(seen.cpu_ms > 1000, "{seen:?}");
}

async fn it_eats_memory() {
    let eat = "const kept = []; for (;;) kept.push(Buffer.alloc(8 << 20, 1));";
    let seen = tried(NodeRedMajor::V5, &at_once(eat)).await;
    // An allocation that fails is an error of the function, or the end of Node-RED.
    assert!(seen.memory_bytes < 1 << 30, "{seen:#?}");
    assert!(
        seen.log.iter().any(|line| line.is_error) || seen.outcome.why().is_some(),
        "{seen:#?}"
    );
}

async fn it_sees_nothing() {
    let mut house = House::build(NodeRedMajor::V5, "[]").await;
    house.run().await;
    let secret = house.plan.dir.join("work/secret.txt");
    std::fs::write(&secret, "hidden").unwrap();
    let body = format!(
        "{ESCAPE}const fs = process.mainModule.require('fs');\n\
         for (const path of [{:?}, {:?}]) try {{ node.error('read ' + fs.readdirSync(path)) }}\n\
         catch (e) {{ node.error(e.code + ' ' + e.path) }}\n\
         node.error('as ' + process.getuid());\n\
         node.error('with ' + global.get('x') + env.get('NODE_ENV'));",
        house.plan.dir.join("work"),
        house.plan.dir.join("run"),
    );
    let mut trial = trial(&house, &at_once(&body));
    trial.credentials = Credentials(BTreeMap::from([(
        "n2".to_owned(),
        BTreeMap::from([("password".to_owned(), "placeholder".into())]),
    )]));
    let seen = house.workshop.rehearse(trial).await.unwrap();
    let text = format!("{:#?}", seen.log);
    assert_eq!(text.matches("ENOENT").count(), 2, "{text}");
    assert!(!text.contains("read "), "{text}");
    if house.plan.user.is_some() {
        assert!(text.contains(&format!("as {}", USER.0)), "{text}");
    }
    house.end().await;
}

async fn it_leaves_nothing() {
    let house = House::build(NodeRedMajor::V5, "[]").await;
    let trial = trial(&house, "[]");
    let (dir, run) = (trial.dir.clone(), trial.dir.join("run/nr.sock"));
    let home = format!("HOME={}", dir.join("work").display());
    {
        let mut rehearsal = std::pin::pin!(house.workshop.rehearse(trial));
        let listens = async {
            while !run.exists() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            seen = &mut rehearsal => panic!("it ended first: {seen:#?}"),
            () = listens => {}
        }
        assert!(processes_with(&home) > 0, "the test looks amiss");
    }
    let gone = async {
        while dir.exists() {
            // The folder is removed when nothing can write into it any more, and not before.
            if !dir.join("run").exists() {
                assert_eq!(
                    processes_with(&home),
                    0,
                    "it was removed under a running jail"
                );
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), gone)
        .await
        .expect("something of it is left");
    assert_eq!(processes_with(&home), 0);
    house.end().await;
}

async fn it_has_no_processor() {
    let house = House::build(NodeRedMajor::V5, "[]").await;
    let mut trial = trial(&house, "[]");
    // Less than Node-RED takes on an idle machine would not be told from flows that hang.
    trial.bounds.start = Duration::from_secs(5);
    let is_over = Arc::new(AtomicBool::new(false));
    let processors = std::thread::available_parallelism().map_or(2, usize::from);
    let busy: Vec<_> = (0..4 * processors)
        .map(|_| {
            let is_over = is_over.clone();
            std::thread::spawn(move || while !is_over.load(Ordering::Relaxed) {})
        })
        .collect();
    let tried = house.workshop.rehearse(trial).await;
    is_over.store(true, Ordering::Relaxed);
    for thread in busy {
        thread.join().unwrap();
    }
    let why = tried.expect_err("nothing can be told of them").to_string();
    assert!(
        why.contains("tried again when the machine is quieter"),
        "{why}"
    );
    house.end().await;
}

async fn it_fills_no_disk() {
    let body = format!(
        "{ESCAPE}const fs = process.mainModule.require('fs'); let n = 0;\n\
         try {{ for (; n < 200; n++) fs.writeFileSync('f' + n, Buffer.alloc(1 << 20)) }}\n\
         catch (e) {{ node.error(e.code + ' after ' + n) }}"
    );
    let seen = tried(NodeRedMajor::V5, &at_once(&body)).await;
    // 64 MiB in all, of which Node-RED has written a little itself.
    let is_full = |text: &str| text.contains("ENOSPC after 63") || text.contains("ENOSPC after 64");
    assert!(seen.log.iter().any(|line| is_full(&line.text)), "{seen:#?}");
}

async fn one_after_the_other() {
    let house = House::build(NodeRedMajor::V5, "[]").await;
    let first = trial(&house, "[]");
    let run = first.dir.join("run/nr.sock");
    {
        let mut rehearsal = std::pin::pin!(house.workshop.rehearse(first));
        let listens = async {
            while !run.exists() {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::select! {
            seen = &mut rehearsal => panic!("it ended first: {seen:#?}"),
            () = listens => {}
        }
    }
    // In the same folder, while the one that was let go of is being cleared away.
    let seen = house.workshop.rehearse(trial(&house, "[]")).await.unwrap();
    assert!(seen.is_clean(), "{seen:#?}");
    house.end().await;
}

fn processes_with(variable: &str) -> usize {
    let pids = std::fs::read_dir("/proc").unwrap().flatten();
    pids.filter(|entry| {
        let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
        environment
            .split(|&byte| byte == 0)
            .any(|entry| entry == variable.as_bytes())
    })
    .count()
}
