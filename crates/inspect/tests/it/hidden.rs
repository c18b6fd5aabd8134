//! Changes made to be overlooked: each is shown for what it is, as a finding or as a refusal.

use inspect::{Context, inspect};
use model::flow::{
    FlowError, Flows, Limits,
    credentials::CredentialChanges,
    diff::{CredentialNames, diff},
    finding::{Finding, Severity},
};
use serde_json::{Value, json};

use crate::flows::{look, nodes, read};

fn found(before: &Value, after: &Value) -> Vec<Finding> {
    let (_, found) = look(&nodes(&before.to_string()), &nodes(&after.to_string()));
    found.findings.into_iter().flatten().collect()
}

fn rules(after: &Value) -> Vec<String> {
    found(&json!([]), after)
        .into_iter()
        .map(|it| it.rule)
        .collect()
}

fn refused(text: &str) -> FlowError {
    Flows::submitted(text.as_bytes(), &Limits::default()).unwrap_err()
}

#[test]
fn invisible_and_turning_characters_are_found_in_code_names_keys_and_ids() {
    for c in [
        '\u{200b}',
        '\u{202e}',
        '\u{2066}',
        '\u{2060}',
        '\u{feff}',
        '\u{e0041}',
        '\u{3164}',
        '\u{ad}',
    ] {
        for node in [
            json!({"type": "function", "func": format!("let a{c} = 1;\nreturn msg;")}),
            json!({"type": "inject", "name": format!("pu{c}mp")}),
            json!({"type": "inject", "id": format!("id{c}")}),
            json!({"type": format!("ex{c}ec")}),
            json!({"type": "change", "rules": [{"t": "set", "to": format!("x{c}")}]}),
            json!({"type": "tab", "label": format!("Tab{c}")}),
        ] {
            let rules = rules(&node);
            assert!(
                rules.contains(&"hidden-text".to_owned()),
                "U+{:X} in {node}: {rules:?}",
                u32::from(c)
            );
        }
        let key = json!({"type": "inject", format!("repeat{c}"): "1"});
        assert!(rules(&key).contains(&"odd-key".to_owned()), "{key}");
    }
}

/// What ends a line without looking so: a name is one line, and code goes on after it.
#[test]
fn characters_that_end_a_line_unseen_are_found() {
    for c in ['\r', '\u{2028}', '\u{2029}', '\u{8}', '\u{85}'] {
        for node in [
            json!({"type": "inject", "name": format!("pump{c}off")}),
            json!({"type": "tab", "label": format!("Tab{c}x")}),
        ] {
            assert!(rules(&node).contains(&"hidden-text".to_owned()), "{node}");
        }
    }
    for end in ["\r", "\u{2028}", "\u{2029}"] {
        let code = json!({"type": "function", "func": format!("// harmless{end}msg.on = true;\nreturn msg;")});
        assert!(rules(&code).contains(&"code-hides".to_owned()), "{end:?}");
    }
    let windows = json!({"type": "function", "func": "msg.on = true;\r\nreturn msg;\r\n"});
    assert_eq!(rules(&windows), ["function-code"]);
}

#[test]
fn names_that_look_like_others_are_found() {
    for node in [
        json!({"type": "mqtt in", "topic": "site/р\u{443}mp"}),
        json!({"type": "http request", "url": "http://ex\u{430}mple.com/"}),
        json!({"type": "function", "func": "if (isAdmin || is\u{410}dmin) return msg;"}),
        json!({"type": "inject", "name": "\u{ff30}ump"}),
    ] {
        assert!(rules(&node).contains(&"look-alike".to_owned()), "{node}");
    }
    // Nothing mixed, yet it only looks like what stood there.
    let (before, after) = (
        json!({"type": "inject", "topic": "cope"}),
        json!({"type": "inject", "topic": "соре"}),
    );
    assert!(
        found(&before, &after)
            .iter()
            .any(|it| it.rule == "look-alike")
    );
}

#[test]
fn a_key_with_a_control_character_is_shown_and_the_property_still_told() {
    let before = json!({"type": "exec", "command": "date"});
    let after = json!({"type": "exec", "command": "date", "command\u{0}": "reboot", "\u{8}x": {"a\u{7}": 1}});
    let found = found(&before, &after);
    let odd: Vec<_> = found
        .iter()
        .filter(|it| it.rule == "odd-key")
        .filter_map(|it| it.property.as_deref())
        .collect();
    assert_eq!(odd, ["command\u{0}", "\u{8}x", "a\u{7}"]);
}

#[test]
fn an_enormous_value_is_told_and_what_stands_at_its_end_is_found() {
    let code = format!("{}\nprocess.exit(1);", "msg.a = 1;\n".repeat(20_000));
    let found = found(&json!([]), &json!({"type": "function", "func": code}));
    let rules: Vec<_> = found.iter().map(|it| it.rule.as_str()).collect();
    assert!(rules.contains(&"enormous-value"), "{rules:?}");
    let process = found.iter().find(|it| it.rule == "code-process").unwrap();
    assert_eq!(process.line, Some(20_002));
}

