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
    let tangle = |p: u32, last: u32| {
        let ids: Vec<String> = (0..300).map(|n| format!("n{n}")).collect();
        let nodes = ids
            .iter()
            .map(|id| json!({"id": id, "type": "x", "p": p, "x": 1, "y": 1, "wires": [ids]}));
        let mut nodes: Vec<Value> = nodes.collect();
        nodes.push(json!({"id": "last", "type": "x", "p": last, "x": 1, "y": 1, "wires": []}));
        Value::from(nodes).to_string()
    };
    let flow = |p: u32| tangle(p, 0);
    let (_, found) = look(&flow(1), &flow(2));
    let untold = found.ways.iter().filter(|it| it.is_untold).count();
    assert!(untold > 0 && untold < 300, "{untold}");
    // Who accepts that it is not known of one flow does not accept it of another.
    let mark = |after: &str| {
        let (diff, found) = look(&flow(1), after);
        let all = diff.changes.iter().zip(found.findings);
        let mut of_one = all.filter(|(change, _)| change.node == "n299");
        let found = of_one.next().unwrap().1;
        found
            .into_iter()
            .find(|it| it.rule == "ways-untold")
            .unwrap()
            .mark
    };
    assert_ne!(mark(&flow(2)), mark(&tangle(2, 5)));
}

/// A node that sets and one that reads, with an input before the one and an output after the other.
fn shared(sets: Value, reads: Value) -> Value {
    let mut all = vec![
        json!({"id": "t", "type": "tab"}),
        json!({"id": "in", "type": "http in", "name": "Web", "z": "t", "url": "/x", "wires": [["set"]]}),
        json!({"id": "tick", "type": "inject", "name": "Tick", "z": "t", "wires": [["read"]]}),
        json!({"id": "out", "type": "mqtt out", "name": "Pump", "z": "t", "wires": []}),
    ];
    for (id, mut node, to) in [("set", sets, ""), ("read", reads, "out")] {
        node["id"] = json!(id);
        node["z"] = json!("t");
        node["wires"] = json!([[to]]);
        all.push(node);
    }
    Value::from(all)
}

fn code(code: &str) -> Value {
    json!({"type": "function", "name": "f", "func": code})
}

fn nothing() -> Value {
    json!({"type": "change", "name": "f", "rules": []})
}

/// What is set in context and read elsewhere is followed, whoever sets and reads it; an alarm that
/// only context leads to is not reached by it.
#[test]
fn what_one_sets_in_context_others_depend_on() {
    let (flow, nothing) = (shared, nothing());
    let set = |rule: Value| json!({"type": "change", "name": "f", "rules": [rule]});
    let writers = [
        code("flow.set('limit', msg.payload); return msg;"),
        code("const f = flow; f.set(`limit`, 1); return msg;"),
        code("context.flow.set(['other', 'limit'], [1, 2]);"),
        set(json!({"t": "set", "p": "limit.high", "pt": "flow", "to": "1", "tot": "num"})),
        set(
            json!({"t": "move", "p": "payload", "pt": "msg", "to": "#:(disk)::limit", "tot": "flow"}),
        ),
        json!({"type": "template", "name": "f", "field": "limit", "fieldType": "flow", "template": "x"}),
    ];
    let readers = [
        code("msg.x = flow.get(\"limit\") || 1; return msg;"),
        json!({"type": "switch", "property": "limit[0]", "propertyType": "flow", "rules": []}),
        json!({"type": "switch", "property": "payload", "propertyType": "msg", "rules": [{"t": "gt", "v": "limit", "vt": "flow"}]}),
        set(
            json!({"t": "set", "p": "payload", "pt": "msg", "to": "$flowContext('limit') + 1", "tot": "jsonata"}),
        ),
        json!({"type": "template", "field": "payload", "fieldType": "msg", "template": "at {{ flow.limit.high }}"}),
        json!({"type": "some contrib", "level": "limit", "levelType": "flow"}),
    ];
    for (writer, reader) in writers
        .iter()
        .map(|it| (it, &readers[0]))
        .chain(readers.iter().map(|it| (&writers[0], it)))
    {
        let (before, after) = (
            flow(nothing.clone(), reader.clone()),
            flow(writer.clone(), reader.clone()),
        );
        let (found, told) = ways(&before, &after, "set");
        assert_eq!(found.new_outputs, ["out"], "{writer} {reader}");
        let expected = "new-way: What comes from “Web” now bears, over context that is set and read, on “Pump”: this output did not depend on it before.";
        assert!(told.contains(&expected.to_owned()), "{told:?}");
        assert!(
            told.iter()
                .any(|it| it.starts_with("context-way: Sets flow “limit”, read by")),
            "{told:?}"
        );
        let (_, told) = ways(&after, &before, "set");
        assert!(
            told.iter()
                .any(|it| it.starts_with("context-unset: Nothing sets flow “limit” any more")),
            "{told:?}"
        );
    }
}

