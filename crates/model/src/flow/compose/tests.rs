use serde_json::{Value, json};

use super::*;
use crate::flow::{Limits, credentials::CredentialChange, diff::diff};

fn flows(nodes: &Value) -> Flows {
    Flows::submitted(nodes.to_string().as_bytes(), &Limits::default())
        .unwrap()
        .flows
}

fn composed(before: &Value, after: &Value, approved: &[&str]) -> Result<Value, Vec<NotWhole>> {
    let (base, proposal) = (flows(before), flows(after));
    let diff = diff(
        &base,
        &proposal,
        &CredentialChanges::default(),
        &BTreeSet::new(),
    );
    let approved = approved
        .iter()
        .map(|id| ChangeId((*id).to_owned()))
        .collect();
    let result = compose(&base, &proposal, &diff, &approved)?;
    Ok(serde_json::from_str(result.text()).unwrap())
}

fn refused(before: &Value, after: &Value, approved: &[&str]) -> (String, Option<String>, String) {
    let reasons = composed(before, after, approved).unwrap_err();
    assert_eq!(reasons.len(), 1, "{reasons:?}");
    let NotWhole {
        change,
        needs,
        message,
    } = reasons.into_iter().next().unwrap();
    (change.0, needs.map(|id| id.0), message)
}

fn node(id: &str, wires: &[&str]) -> Value {
    json!({"id": id, "type": "x", "name": id, "z": "t", "x": 1, "y": 1, "wires": [wires]})
}

fn tab() -> Value {
    json!({"id": "t", "type": "tab", "label": "T"})
}

#[test]
fn a_wire_to_a_node_that_is_not_approved_is_refused() {
    let before = json!([tab(), node("a", &[])]);
    let after = json!([tab(), node("a", &["n"]), node("n", &[])]);
    let (change, needs, message) = refused(&before, &after, &["wired:a"]);
    assert_eq!(
        (change.as_str(), needs.as_deref()),
        ("wired:a", Some("added:n"))
    );
    assert!(
        message.starts_with("“a” is wired to “n”, which is not approved"),
        "{message}"
    );
    assert!(
        composed(&before, &after, &["added:n"]).is_ok(),
        "a node without wires in is whole"
    );
}

#[test]
fn a_node_that_is_still_wired_to_cannot_go() {
    let before = json!([tab(), node("a", &["b"]), node("b", &[])]);
    let after = json!([tab(), node("a", &[])]);
    let (change, needs, message) = refused(&before, &after, &["removed:b"]);
    assert_eq!(
        (change.as_str(), needs.as_deref()),
        ("removed:b", Some("wired:a"))
    );
    assert!(message.contains("keep “b”"), "{message}");
}

#[test]
fn what_a_node_is_on_or_an_instance_of_must_be_there() {
    let template = json!({"id": "s", "type": "subflow", "name": "S"});
    let instance = json!({"id": "i", "type": "subflow:s", "z": "t", "x": 1, "y": 1});
    let whole = json!([tab(), template, instance]);
    let (change, needs, message) = refused(&json!([]), &whole, &["added:t", "added:i"]);
    assert_eq!(
        (change.as_str(), needs.as_deref()),
        ("added:i", Some("added:s"))
    );
    assert!(message.contains("is an instance of “S”"), "{message}");
    let (_, needs, message) = refused(&json!([]), &whole, &["added:s", "added:i"]);
    assert_eq!(needs.as_deref(), Some("added:t"));
    assert!(message.contains("is on “T”"), "{message}");
    let (change, needs, _) = refused(&whole, &json!([tab()]), &["removed:s"]);
    assert_eq!(
        (change.as_str(), needs.as_deref()),
        ("removed:s", Some("removed:i"))
    );
}

#[test]
fn a_config_node_newly_referred_to_must_be_there() {
    let user =
        |broker: &str| json!({"id": "m", "type": "mqtt in", "x": 1, "y": 1, "broker": broker});
    let config = |id: &str| json!({"id": id, "type": "mqtt-broker"});
    let before = json!([user("old"), config("old")]);
    let after = json!([user("new"), config("new"), config("old")]);
    let (change, needs, _) = refused(&before, &after, &["changed:m"]);
    assert_eq!(
        (change.as_str(), needs.as_deref()),
        ("changed:m", Some("added:new"))
    );
}

#[test]
fn what_led_nowhere_before_or_would_anyway_is_no_reason() {
    let before = json!([tab(), node("a", &["gone"])]);
    let after = json!([
        tab(),
        node("a", &["gone"]),
        node("gone", &[]),
        node("b", &["nowhere"])
    ]);
    assert!(
        composed(&before, &after, &["added:b"]).is_ok(),
        "the base was wired to nothing too"
    );
    let after = json!([tab(), node("a", &["b"])]);
    let before = json!([tab(), node("a", &["b"]), node("b", &[])]);
    assert!(
        composed(&before, &after, &["removed:b"]).is_ok(),
        "the proposal itself does so"
    );
}

#[test]
fn aspects_of_one_node_are_taken_apart() {
    let before =
        json!([{"id": "a", "type": "x", "p": 1, "10": 1, "x": 1, "y": 1, "wires": [["b"]]}]);
    let after = json!([{"id": "a", "new": 1, "type": "x", "p": 2, "9": 1, "x": 5, "y": 1, "wires": [["c"]]}]);
    let only = |id: &str| composed(&before, &after, &[id]).unwrap()[0].to_string();
    assert_eq!(
        only("changed:a"),
        r#"{"9":1,"id":"a","new":1,"type":"x","p":2,"x":1,"y":1,"wires":[["b"]]}"#
    );
    assert_eq!(
        only("wired:a"),
        r#"{"10":1,"id":"a","type":"x","p":1,"x":1,"y":1,"wires":[["c"]]}"#
    );
    assert_eq!(
        only("layout:a"),
        r#"{"10":1,"id":"a","type":"x","p":1,"x":5,"y":1,"wires":[["b"]]}"#
    );
}

#[test]
fn the_order_is_a_decision_of_its_own() {
    let tab = |id: &str| json!({"id": id, "type": "tab"});
    let before = json!([tab("a"), tab("b"), tab("c")]);
    let after = json!([tab("c"), tab("n"), tab("b")]);
    let ids = |approved: &[&str]| -> String {
        let result = composed(&before, &after, approved).unwrap();
        result
            .as_array()
            .unwrap()
            .iter()
            .map(|tab| tab["id"].as_str().unwrap())
            .collect()
    };
    assert_eq!(ids(&["added:n"]), "abcn");
    assert_eq!(ids(&["order:"]), "acb");
    assert_eq!(ids(&["order:", "added:n"]), "acnb");
    assert_eq!(ids(&["order:", "added:n", "removed:a"]), "cnb");
}

#[test]
fn a_diff_that_says_less_than_differs_brings_in_no_more() {
    let (base, proposal) = (
        flows(&json!([tab()])),
        flows(&json!([tab(), node("a", &[])])),
    );
    let result = compose(&base, &proposal, &Diff::default(), &BTreeSet::new()).unwrap();
    assert_eq!(result.text(), base.text());
}

#[test]
fn credentials_go_with_the_node() {
    let mut credentials = CredentialChanges::default();
    for node in ["a", "b", "c"] {
        credentials.set(node, "password", CredentialChange::Set("x".into()));
    }
    let approved = ["added:a", "changed:b", "wired:c"]
        .map(|id| ChangeId(id.to_owned()))
        .into();
    let kept = approved_credentials(&credentials, &approved);
    assert_eq!(kept.0.keys().collect::<Vec<_>>(), ["a", "b"]);
}
