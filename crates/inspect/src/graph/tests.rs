use std::cell::Cell;

use model::flow::{
    Flows, Limits,
    credentials::CredentialChanges,
    diff::{CredentialNames, diff},
};
use serde_json::{Value, json};

use super::*;
use crate::{Context, inspect};

thread_local! {
    /// Edges looked at by all walks of this thread.
    pub(super) static STEPS: Cell<usize> = const { Cell::new(0) };
    /// Nodes whose text was read for what they are called.
    pub(super) static LABELS: Cell<usize> = const { Cell::new(0) };
}

fn flows(nodes: Vec<Value>) -> Flows {
    let text = Value::from(nodes).to_string();
    Flows::submitted(text.as_bytes(), &Limits::default())
        .unwrap()
        .flows
}

fn edges(graph: &Graph<'_>) -> usize {
    graph.forward.ends.len()
}

/// A subflow of many outputs and many places to begin, used many times: the graph is as large as
/// the file, not as one times the other.
#[test]
fn many_instances_of_a_large_subflow_are_no_larger_than_the_file() {
    let count = 500;
    let ends: Vec<Value> = (0..count).map(|n| json!({"id": format!("e{n}")})).collect();
    let outs: Vec<Value> = (0..count)
        .map(|n| json!({"wires": [{"id": "e0", "port": n}]}))
        .collect();
    let mut all = vec![json!({"id": "s", "type": "subflow", "in": [{"wires": ends}], "out": outs})];
    for n in 0..count {
        all.push(
            json!({"id": format!("e{n}"), "type": "x", "z": "s", "x": 1, "y": 1, "wires": []}),
        );
        all.push(json!({"id": format!("i{n}"), "type": "subflow:s", "z": "t", "x": 1, "y": 1, "wires": [["e0"]]}));
    }
    // The last output of each instance leaves another subflow: a large number in a few bytes.
    let leaves: Vec<Value> = (0..count)
        .map(|n| json!({"id": format!("i{n}"), "port": count - 1}))
        .collect();
    all.push(json!({"id": "outer", "type": "subflow", "out": [{"wires": leaves}]}));
    let flows = flows(all);
    let graph = Graph::new(&flows);
    assert!(graph.size() < 8 * count, "{} vertices", graph.size());
    assert!(edges(&graph) < 10 * count, "{} edges", edges(&graph));
}

/// Subflows that are all wired to one long way outside of them.
#[test]
fn what_is_wired_out_of_a_subflow_is_not_followed_for_each() {
    let count = 300;
    let mut all = Vec::new();
    for n in 0..count {
        all.push(json!({"id": format!("w{n}"), "type": "x", "z": "t", "x": 1, "y": 1, "wires": [[format!("w{}", n + 1)]]}));
        all.push(json!({"id": format!("s{n}"), "type": "subflow", "in": [{"wires": [{"id": format!("a{n}")}]}], "out": [{"wires": [{"id": format!("a{n}"), "port": 0}]}]}));
        all.push(json!({"id": format!("a{n}"), "type": "x", "z": format!("s{n}"), "x": 1, "y": 1, "wires": [["w0"]]}));
    }
    let flows = flows(all);
    let graph = Graph::new(&flows);
    let template = |n: u32| subflow::Template {
        id: "s0",
        enters: vec![graph.place(&format!("a{n}")).unwrap()],
        leaves: Vec::new(),
        instances: Vec::new(),
    };
    assert_eq!(subflow::inside(&graph, &template(0)).len(), 1);
}