#[test]
fn names_that_are_not_shared_tie_nothing_and_those_worked_out_may() {
    let (flow, code, nothing) = (shared, code, nothing());
    let reader = code("msg.x = flow.get(\"limit\") || 1; return msg;");
    let writer = code("flow.set('limit', msg.payload); return msg;");
    // Other names, other tabs, other context: nothing hangs together.
    for other in [
        code("flow.set('limits', 1); return msg;"),
        code("global.set('limit', 1); return msg;"),
        code("context.set('limit', 1); return msg;"),
        code("// flow.set('limit', 1)\nreturn msg;"),
        code("msg.flow.set('limit', 1); return msg;"),
        code("msg.help = \"use flow.set('limit', 1)\"; return msg;"),
        code("msg.help = `\nflow.set('limit', 1)\n`; return msg;"),
        code("msg.help = \"use \\\nflow.set('limit', 1)\"; return msg;"),
    ] {
        let (found, told) = ways(
            &flow(nothing.clone(), reader.clone()),
            &flow(other.clone(), reader.clone()),
            "set",
        );
        assert!(found.new_outputs.is_empty(), "{other}");
        assert!(
            !told.iter().any(|it| it.starts_with("context-way")),
            "{told:?}"
        );
    }
    // A name that is worked out may be any, and is said to be; a comment is none.
    let (_, told) = ways(
        &flow(nothing.clone(), reader.clone()),
        &flow(code("flow.set(msg.topic, 1);"), reader.clone()),
        "set",
    );
    let expected =
        "context-way: Sets names in flow that it works out: what is read by “f” may be among them.";
    assert!(told.contains(&expected.to_owned()), "{told:?}");
    let (_, told) = ways(
        &flow(writer.clone(), nothing.clone()),
        &flow(writer.clone(), code("return flow.get(msg.topic);")),
        "read",
    );
    assert!(
        told.iter()
            .any(|it| it.contains("Reads names in flow that it works out")),
        "{told:?}"
    );
}

#[test]
fn an_alarm_that_only_context_leads_to_is_not_reached() {
    let flow = |to: &str| {
        json!([
            {"id": "in", "type": "inject", "z": "t", "wires": [["set"]]},
            {"id": "set", "type": "function", "z": "t", "func": "flow.set('level', 1); return msg;", "wires": [[to]]},
            {"id": "get", "type": "function", "z": "t", "func": "return {payload: flow.get('level')};", "wires": [["mail"]]},
            {"id": "mail", "type": "e-mail", "name": "Operator", "z": "t", "wires": []},
        ])
    };
    let (_, told) = ways(&flow("get"), &flow(""), "set");
    assert!(
        told.iter().any(|it| it.starts_with("alarm-unreached")),
        "{told:?}"
    );
}

/// Code that is a list of texts sets and reads what it would as one text.
#[test]
fn code_that_is_no_text_sets_names_as_well() {
    let reader = code("msg.x = flow.get(\"limit\") || 1; return msg;");
    let writer =
        json!({"type": "function", "name": "f", "func": ["flow.set('limit', msg.payload)"]});
    let (before, after) = (shared(nothing(), reader.clone()), shared(writer, reader));
    let (found, _) = ways(&before, &after, "set");
    assert_eq!(found.new_outputs, ["out"]);
}

/// The only node that sets a global name stands on a tab that is switched off.
#[test]
fn a_tab_that_is_switched_off_sets_nothing_any_more() {
    let flow = |off: bool| {
        json!([
            {"id": "t", "type": "tab", "disabled": off}, {"id": "u", "type": "tab"},
            {"id": "set", "type": "function", "z": "t", "func": "global.set('limit', 1);"},
            {"id": "get", "type": "function", "z": "u", "func": "return global.get('limit');"},
        ])
    };
    let (_, told) = ways(&flow(false), &flow(true), "t");
    let unset = |it: &String| it.starts_with("context-unset: Nothing sets global “limit”");
    assert!(told.iter().any(unset), "{told:?}");
    let (_, told) = ways(&flow(true), &flow(false), "t");
    let sets = |it: &String| it.starts_with("context-way: Sets global “limit”");
    assert!(told.iter().any(sets), "{told:?}");
}

/// To Node-RED a name in quotes is the name, and one of the flow round it is no name of its own.
#[test]
fn names_in_quotes_are_followed_and_those_of_the_flow_around_may_be_any() {
    let reader = code("msg.x = flow.get(\"limit\") || 1; return msg;");
    let told = |name: &str| {
        let writer = json!({"type": "change", "name": "f", "rules": [{"t": "set", "p": name, "pt": "flow"}]});
        let (before, after) = (
            shared(nothing(), reader.clone()),
            shared(writer, reader.clone()),
        );
        ways(&before, &after, "set").1
    };
    for name in [
        "['limit']",
        "[\"limit\"].x",
        "'limit'[0]",
        "#:(disk)::['limit']",
    ] {
        let told = told(name);
        assert!(
            told.iter()
                .any(|it| it.starts_with("context-way: Sets flow “limit”")),
            "{name}: {told:?}"
        );
    }
    let told = told("$parent.limit");
    assert!(
        told.iter().any(|it| it.contains("that it works out")),
        "{told:?}"
    );
}
