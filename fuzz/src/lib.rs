//! Laws of what strangers send, as functions of bytes. Whatever the bytes: a result or a typed error, and where
//! there is a result, the law holds. Each panics where it does not.
#![forbid(unsafe_code)]

mod door;
mod proxies;
mod shown;

pub use door::{comms, framing, head, is_comms, is_mixed, is_plain_head, is_target, target};
pub use proxies::{is_proxied, proxies};
pub use shown::{export, inspect, is_statement, readable};

use std::collections::BTreeSet;

use model::flow::{
    Flows, Limits, Submitted,
    change::{Aspect, ChangeId},
    compose,
    credentials::{CredentialChange, CredentialChanges, CredentialNames},
    diff::{self, Diff},
};

/// Small limits: what is beyond them is refused, and refusing is cheap.
fn limits() -> Limits {
    Limits {
        bytes_max: 1 << 20,
        nodes_max: 2_000,
        depth_max: 60,
    }
}

fn read(data: &[u8]) -> Option<Submitted> {
    Flows::submitted(data, &limits()).ok()
}

fn compare(base: &Flows, proposal: &Flows) -> Diff {
    diff::diff(
        base,
        proposal,
        &CredentialChanges::default(),
        &CredentialNames::new(),
    )
}

fn ids(diff: &Diff) -> BTreeSet<ChangeId> {
    diff.changes
        .iter()
        .map(|change| change.id.clone())
        .collect()
}

/// The parts of an input, parted by lines `--`.
fn parts(data: &[u8]) -> Vec<&[u8]> {
    const LINE: &[u8] = b"\n--\n";
    let mut parts = Vec::new();
    let mut rest = data;
    while let Some(at) = rest.windows(LINE.len()).position(|window| window == LINE) {
        let (part, behind) = rest.split_at(at);
        parts.push(part);
        rest = behind.get(LINE.len()..).unwrap_or_default();
    }
    parts.push(rest);
    parts
}

/// Two flows and what is behind them.
fn pair(data: &[u8]) -> Option<(Flows, Flows, &[u8])> {
    let parts = parts(data);
    let base = read(parts.first()?)?.flows;
    let proposal = read(parts.get(1)?)?.flows;
    Some((base, proposal, parts.get(2).copied().unwrap_or_default()))
}

/// Whether an input holds two flows that differ, so that the targets of pairs reach their laws.
pub fn has_changes(data: &[u8]) -> bool {
    pair(data).is_some_and(|(base, proposal, _)| base.text() != proposal.text())
}

/// Canonical text is a fixed point, the store reads it back, and text that is canonical already is
/// read as the writer would write it.
pub fn parse(data: &[u8]) {
    let taken = read(data);
    // White space in front keeps text from being taken as canonical.
    let written = read(&[b" ", data].concat());
    let text = |read: &Option<Submitted>| read.as_ref().map(|read| read.flows.text().clone());
    assert_eq!(
        text(&taken),
        text(&written),
        "taken as it is and written anew differ"
    );
    let Some(submitted) = taken else { return };
    let flows = submitted.flows;
    let again = read(flows.text().as_bytes()).expect("canonical text is read");
    assert_eq!(
        again.flows.text(),
        flows.text(),
        "canonical text is no fixed point"
    );
    let stored = Flows::from_canonical(flows.text().clone()).expect("the store reads it back");
    let entries = |flows: &Flows| -> Vec<(String, String, Option<String>, bool)> {
        let nodes = flows.nodes();
        nodes
            .map(|node| {
                let tab = node.tab().map(str::to_owned);
                (
                    node.id().to_owned(),
                    node.kind().to_owned(),
                    tab,
                    node.is_placed(),
                )
            })
            .collect()
    };
    assert_eq!(entries(&stored), entries(&flows));
    let values: serde_json::Value = serde_json::from_str(flows.text()).expect("it is JSON");
    assert_eq!(values.as_array().map(Vec::len), Some(flows.len()));
}

