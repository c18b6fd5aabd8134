use std::{fs, path::Path};

use model::flow::{
    Limits,
    credentials::{CredentialChanges, CredentialNames},
    diff::diff,
};
use serde_json::{Value, json};

use super::{mark::Mark, *};

mod bounds;
mod icons;
mod looks;
mod raster;

fn flows(text: &[u8]) -> Flows {
    Flows::submitted(text, &Limits::default()).unwrap().flows
}

fn nodes(nodes: &Value) -> Flows {
    flows(nodes.to_string().as_bytes())
}

fn compare(before: &Flows, after: &Flows) -> Diff {
    diff(
        before,
        after,
        &CredentialChanges::default(),
        &CredentialNames::new(),
    )
}

fn picture(before: &Flows, after: &Flows, tab: &str, mode: Mode, linked: bool) -> String {
    let diff = compare(before, after);
    let focus: Vec<_> = diff
        .changes
        .iter()
        .map(|it| it.id.clone())
        .take(1)
        .collect();
    let href = |id: &ChangeId| linked.then(|| format!("/step?a=1&id={id}"));
    let view = View {
        before: Some(before),
        after: Some(after),
        tab,
        diff: &diff,
        mode,
        palette: &Palette::default(),
        focus: &focus,
        at: None,
        zoom: Some(Zoom::Whole),
        labels: Labels::Shown,
        href: &href,
    };
    let svg = draw(&view);
    assert_well_formed(&svg);
    svg
}

/// Tags nest, attributes are quoted, and nothing is in it that the page's policy forbids.
fn assert_well_formed(svg: &str) {
    let mut open = Vec::new();
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        assert_text(&rest[..start]);
        let end = start + rest[start..].find('>').expect("a tag ends");
        let tag = &rest[start + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{tag}");
            continue;
        }
        let (name, attributes) = tag
            .trim_end_matches('/')
            .split_once(' ')
            .unwrap_or((tag, ""));
        let allowed = [
            "svg", "title", "desc", "defs", "pattern", "path", "rect", "circle", "g", "text", "a",
            "use", "clipPath",
        ];
        assert!(
            allowed.contains(&name),
            "{name} is no element of the picture"
        );
        assert_attributes(attributes);
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert_text(rest);
    assert!(open.is_empty(), "{open:?}");
}

fn assert_text(text: &str) {
    assert!(!text.contains(|c: char| c.is_control()), "{text:?}");
    for (at, _) in text.match_indices('&') {
        let known = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;"];
        assert!(
            known.iter().any(|entity| text[at..].starts_with(entity)),
            "{text}"
        );
    }
}

fn assert_attributes(attributes: &str) {
    let mut rest = attributes.trim();
    while !rest.is_empty() {
        let (name, after) = rest
            .split_once("=\"")
            .expect("an attribute has a quoted value");
        let (value, after) = after.split_once('"').expect("a quote ends");
        assert!(
            name.chars().all(|c| c.is_ascii_alphabetic() || c == '-'),
            "{name}"
        );
        assert!(!name.starts_with("on") && name != "style", "{name}");
        assert!(
            !value.contains("url(") || value == "url(#rk-grid)" || value == "url(#rk-field)",
            "{value}"
        );
        assert_text(value);
        rest = after.trim();
    }
}

fn small() -> (Flows, Flows) {
    let node = |id: &str, kind: &str, x: i32, wires: Value| json!({"id": id, "type": kind, "z": "t", "name": "", "x": x, "y": 100, "wires": wires});
    let tab = json!({"id": "t", "type": "tab", "label": "Boiler"});
    let before = json!([
        tab,
        node("in", "inject", 120, json!([["f"]])),
        node("f", "function", 300, json!([["old"]])),
        node("old", "mqtt out", 500, json!([])),
    ]);
    let mut function = node("f", "function", 300, json!([["new"]]));
    function["func"] = "return null;".into();
    let mut after = vec![tab, node("in", "inject", 140, json!([["f"]])), function];
    after.push(node("new", "debug", 500, json!([])));
    (nodes(&before), nodes(&after.into()))
}

#[test]
fn a_small_flow_is_drawn_as_ever() {
    let (before, after) = small();
    let svg = picture(&before, &after, "t", Mode::Overlay, false).replace("><", ">\n<");
    assert_eq!(svg.trim(), include_str!("small.svg").trim());
}

