//! Things that were re-created, copied, wrapped up or renamed, recognised as that.
//!
//! By content, hashed with ids abstracted; the hash only proposes: what differs between the two is
//! then compared literally and told. One pass over each side, and the same answer every time.

mod pairs;
mod signature;

use std::collections::{HashMap, HashSet};

use self::{
    pairs::{Candidates, Pairing},
    signature::{Ids, Signatures},
};
use super::Found;
use crate::flow::{
    Flows, NodeRef,
    change::{Aspect, Change, Subject},
    recognised::Recognised,
};

/// Adds to each change what it is recognised as.
pub(super) fn recognise(found: &mut [Found<'_>], base: &Flows, proposal: &Flows) {
    for found in found.iter_mut() {
        if let (Aspect::Changed, Some(before)) = (found.change.aspect, found.before) {
            let label = before.label();
            let is_renamed = label != found.change.label
                && found
                    .change
                    .properties
                    .iter()
                    .any(|property| matches!(&*property.key, "name" | "label"));
            found.change.recognised = is_renamed.then_some(Recognised::Renamed { before: label });
        }
    }
    wrapped(found, base);
    let of = |aspect: Aspect| {
        let found = found.iter().enumerate();
        found.filter(move |(_, found)| found.change.aspect == aspect)
    };
    let added: Vec<(usize, NodeRef<'_>)> = of(Aspect::Added)
        .filter_map(|(at, found)| Some((at, found.after?)))
        .collect();
    if added.is_empty() {
        return;
    }
    let removed: Vec<(usize, NodeRef<'_>)> = of(Aspect::Removed)
        .filter_map(|(at, found)| Some((at, found.before?)))
        .collect();
    let ids = Ids::of(base, proposal);
    let signatures = Signatures::new(&ids);
    let pairing = Pairing::new(&added, &removed, &signatures);
    let mut said: Vec<(usize, Recognised)> = Vec::new();
    for (new, old) in pairing.pairs() {
        let differs = signature::differs(new.1, old.1, pairing.map(), &[]);
        let other = |node: NodeRef<'_>| (node.id().to_owned(), node.label());
        let ((before, was), (after, is)) = (other(old.1), other(new.1));
        let one = |other, label, differs| Recognised::Recreated {
            other,
            label,
            differs,
        };
        said.push((new.0, one(before, was, differs.clone())));
        said.push((old.0, one(after, is, differs)));
    }
    copies(
        &pairing.left(&added),
        base,
        proposal,
        &signatures,
        &mut said,
    );
    for (at, recognised) in said {
        let change = &mut found[at].change;
        // A group round nodes or a subflow made of them says more than being like another.
        if change.recognised.is_none() {
            change.recognised = Some(recognised);
        }
    }
}

/// New subflows and groups that took up nodes which were there before.
fn wrapped(found: &mut [Found<'_>], base: &Flows) {
    // What came to be in a new subflow or group: how many, and the tab of the first.
    let mut frames: HashMap<String, (usize, Option<String>)> = HashMap::new();
    let mut labels: HashMap<String, (Subject, String)> = HashMap::new();
    for change in found.iter().map(|found| &found.change) {
        if change.aspect == Aspect::Added
            && matches!(change.subject, Subject::Subflow | Subject::Group)
        {
            labels.insert(change.node.clone(), (change.subject, change.label.clone()));
        }
    }
    if labels.is_empty() {
        return;
    }
    // Wires and place are changes of their own beside the one that put a node in a group.
    let elsewhere: HashSet<String> = found
        .iter()
        .filter(|it| matches!(it.change.aspect, Aspect::Wired | Aspect::Layout))
        .map(|it| it.change.node.clone())
        .collect();
    for Found { change, before, .. } in found.iter_mut() {
        if change.aspect != Aspect::Changed {
            continue;
        }
        let moved = |key: &str| {
            let property = change
                .properties
                .iter()
                .find(|property| property.key == key)?;
            let into = property.after.as_ref()?.as_str()?;
            labels.get_key_value(into)
        };
        let from = before.and_then(|node| node.tab()).map(str::to_owned);
        let only = change.properties.len() == 1
            && change.credentials.is_empty()
            && !elsewhere.contains(&change.node);
        if let Some((id, (Subject::Subflow, label))) = moved("z") {
            frames.entry(id.clone()).or_insert((0, from)).0 += 1;
            change.recognised = Some(Recognised::IntoSubflow {
                subflow: id.clone(),
                label: label.clone(),
            });
        } else if let Some((id, (Subject::Group, label))) = moved("g") {
            frames.entry(id.clone()).or_insert((0, from)).0 += 1;
            if only {
                change.recognised = Some(Recognised::IntoGroup {
                    group: id.clone(),
                    label: label.clone(),
                });
            }
        }
    }
    for Found { change, .. } in found
        .iter_mut()
        .filter(|found| found.change.aspect == Aspect::Added)
    {
        let Some((nodes, from)) = frames.remove(&change.node) else {
            continue;
        };
        change.recognised = Some(match change.subject {
            Subject::Subflow => Recognised::Extracted {
                nodes,
                from: from.and_then(|tab| base.get(&tab)).map(|tab| tab.label()),
            },
            _ => Recognised::Wrapped { nodes },
        });
    }
}

/// Added nodes like ones that stay, and tabs of which that holds for nearly all.
fn copies(
    added: &[(usize, NodeRef<'_>)],
    base: &Flows,
    proposal: &Flows,
    signatures: &Signatures<'_>,
    said: &mut Vec<(usize, Recognised)>,
) {
    let stays = |node: NodeRef<'_>| proposal.place(node.id()).is_some();
    let candidates = Candidates::new(added, base.nodes(), stays, signatures);
    let originals = candidates.tabs(added);
    let mut copied: HashMap<&str, usize> = HashMap::new();
    let mut inside: HashMap<&str, usize> = HashMap::new();
    for (at, node) in added {
        let tab = node.tab().unwrap_or("");
        *inside.entry(tab).or_default() += 1;
        let original_tab = originals.get(tab).copied();
        let Some(original) = candidates.of(*node, original_tab) else {
            continue;
        };
        let is_inside = original_tab.is_some() && original.tab() == original_tab;
        *copied.entry(tab).or_default() += usize::from(is_inside);
        // A node without a name is like many others by chance.
        if is_inside || node.label() != node.kind() {
            let differs = signature::differs(*node, original, &HashMap::new(), &signature::PLACE);
            let (of, label) = (original.id().to_owned(), original.label());
            said.push((*at, Recognised::Copy { of, label, differs }));
        }
    }
    let mut tabs: HashMap<usize, Recognised> = HashMap::new();
    for (at, tab) in added.iter().filter(|(_, node)| node.kind() == "tab") {
        let Some(original) = originals.get(tab.id()).and_then(|id| base.get(id)) else {
            continue;
        };
        let count = |counts: &HashMap<&str, usize>| counts.get(tab.id()).copied().unwrap_or(0);
        let (copies, nodes) = (count(&copied), count(&inside));
        // Four of five, so that a copy with a few edits is still seen as one.
        if copies * 5 >= nodes * 4 && nodes > 0 {
            let (of, label) = (original.id().to_owned(), original.label());
            let copied = Recognised::CopiedTab {
                of,
                label,
                copies,
                nodes,
            };
            tabs.insert(*at, copied);
        }
    }
    said.retain(|(at, _)| !tabs.contains_key(at));
    said.extend(tabs);
}

impl Change {
    /// What it is recognised as, in one sentence.
    pub fn recognised_words(&self) -> Option<String> {
        let recognised = self.recognised.as_ref()?;
        Some(recognised.sentence(self.aspect))
    }
}

#[cfg(test)]
mod tests;