/// Every key that differs is told; the same flows have no changes; the way back is the mirror.
pub fn diff(data: &[u8]) {
    let Some((base, proposal, _)) = pair(data) else {
        return;
    };
    assert!(compare(&base, &base).changes.is_empty());
    let there = compare(&base, &proposal);
    assert_eq!(there.changes.is_empty(), base.text() == proposal.text());
    for node in proposal.nodes() {
        let before = base
            .get(node.id())
            .map(|node| node.properties())
            .unwrap_or_default();
        let is_new = before.is_empty();
        for (key, value) in &node.properties() {
            let differs = before.get(key).map(ToString::to_string) != Some(value.to_string());
            if differs && !(is_new && matches!(key.as_str(), "id" | "type")) {
                assert!(
                    tells(&there, node.id(), key),
                    "{} {key} is not told",
                    node.id()
                );
            }
        }
    }
    let mirrored: BTreeSet<ChangeId> = there
        .changes
        .iter()
        .map(|change| match change.aspect {
            Aspect::Added => ChangeId::new(Aspect::Removed, &change.node),
            Aspect::Removed => ChangeId::new(Aspect::Added, &change.node),
            _ => change.id.clone(),
        })
        .collect();
    assert_eq!(
        ids(&compare(&proposal, &base)),
        mirrored,
        "the way back is no mirror"
    );
    let kept = serde_json::to_string(&there).expect("it is written");
    assert_eq!(
        serde_json::from_str::<Diff>(&kept).expect("and read"),
        there
    );
}

fn tells(diff: &Diff, node: &str, key: &str) -> bool {
    let mut of_node = diff.changes.iter().filter(|change| change.node == node);
    of_node.any(|change| {
        let in_properties = change.properties.iter().any(|property| property.key == key);
        in_properties || (key == "wires" && change.aspect == Aspect::Wired)
    })
}

/// All approved is the proposal, none is the base, and any part is whole or refused with a reason.
pub fn compose(data: &[u8]) {
    let Some((base, proposal, picks)) = pair(data) else {
        return;
    };
    let diff = compare(&base, &proposal);
    let all = compose::compose(&base, &proposal, &diff, &ids(&diff)).expect("all of it is whole");
    assert_eq!(all.text(), proposal.text());
    let none = compose::compose(&base, &proposal, &diff, &BTreeSet::new()).expect("none is whole");
    assert_eq!(none.text(), base.text());
    let is_picked = |at: usize| {
        picks
            .get(at % picks.len().max(1))
            .is_some_and(|pick| pick & 1 == 1)
    };
    let picked = diff
        .changes
        .iter()
        .enumerate()
        .filter(|(at, _)| is_picked(*at));
    let approved: BTreeSet<ChangeId> = picked.map(|(_, change)| change.id.clone()).collect();
    match compose::compose(&base, &proposal, &diff, &approved) {
        Ok(part) => {
            let again = read(part.text().as_bytes()).expect("a part is a flow");
            assert_eq!(again.flows.text(), part.text());
            let done = ids(&compare(&base, &part));
            assert!(done.is_subset(&approved), "not approved, but done");
        }
        Err(reasons) => {
            assert!(!reasons.is_empty());
            assert!(
                reasons
                    .iter()
                    .all(|reason| approved.contains(&reason.change))
            );
        }
    }
}

/// No credential stays in the flows, in what differs, or in anything that prints.
pub fn credentials(data: &[u8]) {
    let Some(submitted) = read(data) else { return };
    for node in submitted.flows.nodes() {
        assert!(
            !node.properties().contains_key("credentials"),
            "{}",
            node.id()
        );
    }
    let names: CredentialNames = submitted
        .credentials
        .0
        .iter()
        .flat_map(|(node, fields)| fields.keys().map(|field| (node.clone(), field.clone())))
        .collect();
    let changes = submitted.credential_changes(&names);
    let empty = read(b"[]").expect("an empty flow").flows;
    let diff = diff::diff(&empty, &submitted.flows, &changes, &names);
    let shown = format!(
        "{submitted:?} {}",
        serde_json::to_string(&diff).expect("it is written")
    );
    let text = submitted.flows.text();
    let names = format!("{names:?}");
    for fields in submitted.credentials.0.values() {
        for change in fields.values() {
            let CredentialChange::Set(serde_json::Value::String(secret)) = change else {
                continue;
            };
            // A short one, or one that stands elsewhere too, is found by chance.
            if secret.len() >= 8
                && !text.contains(secret.as_str())
                && !names.contains(secret.as_str())
            {
                assert!(!shown.contains(secret.as_str()), "a credential is shown");
            }
        }
    }
}
