//! Wires: which come, which go, and whether that tells all.

use std::collections::HashMap;

use crate::flow::{NodeRef, change::WireChange, scan};

/// What differs between the wires of a node before and after.
pub(super) struct Told {
    pub(super) wires: Vec<WireChange>,
    /// Whether `wires` says everything: not when the order in which an output feeds its targets
    /// differs, when outputs without wires come or go, or when it is no list of wires at all.
    pub(super) is_whole: bool,
    /// How many wires there were, and are.
    pub(super) count_before: usize,
    pub(super) count_after: usize,
}

/// A node's `wires` as canonical text; empty when it has none.
pub(super) fn text(node: NodeRef<'_>) -> &str {
    scan::members(node.raw())
        .find(|(key, _)| *key == "wires")
        .map_or("", |(_, value)| value)
}

/// Compares two `wires` texts (empty for none) of the node `from`.
pub(super) fn compare(before: &str, after: &str, from: &str) -> Told {
    let (Some(old), Some(new)) = (ports(before), ports(after)) else {
        return Told {
            wires: Vec::new(),
            is_whole: false,
            count_before: 0,
            count_after: 0,
        };
    };
    let empty = Vec::new();
    let mut told = Told {
        wires: Vec::new(),
        is_whole: true,
        count_before: old.iter().map(Vec::len).sum(),
        count_after: new.iter().map(Vec::len).sum(),
    };
    let mut rebuilt = old.clone();
    for port in 0..old.len().max(new.len()) {
        let (old, new) = (
            old.get(port).unwrap_or(&empty),
            new.get(port).unwrap_or(&empty),
        );
        let (kept, gone) = split(old, new);
        let (_, come) = split(new, old);
        let wire = |added| move |to: &&String| (added, (*to).clone());
        let changes = gone
            .iter()
            .map(wire(false))
            .chain(come.iter().map(wire(true)));
        let change = |(added, to)| WireChange {
            added,
            from: from.to_owned(),
            port,
            to,
        };
        told.wires.extend(changes.map(change));
        if !come.is_empty() && rebuilt.len() <= port {
            rebuilt.resize(port + 1, Vec::new());
        }
        if let Some(rebuilt) = rebuilt.get_mut(port) {
            *rebuilt = kept.into_iter().chain(come).cloned().collect();
        }
    }
    let is_missing = before.is_empty() || after.is_empty();
    told.is_whole = rebuilt == new && !(is_missing && told.wires.is_empty());
    told
}

fn ports(wires: &str) -> Option<Vec<Vec<String>>> {
    if wires.is_empty() {
        Some(Vec::new())
    } else {
        serde_json::from_str(wires).ok()
    }
}

/// Splits `of` into what `other` also has, as often as it does, and what it lacks.
fn split<'w>(of: &'w [String], other: &[String]) -> (Vec<&'w String>, Vec<&'w String>) {
    let mut left: HashMap<&str, usize> = HashMap::new();
    for to in other {
        *left.entry(to).or_default() += 1;
    }
    of.iter().partition(|to| match left.get_mut(to.as_str()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    })
}