#[test]
fn each_mode_shows_its_version() {
    let (before, after) = small();
    let draw = |mode| picture(&before, &after, "t", mode, false);
    let (old, new, both) = (draw(Mode::Before), draw(Mode::After), draw(Mode::Overlay));
    for (svg, gone, come) in [
        (&old, true, false),
        (&new, false, true),
        (&both, true, true),
    ] {
        assert_eq!(svg.contains("mqtt (mqtt out): removed"), gone);
        assert_eq!(svg.contains("msg.payload (debug): added"), come);
        assert_eq!(svg.contains("wire removed: function → mqtt"), gone);
        assert_eq!(svg.contains("wire added: function → msg.payload"), come);
        assert!(svg.contains("function (function): changed, rewired"));
        assert!(svg.contains("timestamp (inject): moved"));
    }
    assert!(both.contains("rk-ghost") && !new.contains("rk-ghost"));
    assert!(
        both.contains("3 wires, 1 added, 1 removed, 1 changed, 1 rewired, 1 moved"),
        "{both}"
    );
}

#[test]
fn a_node_that_goes_to_another_tab_leaves_this_one() {
    let on = |tab: &str| {
        json!([{"id": "t", "type": "tab"}, {"id": "u", "type": "tab"},
            {"id": "n", "type": "x", "z": tab, "x": 100, "y": 100, "wires": []}])
    };
    let (before, after) = (nodes(&on("t")), nodes(&on("u")));
    assert!(picture(&before, &after, "t", Mode::Overlay, false).contains("x (x): leaves this tab"));
    assert!(picture(&before, &after, "u", Mode::Overlay, false).contains("x (x): changed"));
}

#[test]
fn every_mark_has_a_word_a_sign_and_a_class() {
    let marks = [
        Mark::Added,
        Mark::Removed,
        Mark::Changed,
        Mark::Wired,
        Mark::Moved,
    ];
    let mut seen = std::collections::HashSet::new();
    for mark in marks {
        assert!(seen.insert(mark.word()) && seen.insert(mark.sign()));
        assert!(
            STYLE.contains(&format!(".{} ", mark.class())),
            "{}",
            mark.class()
        );
    }
}

