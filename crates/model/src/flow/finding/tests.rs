use serde_json::json;

use super::*;
use crate::flow::{
    Flows, Limits,
    diff::{CredentialNames, diff},
};

/// The findings of a change from `before` to `after` of one node (null for none): `rule severity`.
fn findings(before: Value, after: Value) -> Vec<String> {
    let node = |mut node: Value| {
        if let Some(node) = node.as_object_mut() {
            node.insert("id".into(), "n".into());
            if !matches!(
                node["type"].as_str(),
                Some("tab" | "tls-config" | "mqtt-broker" | "websocket-listener")
            ) {
                node.entry("x").or_insert(json!(1));
                node.entry("y").or_insert(json!(1));
            }
        }
        let nodes = json!([{"id": "feeder", "type": "x", "wires": [["n"]]}, node]);
        let nodes: Vec<Value> = nodes
            .as_array()
            .unwrap()
            .iter()
            .filter(|it| !it.is_null())
            .cloned()
            .collect();
        Flows::submitted(
            Value::from(nodes).to_string().as_bytes(),
            &Limits::default(),
        )
        .unwrap()
    };
    let (base, proposal) = (node(before), node(after));
    let diff = diff(
        &base.flows,
        &proposal.flows,
        &proposal.credentials,
        &CredentialNames::new(),
    );
    let all = diff.changes.iter().flat_map(|change| &change.findings);
    all.map(|finding| {
        assert!(
            finding.message.ends_with('.') && finding.message.len() > 20,
            "{}",
            finding.message
        );
        format!("{} {:?}", finding.rule, finding.severity)
    })
    .collect()
}

/// Each rule: a change on which it fires, and one close by on which it does not.
#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_rule_fires_where_it_should_and_nowhere_else() {
    let function = |code: &str| json!({"type": "function", "func": code});
    let request = |url: &str| json!({"type": "http request", "url": url});
    let cases = [
        (
            "exec-command Danger",
            Value::Null,
            json!({"type": "exec", "command": "reboot"}),
        ),
        (
            "exec-command Danger",
            json!({"type": "exec", "command": "a"}),
            json!({"type": "exec", "command": "b"}),
        ),
        (
            "function-code Warning",
            function("return msg;"),
            function("return null;"),
        ),
        (
            "function-code Danger",
            Value::Null,
            function("msg.x = process.env; return msg"),
        ),
        (
            "function-code Danger",
            Value::Null,
            function("msg.constructor.constructor('return 1')()"),
        ),
        (
            "function-code Danger",
            Value::Null,
            function("global.get('process').exit()"),
        ),
        (
            "function-code Danger",
            Value::Null,
            function("const fs = global.get('require')('fs')"),
        ),
        (
            "function-code Danger",
            Value::Null,
            function("pro\\u0063ess.exit()"),
        ),
        (
            "function-code Danger",
            Value::Null,
            function("pr\\u{6f}cess.exit()"),
        ),
        (
            "function-modules Danger",
            Value::Null,
            json!({"type": "function", "libs": [{"var": "x", "module": "left-pad@file:/x"}]}),
        ),
        (
            "hidden-text Danger",
            Value::Null,
            function("// \u{202e} x\nreturn msg;"),
        ),
        (
            "page-script Warning",
            Value::Null,
            json!({"type": "template", "template": "<SCRIPT>x</SCRIPT>"}),
        ),
        (
            "jsonata Note",
            Value::Null,
            json!({"type": "change", "rules": [{"t": "set", "to": "$x", "tot": "jsonata"}]}),
        ),
        (
            "jsonata Note",
            json!({"type": "inject", "payload": "a", "payloadType": "jsonata"}),
            json!({"type": "inject", "payload": "b", "payloadType": "jsonata"}),
        ),
        (
            "tls-verification-off Danger",
            Value::Null,
            json!({"type": "tls-config", "verifyservercert": false}),
        ),
        (
            "tls-verification-off Danger",
            json!({"type": "mqtt-broker", "usetls": true}),
            json!({"type": "mqtt-broker", "usetls": false}),
        ),
        (
            "new-host Warning",
            request("http://a.example/x"),
            request("http://b.example/x"),
        ),
        (
            "new-host Warning",
            Value::Null,
            json!({"type": "mqtt-broker", "broker": "broker.example"}),
        ),
        (
            "new-host Warning",
            Value::Null,
            json!({"type": "tcp request", "server": "10.0.0.9", "port": "1"}),
        ),
        (
            "new-host Warning",
            Value::Null,
            function("msg.url = `https://evil.example/${x}`; return msg;"),
        ),
        ("host-from-message Warning", Value::Null, request("")),
        (
            "new-listener Warning",
            Value::Null,
            json!({"type": "http in", "url": "/x", "method": "post"}),
        ),
        (
            "new-listener Warning",
            Value::Null,
            json!({"type": "tcp in", "server": "server", "port": "1"}),
        ),
        (
            "new-listener Warning",
            Value::Null,
            json!({"type": "udp in", "port": 7}),
        ),
        (
            "new-listener Warning",
            Value::Null,
            json!({"type": "websocket-listener", "path": "/ws"}),
        ),
        (
            "file-access Warning",
            Value::Null,
            json!({"type": "file in", "filename": "/etc/passwd"}),
        ),
        (
            "file-access Warning",
            Value::Null,
            json!({"type": "watch", "files": "/tmp"}),
        ),
        (
            "credential Note",
            Value::Null,
            json!({"type": "x", "credentials": {"password": "p"}}),
        ),
        (
            "credential Warning",
            json!({"type": "mqtt-broker", "broker": "a.example"}),
            json!({"type": "mqtt-broker", "broker": "b.example", "credentials": {"password": "p"}}),
        ),
        (
            "secret-in-clear Warning",
            Value::Null,
            json!({"type": "tab", "env": [{"name": "API_TOKEN", "value": "abc", "type": "str"}]}),
        ),
        (
            "secret-in-clear Warning",
            Value::Null,
            request("http://u:p@a.example"),
        ),
        (
            "type-changed Warning",
            json!({"type": "debug"}),
            json!({"type": "function"}),
        ),
        (
            "disabled Warning",
            json!({"type": "debug"}),
            json!({"type": "debug", "d": true}),
        ),
        (
            "disabled Warning",
            json!({"type": "tab"}),
            json!({"type": "tab", "disabled": true}),
        ),
        (
            "enabled Note",
            json!({"type": "tab", "disabled": true}),
            json!({"type": "tab", "disabled": false}),
        ),
        (
            "off-canvas Warning",
            Value::Null,
            json!({"type": "debug", "x": 90_000, "y": 1}),
        ),
        (
            "off-canvas Warning",
            json!({"type": "debug"}),
            json!({"type": "debug", "x": 1, "y": -500}),
        ),
        ("wires-cut Note", json!({"type": "debug"}), Value::Null),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (rule, before, after) in cases {
        let found = findings(before.clone(), after.clone());
        assert!(
            found.iter().any(|it| it == rule),
            "{rule} not in {found:?} for {before} → {after}"
        );
        seen.insert(rule.split(' ').next().unwrap());
        // The same node, unchanged, is no finding; nor is a new name.
        let mut renamed = after.clone();
        if let Some(node) = renamed.as_object_mut() {
            node.insert("name".into(), "new name".into());
            let plain = |node: &mut Value| node.as_object_mut().map(|it| it.remove("credentials"));
            let (mut was, mut is) = (after.clone(), renamed);
            plain(&mut was);
            plain(&mut is);
            assert_eq!(findings(was, is), Vec::<String>::new(), "renaming {after}");
        }
    }
    let all = CONTENT
        .iter()
        .chain(&REMOVAL)
        .chain(&LAYOUT)
        .map(|rule| rule.name);
    let untested: Vec<_> = all.filter(|name| !seen.contains(name)).collect();
    assert!(untested.is_empty(), "no case for {untested:?}");
}

