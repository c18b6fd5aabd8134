//! Consequence: which inputs reach which outputs through a change, before and after.

mod context;
mod cut;
mod ends;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use model::{
    flow::{
        change::{Aspect, Change, Subject},
        diff::Diff,
    },
    id::Hash,
};
use serde::{Deserialize, Serialize};

use self::ends::{is_alarm, is_input, is_output};
use crate::{
    graph::{Graph, Kind, Walk},
    hit::Hits,
    look::{list, quote},
    rule::{
        consequence::{ALARM_LOST, NEW_WAY, OUTPUT_LOST, WAYS_UNTOLD},
        hidden::SUBFLOW_CYCLE,
    },
};

/// What feeds a node and what it feeds, as ids: after the change, or before it for a removed node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ways {
    /// Inputs from which messages reach it.
    pub inputs: Vec<String>,
    /// Outputs that messages from it reach.
    pub outputs: Vec<String>,
    /// Outputs it did not reach before.
    pub new_outputs: Vec<String>,
    /// Outputs it reached before and does not now.
    pub lost_outputs: Vec<String>,
    /// The flow is too large and too tangled for every change's ways to be told; this one's are not.
    pub is_untold: bool,
}

/// Edges looked at for the ways of all changes together: a flow of 100,000 nodes is walked through
/// ten times.
const STEPS_MAX: usize = 3_000_000;

pub(crate) fn look<'f>(
    before: &Graph<'f>,
    after: &Graph<'f>,
    diff: &Diff,
    hits: &mut [Hits],
    ways: &mut [Ways],
) {
    cycles(after, diff, hits);
    cut::look(before, after, diff, hits);
    lost(before, after, diff, hits);
    context::look(before, after, diff, hits);
    let mut told: BTreeMap<(String, Vec<String>), Vec<usize>> = BTreeMap::new();
    let mut whole = None;
    let mut wired = Walk::new(after);
    let mut walks = [Walk::over_context(before), Walk::over_context(after)];
    for (place, change) in diff.changes.iter().enumerate() {
        if change.subject != Subject::Node
            || matches!(change.aspect, Aspect::Layout | Aspect::Order)
        {
            continue;
        }
        let is_done = walks.iter().map(|walk| walk.steps).sum::<usize>() > STEPS_MAX;
        let found = if is_done {
            None
        } else {
            ways_of([before, after], &mut walks, change)
        };
        let Some(way) = ways.get_mut(place) else {
            continue;
        };
        let Some(found) = found else {
            way.is_untold = true;
            let message = "Was not followed: the flow is too large and too tangled. Which inputs reach which outputs through this change is not known.";
            if let Some(hits) = hits.get_mut(place) {
                // What is not known of this flow is not accepted for another.
                let whole = whole.get_or_insert_with(|| whole_of(after));
                hits.add(&WAYS_UNTOLD, message).about(whole);
            }
            continue;
        };
        *way = found;
        if let Some((message, ids)) = new_way(after, &mut wired, change, way) {
            let ids: Vec<String> = ids.into_iter().cloned().collect();
            told.entry((message, ids)).or_default().push(place);
        }
    }
    for ((message, ids), places) in told {
        // Nodes on one way all say the same of it: it is told where wires make it.
        let makes = |place: &&usize| {
            diff.changes
                .get(**place)
                .is_some_and(|it| it.wires.iter().any(|wire| wire.added))
        };
        let place = places.iter().find(makes).or_else(|| places.first());
        if let Some(hits) = place.and_then(|place| hits.get_mut(*place)) {
            hits.add(&NEW_WAY, message).at("wires").about_all(&ids);
        }
    }
}

/// Stands for all nodes of a flow.
fn whole_of(graph: &Graph<'_>) -> String {
    let nodes = graph.nodes();
    let marks: String = nodes
        .map(|it| Hash::of(it.raw().as_bytes()).to_string())
        .collect();
    Hash::of(marks.as_bytes()).to_string()
}

fn ways_of<'g, 'f>(
    [before, after]: [&'g Graph<'f>; 2],
    [walk_before, walk_after]: &mut [Walk<'g, 'f>; 2],
    change: &Change,
) -> Option<Ways> {
    let steps = STEPS_MAX;
    let outputs = |graph: &Graph<'_>, walk: &mut Walk<'_, '_>| -> Option<BTreeSet<String>> {
        let Some(place) = graph.place(&change.node).filter(|it| graph.is_live(*it)) else {
            return Some(BTreeSet::new());
        };
        let from: Vec<u32> = graph.begins(place).collect();
        walk.forward(&from, steps)
            .then(|| named(graph, walk.reached(), |it| is_output(graph, it)))
    };
    let was = outputs(before, walk_before)?;
    let is = outputs(after, walk_after)?;
    let (graph, walk) = if change.aspect == Aspect::Removed {
        (before, walk_before)
    } else {
        (after, walk_after)
    };
    let mut inputs = BTreeSet::new();
    if let Some(place) = graph.place(&change.node).filter(|it| graph.is_live(*it)) {
        if !walk.backward(&[place], steps) {
            return None;
        }
        inputs = named(graph, walk.reached(), |it| is_input(graph, it));
    }
    let only =
        |one: &BTreeSet<String>, other: &BTreeSet<String>| one.difference(other).cloned().collect();
    Some(Ways {
        new_outputs: if change.aspect == Aspect::Removed {
            Vec::new()
        } else {
            only(&is, &was)
        },
        lost_outputs: if change.aspect == Aspect::Added {
            Vec::new()
        } else {
            only(&was, &is)
        },
        inputs: inputs.into_iter().collect(),
        outputs: if change.aspect == Aspect::Removed {
            was
        } else {
            is
        }
        .into_iter()
        .collect(),
        is_untold: false,
    })
}

