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
