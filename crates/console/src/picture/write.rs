//! The picture as text.

use std::collections::HashMap;

use model::flow::change::ChangeId;

use super::{
    View, link,
    mark::{Mark, Marks},
    scene::{Part, Scene, Wire},
    shape::{Kind, Shape},
    text::escape,
};

/// Room for what reaches beyond the nodes: wires that go back, buttons, marks.
const MARGIN: f64 = 60.0;

/// `write!` for a `String`, which cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => {
        $out.push_str(&format!($($arg)*))
    };
}

/// The whole `svg` element.
pub(super) fn svg(scene: &Scene<'_>, view: &View<'_>) -> String {
    let (x, y, w, h) = extent(scene);
    let has_changes = scene.parts.iter().any(|part| !part.marks.0.is_empty())
        || scene.wires.iter().any(|wire| wire.mark.is_some());
    let mut body = String::new();
    let out = &mut body;
    put!(
        out,
        r#"<rect class="rk-canvas" x="{x}" y="{y}" width="{w}" height="{h}"/>"#
    );
    put!(
        out,
        r#"<rect fill="url(#rk-grid)" x="{x}" y="{y}" width="{w}" height="{h}"/>"#
    );
    let shapes: HashMap<&str, &Shape> = scene
        .parts
        .iter()
        .map(|part| (part.shape.id.as_str(), &part.shape))
        .collect();
    let (groups, nodes): (Vec<_>, Vec<_>) = scene
        .parts
        .iter()
        .partition(|part| part.shape.kind == Kind::Group);
    for part in groups {
        put_part(out, part, view);
    }
    for wire in &scene.wires {
        put_wire(out, wire, &shapes, view);
    }
    for part in nodes {
        put_part(out, part, view);
    }
    // Marks last: no node may cover the mark of another.
    for wire in &scene.wires {
        put_wire_mark(out, wire, &shapes);
    }
    for part in &scene.parts {
        put_marks(out, part);
    }
    if let Some(note) = left_out(scene) {
        let (x, y) = (x + 20.0, y + h - 16.0);
        put!(
            out,
            r#"<text class="rk-note" x="{x}" y="{y}">{}</text>"#,
            escape(&note)
        );
    }
    // With links in it the picture is no single image to a screen reader.
    let role = if body.contains("<a ") { "group" } else { "img" };
    let changes = if has_changes { " rk-has-changes" } else { "" };
    let (title, desc) = (escape(&scene.title), escape(&description(scene)));
    format!(
        r#"<svg class="rk-picture{changes}" role="{role}" viewBox="{x} {y} {w} {h}" width="{w}" height="{h}" xmlns="http://www.w3.org/2000/svg"><title>{title}</title><desc>{desc}</desc><defs><pattern id="rk-grid" width="20" height="20" patternUnits="userSpaceOnUse"><path class="rk-grid" d="M20 0H0V20"/></pattern></defs>{body}</svg>"#
    )
}

/// The part of the canvas that holds everything, with a margin.
fn extent(scene: &Scene<'_>) -> (f64, f64, f64, f64) {
    let mut low = (f64::INFINITY, f64::INFINITY);
    let mut high = (f64::NEG_INFINITY, f64::NEG_INFINITY);
    let mut include = |x: f64, y: f64, w: f64, h: f64| {
        low = (low.0.min(x - w / 2.0), low.1.min(y - h / 2.0));
        high = (high.0.max(x + w / 2.0), high.1.max(y + h / 2.0));
    };
    for Part { shape, stood, .. } in &scene.parts {
        include(shape.x, shape.y, shape.w, shape.h);
        if let Some((x, y)) = stood {
            include(*x, *y, shape.w, shape.h);
        }
    }
    if low.0 > high.0 {
        return (0.0, 0.0, 400.0, 120.0);
    }
    let left = ((low.0 - MARGIN) / 20.0).floor() * 20.0;
    let top = ((low.1 - MARGIN) / 20.0).floor() * 20.0;
    let note = if left_out(scene).is_some() { 40.0 } else { 0.0 };
    let width = (high.0 + MARGIN - left).ceil().max(320.0);
    (left, top, width, (high.1 + MARGIN + note - top).ceil())
}

