//! The order of the file's entries: of tabs in the editor, of nodes that start.

use serde_json::{Value, json};

use super::language;
use crate::flow::{
    Flows, NodeRef,
    change::{Aspect, Change, ChangeId, PropertyChange, Subject},
};

/// Entries listed one by one; the number of all is always told.
const LISTED_MAX: usize = 200;

/// The change of order, if the entries that survive stand in another order than before. `stood`
/// is where they stood, in the order in which they stand now. Where new entries stand is part of
/// their being added: each follows the entry it follows in the proposal (see `compose`).
pub(super) fn change(base: &Flows, proposal: &Flows, stood: &[usize]) -> Option<Change> {
    if stood.is_sorted() {
        return None;
    }
    let mut is_moved = vec![true; stood.len()];
    for index in longest_rise(stood) {
        is_moved[index] = false;
    }
    let old: Vec<NodeRef<'_>> = base.nodes().collect();
    let now: Vec<NodeRef<'_>> = stood.iter().map(|place| old[*place]).collect();
    let moved: Vec<usize> = (0..stood.len()).filter(|index| is_moved[*index]).collect();
    let entry = |node: NodeRef<'_>, follows: Option<NodeRef<'_>>| json!({"id": node.id(), "label": node.label(), "after": follows.map(|node| node.id())});
    let listed = || moved.iter().take(LISTED_MAX);
    let before: Vec<Value> = listed()
        .map(|index| {
            entry(
                now[*index],
                stood[*index].checked_sub(1).map(|place| old[place]),
            )
        })
        .collect();
    let after: Vec<Value> = listed()
        .map(|index| entry(now[*index], index.checked_sub(1).map(|at| now[at])))
        .collect();
    let mut properties = vec![property("entries", before.into(), after.into())];
    let (tabs_before, tabs_after) = (tabs(base), tabs(proposal));
    if tabs_before != tabs_after {
        properties.insert(0, property("tabs", tabs_before.into(), tabs_after.into()));
    }
    Some(Change {
        id: ChangeId::new(Aspect::Order, ""),
        aspect: Aspect::Order,
        subject: Subject::File,
        node: String::new(),
        node_type: String::new(),
        label: match moved.len() {
            1 => "1 entry stands elsewhere in the file".to_owned(),
            count => format!("{count} entries stand elsewhere in the file"),
        },
        tab: None,
        properties,
        wires: Vec::new(),
        credentials: Vec::new(),
        used_by: Vec::new(),
        recognised: None,
        said: Vec::new(),
        findings: Vec::new(),
    })
}

fn tabs(flows: &Flows) -> Vec<String> {
    flows
        .nodes()
        .filter(|node| node.kind() == "tab")
        .map(|tab| tab.label())
        .collect()
}

fn property(key: &str, before: Value, after: Value) -> PropertyChange {
    let language = language::JSON;
    PropertyChange {
        key: key.to_owned(),
        before: Some(before),
        after: Some(after),
        language,
    }
}

/// Indices of a longest strictly rising subsequence: what can be said to have stayed in place.
fn longest_rise(values: &[usize]) -> Vec<usize> {
    let mut tails: Vec<usize> = Vec::new();
    let mut previous = vec![usize::MAX; values.len()];
    for (index, value) in values.iter().enumerate() {
        let at = tails.partition_point(|tail| values[*tail] < *value);
        if at > 0 {
            previous[index] = tails[at - 1];
        }
        if at == tails.len() {
            tails.push(index);
        } else {
            tails[at] = index;
        }
    }
    let mut rise = Vec::with_capacity(tails.len());
    let mut next = tails.last().copied();
    while let Some(index) = next {
        rise.push(index);
        next = Some(previous[index]).filter(|previous| *previous != usize::MAX);
    }
    rise
}
