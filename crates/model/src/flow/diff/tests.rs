use serde_json::{Value, json};

use super::*;
use crate::flow::{
    Limits, Submitted,
    change::{ChangeId, CredentialAction, Language},
};

fn submitted(nodes: &Value) -> Submitted {
    Flows::submitted(nodes.to_string().as_bytes(), &Limits::default()).unwrap()
}

fn compare(before: &Value, after: &Value) -> Diff {
    let after = submitted(after);
    let known = CredentialNames::from([("a".to_owned(), "password".to_owned())]);
    diff(
        &submitted(before).flows,
        &after.flows,
        &after.credentials,
        &known,
    )
}

fn names(diff: &Diff) -> Vec<&str> {
    diff.changes
        .iter()
        .map(|change| change.id.0.as_str())
        .collect()
}

#[test]
fn each_aspect_is_a_change_of_its_own() {
    let before = json!([
        {"id": "a", "type": "x", "z": "t", "x": 1, "y": 1, "p": 1, "wires": [["b", "c"]]},
        {"id": "b", "type": "x"},
    ]);
    let after = json!([
        {"id": "t", "type": "tab", "label": "Boiler"},
        {"id": "a", "type": "x", "z": "t", "x": 2, "y": 1, "p": 2, "wires": [["c"], ["n"]]},
        {"id": "n", "type": "x", "z": "t", "x": 1, "y": 1, "name": "New", "wires": []},
    ]);
    let diff = compare(&before, &after);
    assert_eq!(
        names(&diff),
        [
            "added:t",
            "added:n",
            "removed:b",
            "changed:a",
            "wired:a",
            "layout:a"
        ]
    );
    let wires: Vec<_> = diff.changes[4]
        .wires
        .iter()
        .map(|wire| (wire.added, wire.from.as_str(), wire.port, wire.to.as_str()))
        .collect();
    assert_eq!(wires, [(false, "a", 0, "b"), (true, "a", 1, "n")]);
    assert!(diff.changes[4].properties.is_empty());
    assert_eq!(diff.changes[5].properties[0].after, Some(2.into()));
    assert_eq!(diff.changes[1].label, "New");
    assert_eq!(diff.changes[1].tab.as_deref(), Some("t"));
    assert_eq!(
        diff.summary(),
        "adds the tab Boiler and 1 node, removes 1, changes 1, rewires 1, moves 1"
    );
}

#[test]
fn a_sentence_names_the_tab_when_there_is_one() {
    let node = |p: i32| json!({"id": "a", "type": "x", "z": "t", "x": 1, "y": 1, "p": p});
    let tab = json!({"id": "t", "type": "tab", "label": "Boiler"});
    let diff = compare(&json!([tab, node(1)]), &json!([tab, node(2)]));
    assert_eq!(diff.summary(), "changes 1 node on Boiler");
    assert_eq!(
        compare(&json!([tab]), &json!([tab])).summary(),
        "changes nothing"
    );
}

#[test]
fn a_move_to_another_tab_or_group_is_a_property() {
    let before = json!([{"id": "a", "type": "x", "z": "t", "g": "g", "x": 1, "y": 1}]);
    let after = json!([{"id": "a", "type": "x", "z": "u", "x": 1, "y": 1}]);
    let diff = compare(&before, &after);
    let keys: Vec<_> = diff.changes[0]
        .properties
        .iter()
        .map(|it| it.key.as_str())
        .collect();
    assert_eq!((names(&diff), keys), (vec!["changed:a"], vec!["z", "g"]));
    assert_eq!(diff.changes[0].properties[1].after, None);
}

#[test]
fn nothing_about_wires_is_passed_over() {
    let node = |wires: Value| json!([{"id": "a", "type": "x", "x": 1, "y": 1, "wires": wires}]);
    for (before, after) in [
        (json!([["b", "c"]]), json!([["c", "b"]])),
        (json!([["b"]]), json!([["b"], []])),
        (json!([["b"]]), json!("b")),
        (json!([]), json!([[]])),
    ] {
        let diff = compare(&node(before.clone()), &node(after.clone()));
        assert_eq!(names(&diff), ["wired:a"]);
        assert_eq!(diff.changes[0].properties[0].before, Some(before));
        assert_eq!(diff.changes[0].properties[0].after, Some(after));
    }
    let twice = compare(&node(json!([["b"]])), &node(json!([["b", "b"]])));
    assert_eq!(
        twice.changes[0].wires.len(),
        1,
        "the second of two equal wires is one more message"
    );
}

#[test]
fn only_the_place_of_a_drawn_node_is_layout() {
    let one = |key: &str, value: i32| json!([{"id": "a", "type": "x", "x": 1, "y": 1, key: value}]);
    assert_eq!(names(&compare(&one("w", 1), &one("w", 2))), ["changed:a"]);
    let group = |w: i32| json!([{"id": "a", "type": "group", "x": 1, "y": 1, "w": w}]);
    assert_eq!(names(&compare(&group(1), &group(2))), ["layout:a"]);
    let config = |x: i32| json!([{"id": "a", "type": "pid", "x": x}]);
    assert_eq!(names(&compare(&config(1), &config(2))), ["changed:a"]);
}

