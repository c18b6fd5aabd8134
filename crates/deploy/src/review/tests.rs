use std::sync::Arc;

use model::{
    clock::Timestamp,
    flow::{
        change::{Aspect, Subject},
        finding::{Accepted, Finding, Severity},
    },
    instance::Policy,
    principal::Actor,
    risk::{Matter, Risk},
};

use super::{
    reading::{Grounds, Rules},
    weight::weigh,
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

fn risk(id: i64, reason: &str) -> Risk {
    Risk {
        id,
        instance: "main".parse().unwrap(),
        mark: Hash::of(b"mark"),
        matter: Matter {
            rule: "exec-command".into(),
            message: "runs a command".into(),
            node: "x".into(),
            label: "x".into(),
        },
        owner: "Plant manager".into(),
        reason: reason.into(),
        by: Actor::System,
        lifts_demands: false,
        at: Timestamp(0),
        until: Timestamp(1),
        withdrawn_at: None,
    }
}

#[test]
fn in_a_readings_name_a_risk_stands_by_its_number() {
    let named = |risks| {
        let rules = Rules {
            policy: Policy::default(),
            palette: Arc::default(),
            risks,
            now: Timestamp(0),
        };
        key(&"main".parse().unwrap(), Hash::of(b"shown"), &rules).unwrap()
    };
    let one = named(vec![risk(1, "needed")]);
    assert_eq!(one, named(vec![risk(1, &"long ".repeat(1_000))]));
    assert_ne!(one, named(vec![risk(2, "needed")]));
    assert_ne!(one, named(vec![risk(1, "needed"), risk(2, "needed")]));
    assert_ne!(one, named(Vec::new()));
}

#[test]
fn what_a_reading_holds_is_weighed() {
    const LONG: usize = 10_000;
    let long = "x".repeat(LONG);
    let weighed = |change: Change| {
        let mut reading = reading("[]", "[]");
        reading.diff.changes = vec![change];
        weigh(&reading)
    };
    let plain = || {
        let mut change = change(Aspect::Changed, Subject::Node, "a", Some("t"));
        change.findings.push(Finding {
            rule: "exec-command".into(),
            severity: Severity::Danger,
            message: "runs a command".into(),
            property: Some("command".into()),
            line: None,
            mark: Hash::of(b"mark"),
            accepted: Some(Accepted {
                risk: 1,
                owner: "Plant manager".into(),
                reason: "needed".into(),
                until: Timestamp(1),
                lifts_demands: false,
            }),
        });
        change
    };
    let light = weighed(plain());
    let longer: [fn(&mut Change, String); 4] = [
        |change, it| change.tab = Some(it),
        |change, it| change.findings[0].property = Some(it),
        |change, it| change.findings[0].accepted.as_mut().unwrap().owner = it,
        |change, it| change.findings[0].accepted.as_mut().unwrap().reason = it,
    ];
    for (at, lengthen) in longer.into_iter().enumerate() {
        let mut change = plain();
        lengthen(&mut change, long.clone());
        assert!(weighed(change) > light + LONG / 2, "text {at}");
    }
    let empty = weigh(&reading("[]", "[]"));
    let bare = change(Aspect::Changed, Subject::Node, "", None);
    let texts = size_of::<Change>() + 4 * (size_of::<String>() + 16);
    let letters = bare.id.0.len() + bare.node_type.len() + bare.label.len();
    assert_eq!(weighed(bare), empty + texts + letters + 8, "and its places");
}
