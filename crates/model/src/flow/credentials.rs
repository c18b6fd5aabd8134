//! Credentials: the secrets of nodes, kept apart from the flows. Never printed.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::NodeRef;

/// Which credentials a base has: pairs of node id and field, no values.
pub type CredentialNames = BTreeSet<(String, String)>;

/// What Node-RED sends instead of a secret, and takes for "unchanged".
const UNCHANGED: &str = "__PWRD__";
/// The field of the global configuration that holds its secrets, each under its own name.
const MAP: &str = "map";

/// All credentials of an instance: node id → field → value. `Debug` shows names only.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Credentials(pub BTreeMap<String, BTreeMap<String, Value>>);

/// What a deployment does to credentials: node id → field → change, as the editor submits it.
/// `Debug` shows names only.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CredentialChanges(pub BTreeMap<String, BTreeMap<String, CredentialChange>>);

/// What happens to one credential field.
///
/// The global configuration keeps its secrets one level deeper, in the field `map`; here each is
/// a field of its own, named `map.` and its name.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialChange {
    /// It gets this value.
    Set(Value),
    /// It goes.
    Remove,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self
            .0
            .iter()
            .map(|(node, fields)| (node, fields.keys().collect::<Vec<_>>()));
        f.debug_map().entries(names).finish()
    }
}

impl fmt::Debug for CredentialChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self
            .0
            .iter()
            .map(|(node, fields)| (node, fields.keys().collect::<Vec<_>>()));
        f.debug_map().entries(names).finish()
    }
}

impl fmt::Debug for CredentialChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Set(_) => "Set(…)",
            Self::Remove => "Remove",
        })
    }
}

impl CredentialChanges {
    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.0.values().all(BTreeMap::is_empty)
    }

    /// Adds one change.
    pub fn set(&mut self, node: &str, field: &str, change: CredentialChange) {
        self.0
            .entry(node.to_owned())
            .or_default()
            .insert(field.to_owned(), change);
    }

    /// The same, as the `credentials` objects Node-RED expects on each node of a submitted flow:
    /// a set value as it is, a removed one as the empty string. Right for ordinary nodes only;
    /// see [`Self::submission`].
    pub fn for_node(&self, node: &str) -> Option<Map<String, Value>> {
        let fields = self.0.get(node).filter(|fields| !fields.is_empty())?;
        let value = |change: &CredentialChange| match change {
            CredentialChange::Set(value) => value.clone(),
            CredentialChange::Remove => Value::String(String::new()),
        };
        Some(
            fields
                .iter()
                .map(|(field, change)| (field.clone(), value(change)))
                .collect(),
        )
    }

    /// The `credentials` object to submit for `node`, of type `kind`, so that Node-RED ends with
    /// what [`Credentials::after`] says. For subflows, their instances and the global
    /// configuration Node-RED drops what an object does not name, so what stays in `base` is
    /// named too, as unchanged.
    pub fn submission(
        &self,
        node: &str,
        kind: &str,
        base: &Credentials,
    ) -> Option<Map<String, Value>> {
        let mut object = self.for_node(node)?;
        if !is_listing(kind) {
            return Some(object);
        }
        let empty = BTreeMap::new();
        let kept = base.0.get(node).unwrap_or(&empty);
        if kind != GLOBAL {
            for field in kept.keys() {
                object
                    .entry(field.clone())
                    .or_insert_with(|| UNCHANGED.into());
            }
            return Some(object);
        }
        let mut map = Map::new();
        let stored = kept
            .get(MAP)
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        for (name, value) in stored {
            let is_mark = name.starts_with("has_") && value.is_boolean();
            map.insert(
                name.clone(),
                if is_mark {
                    value.clone()
                } else {
                    UNCHANGED.into()
                },
            );
        }
        for (field, change) in self.0.get(node)? {
            if let Some(name) = inner_name(field) {
                set_entry(&mut map, name, change);
            }
        }
        Some(Map::from_iter([(MAP.to_owned(), map.into())]))
    }
}

impl Credentials {
    /// Every secret with its node and field; those of the global configuration each under
    /// `map.` and its name.
    pub fn entries(&self) -> BTreeMap<(String, String), &Value> {
        let mut entries = BTreeMap::new();
        for (node, fields) in &self.0 {
            for (field, value) in fields {
                match value.as_object().filter(|_| field == MAP) {
                    Some(map) => entries.extend(
                        map.iter()
                            .filter(|(name, _)| !name.starts_with("has_"))
                            .map(|(name, value)| ((node.clone(), format!("{MAP}.{name}")), value)),
                    ),
                    None => drop(entries.insert((node.clone(), field.clone()), value)),
                }
            }
        }
        entries
    }

