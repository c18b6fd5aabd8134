//! Changes to credentials: joined, thinned out, told from two states. Never looked at.

use model::flow::{
    Flows,
    credentials::{CredentialChange, CredentialChanges, Credentials},
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
    let present = base.entries();
    changes.0.retain(|node, fields| {
        fields.retain(|field, change| {
            let now = present.get(&(node.clone(), field.clone()));
            match change {
                CredentialChange::Set(value) => now != Some(&&*value),
                CredentialChange::Remove => now.is_some(),
            }
        });
        !fields.is_empty() && flows.get(node).is_some()
    });
}

/// The changes that lead from `base` to `target`.
pub(crate) fn difference(base: &Credentials, target: &Credentials) -> CredentialChanges {
    let (before, after) = (base.entries(), target.entries());
    let mut changes = CredentialChanges::default();
    for ((node, field), value) in &after {
        if before.get(&(node.clone(), field.clone())) != Some(value) {
            changes.set(node, field, CredentialChange::Set((*value).clone()));
        }
    }
    for (node, field) in before.keys().filter(|key| !after.contains_key(*key)) {
        changes.set(node, field, CredentialChange::Remove);
    }
    changes
}

/// The flows as Node-RED's editor would submit them: the canonical text of each node, with its
/// `credentials` where they change.
pub(crate) fn body(flows: &Flows, changes: &CredentialChanges, base: &Credentials) -> String {
    let mut text = String::with_capacity(flows.text().len() + 64);
    text.push_str("{\"flows\":[");
    for (place, node) in flows.nodes().enumerate() {
        if place > 0 {
            text.push(',');
        }
        match (
            changes.submission(node.id(), node.kind(), base),
            node.raw().strip_suffix('}'),
        ) {
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

    #[test]
    fn a_secret_of_the_global_configuration_can_go_and_come() {
        let with = |names: &[&str]| {
            let map: serde_json::Map<_, _> = names
                .iter()
                .flat_map(|name| {
                    [
                        ((*name).to_owned(), "s".into()),
                        (format!("has_{name}"), true.into()),
                    ]
                })
                .collect();
            let fields = BTreeMap::from([("map".to_owned(), map.into())]);
            Credentials(BTreeMap::from([("g".to_owned(), fields)]))
        };
        let flows = br#"[{"id":"g","type":"global-config"}]"#;
        let flows = Flows::submitted(flows, &model::flow::Limits::default())
            .unwrap()
            .flows;
        for (base, target) in [(&["A", "B"][..], &["A"][..]), (&["A"], &["A", "C"])] {
            let (base, target) = (with(base), with(target));
            let mut changes = difference(&base, &target);
            prune(&mut changes, &base, &flows);
            assert_eq!(base.after(&changes, |_| true), target);
            assert!(target.is_within(&base, &changes));
        }
    }
}