fn named(graph: &Graph<'_>, reached: &[u32], fits: impl Fn(u32) -> bool) -> BTreeSet<String> {
    let nodes = reached
        .iter()
        .filter(|it| fits(**it))
        .filter_map(|it| graph.node(*it));
    nodes.map(|node| node.id().to_owned()).collect()
}

/// Outputs that were there before and now depend on more.
fn new_way<'w>(
    after: &Graph<'_>,
    wired: &mut Walk<'_, '_>,
    change: &Change,
    way: &'w Ways,
) -> Option<(String, Vec<&'w String>)> {
    let place = after.place(&change.node)?;
    // Of new nodes only the inputs tell it: the others lie on the same ways.
    if change.aspect == Aspect::Added && !is_input(after, place) {
        return None;
    }
    let others = way.new_outputs.iter().filter(|id| **id != change.node);
    let ids: Vec<&String> = others.collect();
    let names: Vec<String> = ids.iter().filter_map(|id| label(after, id)).collect();
    if names.is_empty() {
        return None;
    }
    let inputs: Vec<String> = way
        .inputs
        .iter()
        .filter_map(|id| label(after, id))
        .collect();
    let from = if inputs.is_empty() {
        "What it sends".to_owned()
    } else {
        format!("What comes from {}", list(&inputs))
    };
    let count = if names.len() == 1 {
        "this output".to_owned()
    } else {
        format!("these {} outputs", names.len())
    };
    let how = match is_wired(after, wired, place, &ids) {
        Some(true) => "now reaches",
        Some(false) => "now bears, over context that is set and read, on",
        None => "now reaches or bears on",
    };
    let message = format!(
        "{from} {how} {}: {count} did not depend on it before.",
        list(&names)
    );
    Some((message, ids))
}

/// Whether messages reach one of `outputs`, or only what is kept in context; none where the steps
/// are spent before it is known.
fn is_wired(
    graph: &Graph<'_>,
    walk: &mut Walk<'_, '_>,
    place: u32,
    outputs: &[&String],
) -> Option<bool> {
    if graph.contexts.is_empty() {
        return Some(true);
    }
    let from: Vec<u32> = graph.begins(place).collect();
    if !walk.forward(&from, STEPS_MAX) {
        return None;
    }
    let reached: HashSet<u32> = walk.reached().iter().copied().collect();
    let mut outputs = outputs.iter().filter_map(|id| graph.place(id));
    Some(outputs.any(|output| reached.contains(&output)))
}

pub(super) fn label(graph: &Graph<'_>, id: &str) -> Option<String> {
    Some(quote(graph.label(graph.place(id)?)?))
}

/// Subflows that hold themselves now.
fn cycles(after: &Graph<'_>, diff: &Diff, hits: &mut [Hits]) {
    if after.cyclic.is_empty() {
        return;
    }
    let cyclic: HashSet<&str> = after.cyclic.iter().copied().collect();
    for (change, hits) in diff.changes.iter().zip(hits) {
        let holds = change
            .node_type
            .strip_prefix("subflow:")
            .is_some_and(|it| cyclic.contains(it))
            && change
                .tab
                .as_deref()
                .is_some_and(|tab| cyclic.contains(tab));
        let is_one = change.subject == Subject::Subflow && cyclic.contains(change.node.as_str());
        if (holds || is_one) && change.aspect != Aspect::Removed {
            hits.add(
                &SUBFLOW_CYCLE,
                "The subflow holds itself, directly or through others: Node-RED cannot start it.",
            );
        }
    }
}