    /// Which credentials there are, without their values.
    pub fn names(&self) -> CredentialNames {
        self.entries().into_keys().collect()
    }

    /// These credentials after `changes`, kept only for nodes for which `survives` holds (Node-RED
    /// drops the credentials of nodes that are gone).
    #[must_use]
    pub fn after(&self, changes: &CredentialChanges, survives: impl Fn(&str) -> bool) -> Self {
        let mut next = self.clone();
        for (node, fields) in &changes.0 {
            let entry = next.0.entry(node.clone()).or_default();
            for (field, change) in fields {
                if let Some(name) = inner_name(field) {
                    let map = entry
                        .entry(MAP.to_owned())
                        .or_insert_with(|| Map::new().into());
                    if let Some(map) = map.as_object_mut() {
                        set_entry(map, name, change);
                    }
                    continue;
                }
                match change {
                    CredentialChange::Set(value) => entry.insert(field.clone(), value.clone()),
                    CredentialChange::Remove => entry.remove(field),
                };
            }
        }
        next.0
            .retain(|node, fields| !fields.is_empty() && survives(node));
        next
    }

    /// Whether every value in `self` was either in `base` or is set by `changes`: nothing was
    /// smuggled in beside what was approved.
    pub fn is_within(&self, base: &Self, changes: &CredentialChanges) -> bool {
        let expected = base.after(changes, |_| true);
        let value = |node: &str, field: &str| expected.0.get(node).and_then(|all| all.get(field));
        self.0.iter().all(|(node, fields)| {
            fields
                .iter()
                .all(|(field, found)| match (found, value(node, field)) {
                    // The secrets of the global configuration, each on its own.
                    (Value::Object(found), Some(Value::Object(expected))) if field == MAP => found
                        .iter()
                        .all(|(name, found)| expected.get(name) == Some(found)),
                    (found, expected) => expected == Some(found),
                })
        })
    }
}

const GLOBAL: &str = "global-config";

/// Whether Node-RED takes the `credentials` of this type as a full list (`credentials.extract`).
fn is_listing(kind: &str) -> bool {
    kind == GLOBAL || kind == "subflow" || kind.starts_with("subflow:")
}

fn inner_name(field: &str) -> Option<&str> {
    field
        .strip_prefix(MAP)
        .and_then(|rest| rest.strip_prefix('.'))
}

/// Changes one secret of the global configuration, with the `has_` mark that goes with it.
fn set_entry(map: &mut Map<String, Value>, name: &str, change: &CredentialChange) {
    let mark = format!("has_{name}");
    match change {
        CredentialChange::Set(value) => {
            map.insert(name.to_owned(), value.clone());
            map.insert(mark, true.into());
        }
        CredentialChange::Remove => {
            map.shift_remove(name);
            map.shift_remove(&mark);
        }
    }
}

/// What a node's `credentials` object says.
pub(super) struct Said {
    pub(super) changes: BTreeMap<String, CredentialChange>,
    /// Every field it names, for types where a field left out is a field removed.
    pub(super) listed: Option<BTreeSet<String>>,
}

/// Reads a node's `credentials` as Node-RED's `credentials.extract` does; none when they are not
/// an object of values.
pub(super) fn read(node: NodeRef<'_>, text: &str) -> Option<Said> {
    let object: Map<String, Value> = serde_json::from_str(text).ok()?;
    let is_global = node.kind() == GLOBAL;
    let (fields, prefix) = match object.get(MAP) {
        Some(map) if is_global => (map.as_object()?.clone(), "map."),
        _ if is_global => (Map::new(), "map."),
        _ => (object, ""),
    };
    let mut said = Said {
        changes: BTreeMap::new(),
        listed: None,
    };
    let mut listed = BTreeSet::new();
    for (name, value) in fields {
        // `has_password: true` says that there is one; it is no secret and no change. A dotted
        // name outside the global configuration would be taken for one inside it.
        if (name.starts_with("has_") && value.is_boolean()) || value.is_null() {
            if value.is_null() {
                return None;
            }
            continue;
        }
        if !is_global && inner_name(&name).is_some() {
            return None;
        }
        let field = format!("{prefix}{name}");
        listed.insert(field.clone());
        if value == UNCHANGED {
            continue;
        }
        let change = if is_blank(&value) {
            CredentialChange::Remove
        } else {
            CredentialChange::Set(value)
        };
        said.changes.insert(field, change);
    }
    said.listed = is_listing(node.kind()).then_some(listed);
    Some(said)
}

