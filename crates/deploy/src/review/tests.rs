use std::sync::Arc;

use model::{
    clock::Timestamp,
    flow::change::{Aspect, Subject},
    instance::Policy,
};

use super::{
    reading::{Grounds, Rules},
    *,
};

/// The reading of two flows, in canonical form.
pub(super) fn reading(base: &str, proposal: &str) -> Reading {
    let grounds = Grounds {
        base: base.into(),
        proposal: proposal.into(),
        credentials: CredentialChanges::default(),
        known: CredentialNames::new(),
        rules: Rules {
            policy: Policy::default(),
            palette: Arc::default(),
            risks: Vec::new(),
            now: Timestamp(0),
        },
    };
    Reading::new(grounds).unwrap()
}

fn change(aspect: Aspect, subject: Subject, node: &str, tab: Option<&str>) -> Change {
    Change {
        id: ChangeId(format!("{aspect:?}:{node}")),
        aspect,
        subject,
        node: node.into(),
        node_type: "x".into(),
        label: "x".into(),
        tab: tab.map(Into::into),
        properties: vec![],
        wires: vec![],
        credentials: vec![],
        used_by: vec![],
        recognised: None,
        said: vec![],
        findings: vec![],
    }
}

#[test]
fn the_way_goes_from_structure_to_order_and_every_change_is_on_it_once() {
    let diff = Diff {
        changes: vec![
            change(Aspect::Order, Subject::File, "", None),
            change(Aspect::Wired, Subject::Node, "a", Some("t")),
            change(Aspect::Layout, Subject::Node, "b", Some("t")),
            change(Aspect::Layout, Subject::Node, "c", Some("u")),
            change(Aspect::Added, Subject::Node, "d", Some("t")),
            change(Aspect::Added, Subject::Node, "e", Some("u")),
            change(Aspect::Added, Subject::Node, "f", Some("t")),
            change(Aspect::Added, Subject::Tab, "u", None),
        ],
        ..Diff::default()
    };
    let steps = steps(&diff);
    let kinds: Vec<_> = steps
        .iter()
        .map(|step| (step.kind, step.changes.len()))
        .collect();
    let expected = vec![
        (StepKind::Structure, 1),
        (StepKind::Added, 2),
        (StepKind::Added, 1),
        (StepKind::Wires, 1),
        (StepKind::Layout, 2),
        (StepKind::Order, 1),
    ];
    assert_eq!(kinds, expected);
    assert_eq!(
        steps.iter().map(|step| step.changes.len()).sum::<usize>(),
        diff.changes.len()
    );
    assert!(steps.iter().map(|step| step.number).eq(1..=6));
}

#[test]
fn every_change_is_found_by_its_name_with_its_step_and_ways() {
    let base = r#"[{"id":"t","type":"tab","label":"A"}]"#;
    let nodes = (0..50).map(|n| {
        format!(
            r#",{{"id":"n{n}","type":"debug","z":"t{}","x":1,"y":2,"wires":[]}}"#,
            n % 3
        )
    });
    let tabs = r#"{"id":"t0","type":"tab"},{"id":"t1","type":"tab"},{"id":"t2","type":"tab"}"#;
    let reading = reading(base, &format!("[{tabs}{}]", nodes.collect::<String>()));
    assert_eq!(reading.diff.changes.len(), 54);
    for (at, change) in reading.diff.changes.iter().enumerate() {
        assert_eq!(reading.change(&change.id), Some(change));
        assert_eq!(reading.ways_of(&change.id), reading.ways.get(at));
        let step = reading.step(reading.step_of(&change.id).unwrap()).unwrap();
        assert!(step.changes.contains(&change.id), "{}", change.id);
    }
    assert_eq!(reading.change(&ChangeId("added:x".into())), None);
    assert_eq!(reading.step(0), None);
}