fn left_out(scene: &Scene<'_>) -> Option<String> {
    let (nodes, wires) = (scene.nodes_left_out, scene.wires_left_out);
    match (nodes, wires) {
        (0, 0) => None,
        (_, 0) => Some(format!("{nodes} more nodes are not drawn")),
        (0, _) => Some(format!("{wires} more wires are not drawn")),
        _ => Some(format!(
            "{nodes} more nodes and {wires} more wires are not drawn"
        )),
    }
}

fn description(scene: &Scene<'_>) -> String {
    let is_node = |part: &&Part<'_>| !matches!(part.shape.kind, Kind::Group | Kind::Port);
    let nodes = scene.parts.iter().filter(is_node).count();
    let mut words = vec![format!("{nodes} nodes, {} wires", scene.wires.len())];
    for mark in [
        Mark::Added,
        Mark::Removed,
        Mark::Changed,
        Mark::Wired,
        Mark::Moved,
    ] {
        let has = |part: &&Part<'_>| part.marks.0.iter().any(|(its, _)| *its == mark);
        match scene.parts.iter().filter(has).count() {
            0 => {}
            count => words.push(format!("{count} {}", mark.word())),
        }
    }
    words.extend(left_out(scene));
    words.join(", ")
}

/// Writes `inner` as a link to where `change` is decided, if it is decided anywhere.
fn put_linked(out: &mut String, change: Option<&ChangeId>, view: &View<'_>, inner: &str) {
    match change.and_then(|change| (view.href)(change)) {
        Some(href) => put!(
            out,
            r#"<a class="rk-link" href="{}">{inner}</a>"#,
            escape(&href)
        ),
        None => out.push_str(inner),
    }
}

