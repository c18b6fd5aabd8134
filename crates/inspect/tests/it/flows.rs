//! Flows for tests: written briefly, filled in.

use inspect::{Context, Inspection, inspect, rule::Example};
use model::{
    flow::{
        Flows, Limits, Submitted,
        diff::{CredentialNames, Diff, diff},
        finding::Finding,
    },
    instance::Policy,
};
use serde_json::Value;

/// Nodes as they are written in examples: an object or a list of them; ids and places filled in,
/// and `⟨3 × a⟩` written out.
pub(crate) fn nodes(text: &str) -> String {
    let text = written_out(text);
    let value: Value = if text.is_empty() {
        Value::Array(vec![])
    } else {
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    };
    let mut nodes = match value {
        Value::Array(nodes) => nodes,
        one => vec![one],
    };
    for (place, node) in nodes.iter_mut().enumerate() {
        let node = node.as_object_mut().unwrap();
        let id = if place == 0 {
            "n".to_owned()
        } else {
            format!("n{place}")
        };
        node.entry("id").or_insert(id.into());
        let kind = node["type"].as_str().unwrap_or("").to_owned();
        let is_config = matches!(kind.as_str(), "tab" | "subflow")
            || ["-config", "-broker", "-listener", "-client", "Endpoint"]
                .iter()
                .any(|it| kind.ends_with(it));
        if !is_config {
            node.entry("x").or_insert(1.into());
            node.entry("y").or_insert(1.into());
        }
    }
    Value::Array(nodes).to_string()
}

fn written_out(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('⟨') {
        let (times, after) = after.split_once(" × ").unwrap();
        let (what, after) = after.split_once('⟩').unwrap();
        out.push_str(before);
        out.push_str(&what.repeat(times.parse().unwrap()));
        rest = after;
    }
    out + rest
}

pub(crate) fn read(text: &str) -> Submitted {
    Flows::submitted(text.as_bytes(), &Limits::default())
        .unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// What is found in a change, with a policy that opens `/open` and all types installed but one.
pub(crate) fn look(before: &str, after: &str) -> (Diff, Inspection) {
    let (base, proposal) = (read(before), read(after));
    let diff = diff(
        &base.flows,
        &proposal.flows,
        &proposal.credentials,
        &CredentialNames::new(),
    );
    let policy = Policy {
        public_paths: vec!["/open".to_owned()],
        ..Policy::default()
    };
    let context = Context {
        policy: Some(&policy),
        is_installed: Some(&|kind| kind != "not-installed"),
    };
    let found = inspect(&base.flows, &proposal.flows, &diff, &context);
    (diff, found)
}

/// The findings of an example.
pub(crate) fn findings(example: Example) -> Vec<Finding> {
    let (_, found) = look(&nodes(example.before), &nodes(example.after));
    found.findings.into_iter().flatten().collect()
}