#[test]
fn ten_thousand_small_changes_do_not_hide_one() {
    let flow = |x: i32, code: &str| {
        let mut all: Vec<Value> = (0..10_000)
            .map(|n| json!({"id": format!("n{n}"), "type": "debug", "x": x, "y": n, "name": format!("{x}"), "wires": []}))
            .collect();
        all[5_000] =
            json!({"id": "n5000", "type": "function", "func": code, "x": x, "y": 1, "wires": []});
        Value::from(all).to_string()
    };
    let code = "node.warn(this.constructor.constructor('return process')().env);\nreturn msg;";
    let (base, proposal) = (
        read(&flow(1, "return msg;")).flows,
        read(&flow(2, code)).flows,
    );
    let mut diff = diff(
        &base,
        &proposal,
        &CredentialChanges::default(),
        &CredentialNames::new(),
    );
    assert!(diff.changes.len() >= 10_000);
    inspect(&base, &proposal, &diff, &Context::default()).attach(&mut diff);
    let danger: Vec<_> = diff
        .changes
        .iter()
        .filter(|it| it.findings.iter().any(|it| it.severity == Severity::Danger))
        .collect();
    assert_eq!(danger.len(), 1);
    assert_eq!(danger[0].node, "n5000");
}

#[test]
fn markup_and_svg_in_names_are_found() {
    for name in [
        "<img src=x onerror=alert(1)>",
        "<svg/onload=alert(1)>",
        "</title><script>",
        "x <!-- y",
        "<topic onfocus=alert(1)>",
        "<Style>",
        "<x-element>",
        "JavaScript:alert(1)",
    ] {
        for node in [
            json!({"type": "inject", "name": name}),
            json!({"type": "tab", "label": name}),
        ] {
            assert!(
                rules(&node).contains(&"markup-in-name".to_owned()),
                "{node}"
            );
        }
    }
}

#[test]
fn what_two_readers_could_understand_differently_is_refused() {
    let twice = r#"[{"id": "a", "type": "exec", "command": "date", "command": "reboot"}]"#;
    assert!(matches!(refused(twice), FlowError::DuplicateKey { .. }));
    // The same key, once written with an escape.
    let escaped = r#"[{"id": "a", "type": "exec", "command": "date", "comm\u0061nd": "reboot"}]"#;
    assert!(matches!(refused(escaped), FlowError::DuplicateKey { .. }));
    let ids = r#"[{"id": "a", "type": "debug"}, {"id": "a", "type": "exec"}]"#;
    assert!(matches!(refused(ids), FlowError::DuplicateId { .. }));
    let proto = r#"[{"id": "a", "type": "debug", "__proto__": {"d": true}}]"#;
    assert!(matches!(refused(proto), FlowError::ProtoKey));
    assert!(matches!(
        refused(r#"[{"id": "a\u0000", "type": "debug"}]"#),
        FlowError::BadId { .. }
    ));
    assert!(matches!(
        refused(r#"[{"id": "a", "type": "debug", "name": "\ud800"}]"#),
        FlowError::Syntax { .. }
    ));
}

#[test]
fn subflows_in_a_circle_are_found_and_walked_through() {
    let circle = json!([
        {"id": "a", "type": "subflow", "in": [{"wires": [{"id": "ib"}]}], "out": [{"wires": [{"id": "ib", "port": 0}]}]},
        {"id": "b", "type": "subflow", "in": [{"wires": [{"id": "ia"}]}], "out": [{"wires": [{"id": "ia", "port": 0}]}]},
        {"id": "ib", "type": "subflow:b", "z": "a", "wires": [["ib"]]},
        {"id": "ia", "type": "subflow:a", "z": "b", "wires": [[]]},
        {"id": "go", "type": "inject", "wires": [["use"]]},
        {"id": "use", "type": "subflow:a", "wires": [["out"]]},
        {"id": "out", "type": "mqtt out", "topic": "t", "wires": [["go"]]},
    ]);
    let found = found(&json!([]), &circle);
    assert!(
        found
            .iter()
            .any(|it| it.rule == "subflow-cycle" && it.severity == Severity::Danger)
    );
}

/// What one database takes for text or comment, another runs.
#[test]
fn a_statement_in_what_only_looks_like_text_is_found() {
    for sql in [
        r"SELECT '\''; DROP TABLE x; -- '",
        r"SELECT '\'; DROP TABLE x; --'",
        "SELECT 1 /*! ; DROP TABLE x */",
        "SELECT 1 /*!50000 DROP TABLE x */",
        "SELECT 5--1; DROP TABLE x",
        "SELECT 1 /*M!100100 DROP TABLE x */",
        "SELECT 1 # it's\n; DROP TABLE x; -- '",
        "DO $$ ' $$; DROP TABLE x; -- '",
        "DO $a$ ' $a$; DROP TABLE x; -- '",
        "DO $$ BEGIN DROP TABLE x; END $$",
        "DO $$ BEGIN IF a THEN DROP USER x; END IF; END $$",
        "SELECT 1 /*!50000DROP TABLE x */",
        "SELECT 1 /*/ ' */; DROP TABLE x; -- '",
        "SELECT 1 /* /* */ ' */; DROP TABLE x; -- '",
        "SELECT ['] FROM t; DROP TABLE x; -- '",
        "SELECT 1 -- a\rDROP TABLE x",
        "SELECT 1---1; DROP TABLE x",
        "SELECT q'!'!' FROM t; DROP TABLE x; -- '",
    ] {
        let node = json!({"type": "mysql", "sql": sql});
        assert!(rules(&node).contains(&"database-drop".to_owned()), "{sql}");
    }
    for sql in [
        "SELECT 'it''s; drop' -- drop it",
        "SELECT a FROM t -- ; DROP TABLE x\n WHERE b = 1",
        "SELECT a FROM t ----- ; DROP TABLE x\r\n WHERE b = $1 /* DROP TABLE x */ /* drop */",
        "SELECT 'Iraq', a FROM t WHERE b = '; DROP TABLE x'",
    ] {
        let node = json!({"type": "mysql", "sql": sql});
        assert!(!rules(&node).contains(&"database-drop".to_owned()), "{sql}");
    }
}