fn put_wire(out: &mut String, wire: &Wire<'_>, shapes: &HashMap<&str, &Shape>, view: &View<'_>) {
    let (Some(from), Some(to)) = (shapes.get(wire.from.as_str()), shapes.get(wire.to.as_str()))
    else {
        return;
    };
    let (start, end) = (from.output(wire.port), to.input());
    let path = link::path(start, end);
    let off = if from.is_disabled || to.is_disabled {
        " rk-disabled"
    } else {
        ""
    };
    let Some((mark, change)) = wire.mark else {
        put!(out, r#"<path class="rk-wire rk-same{off}" d="{path}"/>"#);
        return;
    };
    let focus = if view.focus == Some(change) {
        " rk-focus"
    } else {
        ""
    };
    let mut inner = String::new();
    put!(
        inner,
        r#"<g class="rk-wire-change {}{off}{focus}"><title>wire {}: {} → {}</title><path class="rk-wire-casing" d="{path}"/><path class="rk-wire" d="{path}"/>"#,
        mark.class(),
        mark.word(),
        escape(&from.label),
        escape(&to.label),
    );
    inner.push_str("</g>");
    put_linked(out, Some(change), view, &inner);
}

fn put_wire_mark(out: &mut String, wire: &Wire<'_>, shapes: &HashMap<&str, &Shape>) {
    let (Some(from), Some(to)) = (shapes.get(wire.from.as_str()), shapes.get(wire.to.as_str()))
    else {
        return;
    };
    // A wire of a node that itself comes or goes needs no mark of its own.
    let is_own = |id: &ChangeId| !id.0.starts_with("added:") && !id.0.starts_with("removed:");
    let Some((mark, _)) = wire.mark.filter(|(_, change)| is_own(change)) else {
        return;
    };
    let (start, end) = (from.output(wire.port), to.input());
    let (x, y) = link::middle(start, end);
    let is_short = (start.0 - end.0).hypot(start.1 - end.1) < 40.0;
    put_badge(out, mark, (x, if is_short { y - 14.0 } else { y }), 7.0);
}

fn put_marks(out: &mut String, part: &Part<'_>) {
    let Shape { x, y, w, h, .. } = part.shape;
    for ((mark, _), place) in part.marks.0.iter().zip(0_u8..) {
        let at = (x + w / 2.0 - f64::from(place) * 20.0, y - h / 2.0);
        put_badge(out, *mark, at, 9.0);
    }
}

fn put_badge(out: &mut String, mark: Mark, (x, y): (f64, f64), r: f64) {
    let scale = r / 9.0;
    put!(
        out,
        r#"<g class="rk-badge {}" aria-hidden="true" transform="translate({x:.1} {y:.1}) scale({scale:.2})"><circle r="9"/><path d="{}"/></g>"#,
        mark.class(),
        mark.sign(),
    );
}

fn put_part(out: &mut String, part: &Part<'_>, view: &View<'_>) {
    let shape = &part.shape;
    let (x, y, w, h) = (
        shape.x - shape.w / 2.0,
        shape.y - shape.h / 2.0,
        shape.w,
        shape.h,
    );
    let mut inner = String::new();
    let mut class = match shape.kind {
        Kind::Group => "rk-group",
        Kind::Port => "rk-node rk-subflow-port",
        Kind::Junction => "rk-node rk-junction",
        Kind::Node | Kind::Small | Kind::Comment => "rk-node",
    }
    .to_owned();
    class.push_str(&part.marks.classes());
    for (is, name) in [
        (shape.is_disabled, " rk-disabled"),
        (part.is_focus, " rk-focus"),
    ] {
        class.push_str(if is { name } else { "" });
    }
    if let Some((x, y)) = part.stood {
        put!(
            inner,
            r#"<path class="rk-track" d="M{x:.1} {y:.1}L{:.1} {:.1}"/><rect class="rk-ghost" x="{:.1}" y="{:.1}" width="{w}" height="{h}" rx="5"/>"#,
            shape.x,
            shape.y,
            x - w / 2.0,
            y - h / 2.0,
        );
    }
    let anchor = anchor(part);
    put!(
        inner,
        r#"<g class="{class}"{anchor} transform="translate({x:.1} {y:.1})">"#
    );
    put!(inner, "<title>{}</title>", escape(&name(part)));
    match shape.kind {
        Kind::Group => put_group(&mut inner, shape),
        Kind::Junction => {
            inner.push_str(r#"<rect class="rk-body" width="10" height="10" rx="2"/>"#);
        }
        Kind::Port => put_subflow_port(&mut inner, shape),
        Kind::Node | Kind::Small | Kind::Comment => put_node(&mut inner, shape),
    }
    put_outline(&mut inner, part);
    inner.push_str("</g>");
    put_linked(out, part.marks.0.first().map(|(_, id)| *id), view, &inner);
}

fn name(part: &Part<'_>) -> String {
    let Shape {
        label,
        node_type,
        is_disabled,
        ..
    } = &part.shape;
    let off = if *is_disabled { ", disabled" } else { "" };
    let label = if label.is_empty() { node_type } else { label };
    format!("{label} ({node_type}): {}{off}", part.marks.words())
}

/// The `id` a page can link to; other ids would need escaping of two kinds.
fn anchor(part: &Part<'_>) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if part.marks.0.is_empty() || !part.shape.id.chars().all(is_plain) {
        return String::new();
    }
    format!(r#" id="node-{}""#, part.shape.id)
}

/// The second outline: what is changed has two, what is moved or rewired a broken one.
fn put_outline(out: &mut String, part: &Part<'_>) {
    let Marks(marks) = &part.marks;
    let (w, h) = (part.shape.w + 8.0, part.shape.h + 8.0);
    if part.is_focus {
        put!(
            out,
            r#"<rect class="rk-ring" x="-9" y="-9" width="{}" height="{}" rx="12"/>"#,
            w + 10.0,
            h + 10.0
        );
    }
    if !marks.is_empty() && part.shape.kind != Kind::Junction {
        put!(
            out,
            r#"<rect class="rk-outline" x="-4" y="-4" width="{w}" height="{h}" rx="8"/>"#
        );
    }
}

fn put_group(out: &mut String, shape: &Shape) {
    let (w, h) = (shape.w, shape.h);
    let fill = shape.fill.as_ref().map(|fill| format!(r#" fill="{fill}""#));
    let stroke = shape
        .colour
        .as_ref()
        .map(|colour| format!(r#" stroke="{colour}""#));
    put!(
        out,
        r#"<rect class="rk-box{}{}" width="{w}" height="{h}" rx="5"{}{}/>"#,
        if fill.is_none() { " rk-plain" } else { "" },
        if stroke.is_none() {
            " rk-unstroked"
        } else {
            ""
        },
        fill.unwrap_or_default(),
        stroke.unwrap_or_default(),
    );
    put!(
        out,
        r#"<text class="rk-group-label" x="10" y="18">{}</text>"#,
        escape(&shape.label)
    );
}

fn put_subflow_port(out: &mut String, shape: &Shape) {
    put!(
        out,
        r#"<rect class="rk-body" width="40" height="40" rx="8"/><text class="rk-port-label" x="20" y="24">{}</text>"#,
        escape(&shape.label)
    );
    put_ports(out, shape);
}

fn put_node(out: &mut String, shape: &Shape) {
    let (w, h) = (shape.w, shape.h);
    let colour = shape.colour.as_deref().unwrap_or(shape.looks.colour);
    let button = |out: &mut String, x: f64, inner: f64| {
        put!(
            out,
            r#"<rect class="rk-button" x="{x}" y="2" width="32" height="26" rx="5"/><rect class="rk-button-face" x="{}" y="6" width="16" height="18" rx="4" fill="{colour}"/>"#,
            x + inner
        );
    };
    match shape.node_type.as_str() {
        "inject" => button(out, -25.0, 5.0),
        "debug" => button(out, w - 7.0, 11.0),
        _ => {}
    }
    put!(
        out,
        r#"<rect class="rk-body" width="{w}" height="{h}" rx="5" fill="{colour}"/>"#
    );
    let is_right = matches!(
        shape.node_type.as_str(),
        "debug"
            | "link out"
            | "mqtt out"
            | "http response"
            | "websocket out"
            | "tcp out"
            | "udp out"
    ) && shape.kind == Kind::Node;
    let icon_x = if is_right { w - 30.0 } else { 0.0 };
    if shape.kind != Kind::Small {
        let shade = if is_right {
            format!(
                "M{icon_x} 0h25a5 5 0 0 1 5 5v{}a5 5 0 0 1-5 5h-25z",
                h - 10.0
            )
        } else {
            format!("M5 0h25v{h}H5a5 5 0 0 1-5-5V5a5 5 0 0 1 5-5z")
        };
        put!(out, r#"<path class="rk-shade" d="{shade}"/>"#);
    }
    let dark = if matches!(colour, "#ffffff" | "#dddddd") {
        " rk-dark"
    } else {
        ""
    };
    put!(
        out,
        r#"<path class="rk-glyph{dark}" transform="translate({icon_x} {})" d="{}"/>"#,
        h / 2.0 - 15.0,
        shape.looks.glyph
    );
    if shape.kind != Kind::Small {
        let (x, end) = if is_right {
            (w - 38.0, " rk-end")
        } else {
            (38.0, "")
        };
        let label = escape(&shape.label);
        put!(
            out,
            r#"<text class="rk-label{end}" x="{x}" y="{}">{label}</text>"#,
            h / 2.0 + 5.0
        );
    }
    put_ports(out, shape);
}

fn put_ports(out: &mut String, shape: &Shape) {
    let mut port = |x: f64, y: f64| {
        put!(
            out,
            r#"<rect class="rk-port" x="{x}" y="{y}" width="10" height="10" rx="3"/>"#
        );
    };
    if shape.has_input {
        port(-5.0, shape.h / 2.0 - 5.0);
    }
    for output in 0..shape.outputs {
        let (_, y) = shape.output(output);
        port(shape.w - 5.0, y - shape.y + shape.h / 2.0 - 5.0);
    }
}
