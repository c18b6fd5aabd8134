//! What differs between two flows: every key of every node.

mod language;
mod node;
mod order;
mod recognise;
mod summary;
mod wires;

use std::collections::{BTreeMap, HashMap, HashSet};

use serde::{Deserialize, Serialize};

pub use self::node::KEY_ORDER;
pub use super::credentials::CredentialNames;
use super::{
    Flows, NodeRef,
    change::{Aspect, Change, Subject},
    credentials::CredentialChanges,
    references::Targets,
};

/// Everything that differs, in the order of the review: tabs and subflows, nodes added, removed,
/// changed, wires, layout, order.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Diff {
    /// The changes, each decided on its own.
    pub changes: Vec<Change>,
    /// What the tabs and subflows are called that changes are on, by their ids.
    #[serde(default)]
    pub tabs: BTreeMap<String, String>,
}

/// A change and where in its file the node stands.
struct Found<'a> {
    change: Change,
    position: usize,
    before: Option<NodeRef<'a>>,
    after: Option<NodeRef<'a>>,
}

/// Compares `base` with `proposal`. `known` tells a credential that is set from one that is
/// changed.
pub fn diff(
    base: &Flows,
    proposal: &Flows,
    credentials: &CredentialChanges,
    known: &CredentialNames,
) -> Diff {
    let mut found = Vec::new();
    let mut survives = vec![false; base.len()];
    // Where the surviving entries stood, in the order in which they stand now.
    let mut stood = Vec::with_capacity(base.len());
    for (position, after) in proposal.nodes().enumerate() {
        let notes = || node::notes(credentials, known, after.id());
        let (before, changes) = match base.place(after.id()) {
            None => (None, vec![node::added(after, notes())]),
            Some(place) => {
                let before = base.at(place);
                survives[place] = true;
                stood.push(place);
                let same = before.raw() == after.raw() && !credentials.0.contains_key(after.id());
                if same {
                    continue;
                }
                (Some(before), node::compare(before, after, notes()))
            }
        };
        let place = |change| Found {
            change,
            position,
            before,
            after: Some(after),
        };
        found.extend(changes.into_iter().map(place));
    }
    for (position, before) in base
        .nodes()
        .enumerate()
        .filter(|(place, _)| !survives[*place])
    {
        let change = node::removed(before);
        found.push(Found {
            change,
            position,
            before: Some(before),
            after: None,
        });
    }
    if let Some(change) = order::change(base, proposal, &stood) {
        found.push(Found {
            change,
            position: 0,
            before: None,
            after: None,
        });
    }
    if found.is_empty() {
        return Diff::default();
    }
    name_instances(&mut found, base, proposal);
    found.sort_by_key(|found| (rank(&found.change), found.position));
    recognise::recognise(&mut found, base, proposal);
    add_users(&mut found, proposal);
    let changes = found
        .into_iter()
        .map(|found| found.change)
        .collect::<Vec<_>>();
    Diff {
        tabs: tab_labels(&changes, base, proposal),
        changes,
    }
}

/// Calls an instance without a name by its subflow's, as the editor does.
fn name_instances(found: &mut [Found<'_>], base: &Flows, proposal: &Flows) {
    for Found { change, .. } in found {
        let Some(template) = change.node_type.strip_prefix("subflow:") else {
            continue;
        };
        let template = proposal.get(template).or_else(|| base.get(template));
        if let (true, Some(template)) = (change.label == change.node_type, template) {
            change.label = template.label();
        }
    }
}

/// Where a change stands in the review.
fn rank(change: &Change) -> u8 {
    let frame = u8::from(!matches!(change.subject, Subject::Tab | Subject::Subflow));
    match change.aspect {
        Aspect::Added => 3 * frame,
        Aspect::Removed => 3 * frame + 1,
        Aspect::Changed => 3 * frame + 2,
        Aspect::Wired => 6,
        Aspect::Layout => 7,
        Aspect::Order => 8,
    }
}

/// Says for each config node and subflow who uses it after the change.
fn add_users(found: &mut [Found<'_>], proposal: &Flows) {
    let mut users: HashMap<String, Vec<String>> = HashMap::new();
    let mut targets = Targets::default();
    for Found {
        change,
        before,
        after,
        ..
    } in found.iter()
    {
        let Some(node) = (*after).or(*before) else {
            continue;
        };
        match change.subject {
            Subject::Config => targets.add_id(node.id()),
            Subject::Subflow => targets.add_instances(node.id()),
            Subject::Tab | Subject::Group | Subject::Node | Subject::File => {}
        }
    }
    if targets.is_empty() {
        return;
    }
    for node in proposal.nodes() {
        for target in targets.of(node) {
            users
                .entry(target.to_owned())
                .or_default()
                .push(node.id().to_owned());
        }
    }
    for found in found {
        if let Some(users) = users.get(&found.change.node) {
            found.change.used_by.clone_from(users);
        }
    }
}

fn tab_labels(changes: &[Change], base: &Flows, proposal: &Flows) -> BTreeMap<String, String> {
    let used: HashSet<&str> = changes
        .iter()
        .filter_map(|change| change.tab.as_deref())
        .collect();
    let is_used =
        |node: &NodeRef<'_>| matches!(node.kind(), "tab" | "subflow") && used.contains(node.id());
    // The proposal's labels last: they win.
    let nodes = base.nodes().chain(proposal.nodes()).filter(is_used);
    nodes
        .map(|node| (node.id().to_owned(), node.label()))
        .collect()
}

#[cfg(test)]
mod tests;
