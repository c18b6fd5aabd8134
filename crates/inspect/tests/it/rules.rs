//! The rules and their examples.

use std::{collections::HashSet, fs, path::Path};

use inspect::rule;

use crate::flows::findings;

/// Each rule: a change on which it fires, and one close by on which it does not.
#[test]
fn every_rule_fires_where_it_should_and_not_close_by() {
    let mut wrong = Vec::new();
    for rule in rule::all() {
        let found = findings(rule.fires);
        let own = found.iter().find(|it| it.rule == rule.name);
        match own {
            None => {
                let all: Vec<_> = found.iter().map(|it| &it.rule).collect();
                wrong.push(format!("{} does not fire, but {all:?}", rule.name));
            }
            Some(own) => {
                assert_eq!(own.severity, rule.severity);
                assert!(
                    own.message.len() > 20 && own.message.ends_with(['.', ')']),
                    "{}",
                    own.message
                );
            }
        }
        let quiet = findings(rule.quiet);
        if let Some(own) = quiet.iter().find(|it| it.rule == rule.name) {
            wrong.push(format!(
                "{} fires where it should not: {}",
                rule.name, own.message
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn names_are_words_and_stand_once() {
    let mut seen = HashSet::new();
    for rule in rule::all() {
        assert!(seen.insert(rule.name), "{} stands twice", rule.name);
        assert!(
            rule.name
                .chars()
                .all(|c| c.is_ascii_lowercase() || c == '-'),
            "{}",
            rule.name
        );
        assert!(
            rule.what.ends_with('.') && rule.why.ends_with('.'),
            "{}",
            rule.name
        );
    }
}

#[test]
fn the_document_is_made_of_the_rules() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/findings.md");
    let text = fs::read_to_string(file).unwrap_or_default();
    assert!(
        text == inspect::document(),
        "docs/findings.md is not current: run `cargo xtask findings`"
    );
}

/// A config node that no node uses: one that comes, and one whose last user goes or turns to another.
#[test]
fn config_nodes_that_nobody_uses_are_told_where_they_were_let_go() {
    let flow = |users: [&str; 2], name: &str| {
        serde_json::json!([
            {"id": "a", "type": "mqtt-broker", "name": name}, {"id": "b", "type": "mqtt-broker", "name": "live"},
            {"id": "n", "type": "mqtt in", "broker": users[0], "topic": "t"},
            {"id": "m", "type": "mqtt in", "broker": users[1], "topic": "t"},
        ])
    };
    let told = |before: serde_json::Value, after: serde_json::Value| -> Vec<String> {
        let (diff, found) = crate::flows::look(
            &crate::flows::nodes(&before.to_string()),
            &crate::flows::nodes(&after.to_string()),
        );
        let all = diff.changes.iter().zip(found.findings);
        let of_rule = |(change, found): (
            &model::flow::change::Change,
            Vec<model::flow::finding::Finding>,
        )| {
            let count = found.iter().filter(|it| it.rule == "unused-config").count();
            vec![change.node.clone(); count]
        };
        all.flat_map(of_rule).collect()
    };
    let both = flow(["a", "a"], "old");
    assert!(told(both.clone(), flow(["a", "b"], "old")).is_empty());
    assert_eq!(told(both.clone(), flow(["b", "b"], "old")), ["n"]);
    // Where it changes as well, it is told once, there.
    assert_eq!(told(both, flow(["b", "b"], "new")), ["a"]);
}
