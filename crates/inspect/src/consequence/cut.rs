//! Outputs of nodes that lose all they were wired to, told with the node that goes.

use std::collections::{HashMap, HashSet};

use model::flow::{change::Aspect, diff::Diff};

use super::label;
use crate::{graph::Graph, hit::Hits, look::list, rule::consequence::WIRES_CUT};

/// Nodes that go while others, which stay, were wired to them and now send nowhere.
pub(super) fn look(before: &Graph<'_>, after: &Graph<'_>, diff: &Diff, hits: &mut [Hits]) {
    // A debug node that goes takes nothing with it.
    let removed = diff
        .changes
        .iter()
        .enumerate()
        .filter(|(_, it)| it.aspect == Aspect::Removed && it.node_type != "debug");
    let gone: HashMap<&str, usize> = removed
        .map(|(place, it)| (it.node.as_str(), place))
        .collect();
    if gone.is_empty() {
        return;
    }
    let goes_on = |id: &str, port: usize| {
        let node = after.place(id).and_then(|place| after.node(place));
        let mut wires = node.into_iter().flat_map(|node| node.wires());
        wires.any(|(other, to)| other == port && after.place(&to).is_some())
    };
    let mut cut: HashMap<usize, Vec<&str>> = HashMap::new();
    for node in before.nodes() {
        // A link out has no outputs: what it leads to are its links.
        let wires = node.wires().filter_map(|(port, to)| {
            let place = *gone.get(&*to)?;
            (!goes_on(node.id(), port)).then_some(place)
        });
        let ends: HashSet<usize> = wires.collect();
        if after.place(node.id()).is_some() {
            for place in ends {
                cut.entry(place).or_default().push(node.id());
            }
        }
    }
    for (id, place) in gone {
        let feeders = before
            .place(id)
            .into_iter()
            .flat_map(|it| before.feeders(it));
        let links = feeders
            .filter_map(|from| before.node(from))
            .filter(|it| it.kind().starts_with("link "));
        let links = links
            .map(|it| it.id())
            .filter(|it| after.place(it).is_some());
        let mut ids = cut.remove(&place).unwrap_or_default();
        ids.extend(links.filter(|it| !after.leads_on(it)));
        let names: Vec<String> = ids.iter().filter_map(|id| label(after, id)).collect();
        if let (false, Some(hits)) = (names.is_empty(), hits.get_mut(place)) {
            let message = format!("What {} sent to it goes nowhere.", list(&names));
            hits.add(&WIRES_CUT, message).about_all(&ids);
        }
    }
}
