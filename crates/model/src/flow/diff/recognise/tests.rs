use serde_json::{Value, json};

use super::*;
use crate::flow::{
    Limits,
    credentials::CredentialChanges,
    diff::{CredentialNames, Diff, diff},
};

fn compare(before: &Value, after: &Value) -> Diff {
    let read = |value: &Value| {
        let text = value.to_string();
        Flows::submitted(text.as_bytes(), &Limits::default())
            .unwrap()
            .flows
    };
    diff(
        &read(before),
        &read(after),
        &CredentialChanges::default(),
        &CredentialNames::new(),
    )
}

fn told(diff: &Diff) -> Vec<String> {
    let changes = diff.changes.iter();
    let told =
        changes.filter_map(|change| Some(format!("{}: {}", change.id, change.recognised_words()?)));
    told.collect()
}

fn tab(id: &str, label: &str) -> Value {
    json!({"id": id, "type": "tab", "label": label})
}

fn scale(id: &str, tab: &str, to: &str) -> Value {
    json!({"id": id, "type": "function", "z": tab, "name": "scale", "func": "return msg;", "x": 100, "y": 40, "wires": [[to]]})
}

fn log(id: &str, tab: &str) -> Value {
    json!({"id": id, "type": "debug", "z": tab, "name": "", "active": true, "x": 300, "y": 40, "wires": []})
}

#[test]
fn a_node_with_a_new_id_is_the_same_node() {
    let before = json!([tab("t", "Boiler"), scale("a1", "t", "b1"), log("b1", "t")]);
    let after = json!([tab("t", "Boiler"), scale("a2", "t", "b2"), log("b2", "t")]);
    let diff = compare(&before, &after);
    assert_eq!(
        told(&diff),
        [
            "added:a2: The same as “scale” before (id a1), with a new id; nothing else differs",
            "added:b2: The same as “debug” before (id b1), with a new id; nothing else differs",
            "removed:a1: Comes back as “scale” with the new id a2; nothing else differs",
            "removed:b1: Comes back as “debug” with the new id b2; nothing else differs",
        ],
        "wires are followed to the nodes they mean"
    );
    assert_eq!(diff.changes.len(), 4, "each is still decided on its own");
}

#[test]
fn what_differs_in_a_node_with_a_new_id_is_told() {
    let rewired = json!([
        tab("t", "Boiler"),
        scale("a2", "t", "c"),
        log("b1", "t"),
        log("c", "t")
    ]);
    let before = json!([tab("t", "Boiler"), scale("a1", "t", "b1"), log("b1", "t")]);
    assert!(
        told(&compare(&before, &rewired))[0].contains("; different: wires"),
        "{:?}",
        told(&compare(&before, &rewired))
    );
    let mut edited = scale("a2", "t", "b1");
    edited["func"] = json!("return null;");
    edited["x"] = json!(500);
    let after = json!([tab("t", "Boiler"), edited, log("b1", "t")]);
    assert!(told(&compare(&before, &after))[0].ends_with("with a new id; different: func, x"));
    let broker = |id: &str| json!({"id": id, "type": "mqtt-broker", "broker": "h"});
    let input = |id: &str, broker: &str| json!({"id": id, "type": "mqtt in", "z": "t", "topic": "x", "broker": broker, "x": 1, "y": 1, "wires": []});
    let other = compare(
        &json!([broker("k1"), {"id": "k2", "type": "mqtt-broker", "broker": "evil"}, input("m1", "k1")]),
        &json!([broker("k1"), {"id": "k2", "type": "mqtt-broker", "broker": "evil"}, input("m2", "k2")]),
    );
    assert!(
        told(&other)[0].contains("; different: broker"),
        "an id abstracted for the search is not passed over"
    );
}

#[test]
fn a_duplicated_tab_is_a_copy() {
    let one = [
        tab("t1", "Line 1"),
        scale("a1", "t1", "b1"),
        log("b1", "t1"),
    ];
    let two = [
        tab("t2", "Line 2"),
        scale("a2", "t2", "b2"),
        log("b2", "t2"),
    ];
    let diff = compare(
        &json!(one),
        &json!([one.as_slice(), two.as_slice()].concat()),
    );
    assert_eq!(
        told(&diff),
        [
            "added:t2: A copy of the tab “Line 1” with all its 2 nodes",
            "added:a2: A copy of “scale” (id a1)",
            "added:b2: A copy of “debug” (id b1)",
        ]
    );
}

#[test]
fn a_copy_says_what_differs() {
    // A collision of signatures cannot be made here; a copy whose key order differs can.
    let one = [tab("t", "T"), scale("a1", "t", "b"), log("b", "t")];
    let mut same = scale("a2", "t", "b");
    same["y"] = json!(400);
    let diff = compare(
        &json!(one),
        &json!([one.as_slice(), &[same, log("c", "t")]].concat()),
    );
    assert_eq!(
        told(&diff),
        ["added:a2: A copy of “scale” (id a1)"],
        "a node without a name is like many"
    );
}

#[test]
fn nodes_made_a_subflow_and_nodes_put_in_a_group() {
    let before = json!([tab("t", "Boiler"), scale("a", "t", "b"), log("b", "t")]);
    let subflow = json!([
        tab("t", "Boiler"),
        {"id": "s", "type": "subflow", "name": "Scale", "in": [], "out": []},
        scale("a", "s", "b"),
        log("b", "s"),
        {"id": "i", "type": "subflow:s", "z": "t", "x": 1, "y": 1, "wires": []},
    ]);
    assert_eq!(
        told(&compare(&before, &subflow)),
        [
            "added:s: Made of 2 nodes that were on “Boiler”",
            "changed:a: Moved into the new subflow “Scale”",
            "changed:b: Moved into the new subflow “Scale”",
        ]
    );
    let mut grouped = scale("a", "t", "b");
    grouped["g"] = json!("g");
    let group = json!([tab("t", "Boiler"), {"id": "g", "type": "group", "z": "t", "name": "Hot", "nodes": ["a"], "x": 1, "y": 1, "w": 2, "h": 2}, grouped, log("b", "t")]);
    assert_eq!(
        told(&compare(&before, &group)),
        [
            "added:g: Put round 1 node that was there before",
            "changed:a: The new group “Hot” was put round it, nothing else changed",
        ]
    );
    // Wired or moved along with it: something else did change.
    for (key, value) in [("wires", json!([[]])), ("x", json!(7))] {
        let mut other = group.clone();
        other[2][key] = value;
        let told = told(&compare(&before, &other));
        assert_eq!(
            told,
            ["added:g: Put round 1 node that was there before"],
            "{key}"
        );
    }
}

#[test]
fn a_new_name_is_told_as_that() {
    let named = |name: &str| json!([{"id": "a", "type": "function", "name": name, "func": ""}]);
    assert_eq!(
        told(&compare(&named("old"), &named("new"))),
        ["changed:a: Renamed: it was called “old”"]
    );
}

#[test]
fn many_alike_cost_no_more_than_many() {
    let many = |from: usize| {
        let nodes = (from..from + 1_500).map(|at| log(&format!("n{at}"), "t"));
        Value::Array([tab("t", "T")].into_iter().chain(nodes).collect())
    };
    let diff = compare(&many(0), &many(1_500));
    assert_eq!(told(&diff).len(), 3_000);
    assert_eq!(
        diff,
        compare(&many(0), &many(1_500)),
        "the same answer every time"
    );
}
