//! Whether a result is whole: nothing in it refers to what is not there, unless the base or the
//! proposal did so already.

use std::collections::HashSet;

use super::{NotWhole, Plan};
use crate::flow::{
    Flows, NodeRef,
    change::{Aspect, Change, ChangeId},
    references::Targets,
    scan,
};

/// Reasons told at most; a reader needs the first few, a hostile proposal could make millions.
const TOLD_MAX: usize = 200;

/// The references of `result` that lead nowhere and should not.
pub(super) fn missing(plan: &Plan<'_>, result: &Flows) -> Vec<NotWhole> {
    let mut absent = Targets::default();
    let there: HashSet<&str> = result.nodes().map(|node| node.id()).collect();
    for node in plan.base.nodes().chain(plan.proposal.nodes()) {
        if there.contains(node.id()) {
            continue;
        }
        absent.add_id(node.id());
        if node.kind() == "subflow" {
            absent.add_instances(node.id());
        }
    }
    if absent.is_empty() {
        return Vec::new();
    }
    let mut told = Vec::new();
    for node in result.nodes() {
        for target in absent.of(node) {
            // The side that lacks the target: did its own version of this node refer to it?
            let lacking = if plan.old.contains_key(target) {
                &plan.new
            } else {
                &plan.old
            };
            let did = lacking
                .get(node.id())
                .is_some_and(|node| absent.of(*node).contains(&target));
            if !did {
                told.push(reason(plan, node, target));
            }
            if told.len() == TOLD_MAX {
                return told;
            }
        }
    }
    told
}

fn reason(plan: &Plan<'_>, node: NodeRef<'_>, target: &str) -> NotWhole {
    let (who, how) = (node.label(), relation(node, target));
    let Some(gone) = plan.old.get(target) else {
        let whom = plan
            .new
            .get(target)
            .map_or_else(String::new, NodeRef::label);
        return NotWhole {
            change: carrier(plan, node, target, true)
                .unwrap_or_else(|| ChangeId::new(Aspect::Added, node.id())),
            needs: Some(ChangeId::new(Aspect::Added, target)),
            message: format!(
                "\u{201c}{who}\u{201d} {how} \u{201c}{whom}\u{201d}, which is not approved: \
                 approve adding \u{201c}{whom}\u{201d} too, or reject this change of \
                 \u{201c}{who}\u{201d}"
            ),
        };
    };
    let whom = gone.label();
    NotWhole {
        change: ChangeId::new(Aspect::Removed, target),
        needs: carrier(plan, node, target, false),
        message: format!(
            "\u{201c}{who}\u{201d} {how} \u{201c}{whom}\u{201d}, which would be gone: keep \
             \u{201c}{whom}\u{201d}, or approve also what \u{201c}{who}\u{201d} does without it"
        ),
    }
}

/// How `node` refers to `target`, in words that go between their names.
fn relation(node: NodeRef<'_>, target: &str) -> &'static str {
    if node.kind().strip_prefix("subflow:") == Some(target) {
        return "is an instance of";
    }
    let mut absent = Targets::default();
    absent.add_id(target);
    let key = scan::members(node.raw())
        .find(|(_, value)| absent.within(value).next().is_some())
        .map_or("", |(key, _)| key);
    match key {
        "z" => "is on",
        "g" => "is in the group",
        "wires" | "in" | "out" | "status" => "is wired to",
        "links" => "is linked to",
        "nodes" => "is the group of",
        _ => "uses",
    }
}

/// The change of `node`, approved or not, that begins or ends its reference to `target`.
fn carrier(plan: &Plan<'_>, node: NodeRef<'_>, target: &str, approved: bool) -> Option<ChangeId> {
    let mut absent = Targets::default();
    absent.add_id(target);
    absent.add_instances(target);
    let mentions = |change: &Change| {
        let mut values = change
            .properties
            .iter()
            .flat_map(|property| [&property.before, &property.after]);
        change.wires.iter().any(|wire| wire.to == target)
            || values.any(|value| {
                let text = value.as_ref().map(ToString::to_string).unwrap_or_default();
                absent.within(&text).next().is_some()
            })
    };
    let candidates = || plan.of(node.id()).iter().filter(|(_, is)| *is == approved);
    let carrier = candidates()
        .find(|(change, _)| mentions(change))
        .or_else(|| candidates().next());
    carrier.map(|(change, _)| change.id.clone())
}
