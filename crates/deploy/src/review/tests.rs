use super::*;

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