/// What JavaScript's `0 === value.length || /^\s*$/.test(value)` says.
fn is_blank(value: &Value) -> bool {
    match value {
        Value::String(text) => text.chars().all(is_js_space),
        Value::Array(items) => match items.as_slice() {
            [] | [Value::Null] => true,
            [one @ (Value::String(_) | Value::Array(_))] => is_blank(one),
            _ => false,
        },
        Value::Object(object) => object.get("length").and_then(Value::as_f64) == Some(0.0),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

fn is_js_space(c: char) -> bool {
    (c.is_whitespace() && c != '\u{85}') || c == '\u{feff}'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(node: &str, field: &str, value: &str) -> Credentials {
        let fields = BTreeMap::from([(field.to_owned(), value.into())]);
        Credentials(BTreeMap::from([(node.to_owned(), fields)]))
    }

    fn set(node: &str, field: &str, value: &str) -> CredentialChanges {
        let fields = BTreeMap::from([(field.to_owned(), CredentialChange::Set(value.into()))]);
        CredentialChanges(BTreeMap::from([(node.to_owned(), fields)]))
    }

    #[test]
    fn a_smuggled_value_is_noticed() {
        let base = one("a", "password", "old");
        let changes = set("a", "password", "new");
        assert!(base.after(&changes, |_| true).is_within(&base, &changes));
        assert!(!one("a", "password", "smuggled").is_within(&base, &changes));
        assert!(!one("b", "password", "new").is_within(&base, &changes));
    }

    #[test]
    fn debug_never_shows_a_value() {
        let text = format!(
            "{:?} {:?}",
            one("a", "password", "s3cret"),
            set("a", "k", "s3cret")
        );
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[test]
    fn the_global_configuration_keeps_what_was_not_changed() {
        let map = serde_json::json!({"A": "old", "has_A": true, "B": "b", "has_B": true});
        let fields = BTreeMap::from([(MAP.to_owned(), map)]);
        let base = Credentials(BTreeMap::from([("g".to_owned(), fields)]));
        let known = ["map.A", "map.B"].map(|field| ("g".to_owned(), field.to_owned()));
        assert_eq!(base.names(), known.into());
        let mut changes = set("g", "map.A", "new");
        changes.set("g", "map.C", CredentialChange::Set("c".into()));
        changes.set("g", "map.B", CredentialChange::Remove);
        let next = base.after(&changes, |_| true);
        let expected = serde_json::json!({"A": "new", "has_A": true, "C": "c", "has_C": true});
        assert_eq!(next.0["g"][MAP], expected);
        assert!(next.is_within(&base, &changes));
        assert!(
            !next.is_within(&base, &set("g", "map.A", "new")),
            "C was smuggled in"
        );
        assert!(!base.is_within(&base, &changes), "B should be gone");
        let submitted = set("g", "map.A", "new").submission("g", GLOBAL, &base);
        let full = serde_json::json!({"map":
            {"A": "new", "has_A": true, "B": "__PWRD__", "has_B": true}});
        assert_eq!(submitted.map(Value::Object), Some(full));
    }

    #[test]
    fn a_subflow_names_what_it_keeps() {
        let mut base = one("s", "A", "old");
        base.0.get_mut("s").unwrap().insert("B".into(), "b".into());
        let changes = set("s", "A", "new");
        let listing = changes
            .submission("s", "subflow:x", &base)
            .map(Value::Object);
        assert_eq!(
            listing,
            Some(serde_json::json!({"A": "new", "B": "__PWRD__"}))
        );
        let delta = changes
            .submission("s", "mqtt-broker", &base)
            .map(Value::Object);
        assert_eq!(delta, Some(serde_json::json!({"A": "new"})));
    }

    #[test]
    fn blank_is_what_javascript_calls_blank() {
        use serde_json::json;
        for blank in [
            json!(""),
            json!(" \n\u{feff}"),
            json!([]),
            json!([null]),
            json!([[""]]),
            json!({"length": 0}),
        ] {
            assert!(is_blank(&blank), "{blank}");
        }
        for full in [
            json!("x"),
            json!("\u{85}"),
            json!(0),
            json!(false),
            json!(["", ""]),
            json!({}),
        ] {
            assert!(!is_blank(&full), "{full}");
        }
    }

    #[test]
    fn credentials_of_nodes_that_are_gone_go() {
        let base = one("a", "password", "old");
        assert_eq!(
            base.after(&CredentialChanges::default(), |_| false),
            Credentials::default()
        );
    }
}
