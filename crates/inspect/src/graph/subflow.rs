//! Subflows: which of their outputs messages from their input reach, and which hold themselves.

use std::collections::{HashMap, HashSet};

use super::{Graph, Kind};

/// A subflow's template.
pub(super) struct Template<'f> {
    pub(super) id: &'f str,
    /// Where messages enter.
    pub(super) enters: Vec<u32>,
    /// For each output: where messages leave from, as vertices (known once exits are).
    pub(super) leaves: Vec<Vec<(String, u32)>>,
    pub(super) instances: Vec<u32>,
}

/// Opens the exits of a subflow's instances that messages from its input reach.
pub(super) fn open(graph: &mut Graph<'_>, template: &Template<'_>) {
    let reached = inside(graph, template);
    let mut opened: HashSet<u32> = HashSet::new();
    for (output, leaves) in (0..).zip(&template.leaves) {
        let leaves_from = |(id, port): &(String, u32)| {
            if id == template.id {
                return true;
            }
            let Some(place) = graph.place(id) else {
                return false;
            };
            let from = match graph.exits.get(&place) {
                None => Some(place),
                Some(exits) => exits.of(*port),
            };
            from.is_some_and(|from| reached.contains(&from))
        };
        if leaves.iter().any(leaves_from) {
            opened.insert(output);
        }
    }
    for instance in &template.instances {
        let Some(exits) = graph.exits.get(instance) else {
            continue;
        };
        for (_, exit) in exits.outputs().filter(|(port, _)| opened.contains(port)) {
            if let Some(is_open) = graph.is_open.get_mut(exit as usize) {
                *is_open = true;
            }
        }
    }
}

/// What messages reach inside a subflow: its own wires and links, and passages known to be open.
/// What is wired out of it is not followed: else each subflow of a hostile flow could lead through
/// all of it.
pub(super) fn inside(graph: &Graph<'_>, template: &Template<'_>) -> HashSet<u32> {
    let is_inside = |vertex: u32| match graph.node(vertex) {
        Some(node) => node.tab() == Some(template.id),
        // Exits and hubs are come to from a node inside only.
        None => true,
    };
    let enters = template.enters.iter().copied().filter(|it| is_inside(*it));
    let mut waiting: Vec<u32> = enters.collect();
    let mut reached: HashSet<u32> = waiting.iter().copied().collect();
    while let Some(vertex) = waiting.pop() {
        for (to, kind) in graph.forward.of(vertex) {
            let is_way = match kind {
                Kind::Wire => is_inside(*to),
                Kind::Pass => graph.is_open.get(*to as usize).copied().unwrap_or(false),
                Kind::Down | Kind::Up | Kind::Event | Kind::Context => false,
            };
            if is_way && reached.insert(*to) {
                waiting.push(*to);
            }
        }
    }
    reached
}

/// The templates in an order in which what is inside comes first, and those that hold themselves.
pub(super) fn order<'f>(
    graph: &Graph<'f>,
    templates: &[Template<'f>],
    by_id: &HashMap<&str, usize>,
) -> (Vec<usize>, Vec<&'f str>) {
    // For each template, the templates it stands in, once for each instance.
    let holders: Vec<Vec<usize>> = templates
        .iter()
        .map(|template| {
            let tabs = template
                .instances
                .iter()
                .filter_map(|place| graph.node(*place)?.tab());
            tabs.filter_map(|tab| by_id.get(tab).copied()).collect()
        })
        .collect();
    let mut inside = vec![0_usize; templates.len()];
    for holder in holders.iter().flatten() {
        inside[*holder] += 1;
    }
    let mut order: Vec<usize> = (0..templates.len()).filter(|it| inside[*it] == 0).collect();
    let mut next = 0;
    while let Some(place) = order.get(next).copied() {
        next += 1;
        for holder in &holders[place] {
            inside[*holder] -= 1;
            if inside[*holder] == 0 {
                order.push(*holder);
            }
        }
    }
    let left = templates
        .iter()
        .zip(&inside)
        .filter(|(_, inside)| **inside > 0);
    (order, left.map(|(template, _)| template.id).collect())
}
