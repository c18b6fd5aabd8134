//! Which inputs reach which outputs.

use inspect::Ways;
use serde_json::{Value, json};

use crate::flows::{look, nodes};

/// The ways of the change to `node`, and its findings as rule and message.
fn ways(before: &Value, after: &Value, node: &str) -> (Ways, Vec<String>) {
    let (diff, found) = look(&nodes(&before.to_string()), &nodes(&after.to_string()));
    let mut place = None;
    let mut told = Vec::new();
    for (at, change) in diff.changes.iter().enumerate() {
        if change.node == node {
            place = place.or(Some(at));
            told.extend(
                found.findings[at]
                    .iter()
                    .map(|it| format!("{}: {}", it.rule, it.message)),
            );
        }
    }
    (found.ways[place.unwrap()].clone(), told)
}

#[test]
fn ways_go_over_links_calls_and_subflows_and_come_back_where_they_went_in() {
    let flow = |code: &str| {
        json!([
            {"id": "s", "type": "subflow", "in": [{"wires": [{"id": "f"}]}], "out": [{"wires": [{"id": "f", "port": 0}]}]},
            {"id": "f", "type": "change", "z": "s", "x": 1, "y": 1, "wires": [[]], "p": code},
            {"id": "in1", "type": "inject", "wires": [["use1"]]},
            {"id": "use1", "type": "subflow:s", "wires": [["l"]]},
            {"id": "l", "type": "link out", "links": ["k"], "wires": []},
            {"id": "k", "type": "link in", "links": ["l"], "wires": [["call"]]},
            {"id": "call", "type": "link call", "links": ["sub"], "wires": [["out1"]]},
            {"id": "sub", "type": "link in", "wires": [["mid"]]},
            {"id": "mid", "type": "change", "p": code, "wires": [["back"]]},
            {"id": "back", "type": "link out", "mode": "return", "wires": []},
            {"id": "out1", "type": "mqtt out", "topic": "1", "wires": []},
            {"id": "in2", "type": "inject", "wires": [["use2"]]},
            {"id": "use2", "type": "subflow:s", "wires": [["out2"]], "p": code},
            {"id": "out2", "type": "mqtt out", "topic": "2", "wires": []},
        ])
    };
    let (before, after) = (flow("1"), flow("2"));
    // Inside the subflow: everything through both instances.
    let (inside, _) = ways(&before, &after, "f");
    assert_eq!(
        (inside.inputs, inside.outputs),
        (
            vec!["in1".into(), "in2".into()],
            vec!["out1".into(), "out2".into()]
        )
    );
    // An instance: only its own way.
    let (second, _) = ways(&before, &after, "use2");
    assert_eq!(
        (second.inputs, second.outputs),
        (vec!["in2".to_owned()], vec!["out2".to_owned()])
    );
    // In a called link: back to the caller, and on.
    let (called, _) = ways(&before, &after, "mid");
    assert_eq!(
        (called.inputs, called.outputs),
        (vec!["in1".to_owned()], vec!["out1".to_owned()])
    );
}

#[test]
fn outputs_that_now_depend_on_an_input_are_told_by_name() {
    let flow = |wires: Value| {
        json!([
            {"id": "in", "type": "http in", "url": "/x", "name": "Web", "wires": [["f"]]},
            {"id": "f", "type": "switch", "wires": wires},
            {"id": "a", "type": "mqtt out", "name": "Pump 1", "wires": []},
            {"id": "b", "type": "mqtt out", "name": "Pump 2", "wires": []},
        ])
    };
    let (ways, told) = ways(&flow(json!([[]])), &flow(json!([["a", "b"]])), "f");
    assert_eq!(ways.new_outputs, ["a", "b"]);
    let expected = "new-way: What comes from “Web” now reaches “Pump 1”, “Pump 2”: these 2 outputs did not depend on it before.";
    assert_eq!(told, [expected]);
}

#[test]
fn an_alarm_that_is_cut_off_is_told_where_it_was_cut() {
    let flow = |cut: &str, d: bool, scope: Value| {
        json!([
            {"id": "t", "type": "tab"},
            {"id": "in", "type": "inject", "z": "t", "wires": [["a"]]},
            {"id": "a", "type": "change", "z": "t", "wires": [[if cut == "a" { "x" } else { "b" }]]},
            {"id": "b", "type": "change", "z": "t", "d": d, "wires": [["mail"]]},
            {"id": "mail", "type": "e-mail", "name": "Operator", "z": "t", "wires": []},
            {"id": "c", "type": "catch", "scope": scope, "z": "t", "wires": [["mail2"]]},
            {"id": "mail2", "type": "e-mail", "name": "Failure", "z": "t", "wires": []},
        ])
    };
    let whole = flow("", false, Value::Null);
    let gone = "alarm-unreached: Nothing reaches “Operator” any more. It will not come, and nothing says so.";
    let (_, told) = ways(&whole, &flow("a", false, Value::Null), "a");
    assert!(told.contains(&gone.to_owned()), "{told:?}");
    let (ways_off, told) = ways(&whole, &flow("", true, Value::Null), "b");
    assert!(told.contains(&gone.to_owned()), "{told:?}");
    assert_eq!(ways_off.lost_outputs, ["mail", "mail2"]);
}

/// A tab that is switched off: what it fed by links elsewhere is lost through it.
#[test]
fn a_tab_that_is_switched_off_is_the_cause() {
    let flow = |off: bool| {
        json!([
            {"id": "t", "type": "tab", "disabled": off}, {"id": "u", "type": "tab"},
            {"id": "in", "type": "inject", "z": "t", "wires": [["l"]]},
            {"id": "l", "type": "link out", "links": ["k"], "z": "t", "wires": []},
            {"id": "k", "type": "link in", "z": "u", "wires": [["al"]]},
            {"id": "al", "type": "mqtt out", "name": "Alarm", "z": "u", "wires": []},
        ])
    };
    let (_, told) = ways(&flow(false), &flow(true), "t");
    assert!(
        told.iter().any(|it| it.starts_with("alarm-unreached")),
        "{told:?}"
    );
}

/// A flow as tangled as can be: everything is wired to everything, and every node changes.
#[test]
fn a_tangle_costs_a_bounded_number_of_steps() {
    let flow = |p: u32| {
        let ids: Vec<String> = (0..300).map(|n| format!("n{n}")).collect();
        let nodes = ids
            .iter()
            .map(|id| json!({"id": id, "type": "x", "p": p, "x": 1, "y": 1, "wires": [ids]}));
        Value::from(nodes.collect::<Vec<_>>()).to_string()
    };
    let (_, found) = look(&flow(1), &flow(2));
    let untold = found.ways.iter().filter(|it| it.is_untold).count();
    assert!(untold > 0 && untold < 300, "{untold}");
}
