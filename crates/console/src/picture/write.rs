//! The picture as text.

mod legend;
mod node;

use std::collections::HashMap;

use model::flow::change::ChangeId;

use self::node::{put_group, put_node, put_subflow_port};
use super::{
    DETAIL_BYTES, QUIET_BYTES, View,
    area::Area,
    icon::Icons,
    link,
    mark::{Mark, Marks},
    part::{Part, Wire},
    scene::{Block, Scene},
    shape::{Kind, PortOf, Shape},
    text::escape,
};

/// Where the picture is going to stand.
#[derive(Debug, Clone, Copy)]
pub(super) enum Dress<'s> {
    /// On a page that has its style.
    Page,
    /// In a file: with this style, and a legend.
    Alone(&'s str),
}

/// The whole `svg` element.
pub(super) fn svg(scene: &Scene<'_>, view: &View<'_>, dress: &Dress<'_>) -> String {
    let Area { x, y, w, h } = scene.frame;
    let is_marked = scene.parts.iter().any(|part| !part.marks.0.is_empty());
    let has_changes = is_marked || !scene.counts.is_empty();
    let icons = Icons::of(scene, view.palette);
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
    let left_out = put_scene(out, scene, view, &icons);
    if let Some(note) = left_out {
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
    let (style, h) = match dress {
        Dress::Page => (String::new(), h),
        Dress::Alone(style) => (
            format!("<style>{style}</style>"),
            h + legend::put(&mut body, scene),
        ),
    };
    let icons = icons.definitions;
    format!(
        r#"<svg class="rk-picture{changes}" role="{role}" viewBox="{x} {y} {w} {h}" width="{w}" height="{h}" xmlns="http://www.w3.org/2000/svg"><title>{title}</title><desc>{desc}</desc>{style}<defs><pattern id="rk-grid" width="20" height="20" patternUnits="userSpaceOnUse"><path class="rk-grid" d="M20 0H0V20"/></pattern>{icons}</defs>{body}</svg>"#
    )
}

/// Groups, wires, nodes, and marks last: no node may cover the mark of another. Says what was too
/// much.
fn put_scene(
    out: &mut String,
    scene: &Scene<'_>,
    view: &View<'_>,
    icons: &Icons<'_>,
) -> Option<String> {
    let shapes: HashMap<&str, &Shape> = scene
        .parts
        .iter()
        .map(|part| (part.shape.id.as_str(), &part.shape))
        .collect();
    let inside = scene.parts.iter().filter(|part| !part.is_end);
    let (groups, nodes): (Vec<_>, Vec<_>) = inside.partition(|part| part.shape.kind == Kind::Group);
    let mut shown = Vec::new();
    let mut quiet: Vec<Block> = scene.unread.clone();
    let mut texts = Vec::new();
    let mut spent = 0;
    // What changes is drawn in full before what does not, whatever its layer.
    let mut order: Vec<_> = groups.iter().chain(&nodes).enumerate().collect();
    order.sort_by_key(|(_, part)| part.marks.0.is_empty());
    for (place, part) in order {
        let mut text = String::new();
        if spent <= DETAIL_BYTES {
            put_part(&mut text, part, view, icons);
            spent += text.len();
        }
        if spent <= DETAIL_BYTES {
            texts.push((place, text));
            shown.push(*part);
        } else {
            quiet.push(Block {
                area: part.shape.area(),
                mark: part.marks.0.first().map(|(mark, _)| *mark),
                is_group: part.shape.kind == Kind::Group,
            });
        }
    }
    texts.sort_unstable_by_key(|(place, _)| *place);
    let (below, above): (Vec<_>, Vec<_>) = texts
        .into_iter()
        .partition(|(place, _)| *place < groups.len());
    out.extend(below.into_iter().map(|(_, text)| text));
    let wires = put_wires(out, scene, &shapes, view);
    let nodes = put_blocks(out, &quiet);
    out.extend(above.into_iter().map(|(_, text)| text));
    for wire in scene.wires.iter().skip(scene.wires.len() - wires.shown) {
        put_wire_mark(out, wire, &shapes, &shown);
    }
    for part in shown {
        put_marks(out, part);
    }
    left_out(nodes, wires.left_out + scene.wires_left_out)
}

/// How far the bytes for wires reached.
struct Wires {
    /// Of the scene's last ones, how many.
    shown: usize,
    left_out: usize,
}

/// Wires that change on top of those that do not, and first where not all fit.
fn put_wires(
    out: &mut String,
    scene: &Scene<'_>,
    shapes: &HashMap<&str, &Shape>,
    view: &View<'_>,
) -> Wires {
    let mut texts: Vec<String> = Vec::new();
    let mut spent = 0;
    let mut shown = 0;
    for wire in scene.wires.iter().rev() {
        let mut text = String::new();
        put_wire(&mut text, wire, shapes, view);
        spent += text.len();
        if spent > 2 * QUIET_BYTES {
            break;
        }
        shown += 1;
        texts.push(text);
    }
    out.extend(texts.into_iter().rev());
    let has_ends = |wire: &&Wire<'_>| {
        shapes.contains_key(wire.from.as_str()) && shapes.contains_key(wire.to.as_str())
    };
    let rest = scene.wires.iter().rev().skip(shown);
    Wires {
        shown,
        left_out: rest.filter(has_ends).count(),
    }
}