#[test]
fn the_order_of_keys_and_entries_is_told() {
    let diff = compare(
        &json!([{"id": "a", "type": "x", "p": {"k": 1, "l": 2}}]),
        &json!([{"type": "x", "id": "a", "p": {"l": 2, "k": 1}}]),
    );
    let keys: Vec<_> = diff.changes[0]
        .properties
        .iter()
        .map(|it| it.key.as_str())
        .collect();
    assert_eq!(
        (names(&diff), keys),
        (vec!["changed:a"], vec!["p", KEY_ORDER])
    );

    let tab = |id: &str| json!({"id": id, "type": "tab", "label": id});
    let before = json!([tab("a"), tab("b"), tab("c")]);
    let moved = compare(&before, &json!([tab("c"), tab("n"), tab("a"), tab("b")]));
    assert_eq!(names(&moved), ["added:n", "order:"]);
    assert_eq!(
        moved.changes[1].label,
        "1 entry stands elsewhere in the file"
    );
    let after = moved.changes[1].properties[1].after.as_ref().unwrap();
    assert_eq!(after, &json!([{"id": "c", "label": "c", "after": null}]));
    let inserted = compare(&before, &json!([tab("n"), tab("a"), tab("c")]));
    assert_eq!(names(&inserted), ["added:n", "removed:b"]);
}

#[test]
fn config_nodes_and_subflows_name_their_users() {
    let flows = |host: &str, name: &str| {
        json!([
            {"id": "s", "type": "subflow", "name": name},
            {"id": "c", "type": "mqtt-broker", "broker": host},
            {"id": "a", "type": "subflow:s", "x": 1, "y": 1},
            {"id": "b", "type": "mqtt in", "x": 1, "y": 1, "deep": {"in": ["c"]}},
        ])
    };
    let diff = compare(&flows("old", "S"), &flows("new", "T"));
    let added = compare(&json!([]), &flows("h", "Pump"));
    let instance = added
        .changes
        .iter()
        .find(|change| change.node == "a")
        .unwrap();
    assert_eq!(
        instance.label, "Pump",
        "an instance without a name is called by its subflow's"
    );
    let users: Vec<_> = diff
        .changes
        .iter()
        .map(|it| (it.id.0.as_str(), it.used_by.concat()))
        .collect();
    assert_eq!(
        users,
        [("changed:s", "a".to_owned()), ("changed:c", "b".to_owned())]
    );
}

#[test]
fn credentials_are_told_without_their_values() {
    let before = json!([{"id": "a", "type": "x"}, {"id": "b", "type": "x"}]);
    let after = json!([
        {"id": "a", "type": "x", "credentials": {"password": "s3cret", "user": "", "has_user": true}},
        {"id": "b", "type": "x", "credentials": {"password": "s3cret", "other": "__PWRD__"}},
    ]);
    let diff = compare(&before, &after);
    let told: Vec<_> = diff
        .changes
        .iter()
        .flat_map(|change| {
            change
                .credentials
                .iter()
                .map(|it| (change.node.as_str(), &*it.field, it.action))
        })
        .collect();
    let expected = [
        ("a", "password", CredentialAction::Changed),
        ("b", "password", CredentialAction::Set),
    ];
    assert_eq!(told, expected);
    let written = format!("{diff:?} {}", serde_json::to_string(&diff).unwrap());
    assert!(!written.contains("s3cret"));
}

#[test]
fn each_value_has_its_language() {
    let nodes = json!([
        {"id": "f", "type": "function", "func": "return msg;", "info": "# x"},
        {"id": "t", "type": "template", "format": "yaml", "template": "a: 1"},
        {"id": "u", "type": "ui_template", "format": "<b>"},
        {"id": "i", "type": "inject", "payload": "$x", "payloadType": "jsonata", "props": []},
        {"id": "q", "type": "mysql", "sql": "select 1", "note": "a\nb", "n": 1},
    ]);
    let diff = compare(&json!([]), &nodes);
    let of = |node: &str, key: &str| {
        let id = ChangeId(format!("added:{node}"));
        let change = diff.changes.iter().find(|change| change.id == id).unwrap();
        change
            .properties
            .iter()
            .find(|it| it.key == key)
            .unwrap()
            .language
    };
    assert_eq!(of("f", "func"), Language::JavaScript);
    assert_eq!(of("f", "info"), Language::Markdown);
    assert_eq!(of("t", "template"), Language::Yaml);
    assert_eq!(of("u", "format"), Language::Html);
    assert_eq!(of("i", "payload"), Language::Jsonata);
    assert_eq!(of("i", "props"), Language::Json);
    assert_eq!(of("q", "sql"), Language::Sql);
    assert_eq!(of("q", "note"), Language::Text);
    assert_eq!(of("q", "n"), Language::Plain);
}
