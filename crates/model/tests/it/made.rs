//! Flows made up: few ids, so that two of them share nodes, wires and places.

use proptest::{collection::vec, prelude::*, sample::select};
use serde_json::{Map, Value, json};

const IDS: [&str; 9] = ["t1", "t2", "s1", "g1", "c1", "n1", "n2", "n3", "n4"];

fn node(id: &'static str) -> impl Strategy<Value = Value> {
    let places = select(&["t1", "t2", "s1"][..]);
    let wires = vec(vec(select(&["n1", "n2", "n3", "n4"][..]), 0..3), 0..3);
    let kinds = select(&["function", "debug", "mqtt in", "subflow:s1"][..]);
    let extras = vec(
        (select(&["a", "b", "1", "10", "info", "name"][..]), 0..3_i32),
        0..4,
    );
    (places, wires, kinds, extras, 0..3_i32, any::<bool>()).prop_map(
        move |(tab, wires, kind, extras, x, first)| {
            let mut node = Map::new();
            let number = i64::from(x);
            let add = |node: &mut Map<String, Value>, pairs: Vec<(&str, Value)>| {
                node.extend(
                    pairs
                        .into_iter()
                        .map(|(key, value)| (key.to_owned(), value)),
                );
            };
            add(&mut node, vec![("id", id.into())]);
            if first {
                let extras = extras
                    .iter()
                    .map(|(key, value)| (*key, Value::from(*value)));
                add(&mut node, extras.collect());
            }
            let rest = match id {
                "t1" | "t2" => vec![("type", "tab".into()), ("label", number.into())],
                "s1" => vec![("type", "subflow".into()), ("name", format!("S{x}").into())],
                "g1" => vec![
                    ("type", "group".into()),
                    ("z", tab.into()),
                    ("x", number.into()),
                    ("y", 1.into()),
                    ("w", 5.into()),
                    ("h", 5.into()),
                    ("nodes", json!(["n1"])),
                ],
                "c1" => vec![
                    ("type", "mqtt-broker".into()),
                    ("broker", format!("host{x}").into()),
                ],
                _ => vec![
                    ("type", kind.into()),
                    ("z", tab.into()),
                    ("broker", "c1".into()),
                    ("x", number.into()),
                    ("y", 1.into()),
                    ("wires", json!(wires)),
                ],
            };
            add(&mut node, rest);
            if !first {
                let extras = extras
                    .into_iter()
                    .map(|(key, value)| (key, Value::from(value)));
                add(&mut node, extras.collect());
            }
            Value::Object(node)
        },
    )
}

type Versions = Vec<(Value, Option<Value>)>;

/// Each id with a node and perhaps a second version of it, in some order.
fn versions() -> impl Strategy<Value = Versions> {
    let each = |id| (node(id), proptest::option::weighted(0.5, node(id)));
    let all: Vec<_> = IDS.into_iter().map(each).collect();
    all.prop_shuffle()
}

fn write(nodes: impl Iterator<Item = Value>) -> String {
    Value::Array(nodes.collect()).to_string()
}

/// One flows text.
pub(crate) fn flows() -> impl Strategy<Value = String> {
    versions().prop_map(|nodes| write(nodes.into_iter().map(|(node, _)| node)))
}

/// Two flows texts that have much in common.
pub(crate) fn pair() -> impl Strategy<Value = (String, String)> {
    let presence = vec((0..10_u8, 0..10_u8), IDS.len());
    let second = prop_oneof![3 => Just(false), 1 => Just(true)];
    (
        versions(),
        presence,
        second,
        any::<proptest::sample::Index>(),
    )
        .prop_map(|(nodes, presence, reorder, at)| {
            let both = || nodes.iter().zip(&presence);
            let base = both()
                .filter(|(_, (base, _))| *base > 1)
                .map(|((node, _), _)| node.clone());
            let after = both().filter(|(_, (_, after))| *after > 1);
            let mut after: Vec<Value> = after
                .map(|((node, next), _)| next.as_ref().unwrap_or(node).clone())
                .collect();
            if reorder && !after.is_empty() {
                let at = at.index(after.len());
                after.rotate_left(at);
            }
            (write(base), write(after.into_iter()))
        })
}