/// Many endpoints that all lead into one long way.
#[test]
fn who_answers_is_looked_for_once() {
    let flow = |answers: bool| {
        let count = 400;
        let mut all = Vec::new();
        for n in 0..count {
            all.push(json!({"id": format!("h{n}"), "type": "http in", "url": "/x", "method": format!("m{n}"), "x": 1, "y": 1, "wires": [["w0"]]}));
            all.push(json!({"id": format!("w{n}"), "type": "change", "x": 1, "y": 1, "wires": [[format!("w{}", n + 1)]]}));
        }
        let kind = if answers { "http response" } else { "debug" };
        all.push(json!({"id": format!("w{count}"), "type": kind, "x": 1, "y": 1, "wires": []}));
        flows(all)
    };
    let unanswered = |flows: &Flows| {
        let none = Flows::from_canonical("[]".into()).unwrap();
        let diff = diff(
            &none,
            flows,
            &CredentialChanges::default(),
            &CredentialNames::new(),
        );
        let mut hits: Vec<_> = diff
            .changes
            .iter()
            .map(|_| crate::hit::Hits::default())
            .collect();
        STEPS.with(|steps| steps.set(0));
        crate::hygiene::look_at_ways(&Graph::new(flows), flows, &diff, &mut hits);
        assert!(STEPS.with(Cell::get) < 3_000, "{}", STEPS.with(Cell::get));
        let found = inspect(&none, flows, &diff, &Context::default()).findings;
        let is_unanswered = |it: &&model::flow::finding::Finding| it.rule == "http-in-unanswered";
        found.iter().flatten().filter(is_unanswered).count()
    };
    assert_eq!(unanswered(&flow(true)), 0);
    assert_eq!(unanswered(&flow(false)), 400);
}

/// Who hears whose errors, as Node-RED decides it.
#[test]
fn errors_are_heard_in_the_group_the_list_the_tab_and_round_a_subflow() {
    let node = |id: &str, z: &str, g: &str| json!({"id": id, "type": "exec", "z": z, "g": g, "x": 1, "y": 1, "wires": []});
    let catch = |id: &str, g: &str, scope: Value, uncaught: bool| json!({"id": id, "type": "catch", "z": "t", "g": g, "scope": scope, "uncaught": uncaught, "x": 1, "y": 1, "wires": []});
    let heard = |catches: Vec<Value>| -> Vec<&str> {
        let mut all = vec![
            json!({"id": "t", "type": "tab"}),
            json!({"id": "s", "type": "subflow"}),
            json!({"id": "g", "type": "group", "z": "t"}),
            json!({"id": "h", "type": "group", "z": "t", "g": "g"}),
            json!({"id": "k", "type": "group", "z": "t", "g": "l"}),
            json!({"id": "l", "type": "group", "z": "t", "g": "k"}),
            node("free", "t", ""),
            node("in_g", "t", "g"),
            node("in_h", "t", "h"),
            node("in_k", "t", "k"),
            json!({"id": "use", "type": "subflow:s", "z": "t", "g": "g", "x": 1, "y": 1}),
            node("inside", "s", ""),
        ];
        all.extend(catches);
        let flows = flows(all);
        let graph = Graph::new(&flows);
        let nodes = ["free", "in_g", "in_h", "in_k", "inside"].into_iter();
        nodes
            .filter(|id| graph.is_caught(graph.place(id).unwrap()))
            .collect()
    };
    let all = ["free", "in_g", "in_h", "in_k", "inside"];
    assert_eq!(heard(vec![]), [""; 0]);
    assert_eq!(heard(vec![catch("c", "", Value::Null, false)]), all);
    assert_eq!(heard(vec![catch("c", "", json!("group"), false)]), all);
    assert_eq!(
        heard(vec![catch("c", "g", json!("group"), false)]),
        ["in_g", "in_h", "inside"]
    );
    assert_eq!(
        heard(vec![catch("c", "h", json!("group"), false)]),
        ["in_h"]
    );
    assert_eq!(
        heard(vec![catch("c", "k", json!("group"), false)]),
        ["in_k"]
    );
    assert_eq!(
        heard(vec![catch("c", "", json!(["free"]), false)]),
        ["free"]
    );
    assert_eq!(heard(vec![catch("c", "", Value::Null, true)]), all);
}