/// Nodes too many to be drawn in full, as blocks of one path; how many even of these were too many.
fn put_blocks(out: &mut String, blocks: &[Block]) -> usize {
    let mut path = String::new();
    let mut left_out = 0;
    for Block { area, .. } in blocks.iter().filter(|it| !it.is_group) {
        if path.len() < QUIET_BYTES {
            let Area { x, y, w, h } = area;
            put!(path, "M{x:.0} {y:.0}h{w:.0}v{h:.0}h-{w:.0}z");
        } else {
            left_out += 1;
        }
    }
    if !path.is_empty() {
        put!(out, r#"<path class="rk-block" d="{path}"/>"#);
    }
    left_out
}

fn left_out(nodes: usize, wires: usize) -> Option<String> {
    match (nodes, wires) {
        (0, 0) => None,
        (_, 0) => Some(format!("{nodes} more nodes are not drawn: look closer")),
        (0, _) => Some(format!("{wires} more wires are not drawn: look closer")),
        _ => Some(format!(
            "{nodes} more nodes and {wires} more wires are not drawn: look closer"
        )),
    }
}

/// How much is on the tab.
fn size(scene: &Scene<'_>) -> String {
    let count = |count: usize, what: &str| match count {
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    };
    let (nodes, wires) = (scene.nodes, scene.wires_total);
    format!("{}, {}", count(nodes, "node"), count(wires, "wire"))
}

fn description(scene: &Scene<'_>) -> String {
    let mut words = vec![size(scene)];
    let counts = scene.counts.iter();
    words.extend(counts.map(|(mark, count)| format!("{count} {}", mark.word())));
    if !scene.is_whole() {
        words.push("this is a part of it".to_owned());
    }
    words.join(", ")
}

/// What an end of a wire is called.
fn called(shape: &Shape) -> &str {
    if shape.label.is_empty() {
        &shape.node_type
    } else {
        &shape.label
    }
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
    let focus = if wire.is_focus { " rk-focus" } else { "" };
    let mut inner = String::new();
    put!(
        inner,
        r#"<g class="rk-wire-change {}{off}{focus}"><title>wire {}: {} → {}</title><path class="rk-wire-casing" d="{path}"/><path class="rk-wire" d="{path}"/>"#,
        mark.class(),
        mark.word(),
        escape(called(from)),
        escape(called(to)),
    );
    inner.push_str("</g>");
    put_linked(out, Some(change), view, &inner);
}

fn put_wire_mark(
    out: &mut String,
    wire: &Wire<'_>,
    shapes: &HashMap<&str, &Shape>,
    shown: &[&Part<'_>],
) {
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
    let middle = (x, if is_short { y - 14.0 } else { y });
    // Not on a node, where it would cover what stands there, if there is another place.
    let is_free = |(x, y): &(f64, f64)| {
        let around = Area::around(*x, *y, 14.0, 14.0);
        let mut shown = shown.iter().filter(|part| part.shape.kind != Kind::Group);
        !shown.any(|part| part.shape.area().meets(&around))
    };
    let beside = [
        middle,
        (start.0 + 20.0, start.1),
        (end.0 - 20.0, end.1),
        (start.0 + 14.0, start.1 + (end.1 - start.1).signum() * 14.0),
    ];
    let place = beside.into_iter().find(is_free).unwrap_or(middle);
    put_badge(out, mark, place, 7.0);
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

fn put_part(out: &mut String, part: &Part<'_>, view: &View<'_>, icons: &Icons<'_>) {
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
        Kind::Port(_) => "rk-node rk-subflow-port",
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
            inner.push_str(r#"<rect class="rk-body" width="10" height="10" rx="3"/>"#);
        }
        Kind::Port(what) => put_subflow_port(&mut inner, shape, what),
        Kind::Node | Kind::Small | Kind::Comment => put_node(&mut inner, shape, icons),
    }
    put_outline(&mut inner, part);
    inner.push_str("</g>");
    put_linked(out, part.marks.0.first().map(|(_, id)| *id), view, &inner);
}

fn name(part: &Part<'_>) -> String {
    if let Kind::Port(what) = part.shape.kind {
        let name = match part.shape.label.as_str() {
            "" => String::new(),
            name => format!("{name} "),
        };
        let place = match what {
            PortOf::Input => "input".to_owned(),
            PortOf::Output(place) => format!("output {}", place + 1),
            PortOf::Status => "status".to_owned(),
        };
        return format!("{name}({place}): {}", part.marks.words());
    }
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
