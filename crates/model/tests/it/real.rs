//! Real flows, oldest to newest: each pair of versions is a deployment someone made.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use model::flow::{
    Flows, Limits,
    change::{Aspect, Change, ChangeId},
    compose::compose,
    credentials::CredentialChanges,
    diff::{CredentialNames, Diff, KEY_ORDER, diff},
    recognised::Recognised,
};

use crate::laws::mirrored;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/flows")
}

fn sorted(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Every real flows file: its name and its bytes.
pub(crate) fn files() -> Vec<(String, Vec<u8>)> {
    histories().into_iter().flatten().collect()
}

fn histories() -> Vec<Vec<(String, Vec<u8>)>> {
    let folders = sorted(&folder()).into_iter().filter(|path| path.is_dir());
    let histories: Vec<Vec<_>> = folders
        .map(|folder| {
            let files = sorted(&folder).into_iter();
            files
                .map(|path| (path.display().to_string(), fs::read(&path).unwrap()))
                .collect()
        })
        .collect();
    assert_eq!(histories.len(), 9, "the real flows are not all there");
    histories
}

pub(crate) fn read(text: &[u8]) -> Flows {
    Flows::submitted(text, &Limits::default()).unwrap().flows
}

/// Base and proposal of every real deployment, the first ones from an empty flow.
fn deployments() -> Vec<(String, Flows, Flows)> {
    let mut pairs = Vec::new();
    for history in histories() {
        let mut before = read(b"[]");
        for (name, text) in history {
            let after = read(&text);
            pairs.push((name, before, after.clone()));
            before = after;
        }
    }
    pairs
}

pub(crate) fn compare(base: &Flows, proposal: &Flows) -> Diff {
    diff(
        base,
        proposal,
        &CredentialChanges::default(),
        &CredentialNames::new(),
    )
}

pub(crate) fn ids<'d>(changes: impl IntoIterator<Item = &'d Change>) -> BTreeSet<ChangeId> {
    changes
        .into_iter()
        .map(|change| change.id.clone())
        .collect()
}

/// Every key that differs is told, and nothing that does not.
pub(crate) fn assert_no_key_lost(name: &str, base: &Flows, proposal: &Flows, diff: &Diff) {
    for change in &diff.changes {
        let before = base.get(&change.node).map(|node| node.properties());
        let after = proposal.get(&change.node).map(|node| node.properties());
        for property in &change.properties {
            if property.key == KEY_ORDER || change.aspect == Aspect::Order {
                continue;
            }
            let side =
                |side: &Option<serde_json::Map<_, _>>| side.as_ref()?.get(&property.key).cloned();
            assert_eq!(
                property.before,
                side(&before),
                "{name}: {} {}",
                change.id,
                property.key
            );
            assert_eq!(
                property.after,
                side(&after),
                "{name}: {} {}",
                change.id,
                property.key
            );
        }
    }
    let told = |node: &str, key: &str| {
        diff.changes
            .iter()
            .filter(|change| change.node == node)
            .any(|change| {
                let in_properties = change.properties.iter().any(|property| property.key == key);
                in_properties || (key == "wires" && change.aspect == Aspect::Wired)
            })
    };
    let nodes: BTreeSet<&str> = base
        .nodes()
        .chain(proposal.nodes())
        .map(|node| node.id())
        .collect();
    for node in nodes {
        let properties = |flows: &Flows| {
            flows
                .get(node)
                .map(|node| node.properties())
                .unwrap_or_default()
        };
        let (before, after) = (properties(base), properties(proposal));
        for key in before.keys().chain(after.keys()) {
            let is_named =
                (key == "id" || key == "type") && (before.is_empty() || after.is_empty());
            let differs =
                before.get(key).map(ToString::to_string) != after.get(key).map(ToString::to_string);
            assert_eq!(
                told(node, key),
                differs && !is_named,
                "{name}: {node} {key}"
            );
        }
    }
}