/// Outputs that something reached before and nothing reaches now, told with the change nearest to
/// them on the way they were reached by.
fn lost(before: &Graph<'_>, after: &Graph<'_>, diff: &Diff, hits: &mut [Hits]) {
    let reached = reached_outputs(after);
    let is_lost = |id: &&str| {
        !reached.contains(id) && after.place(id).is_some_and(|place| after.is_live(place))
    };
    let gone: HashSet<&str> = reached_outputs(before)
        .into_iter()
        .filter(is_lost)
        .collect();
    if gone.is_empty() {
        return;
    }
    let causes = nearest_changes(before, after, diff);
    let mut by_change: HashMap<usize, Vec<&str>> = HashMap::new();
    let fallback = diff
        .changes
        .iter()
        .position(|it| it.aspect == Aspect::Wired)
        .unwrap_or(0);
    for id in gone {
        let cause = before
            .place(id)
            .and_then(|place| causes.get(&place).copied());
        by_change
            .entry(cause.unwrap_or(fallback))
            .or_default()
            .push(id);
    }
    for (place, mut ids) in by_change {
        let Some(hits) = hits.get_mut(place) else {
            continue;
        };
        ids.sort_unstable();
        for (is_alarming, rule) in [(true, &ALARM_LOST), (false, &OUTPUT_LOST)] {
            let of_kind = ids.iter().filter(|id| is_alarm(after, id) == is_alarming);
            let of_kind: Vec<&&str> = of_kind.collect();
            let names: Vec<String> = of_kind.iter().filter_map(|id| label(after, id)).collect();
            if names.is_empty() {
                continue;
            }
            let what = if is_alarming {
                "It will not come, and nothing says so"
            } else {
                "What it did until now will not happen"
            };
            hits.add(
                rule,
                format!("Nothing reaches {} any more. {what}.", list(&names)),
            )
            .about_all(&of_kind);
        }
    }
}

/// Outputs that anything which starts messages reaches.
fn reached_outputs<'f>(graph: &Graph<'f>) -> HashSet<&'f str> {
    let nodes = || (0..).map_while(|place| Some((place, graph.node(place)?)));
    let starts: Vec<u32> = nodes()
        .filter(|(place, _)| is_input(graph, *place))
        .flat_map(|(place, _)| graph.begins(place))
        .collect();
    let mut walk = Walk::new(graph);
    walk.forward(&starts, usize::MAX);
    // An output that is reached only because it is itself a beginning is not reached.
    let fed = walk
        .reached()
        .iter()
        .filter(|it| is_output(graph, **it) && graph.is_fed(**it));
    fed.filter_map(|it| Some(graph.node(*it)?.id())).collect()
}

/// For each vertex, the change that lies nearest before it on the ways messages went.
fn nearest_changes(before: &Graph<'_>, after: &Graph<'_>, diff: &Diff) -> HashMap<u32, usize> {
    let mut nearest: HashMap<u32, usize> = HashMap::new();
    let mut waiting = std::collections::VecDeque::new();
    let tabs: HashMap<&str, usize> = diff
        .changes
        .iter()
        .enumerate()
        .filter(|(_, it)| matches!(it.subject, Subject::Tab | Subject::Subflow))
        .map(|(place, it)| (it.node.as_str(), place))
        .collect();
    let mut begin = |vertex: u32, place: usize| {
        for vertex in before.begins(vertex) {
            if nearest.insert(vertex, place).is_none() {
                waiting.push_back(vertex);
            }
        }
    };
    for (place, change) in diff.changes.iter().enumerate() {
        if let (true, Some(vertex)) = (stops_messages(change, after), before.place(&change.node)) {
            begin(vertex, place);
        }
    }
    if !tabs.is_empty() {
        let nodes = (0..).map_while(|place| Some((place, before.node(place)?)));
        for (vertex, node) in nodes {
            if let Some(place) = node.tab().and_then(|tab| tabs.get(tab)) {
                begin(vertex, *place);
            }
        }
    }
    while let Some(vertex) = waiting.pop_front() {
        let Some(place) = nearest.get(&vertex).copied() else {
            continue;
        };
        let ways = before.next(vertex);
        for (to, _) in ways.filter(|(_, kind)| !matches!(kind, Kind::Event | Kind::Context)) {
            nearest.entry(to).or_insert_with(|| {
                waiting.push_back(to);
                place
            });
        }
    }
    nearest
}

/// Whether a change can end a way: the node goes, is off, or is tied to others otherwise.
fn stops_messages(change: &Change, after: &Graph<'_>) -> bool {
    let ties = [
        "links", "linkType", "mode", "scope", "d", "type", "z", "in", "out",
    ];
    match change.aspect {
        Aspect::Removed | Aspect::Wired => true,
        Aspect::Changed => {
            change
                .properties
                .iter()
                .any(|it| ties.contains(&it.key.as_str()))
                || after
                    .place(&change.node)
                    .is_some_and(|place| !after.is_live(place))
        }
        Aspect::Added | Aspect::Layout | Aspect::Order => false,
    }
}

#[cfg(test)]
mod tests {
    use model::flow::{Flows, Limits};

    use super::*;

    #[test]
    fn where_the_steps_are_spent_it_is_not_known_what_reaches() {
        let text = r#"[{"id": "a", "type": "function", "z": "t", "x": 1, "y": 1,
            "func": "flow.set('k', 1);", "wires": [["b"]]},
            {"id": "b", "type": "mqtt out", "z": "t", "x": 1, "y": 1}]"#;
        let flows = Flows::submitted(text.as_bytes(), &Limits::default())
            .unwrap()
            .flows;
        let graph = Graph::new(&flows);
        let (mut walk, output) = (Walk::new(&graph), "b".to_owned());
        let from = graph.place("a").unwrap();
        assert_eq!(is_wired(&graph, &mut walk, from, &[&output]), Some(true));
        walk.steps = STEPS_MAX;
        assert_eq!(is_wired(&graph, &mut walk, from, &[&output]), None);
    }
}