#[test]
fn what_is_harmless_gives_no_finding() {
    for harmless in [
        json!({"type": "debug", "complete": "payload"}),
        json!({"type": "function", "func": "return msg;", "initialize": "// Code added here\n", "libs": []}),
        json!({"type": "mqtt in", "broker": "a1b2c3d4e5f60718", "topic": "a/b"}),
        json!({"type": "mqtt in", "broker": "a1b2c3d4.e5f607", "topic": "a/b"}),
        json!({"type": "tcp in", "server": "client", "host": "localhost"}),
        json!({"type": "comment", "info": "see http://docs.example"}),
        json!({"type": "x", "template": "<svg xmlns=\"http://www.w3.org/2000/svg\">"}),
        json!({"type": "tab", "env": [{"name": "TOKEN", "value": "x", "type": "cred"},
            {"name": "PASSWORD", "value": "${PASSWORD}", "type": "str"}, {"name": "LIMIT", "value": "5"}]}),
        json!({"type": "mqtt-broker", "broker": "localhost", "usetls": false}),
        json!({"type": "tls-config", "verifyservercert": true}),
        json!({"type": "x", "d": false}),
        json!({"type": "ui_template", "format": "<a href=\"http://{{msg.ip}}/\">"}),
    ] {
        assert_eq!(
            findings(Value::Null, harmless.clone()),
            Vec::<String>::new(),
            "{harmless}"
        );
    }
    let code =
        "// process the data, import nothing\nmsg.processed = 1; msg.t = '21\\u00b0C'; return msg;";
    let found = findings(Value::Null, json!({"type": "function", "func": code}));
    assert_eq!(found, ["function-code Warning"]);
    let moved = |x: i32| json!({"type": "exec", "command": "reboot", "x": x, "y": 1});
    assert_eq!(findings(moved(1), moved(2)), Vec::<String>::new());
}

#[test]
fn the_gravest_comes_first_and_no_secret_is_told() {
    let node = json!({"type": "exec", "command": "x", "d": true, "token": "s3cret", "credentials": {"k": "s3cret"}});
    let found = findings(Value::Null, node.clone());
    assert!(
        found[0].ends_with("Danger") && found.last().unwrap().ends_with("Note"),
        "{found:?}"
    );
    let mut node = node;
    node["id"] = "n".into();
    let proposal =
        Flows::submitted(json!([node]).to_string().as_bytes(), &Limits::default()).unwrap();
    let base = Flows::from_canonical("[]".into()).unwrap();
    let diff = diff(
        &base,
        &proposal.flows,
        &proposal.credentials,
        &CredentialNames::new(),
    );
    assert!(!format!("{:?}", diff.changes[0].findings).contains("s3cret"));
}
