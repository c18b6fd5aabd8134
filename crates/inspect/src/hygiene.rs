//! Hygiene: what works today and fails silently tomorrow.

use std::collections::{HashMap, HashSet};

use model::flow::{
    Flows, NodeRef,
    change::{Aspect, Subject},
    diff::Diff,
    referred,
};
use serde_json::Value;

use crate::{
    Context,
    graph::Graph,
    hit::Hits,
    look::{Look, does_other, list, quote, strings},
    rule::hygiene::{
        MISSING_TYPE, SAME_ENDPOINT, UNANSWERED, UNCAUGHT, UNUSED_CONFIG, WIRE_TO_NOTHING,
    },
};

/// Config nodes that Node-RED or a dashboard uses without being asked.
const USED_BY_ITSELF: [&str; 6] = [
    "global-config",
    "ui_base",
    "ui-base",
    "ui_spacer",
    "ui-spacer",
    "ui_link",
];

pub(crate) fn look(look: &Look<'_>, context: &Context<'_>, hits: &mut Hits) {
    wires_to_nothing(look, hits);
    let kind = look.kind();
    let is_built_in = matches!(
        kind,
        "tab" | "subflow" | "group" | "junction" | "global-config"
    ) || kind.starts_with("subflow:");
    if let Some(is_installed) = context.is_installed
        && look.is_new()
        && !is_built_in
        && !is_installed(kind)
    {
        let message = format!(
            "The type {} is not installed: Node-RED starts no flow while a type is missing. Install its package first.",
            quote(kind)
        );
        hits.add(&MISSING_TYPE, message).about(kind);
    }
    let change = look.change;
    if change.subject == Subject::Config
        && change.used_by.is_empty()
        && !USED_BY_ITSELF.contains(&kind)
    {
        hits.add(
            &UNUSED_CONFIG,
            "No node uses it; it may still connect, and it keeps its credentials.",
        );
    }
}

pub(crate) fn wires_to_nothing(look: &Look<'_>, hits: &mut Hits) {
    let gone = look
        .change
        .wires
        .iter()
        .filter(|wire| wire.added && look.proposal.get(&wire.to).is_none());
    let ids: Vec<&str> = gone.map(|wire| wire.to.as_str()).collect();
    if !ids.is_empty() {
        let gone: Vec<String> = ids.iter().map(|id| quote(id)).collect();
        let message = format!(
            "Is wired to {}, which does not exist: what is sent there goes nowhere.",
            list(&gone)
        );
        hits.add(&WIRE_TO_NOTHING, message)
            .at("wires")
            .about_all(&ids);
    }
}

/// Types whose failures have to be caught.
const FAILS: [&str; 3] = ["exec", "http request", "tcp request"];

/// Config nodes that stay and lose their last user, told with the change that let go of them.
pub(crate) fn left_unused(proposal: &Flows, diff: &Diff, hits: &mut [Hits]) {
    let mut let_go: HashMap<&str, usize> = HashMap::new();
    for (place, change) in diff.changes.iter().enumerate() {
        if !matches!(change.aspect, Aspect::Removed | Aspect::Changed) {
            continue;
        }
        let named = change
            .properties
            .iter()
            .filter(|it| !matches!(it.key.as_str(), "z" | "g"));
        for before in named.filter_map(|it| it.before.as_ref()) {
            strings(before, &mut |id| {
                let node = proposal
                    .get(id)
                    .filter(|node| Subject::of(*node) == Subject::Config);
                if let Some(node) = node.filter(|it| !USED_BY_ITSELF.contains(&it.kind())) {
                    let_go.entry(node.id()).or_insert(place);
                }
            });
        }
    }
    // Those that change themselves are told there.
    for change in diff
        .changes
        .iter()
        .filter(|it| it.subject == Subject::Config)
    {
        let_go.remove(change.node.as_str());
    }
    let used = referred(proposal, let_go.keys().copied());
    let mut left: Vec<(usize, &str)> = let_go
        .into_iter()
        .filter(|(id, _)| !used.contains(id))
        .map(|(id, place)| (place, id))
        .collect();
    left.sort_unstable();
    for (place, id) in left {
        let (Some(node), Some(hits)) = (proposal.get(id), hits.get_mut(place)) else {
            continue;
        };
        let message = format!(
            "Was the last to use {} ({}): it stays, may still connect, and keeps its credentials.",
            quote(&node.label()),
            quote(node.kind())
        );
        hits.add(&UNUSED_CONFIG, message).about(id);
    }
}

/// What is told by the flow round a node.
pub(crate) fn look_at_ways(after: &Graph<'_>, proposal: &Flows, diff: &Diff, hits: &mut [Hits]) {
    let mut served = None;
    for (change, hits) in diff.changes.iter().zip(hits) {
        if !matches!(change.aspect, Aspect::Added | Aspect::Changed) || !does_other(change) {
            continue;
        }
        let Some(place) = after
            .place(&change.node)
            .filter(|place| after.is_live(*place))
        else {
            continue;
        };
        if FAILS.contains(&change.node_type.as_str()) && !after.is_caught(place) {
            hits.add(&UNCAUGHT, "No catch node hears its errors: when it fails, nothing happens, and only the log knows.");
        }
        if change.node_type == "http in" {
            served
                .get_or_insert_with(|| Served::new(after, proposal))
                .look(place, &change.node, hits);
        }
    }
}

/// What answers over HTTP, looked for once for all changes.
struct Served<'f> {
    /// Method and path by id, of what runs.
    endpoints: HashMap<&'f str, String>,
    /// How many have the same.
    counts: HashMap<String, usize>,
    /// From where a node that answers is reached.
    answered: HashSet<u32>,
}

impl<'f> Served<'f> {
    fn new(graph: &Graph<'_>, proposal: &'f Flows) -> Self {
        let live = |kind: &'static str| {
            let nodes = proposal.nodes().filter(move |node| node.kind() == kind);
            nodes.filter_map(|node| {
                let place = graph.place(node.id())?;
                graph.is_live(place).then_some((place, node))
            })
        };
        let mut counts = HashMap::new();
        let mut endpoints = HashMap::new();
        for (_, node) in live("http in") {
            let endpoint = endpoint(node);
            *counts.entry(endpoint.clone()).or_default() += 1;
            endpoints.insert(node.id(), endpoint);
        }
        let answers: Vec<u32> = live("http response").map(|(place, _)| place).collect();
        Self {
            endpoints,
            counts,
            answered: graph.leading_to(&answers),
        }
    }

    fn look(&self, place: u32, id: &str, hits: &mut Hits) {
        if !self.answered.contains(&place) {
            hits.add(
                &UNANSWERED,
                "Reaches no node that answers: whoever asks waits until the connection times out.",
            );
        }
        let own = self.endpoints.get(id);
        let is_shared = |own: &&String| self.counts.get(*own).is_some_and(|count| *count > 1);
        if let Some(own) = own.filter(is_shared) {
            let message = format!(
                "Another node answers {} as well: only one of them is ever asked.",
                quote(own)
            );
            hits.add(&SAME_ENDPOINT, message).at("url").about(own);
        }
    }
}

/// Method and path.
fn endpoint(node: NodeRef<'_>) -> String {
    let all = node.properties();
    let word = |key: &str| all.get(key).and_then(Value::as_str).unwrap_or("");
    let method = word("method").to_uppercase();
    format!("{method} /{}", word("url").trim_start_matches('/'))
}