#[test]
fn every_real_deployment_is_told_in_full_and_comes_together() {
    for (name, base, proposal) in deployments() {
        let diff = compare(&base, &proposal);
        assert_no_key_lost(&name, &base, &proposal, &diff);
        let all = compose(&base, &proposal, &diff, &ids(&diff.changes)).unwrap();
        assert_eq!(all.text(), proposal.text(), "{name}");
        let none = compose(&base, &proposal, &diff, &BTreeSet::new()).unwrap();
        assert_eq!(none.text(), base.text(), "{name}");
        assert_eq!(
            diff.changes.is_empty(),
            base.hash() == proposal.hash(),
            "{name}"
        );
        assert!(!diff.summary().is_empty());
    }
}

#[test]
fn the_way_back_mirrors_every_real_deployment() {
    for (name, base, proposal) in deployments() {
        let (there, back) = (compare(&base, &proposal), compare(&proposal, &base));
        let seen = |change: &Change| mirrored(&change.id, change.aspect, &change.node);
        let expected: BTreeSet<ChangeId> = there.changes.iter().map(seen).collect();
        assert_eq!(ids(&back.changes), expected, "{name}");
        assert!(compare(&proposal, &proposal).changes.is_empty(), "{name}");
    }
}

#[test]
fn real_deployments_hold_what_is_recognised_and_said() {
    let (mut recognised, mut said) = (BTreeSet::new(), 0);
    for (name, base, proposal) in deployments() {
        let diff = compare(&base, &proposal);
        for change in &diff.changes {
            let Some(words) = change.recognised_words() else {
                said += usize::from(!change.said.is_empty());
                continue;
            };
            assert!(!words.is_empty());
            let kind = serde_json::to_value(&change.recognised).unwrap();
            recognised.insert(kind["as"].as_str().unwrap().to_owned());
            // What is said to be the same, with nothing different, is the same.
            if let Some(Recognised::Recreated { other, differs, .. }) = &change.recognised {
                let node = |id: &str| base.get(id).or_else(|| proposal.get(id)).unwrap();
                let (one, two) = (node(&change.node), node(other));
                assert_eq!(one.kind(), two.kind(), "{name}: {}", change.id);
                let keys = one.properties();
                for (key, value) in two.properties() {
                    let is_scalar = value.is_number() || value.is_boolean();
                    let is_told = differs.contains(&key) || keys.get(&key) == Some(&value);
                    assert!(!is_scalar || is_told, "{name}: {} {key}", change.id);
                }
            }
        }
    }
    assert!(said > 50, "{said} changes said in words");
    assert!(
        recognised.contains("renamed") && recognised.contains("recreated"),
        "{recognised:?}"
    );
}

#[test]
fn any_part_of_a_real_deployment_is_whole_or_refused() {
    let (mut whole, mut refused) = (0, 0);
    for (name, base, proposal) in deployments() {
        let diff = compare(&base, &proposal);
        for step in 2..5 {
            let part = diff
                .changes
                .iter()
                .enumerate()
                .filter(|(at, _)| at % step != 0);
            let approved = ids(part.map(|(_, change)| change));
            match compose(&base, &proposal, &diff, &approved) {
                Ok(result) => {
                    whole += 1;
                    assert_eq!(
                        read(result.text().as_bytes()).text(),
                        result.text(),
                        "{name}"
                    );
                    let rest = compare(&base, &result);
                    let named = ids(&rest.changes);
                    assert!(named.is_subset(&approved), "{name}: unapproved {named:?}");
                }
                Err(reasons) => {
                    refused += 1;
                    assert!(
                        reasons
                            .iter()
                            .all(|reason| approved.contains(&reason.change)),
                        "{name}"
                    );
                }
            }
        }
    }
    assert!(
        whole > 20 && refused > 20,
        "{whole} whole, {refused} refused: too one-sided to mean much"
    );
}

#[test]
fn one_real_deployment_reads_as_expected() {
    let sentences: Vec<String> = deployments()
        .iter()
        .map(|(name, base, proposal)| {
            let file = Path::new(name)
                .strip_prefix(folder())
                .unwrap()
                .display()
                .to_string();
            format!("{file}: {}\n", compare(base, proposal).summary())
        })
        .collect();
    assert_eq!(sentences.concat(), include_str!("sentences.txt"));
}