/// The last resort hears only what no other does; `complete` only what it lists.
#[test]
fn the_uncaught_and_the_completed_are_those_and_no_others() {
    let flows = flows(vec![
        json!({"id": "t", "type": "tab"}),
        json!({"id": "a", "type": "exec", "z": "t", "x": 1, "y": 1}),
        json!({"id": "b", "type": "exec", "z": "t", "x": 1, "y": 1}),
        json!({"id": "c", "type": "catch", "z": "t", "scope": ["a"], "x": 1, "y": 1}),
        json!({"id": "d", "type": "catch", "z": "t", "scope": null, "uncaught": true, "x": 1, "y": 1}),
        json!({"id": "e", "type": "complete", "z": "t", "uncaught": false, "x": 1, "y": 1}),
        json!({"id": "f", "type": "complete", "z": "t", "scope": ["b"], "x": 1, "y": 1}),
    ]);
    let graph = Graph::new(&flows);
    let heard_by = |id: &str| {
        let mut walk = Walk::new(&graph);
        walk.forward(&[graph.place(id).unwrap()], usize::MAX);
        let mut found: Vec<&str> = walk
            .reached()
            .iter()
            .filter_map(|it| Some(graph.node(*it)?.id()))
            .collect();
        found.sort_unstable();
        found.join("")
    };
    assert_eq!(
        (heard_by("a"), heard_by("b")),
        ("ac".to_owned(), "bdf".to_owned())
    );
}

/// Templates that open what they do not close: each opening is looked at for itself.
#[test]
fn a_template_full_of_openings_is_read_once() {
    for opening in ["{", "{{flow.", "{{flow[", "{{ ", "{{&#^"] {
        let template = opening.repeat(20_000);
        let flows = flows(vec![
            json!({"id": "n", "type": "template", "z": "t", "x": 1, "y": 1,
            "template": template, "text": "flow"}),
        ]);
        STEPS.with(|steps| steps.set(0));
        let _ = Graph::new(&flows);
        let steps = STEPS.with(Cell::get);
        assert!(steps > 0 && steps <= 220 * 20_000, "{opening}: {steps}");
    }
}

/// Many changes that all name the same node, by wire and by context.
#[test]
fn what_a_node_is_called_is_looked_up_once() {
    let count = 200;
    let flow = |code: &str, wires: Value| {
        let mut all = vec![
            json!({"id": "out", "type": "mqtt out", "z": "t", "x": 1, "y": 1}),
            json!({"id": "get", "type": "function", "z": "t", "x": 1, "y": 1, "func": "return flow.get('a');"}),
        ];
        for n in 0..count {
            all.push(json!({"id": format!("i{n}"), "type": "http in", "z": "t", "x": 1, "y": 1, "wires": wires}));
            all.push(json!({"id": format!("f{n}"), "type": "function", "z": "t", "x": 1, "y": 1, "func": code}));
        }
        flows(all)
    };
    let (base, proposal) = (
        flow("", json!([])),
        flow("flow.set('a', 1);", json!([["out"]])),
    );
    let diff = diff(
        &base,
        &proposal,
        &CredentialChanges::default(),
        &CredentialNames::new(),
    );
    LABELS.with(|labels| labels.set(0));
    let found = inspect(&base, &proposal, &diff, &Context::default());
    assert!(found.findings.iter().flatten().count() >= 2 * count);
    let labels = LABELS.with(Cell::get);
    assert!(labels <= count + 10, "{labels} of {count}");
}

/// Groups that hold each other: whom their catch nodes hear is the same each time.
#[test]
fn groups_that_hold_each_other_give_one_answer() {
    let node = |id: &str, kind: &str, group: &str| json!({"id": id, "type": kind, "z": "t", "g": group, "scope": "group", "x": 1, "y": 1});
    let flows = flows(vec![
        node("a", "group", "b"),
        node("b", "group", "a"),
        node("na", "x", "a"),
        node("nb", "x", "b"),
        node("ca", "catch", "a"),
        node("cb", "catch", "b"),
    ]);
    let heard = || {
        let graph = Graph::new(&flows);
        let by = |catch: &str| {
            let all = graph.leading_to(&[graph.place(catch).unwrap()]);
            ["na", "nb"].map(|it| all.contains(&graph.place(it).unwrap()))
        };
        [by("ca"), by("cb")]
    };
    let first = heard();
    for _ in 0..64 {
        assert_eq!(heard(), first);
    }
}
