//! Putting approved changes together to a whole flow.
//!
//! Nothing enters the result but what an approved change names: entries and keys without a change
//! stay as they are in the base, whatever the proposal says.

mod merge;
mod whole;

use std::collections::{BTreeSet, HashMap, HashSet};

use self::merge::merge;
use super::{
    Flows, NodeRef,
    canonical::array_index,
    change::{Aspect, Change, ChangeId},
    credentials::CredentialChanges,
    diff::{Diff, KEY_ORDER},
    scan,
};

/// Why a set of approvals does not give a whole flow. Each names the change to decide otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotWhole {
    /// The approved change that cannot stand alone.
    pub change: ChangeId,
    /// The change that is not approved and would have to be, if there is one.
    pub needs: Option<ChangeId>,
    /// What is missing, for people.
    pub message: String,
}

/// The flows that result from the `approved` changes of `diff` alone. All approved: exactly
/// `proposal`, byte for byte. None approved: exactly `base`.
///
/// Errors: a reference to a node, tab, group, subflow or config node would lead nowhere that leads
/// somewhere in the base or in the proposal (at most 200 are told).
pub fn compose(
    base: &Flows,
    proposal: &Flows,
    diff: &Diff,
    approved: &BTreeSet<ChangeId>,
) -> Result<Flows, Vec<NotWhole>> {
    let plan = Plan::new(base, proposal, diff, approved);
    let order = plan.order();
    let mut text = String::with_capacity(base.text().len().max(proposal.text().len()));
    let mut entries = Vec::with_capacity(order.len());
    text.push('[');
    for id in order {
        if !entries.is_empty() {
            text.push(',');
        }
        let start = text.len();
        plan.write(id, &mut text);
        entries.push(start..text.len());
    }
    text.push(']');
    let result = Flows::indexed(text.into(), entries)
        .expect("every entry is one of the base or the proposal, whose ids and types were checked");
    let missing = whole::missing(&plan, &result);
    if missing.is_empty() {
        Ok(result)
    } else {
        Err(missing)
    }
}

/// The credential changes that go with the `approved` changes: those of nodes whose addition or
/// whose change is approved.
#[must_use]
pub fn approved_credentials(
    credentials: &CredentialChanges,
    approved: &BTreeSet<ChangeId>,
) -> CredentialChanges {
    let is_approved = |node: &str| {
        [Aspect::Added, Aspect::Changed]
            .into_iter()
            .any(|aspect| approved.contains(&ChangeId::new(aspect, node)))
    };
    let nodes = credentials.0.iter().filter(|(node, _)| is_approved(node));
    CredentialChanges(
        nodes
            .map(|(node, fields)| (node.clone(), fields.clone()))
            .collect(),
    )
}

/// Everything needed to decide about one entry.
struct Plan<'a> {
    base: &'a Flows,
    old: HashMap<&'a str, NodeRef<'a>>,
    proposal: &'a Flows,
    new: HashMap<&'a str, NodeRef<'a>>,
    /// The changes of each node, and whether they are approved.
    changes: HashMap<&'a str, Vec<(&'a Change, bool)>>,
}

impl<'a> Plan<'a> {
    fn new(
        base: &'a Flows,
        proposal: &'a Flows,
        diff: &'a Diff,
        approved: &BTreeSet<ChangeId>,
    ) -> Self {
        let by_id = |flows: &'a Flows| flows.nodes().map(|node| (node.id(), node)).collect();
        let mut changes: HashMap<&str, Vec<(&Change, bool)>> = HashMap::new();
        for change in &diff.changes {
            let decided = (change, approved.contains(&change.id));
            changes.entry(&change.node).or_default().push(decided);
        }
        Self {
            base,
            old: by_id(base),
            proposal,
            new: by_id(proposal),
            changes,
        }
    }

    fn of(&self, node: &str) -> &[(&'a Change, bool)] {
        self.changes.get(node).map_or(&[], Vec::as_slice)
    }

    fn is_approved(&self, aspect: Aspect, node: &str) -> bool {
        self.of(node)
            .iter()
            .any(|(change, approved)| *approved && change.aspect == aspect)
    }

    /// The ids of the result in its order.
    fn order(&self) -> Vec<&'a str> {
        let old: Vec<&str> = self.base.nodes().map(|node| node.id()).collect();
        let new: Vec<&str> = self.proposal.nodes().map(|node| node.id()).collect();
        let stays = |id: &str| self.new.contains_key(id) || !self.is_approved(Aspect::Removed, id);
        let comes = |id: &str| self.old.contains_key(id) || self.is_approved(Aspect::Added, id);
        if self.is_approved(Aspect::Order, "") {
            merge(&new, &old, comes, stays)
        } else {
            merge(&old, &new, stays, comes)
        }
    }

    fn write(&self, id: &str, out: &mut String) {
        match (self.old.get(id), self.new.get(id)) {
            (Some(old), Some(new)) => {
                let mut approvals = self.of(id).iter().map(|(_, approved)| *approved);
                let all = approvals.len() > 0 && approvals.clone().all(|approved| approved);
                if all {
                    out.push_str(new.raw());
                } else if approvals.any(|approved| approved) {
                    self.write_partly(id, *old, *new, out);
                } else {
                    out.push_str(old.raw());
                }
            }
            (Some(one), None) | (None, Some(one)) => out.push_str(one.raw()),
            (None, None) => {}
        }
    }

    /// Writes a node of which some changes are approved and some are not, key by key.
    fn write_partly(&self, id: &str, old: NodeRef<'_>, new: NodeRef<'_>, out: &mut String) {
        let taken: HashSet<&str> = self
            .of(id)
            .iter()
            .filter(|(_, approved)| *approved)
            .flat_map(|(change, _)| {
                let wires = (change.aspect == Aspect::Wired).then_some("wires");
                change
                    .properties
                    .iter()
                    .map(|property| property.key.as_str())
                    .chain(wires)
            })
            .collect();
        let is_taken = |key: &str| taken.contains(&*scan::unescape(key));
        let before: Vec<(&str, &str)> = scan::members(old.raw()).collect();
        let after: Vec<(&str, &str)> = scan::members(new.raw()).collect();
        let was: HashMap<&str, &str> = before.iter().copied().collect();
        let is: HashMap<&str, &str> = after.iter().copied().collect();
        let before: Vec<&str> = before.iter().map(|(key, _)| *key).collect();
        let after: Vec<&str> = after.iter().map(|(key, _)| *key).collect();
        let stays = |key: &str| is.contains_key(key) || !is_taken(key);
        let comes = |key: &str| was.contains_key(key) || is_taken(key);
        let mut keys = if taken.contains(KEY_ORDER) {
            merge(&after, &before, comes, stays)
        } else {
            merge(&before, &after, stays, comes)
        };
        // JavaScript would write array indices first, and the result's hash must be Node-RED's.
        keys.sort_by_key(|key| (array_index(key).is_none(), array_index(key)));
        out.push('{');
        for (place, key) in keys.into_iter().enumerate() {
            let (first, second) = if is_taken(key) {
                (&is, &was)
            } else {
                (&was, &is)
            };
            let value = first
                .get(key)
                .or_else(|| second.get(key))
                .copied()
                .unwrap_or("null");
            out.push_str(if place == 0 { "\"" } else { ",\"" });
            out.push_str(key);
            out.push_str("\":");
            out.push_str(value);
        }
        out.push('}');
    }
}

#[cfg(test)]
mod tests;
