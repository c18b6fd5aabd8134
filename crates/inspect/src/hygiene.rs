//! Hygiene: what works today and fails silently tomorrow.

use model::flow::{
    Flows,
    change::{Aspect, Subject},
    diff::Diff,
};
use serde_json::Value;

use crate::{
    Context,
    graph::Graph,
    hit::Hits,
    look::{Look, does_other, list, quote},
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
        hits.add(&MISSING_TYPE, message);
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
    let gone: Vec<String> = gone.map(|wire| quote(&wire.to)).collect();
    if !gone.is_empty() {
        let message = format!(
            "Is wired to {}, which does not exist: what is sent there goes nowhere.",
            list(&gone)
        );
        hits.add(&WIRE_TO_NOTHING, message).at("wires");
    }
}

/// Types whose failures have to be caught.
const FAILS: [&str; 3] = ["exec", "http request", "tcp request"];

/// What is told by the flow round a node.
pub(crate) fn look_at_ways(after: &Graph<'_>, proposal: &Flows, diff: &Diff, hits: &mut [Hits]) {
    let mut endpoints = None;
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
        if change.node_type != "http in" {
            continue;
        }
        let kinds = |place| {
            after
                .node(place)
                .is_some_and(|node| node.kind() == "http response")
        };
        if !after.reaches(place, kinds) {
            hits.add(
                &UNANSWERED,
                "Reaches no node that answers: whoever asks waits until the connection times out.",
            );
        }
        let endpoints = endpoints.get_or_insert_with(|| endpoints_of(after, proposal));
        let own = endpoints
            .iter()
            .find(|(id, _)| *id == change.node)
            .map(|(_, it)| it.clone());
        let others = endpoints
            .iter()
            .filter(|(id, it)| *id != change.node && Some(it) == own.as_ref());
        if let (Some(own), true) = (&own, others.count() > 0) {
            let message = format!(
                "Another node answers {} as well: only one of them is ever asked.",
                quote(own)
            );
            hits.add(&SAME_ENDPOINT, message).at("url");
        }
    }
}

/// Every HTTP endpoint that runs: id, and method with path.
fn endpoints_of(graph: &Graph<'_>, proposal: &Flows) -> Vec<(String, String)> {
    let nodes = proposal.nodes().filter(|node| node.kind() == "http in");
    let live = nodes.filter(|node| {
        graph
            .place(node.id())
            .is_some_and(|place| graph.is_live(place))
    });
    live.map(|node| {
        let all = node.properties();
        let word = |key: &str| {
            all.get(key)
                .and_then(Value::as_str)
                .unwrap_or("")
                .to_owned()
        };
        let method = word("method").to_uppercase();
        (
            node.id().to_owned(),
            format!("{method} /{}", word("url").trim_start_matches('/')),
        )
    })
    .collect()
}
