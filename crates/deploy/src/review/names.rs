//! What the nodes are called that changes mention by their ids.

use std::collections::BTreeMap;

use inspect::Ways;
use model::flow::{Flows, change::Change};
use serde::{Deserialize, Serialize};

/// Nodes by their ids; one that is in neither flow is not in it.
pub type Names = BTreeMap<String, Named>;

/// What people know a node by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Named {
    /// Its name or label, else its type.
    pub label: String,
    /// What the tab or subflow is called it is on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
}

/// The names of all that `changes` and their `ways` mention, after the change, else before it.
pub fn names(base: &Flows, proposal: &Flows, changes: &[Change], ways: &[Ways]) -> Names {
    let node = |id: &str| proposal.get(id).or_else(|| base.get(id));
    let named = |id: &str| {
        let found = node(id)?;
        let place = found.tab().and_then(node).map(|tab| tab.label());
        let label = found.label();
        Some(Named { label, place })
    };
    let in_changes = changes.iter().flat_map(|change| {
        let wires = change.wires.iter().flat_map(|wire| [&wire.from, &wire.to]);
        wires.chain(&change.used_by)
    });
    let in_ways = ways.iter().flat_map(|ways| {
        let outputs = ways.outputs.iter().chain(&ways.new_outputs);
        outputs.chain(&ways.lost_outputs).chain(&ways.inputs)
    });
    let all = in_changes.chain(in_ways);
    all.filter_map(|id| Some((id.clone(), named(id)?)))
        .collect()
}