#[test]
fn links_lead_to_the_step() {
    let (before, after) = small();
    let linked = picture(&before, &after, "t", Mode::Overlay, true);
    assert!(linked.contains(r#"<a class="rk-link" href="/step?a=1&amp;id=changed:f">"#));
    assert!(linked.contains(r#" id="node-f""#) && linked.contains("rk-focus"));
    assert!(
        linked.contains(r#"role="group""#),
        "an image has no links a screen reader can follow"
    );
    assert!(picture(&before, &after, "t", Mode::Overlay, false).contains(r#"role="img""#));
}

#[test]
fn a_hostile_flow_cannot_leave_the_picture() {
    let bad = "\"><script>alert(1)</script>&\u{0}\u{1b}\u{202e}]]>";
    // Ids and types with control characters are refused when they are read.
    let plain = bad.replace(['\0', '\u{1b}'], "");
    let flow = nodes(&json!([
        {"id": "t", "type": "tab", "label": bad},
        {"id": "a\" onload=\"x", "type": format!("subflow:{plain}"), "z": "t", "x": 1e300, "y": -1e300,
            "name": bad, "wires": [["g"], "x", [1, null], {}]},
        {"id": "g", "type": "group", "z": "t", "x": "1", "y": null, "w": 1e308, "h": -5, "name": bad,
            "style": {"fill": "url(https://evil.example)", "stroke": "#fff\" onload=\"x", "color": bad}},
        {"id": "s", "type": "subflow", "name": bad, "color": "javascript:x",
            "in": [{"x": 1e99, "wires": [{"id": "b"}]}, 5], "out": "x", "status": {"wires": 1}},
        {"id": "b", "type": plain, "z": "s", "x": 1, "y": 1,
            "l": "x", "d": 1, "wires": 7},
        {"id": "c", "type": "subflow:s", "z": "s", "x": 1, "y": 1, "label": "x".repeat(100_000)},
    ]));
    let empty = nodes(&json!([]));
    for tab in ["t", "s", "nowhere", bad] {
        for mode in [Mode::Before, Mode::After, Mode::Overlay] {
            for (before, after) in [(&empty, &flow), (&flow, &empty), (&flow, &flow)] {
                let svg = picture(before, after, tab, mode, true);
                assert!(svg.len() < 20_000, "{}", svg.len());
            }
        }
    }
}

/// A tab of this many nodes, twenty a row, of which one changes.
fn many(count: usize, changes: usize, value: i32) -> Flows {
    let node = |n: usize| {
        let p = if n == changes { value } else { 0 };
        json!({"id": format!("n{n}"), "type": "function", "name": format!("step {n}"), "z": "t",
            "x": 100 + n % 20 * 200, "y": 100 + n / 20 * 40, "p": p,
            "wires": [[format!("n{}", n + 1)]]})
    };
    let mut all = vec![json!({"id": "t", "type": "tab", "label": "Large"})];
    all.extend((0..count).map(node));
    nodes(&all.into())
}

fn framed<T>(count: usize, zoom: Option<Zoom>, draw: impl FnOnce(&View<'_>) -> T) -> T {
    let (before, after) = (many(count, count - 9, 1), many(count, count - 9, 2));
    let diff = compare(&before, &after);
    draw(&View {
        before: Some(&before),
        after: Some(&after),
        tab: "t",
        diff: &diff,
        mode: Mode::Overlay,
        palette: &Palette::default(),
        focus: &[],
        at: None,
        zoom,
        labels: Labels::Shown,
        href: &|_| Some("/here".to_owned()),
    })
}

#[test]
fn a_large_tab_opens_on_its_change() {
    let drawn = framed(2_000, None, super::picture);
    assert_eq!(drawn.zoom, Zoom::Near);
    assert!(drawn.svg.contains("step 1991 (function): changed"));
    assert!(!drawn.svg.contains("step 2 (function)"), "it is far away");
    assert!(
        drawn
            .svg
            .contains("2000 nodes, 1999 wires, 1 changed, this is a part of it")
    );
    assert!(drawn.svg.len() < 100_000, "{}", drawn.svg.len());
    let map = drawn.map.expect("it is not all in the frame");
    assert_well_formed(&map);
    assert!(map.contains("2000 nodes, 1 with a change") && map.contains("rk-map-frame"));
    assert!(map.len() < 20_000, "{}", map.len());
}

#[test]
fn the_whole_of_a_large_tab_is_bounded_and_keeps_what_changes() {
    for count in [2_000, 6_000] {
        let drawn = framed(count, Some(Zoom::Whole), super::picture);
        assert_well_formed(&drawn.svg);
        assert!(drawn.svg.len() < 160_000, "{}", drawn.svg.len());
        assert!(drawn.svg.contains(&format!("id=\"node-n{}\"", count - 9)));
        assert!(drawn.svg.contains("rk-block"));
        assert_eq!(drawn.map, None);
    }
    let drawn = framed(6_000, Some(Zoom::Whole), draw);
    assert!(drawn.contains("nodes and ") && drawn.contains("wires are not drawn: look closer"));
}

#[test]
fn a_file_has_its_style_in_it() {
    let file = framed(20, None, file);
    assert!(file.contains("<style>") && file.contains("prefers-color-scheme: dark"));
    assert!(
        !STYLE.contains(['<', '&']),
        "it is put into the file as it is"
    );
    assert!(
        !file.contains("var("),
        "other programs than browsers draw it too"
    );
}

#[test]
fn a_wire_from_beyond_the_frame_is_drawn_to_its_edge() {
    let drawn = framed(2_000, Some(Zoom::Close), draw);
    let wires = drawn.matches("class=\"rk-wire rk-same\"").count();
    let nodes = drawn.matches("class=\"rk-node").count();
    assert!(wires > nodes, "{wires} wires, {nodes} nodes");
}

#[test]
fn every_real_flow_is_drawn() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/flows");
    let sorted = |path: &Path| {
        let mut all: Vec<_> = fs::read_dir(path)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        all.sort();
        all
    };
    let mut drawn = 0;
    for folder in sorted(&root).into_iter().filter(|path| path.is_dir()) {
        let mut before = flows(b"[]");
        for file in sorted(&folder) {
            let after = flows(&fs::read(&file).unwrap());
            let tabs = before.nodes().chain(after.nodes());
            let tabs = tabs.filter(|node| matches!(node.kind(), "tab" | "subflow"));
            for tab in tabs
                .map(|node| node.id().to_owned())
                .collect::<std::collections::BTreeSet<_>>()
            {
                let svg = picture(&before, &after, &tab, Mode::Overlay, true);
                let on = |flows: &Flows| -> Vec<String> {
                    let nodes = flows
                        .nodes()
                        .filter(|it| it.is_placed() && it.tab() == Some(&tab));
                    nodes.map(|node| node.id().to_owned()).collect()
                };
                let mut all = on(&before);
                all.extend(on(&after));
                all.sort();
                all.dedup();
                let shown = svg.matches("class=\"rk-node").count()
                    + svg.matches("class=\"rk-group ").count();
                let ports = svg.matches("rk-subflow-port").count();
                assert_eq!(shown - ports, all.len(), "{} {tab}", file.display());
                drawn += 1;
            }
            before = after;
        }
    }
    assert!(drawn > 100, "{drawn}");
}
