//! What holds for any two flows.

use std::collections::BTreeSet;

use model::flow::{
    Flows, Limits,
    change::{Aspect, ChangeId},
    compose::compose,
};
use proptest::prelude::*;

use crate::{
    made,
    real::{assert_no_key_lost, compare, ids, read},
};

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn flows(text: &str) -> Flows {
    read(text.as_bytes())
}

/// The same aspect seen from the other side.
pub(crate) fn mirrored(id: &ChangeId, aspect: Aspect, node: &str) -> ChangeId {
    match aspect {
        Aspect::Added => ChangeId::new(Aspect::Removed, node),
        Aspect::Removed => ChangeId::new(Aspect::Added, node),
        _ => id.clone(),
    }
}

#[test]
fn equal_flows_have_no_changes() {
    proptest!(config(), |(text in made::flows())| {
        let flows = flows(&text);
        prop_assert!(compare(&flows, &flows).changes.is_empty());
    });
}

#[test]
fn all_is_the_proposal_and_none_is_the_base() {
    proptest!(config(), |((base, proposal) in made::pair())| {
        let (base, proposal) = (flows(&base), flows(&proposal));
        let diff = compare(&base, &proposal);
        let all = compose(&base, &proposal, &diff, &ids(&diff.changes)).unwrap();
        prop_assert_eq!(all.text(), proposal.text());
        let none = compose(&base, &proposal, &diff, &BTreeSet::new()).unwrap();
        prop_assert_eq!(none.text(), base.text());
    });
}

#[test]
fn any_text_is_read_or_refused() {
    let json = made::flows().prop_flat_map(|text| {
        let end = text.len();
        (Just(text), 0..=end, 0..=end, ".{0,4}")
    });
    proptest!(config(), |((text, one, other, put) in json, bytes in proptest::collection::vec(any::<u8>(), 0..64))| {
        let (from, to) = (one.min(other), one.max(other));
        let damaged = [&text.as_bytes()[..from], put.as_bytes(), &text.as_bytes()[to..]].concat();
        for text in [damaged, bytes] {
            match Flows::submitted(&text, &Limits::default()) {
                Ok(read) => {
                    let again = flows(read.flows.text());
                    prop_assert_eq!(again.text(), read.flows.text());
                }
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    });
}

#[test]
fn every_key_is_told() {
    proptest!(config(), |((base, proposal) in made::pair())| {
        let (base, proposal) = (flows(&base), flows(&proposal));
        assert_no_key_lost("made", &base, &proposal, &compare(&base, &proposal));
    });
}

#[test]
fn the_way_back_is_the_mirror() {
    proptest!(config(), |((base, proposal) in made::pair())| {
        let (base, proposal) = (flows(&base), flows(&proposal));
        let (there, back) = (compare(&base, &proposal), compare(&proposal, &base));
        let seen = |change: &model::flow::change::Change| mirrored(&change.id, change.aspect, &change.node);
        let expected: BTreeSet<ChangeId> = there.changes.iter().map(seen).collect();
        prop_assert_eq!(ids(&back.changes), expected);
        for change in &there.changes {
            let id = mirrored(&change.id, change.aspect, &change.node);
            let twin = back.changes.iter().find(|twin| twin.id == id).unwrap();
            let mut wires: Vec<_> =
                twin.wires.iter().map(|wire| (!wire.added, wire.port, &wire.to)).collect();
            let mut own: Vec<_> = change.wires.iter().map(|wire| (wire.added, wire.port, &wire.to)).collect();
            wires.sort();
            own.sort();
            prop_assert_eq!(wires, own);
        }
    });
}

#[test]
fn any_part_is_whole_or_refused() {
    let seen = std::cell::Cell::new((0, 0));
    proptest!(config(), |((base, proposal) in made::pair(), picks in proptest::collection::vec(any::<bool>(), 64))| {
        let (base, proposal) = (flows(&base), flows(&proposal));
        let diff = compare(&base, &proposal);
        let picked = diff.changes.iter().zip(picks.iter().cycle()).filter(|(_, pick)| **pick);
        let approved = ids(picked.map(|(change, _)| change));
        let once = compose(&base, &proposal, &diff, &approved);
        let (whole, refused) = seen.get();
        match once {
            Ok(result) => {
                seen.set((whole + 1, refused));
                let reread = flows(result.text());
                prop_assert_eq!(reread.text(), result.text());
                // Only what was approved, and all of it.
                let named = ids(&compare(&base, &result).changes);
                prop_assert!(named.is_subset(&approved), "unapproved: {:?} of {:?}", named, approved);
                let left = ids(&compare(&result, &proposal).changes);
                let order = ChangeId::new(Aspect::Order, "");
                let undone: Vec<_> =
                    left.iter().filter(|id| approved.contains(*id) && **id != order).collect();
                prop_assert!(undone.is_empty(), "approved, not done: {:?}", undone);
                assert_whole(&base, &proposal, &result);
            }
            Err(reasons) => {
                seen.set((whole, refused + 1));
                prop_assert!(!reasons.is_empty());
                for reason in reasons {
                    prop_assert!(approved.contains(&reason.change), "{}", reason.change);
                    let needed = reason.needs.as_ref();
                    prop_assert!(needed.is_none_or(|needs| !approved.contains(needs)));
                }
            }
        }
    });
    let (whole, refused) = seen.get();
    assert!(
        whole > 40 && refused > 40,
        "{whole} whole, {refused} refused: too one-sided"
    );
}

/// Read apart from the code under test: a wire, tab or subflow that leads nowhere did so before.
fn assert_whole(base: &Flows, proposal: &Flows, result: &Flows) {
    let dangling = |flows: &Flows| -> BTreeSet<(String, String)> {
        let mut dangling = BTreeSet::new();
        for node in flows.nodes() {
            let properties = node.properties();
            let wires: Vec<Vec<String>> = properties
                .get("wires")
                .map(|wires| serde_json::from_value(wires.clone()).unwrap())
                .unwrap_or_default();
            let mut targets: Vec<String> = wires.concat();
            targets.extend(node.tab().map(str::to_owned));
            targets.extend(node.kind().strip_prefix("subflow:").map(str::to_owned));
            targets.extend(
                properties
                    .get("broker")
                    .and_then(|it| it.as_str())
                    .map(str::to_owned),
            );
            let gone = targets
                .into_iter()
                .filter(|target| flows.get(target).is_none());
            dangling.extend(gone.map(|target| (node.id().to_owned(), target)));
        }
        dangling
    };
    let known: BTreeSet<_> = dangling(base).union(&dangling(proposal)).cloned().collect();
    let new: Vec<_> = dangling(result).difference(&known).cloned().collect();
    assert!(new.is_empty(), "leads nowhere: {new:?}");
}
