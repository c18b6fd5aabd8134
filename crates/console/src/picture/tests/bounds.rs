//! However much changes, a picture has an end.

use super::*;

/// `count` nodes twenty a row, each wired to the next `fan`, moved by `by` and wired from `from` on.
fn crowd(count: usize, by: usize, from: usize, fan: usize) -> Flows {
    let node = |n: usize| {
        let targets: Vec<_> = (n + from..n + from + fan)
            .map(|to| format!("n{}", to % count))
            .collect();
        json!({"id": format!("n{n}"), "type": "function", "name": format!("step {n}"), "z": "t",
            "x": 100 + by + n % 20 * 200, "y": 100 + n / 20 * 40, "wires": [targets]})
    };
    let mut all = vec![json!({"id": "t", "type": "tab", "label": "Crowd"})];
    all.extend((0..count).map(node));
    nodes(&all.into())
}

#[test]
fn every_node_moved_and_every_wire_changed_is_still_bounded() {
    let (before, after) = (crowd(3_000, 0, 1, 5), crowd(3_000, 20, 7, 5));
    let diff = compare(&before, &after);
    let focus: Vec<_> = diff.changes.iter().map(|it| it.id.clone()).collect();
    assert!(focus.len() >= 6_000, "{}", focus.len());
    for zoom in [Zoom::Near, Zoom::Whole] {
        for focus in [&[][..], &focus] {
            let drawn = super::super::picture(&View {
                before: Some(&before),
                after: Some(&after),
                tab: "t",
                diff: &diff,
                mode: Mode::Overlay,
                palette: &Palette::default(),
                focus,
                at: None,
                zoom: Some(zoom),
                labels: Labels::Shown,
                href: &|_| Some("/here".to_owned()),
            });
            assert!(drawn.svg.len() < 260_000, "{}", drawn.svg.len());
            let badges = drawn.svg.matches("rk-badge").count();
            assert!(badges < 1_000, "{badges}");
            assert!(drawn.svg.contains("wires are not drawn: look closer"));
            assert!(drawn.svg.contains("3000 moved"), "all are counted");
        }
    }
}

/// A template of megabytes with thousands of instances is read once, not once for each.
#[test]
fn a_subflow_with_many_instances_is_read_once() {
    let mut all = vec![
        json!({"id": "t", "type": "tab", "label": "T"}),
        json!({"id": "s", "type": "subflow", "name": "Big", "in": [], "out": [{"x": 1, "y": 1}],
            "env": vec![json!({"name": "x", "value": "y".repeat(1_000)}); 200]}),
    ];
    all.extend((0..50).map(|n| {
        json!({"id": format!("i{n}"), "type": "subflow:s", "z": "t", "x": 100, "y": n * 40, "wires": [[]]})
    }));
    let flows = nodes(&all.into());
    let mut templates = part::Templates::default();
    let diff = compare(&flows, &flows);
    let view = View {
        before: Some(&flows),
        after: Some(&flows),
        tab: "t",
        diff: &diff,
        mode: Mode::After,
        palette: &Palette::default(),
        focus: &[],
        at: None,
        zoom: None,
        labels: Labels::Shown,
        href: &|_| None,
    };
    for node in flows.nodes().filter(|it| it.kind() == "subflow:s") {
        let spot = spot::Spot::of(node, false);
        let shape = part::shape(&view, &flows, &spot, &mut templates);
        assert_eq!((shape.label.as_str(), shape.outputs), ("Big", 1));
    }
    assert_eq!(templates.read(), 1);
}
