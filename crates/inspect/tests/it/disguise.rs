//! What Node-RED or a database runs although it stands there in another form than is usual.

use serde_json::{Value, json};

use crate::flows::{look, nodes};

fn rules(after: &Value) -> Vec<String> {
    between(&json!([]), after)
}

fn between(before: &Value, after: &Value) -> Vec<String> {
    let (_, found) = look(&nodes(&before.to_string()), &nodes(&after.to_string()));
    let found = found.findings.into_iter().flatten();
    found.map(|it| it.rule).collect()
}

fn has(rules: &[String], rule: &str) -> bool {
    rules.iter().any(|it| it == rule)
}

/// JavaScript makes a text of whatever it is given: a list with one text is that text.
#[test]
fn code_that_is_no_text_is_read_as_it_runs() {
    for key in ["func", "initialize", "finalize"] {
        let code = json!({"type": "function", key: [["process.exit(1)"]]});
        let rules = rules(&code);
        for rule in ["function-code", "code-process", "code-unread"] {
            assert!(has(&rules, rule), "{rule} in {key}: {rules:?}");
        }
    }
    let object = rules(&json!({"type": "function", "func": {"toString": "x"}}));
    assert!(has(&object, "code-unread"), "{object:?}");
    let libs = json!({"type": "function", "func": "return msg;", "libs": [{"var": ["fs"], "module": ["fs"]}]});
    assert!(has(&rules(&libs), "function-modules"));
    let command = json!({"type": "exec", "command": ["reboot"]});
    let (_, found) = look("[]", &nodes(&command.to_string()));
    let mut found = found.findings.into_iter().flatten();
    assert!(found.any(|it| it.message.contains("reboot")));
}

/// Addresses that Node-RED completes, and what only looks like a word or an id.
#[test]
fn hosts_in_every_form_are_told() {
    for url in [
        "evil.com:/x",
        "evil.com://known.example/",
        "evil.com/?u=https://known.example",
        "//evil.com/x",
        "http:///evil.com/x",
        "https:/evil.com",
        "feedfacecafe.de",
    ] {
        for (kind, key) in [("http request", "url"), ("x", "host")] {
            let node = |url: &str| {
                json!([{"type": kind, key: url},
                    {"type": "mqtt-broker", "id": "feedfacecafe.de", "broker": "known.example"}])
            };
            let told = between(&node("https://known.example"), &node(url));
            assert!(has(&told, "new-host"), "{url} in {kind}: {told:?}");
        }
    }
    for url in [
        "http:",
        "http:{{{payload}}}",
        "/local/path",
        "https://known.example/b",
    ] {
        let node = |url: &str| json!({"type": "http request", "url": url});
        let told = between(&node("https://known.example/a"), &node(url));
        assert!(!has(&told, "new-host"), "{url}: {told:?}");
    }
}

/// A node that was there and is of another type now, whose name does not look so.
#[test]
fn a_type_that_becomes_another_unseen_is_told() {
    for (kind, rule) in [
        ("ex\u{200b}ec", "hidden-text"),
        ("ex\u{435}c", "look-alike"),
    ] {
        let told = between(&json!({"type": "exec"}), &json!({"type": kind}));
        assert!(has(&told, rule), "{kind:?}: {told:?}");
    }
}
