//! About how much memory a reading takes, so that kept ones can be bounded in bytes.

use std::mem::size_of;

use inspect::Ways;
use model::flow::{Flows, change::Change, finding::Finding};
use serde_json::Value;

use super::reading::Reading;

/// What the allocator adds to a text or list of its own.
const BLOCK: usize = 16;
/// What a flow's index takes for each entry.
const ENTRY: usize = 96;
/// What finding a change by its name takes: two numbers.
const PLACE: usize = 2 * size_of::<u32>();
/// What a member of an object takes beside its key and value.
const MEMBER: usize = 48;

/// Bytes of memory, about. It is reckoned rather too high than too low.
pub(super) fn weigh(reading: &Reading) -> usize {
    let flows = |flows: &Flows| flows.text().len() + ENTRY * flows.len();
    let changes = reading.diff.changes.iter().map(change);
    let ways = reading.ways.iter().map(ways);
    let steps = reading.steps.iter().map(|step| {
        let names = step.changes.iter().map(|id| text(&id.0));
        size_of_val(step) + names.sum::<usize>()
    });
    flows(&reading.base)
        + flows(&reading.proposal)
        + changes.sum::<usize>()
        + ways.sum::<usize>()
        + steps.sum::<usize>()
        + PLACE * reading.diff.changes.len()
        + 200 * reading.asks.len()
}

fn text(text: &str) -> usize {
    size_of::<String>() + text.len() + BLOCK
}

fn ways(ways: &Ways) -> usize {
    let lists = [
        &ways.inputs,
        &ways.outputs,
        &ways.new_outputs,
        &ways.lost_outputs,
    ];
    let ids = lists.into_iter().flatten().map(|id| text(id));
    size_of_val(ways) + ids.sum::<usize>()
}

fn change(change: &Change) -> usize {
    let own = [&change.id.0, &change.node, &change.node_type, &change.label];
    let properties = change.properties.iter().map(|property| {
        let values = property.before.iter().chain(&property.after).map(value);
        size_of_val(property) + text(&property.key) + values.sum::<usize>()
    });
    let wires = change
        .wires
        .iter()
        .map(|wire| text(&wire.from) + text(&wire.to));
    let said = change.said.iter().map(|said| {
        let sides = said.before.iter().chain(&said.after).map(|side| text(side));
        text(&said.about) + sides.sum::<usize>()
    });
    let findings = change.findings.iter().map(finding);
    let credentials = change.credentials.iter().map(|it| text(&it.field));
    size_of_val(change)
        + own.into_iter().map(|it| text(it)).sum::<usize>()
        + change.tab.as_ref().map_or(0, |tab| text(tab))
        + change.used_by.iter().map(|id| text(id)).sum::<usize>()
        + properties.sum::<usize>()
        + wires.sum::<usize>()
        + said.sum::<usize>()
        + findings.sum::<usize>()
        + credentials.sum::<usize>()
}

fn finding(of: &Finding) -> usize {
    let accepted = of.accepted.as_ref();
    size_of_val(of)
        + text(&of.message)
        + text(&of.rule)
        + of.property.as_ref().map_or(0, |it| text(it))
        + accepted.map_or(0, |it| text(&it.owner) + text(&it.reason))
}

/// As deep as a flows file may nest, which is little.
fn value(of: &Value) -> usize {
    let inner = match of {
        Value::Null | Value::Bool(_) => 0,
        Value::Number(_) => BLOCK,
        Value::String(it) => it.len() + BLOCK,
        Value::Array(items) => BLOCK + items.iter().map(value).sum::<usize>(),
        Value::Object(members) => members
            .iter()
            .map(|(key, it)| MEMBER + text(key) + value(it))
            .sum(),
    };
    size_of::<Value>() + inner
}
