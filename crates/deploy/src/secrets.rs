//! Changes to credentials: joined, thinned out, filtered by what was approved. Never looked at.

use std::collections::BTreeSet;

use model::flow::{
    Flows,
    change::{Aspect, ChangeId},
    credentials::{CredentialChange, CredentialChanges, Credentials},
    diff::{CredentialNames, Diff},
};

/// Lays `newer` over `older`: a field named in both is as `newer` says.
pub(crate) fn overlay(older: &mut CredentialChanges, newer: CredentialChanges) {
    for (node, fields) in newer.0 {
        older.0.entry(node).or_default().extend(fields);
    }
}

/// Takes out what changes nothing: a value that is there already, the removal of what is not
/// there, anything on a node the flows do not have.
pub(crate) fn prune(changes: &mut CredentialChanges, base: &Credentials, flows: &Flows) {
    changes.0.retain(|node, fields| {
        let present = base.0.get(node);
        fields.retain(|field, change| {
            let now = present.and_then(|fields| fields.get(field));
            match change {
                CredentialChange::Set(value) => now != Some(value),
                CredentialChange::Remove => now.is_some(),
            }
        });
        !fields.is_empty() && flows.get(node).is_some()
    });
}

/// The changes that lead from `base` to `target`.
pub(crate) fn difference(base: &Credentials, target: &Credentials) -> CredentialChanges {
    let mut changes = CredentialChanges::default();
    for (node, fields) in &target.0 {
        for (field, value) in fields {
            if base.0.get(node).and_then(|fields| fields.get(field)) != Some(value) {
                let entry = changes.0.entry(node.clone()).or_default();
                entry.insert(field.clone(), CredentialChange::Set(value.clone()));
            }
        }
    }
    for (node, fields) in &base.0 {
        for field in fields.keys() {
            if target
                .0
                .get(node)
                .and_then(|fields| fields.get(field))
                .is_none()
            {
                let entry = changes.0.entry(node.clone()).or_default();
                entry.insert(field.clone(), CredentialChange::Remove);
            }
        }
    }
    changes
}

/// The changes on nodes whose own change was approved.
pub(crate) fn approved_only(
    mut changes: CredentialChanges,
    diff: &Diff,
    approved: &BTreeSet<ChangeId>,
) -> CredentialChanges {
    let nodes: BTreeSet<&str> = diff
        .changes
        .iter()
        .filter(|change| matches!(change.aspect, Aspect::Added | Aspect::Changed))
        .filter(|change| approved.contains(&change.id))
        .map(|change| change.node.as_str())
        .collect();
    changes.0.retain(|node, _| nodes.contains(node.as_str()));
    changes
}

/// Which credentials there are, without their values.
pub(crate) fn names(credentials: &Credentials) -> CredentialNames {
    let pairs = |(node, fields): (&String, &std::collections::BTreeMap<String, _>)| {
        fields
            .keys()
            .map(|field| (node.clone(), field.clone()))
            .collect::<Vec<_>>()
    };
    credentials.0.iter().flat_map(pairs).collect()
}

/// The flows as Node-RED's editor would submit them: the canonical text of each node, with its
/// `credentials` where they change.
pub(crate) fn body(flows: &Flows, changes: &CredentialChanges) -> String {
    let mut text = String::with_capacity(flows.text().len() + 64);
    text.push_str("{\"flows\":[");
    for (place, node) in flows.nodes().enumerate() {
        if place > 0 {
            text.push(',');
        }
        match (changes.for_node(node.id()), node.raw().strip_suffix('}')) {
            (Some(fields), Some(open)) => {
                text.push_str(open);
                text.push_str(",\"credentials\":");
                text.push_str(&serde_json::Value::Object(fields).to_string());
                text.push('}');
            }
            _ => text.push_str(node.raw()),
        }
    }
    text.push_str("]}");
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn credentials(node: &str, field: &str, value: &str) -> Credentials {
        let fields = BTreeMap::from([(field.to_owned(), value.into())]);
        Credentials(BTreeMap::from([(node.to_owned(), fields)]))
    }

    #[test]
    fn a_difference_leads_where_it_was_taken_from() {
        let base = credentials("a", "password", "one");
        for target in [
            Credentials::default(),
            credentials("a", "password", "two"),
            credentials("b", "token", "x"),
            base.clone(),
        ] {
            let changes = difference(&base, &target);
            assert_eq!(base.after(&changes, |_| true), target);
        }
        assert!(difference(&base, &base).is_empty());
    }
}
