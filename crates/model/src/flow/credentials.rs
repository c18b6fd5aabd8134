//! Credentials: the secrets of nodes, kept apart from the flows. Never printed.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// All credentials of an instance: node id → field → value. `Debug` shows names only.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Credentials(pub BTreeMap<String, BTreeMap<String, serde_json::Value>>);

/// What a deployment does to credentials: node id → field → change, as the editor submits it.
/// `Debug` shows names only.
#[derive(Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CredentialChanges(pub BTreeMap<String, BTreeMap<String, CredentialChange>>);

/// What happens to one credential field.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialChange {
    /// It gets this value.
    Set(serde_json::Value),
    /// It goes.
    Remove,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(node, fields)| (node, fields.keys().collect::<Vec<_>>()));
        f.debug_map().entries(names).finish()
    }
}

impl fmt::Debug for CredentialChanges {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.iter().map(|(node, fields)| (node, fields.keys().collect::<Vec<_>>()));
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

    /// The same, as the `credentials` objects Node-RED expects on each node of a submitted flow:
    /// a set value as it is, a removed one as the empty string.
    pub fn for_node(&self, node: &str) -> Option<serde_json::Map<String, serde_json::Value>> {
        let fields = self.0.get(node).filter(|fields| !fields.is_empty())?;
        let value = |change: &CredentialChange| match change {
            CredentialChange::Set(value) => value.clone(),
            CredentialChange::Remove => serde_json::Value::String(String::new()),
        };
        Some(fields.iter().map(|(field, change)| (field.clone(), value(change))).collect())
    }
}

impl Credentials {
    /// These credentials after `changes`, kept only for nodes for which `survives` holds (Node-RED
    /// drops the credentials of nodes that are gone).
    #[must_use]
    pub fn after(&self, changes: &CredentialChanges, survives: impl Fn(&str) -> bool) -> Self {
        let mut next = self.clone();
        for (node, fields) in &changes.0 {
            let entry = next.0.entry(node.clone()).or_default();
            for (field, change) in fields {
                match change {
                    CredentialChange::Set(value) => entry.insert(field.clone(), value.clone()),
                    CredentialChange::Remove => entry.remove(field),
                };
            }
        }
        next.0.retain(|node, fields| !fields.is_empty() && survives(node));
        next
    }

    /// Whether every value in `self` was either in `base` or is set by `changes`: nothing was
    /// smuggled in beside what was approved.
    pub fn is_within(&self, base: &Self, changes: &CredentialChanges) -> bool {
        self.0.iter().all(|(node, fields)| {
            fields.iter().all(|(field, value)| {
                let set = changes.0.get(node).and_then(|fields| fields.get(field));
                match set {
                    Some(CredentialChange::Set(expected)) => expected == value,
                    Some(CredentialChange::Remove) => false,
                    None => base.0.get(node).and_then(|fields| fields.get(field)) == Some(value),
                }
            })
        })
    }
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
        let text = format!("{:?} {:?}", one("a", "password", "s3cret"), set("a", "k", "s3cret"));
        assert!(!text.contains("s3cret"), "{text}");
    }

    #[test]
    fn credentials_of_nodes_that_are_gone_go() {
        let base = one("a", "password", "old");
        assert_eq!(base.after(&CredentialChanges::default(), |_| false), Credentials::default());
    }
}
