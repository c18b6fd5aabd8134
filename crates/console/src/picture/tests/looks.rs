//! Nodes look as in the editor (`ui/view.js` of Node-RED 5), measured there.

use super::*;
use model::palette::{Align, NodeType};

/// What is drawn of these on the tab `t`, all of it new.
fn drawn(all: &Value, tab: &str, palette: &Palette) -> String {
    let (before, after) = (nodes(&json!([])), nodes(all));
    let diff = compare(&before, &after);
    let svg = draw(&View {
        before: Some(&before),
        after: Some(&after),
        tab,
        diff: &diff,
        mode: Mode::After,
        palette,
        focus: &[],
        at: None,
        zoom: Some(Zoom::Whole),
        labels: Labels::Shown,
        href: &|_| None,
    });
    assert_well_formed(&svg);
    svg
}

fn one(node: &Value, palette: &Palette) -> String {
    drawn(&json!([{"id": "t", "type": "tab"}, node]), "t", palette)
}

#[test]
fn a_label_of_two_lines_makes_a_taller_node() {
    let node = json!({"id": "n", "type": "comment", "z": "t", "x": 200, "y": 100, "name": r"first \n second"});
    let svg = one(&node, &Palette::default());
    // 6 + 2 × 24 high, around its middle.
    assert!(
        svg.contains(r#"transform="translate(150.0 73.0)""#),
        "{svg}"
    );
    assert!(
        svg.contains(r#"class="rk-body" width="100" height="54""#),
        "{svg}"
    );
    assert!(svg.contains(r#"x="38" y="20">first </text>"#), "{svg}");
    assert!(svg.contains(r#"x="38" y="44">second</text>"#), "{svg}");
}

#[test]
fn a_debug_node_that_is_off_has_its_button_pressed_in() {
    let node = |active: bool| json!({"id": "n", "type": "debug", "z": "t", "x": 200, "y": 100, "name": "d", "active": active});
    let (on, off) = (
        one(&node(true), &Palette::default()),
        one(&node(false), &Palette::default()),
    );
    assert!(
        on.contains(r#"class="rk-button" x="94""#) && !on.contains("rk-off"),
        "{on}"
    );
    assert!(off.contains(r#"class="rk-button" x="86""#) && off.contains("rk-button-face rk-off"));
}

#[test]
fn where_nothing_leaves_to_the_right_the_icon_is_there() {
    let mut palette = Palette::default();
    let known = |inputs, outputs| NodeType {
        inputs,
        outputs,
        align: Align::Left,
        ..NodeType::default()
    };
    palette.types.insert("sink".to_owned(), known(1, 0));
    palette.types.insert("pipe".to_owned(), known(1, 1));
    let node =
        |kind: &str| json!({"id": "n", "type": kind, "z": "t", "x": 200, "y": 100, "name": "x"});
    assert!(one(&node("sink"), &palette).contains(r#"class="rk-label rk-end" x="62""#));
    assert!(one(&node("pipe"), &palette).contains(r#"class="rk-label" x="38""#));
}

#[test]
fn a_subflows_ports_have_numbers_and_names() {
    let all = json!([{"id": "s", "type": "subflow", "name": "Smooth", "outputLabels": ["mean", ""],
        "in": [{"x": 60, "y": 80}], "out": [{"x": 400, "y": 60}, {"x": 400, "y": 140}],
        "status": {"x": 400, "y": 220}}]);
    let svg = drawn(&all, "s", &Palette::default());
    // The name goes to the right; the port itself stays where it is.
    assert!(
        svg.contains(r#"transform="translate(380.0 40.0)"><title>mean (output 1): added"#),
        "{svg}"
    );
    assert!(
        svg.contains(r#"width="100" height="40""#) && svg.contains(r#"x="48" y="25">mean</text>"#)
    );
    assert!(svg.contains("<title>(output 2): added") && svg.contains("<title>(input): added"));
    assert!(
        svg.contains(r#"class="rk-port-number" x="20" y="32">2</text>"#),
        "{svg}"
    );
}

#[test]
fn a_tab_without_a_change_is_not_drawn_faint() {
    let tab = |id: &str, x: i32| json!([{"id": id, "type": "tab"}, {"id": format!("n{id}"), "type": "x", "z": id, "x": x, "y": 9, "wires": []}]);
    let both = |x: i32| {
        let all = [tab("t", 100), tab("u", x)];
        nodes(
            &all.iter()
                .flat_map(|it| it.as_array().unwrap().clone())
                .collect(),
        )
    };
    let (before, after) = (both(100), both(300));
    assert!(!picture(&before, &after, "t", Mode::Overlay, false).contains("rk-has-changes"));
    assert!(picture(&before, &after, "u", Mode::Overlay, false).contains("rk-has-changes"));
}

#[test]
fn the_mark_of_a_wire_does_not_cover_a_node() {
    let flow = |wires: Value| {
        nodes(&json!([{"id": "t", "type": "tab"},
            {"id": "a", "type": "x", "z": "t", "name": "a", "x": 100, "y": 100, "wires": wires},
            {"id": "m", "type": "x", "z": "t", "name": "in the way", "x": 350, "y": 100, "wires": []},
            {"id": "b", "type": "x", "z": "t", "name": "b", "x": 600, "y": 100, "wires": []}]))
    };
    let svg = picture(
        &flow(json!([[]])),
        &flow(json!([["b"]])),
        "t",
        Mode::Overlay,
        false,
    );
    let badge = r#"class="rk-badge rk-added" aria-hidden="true" transform="translate(170.0 100.0)"#;
    assert!(svg.contains(badge), "{svg}");
}

#[test]
fn a_picture_that_leaves_the_house_shows_no_values() {
    let before = nodes(&json!([{"id": "t", "type": "tab", "label": "T"}]));
    let after = nodes(&json!([{"id": "t", "type": "tab", "label": "T"},
        {"id": "a", "type": "exec", "z": "t", "command": "s3cret-a", "x": 100, "y": 100},
        {"id": "b", "type": "http in", "z": "t", "url": "/s3cret-b", "x": 100, "y": 200},
        {"id": "d", "type": "inject", "z": "t", "name": "Start", "payload": "s3cret-d", "x": 100, "y": 400}]));
    let diff = compare(&before, &after);
    let drawn = |labels| {
        draw(&View {
            before: Some(&before),
            after: Some(&after),
            tab: "t",
            diff: &diff,
            mode: Mode::Overlay,
            palette: &Palette::default(),
            focus: &[],
            at: None,
            zoom: Some(Zoom::Whole),
            labels,
            href: &|_| None,
        })
    };
    let shown = drawn(Labels::Shown);
    assert!(
        shown.contains("s3cret-a") && shown.contains("s3cret-b"),
        "{shown}"
    );
    let named = drawn(Labels::Named);
    assert!(!named.contains("s3cret"), "{named}");
    for word in ["exec", "http in", "Start"] {
        assert!(named.contains(word), "{word} is not in {named}");
    }
}
