//! Nodes and wires with what happens to them.

use std::{collections::HashMap, rc::Rc};

use model::flow::{Flows, NodeRef, change::ChangeId};
use serde_json::Value;

use super::{
    Mode, View,
    mark::{Mark, Marks},
    scene::Changes,
    shape::{Kind, PortOf, Shape, Template},
    spot::Spot,
};

/// Ports of a subflow drawn at most.
const PORTS_MAX: usize = 200;

/// A shape and what happens to it.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) shape: Shape,
    pub(super) marks: Marks<'a>,
    /// Where it stood, if it is moved and both places are shown.
    pub(super) stood: Option<(f64, f64)>,
    pub(super) is_focus: bool,
    /// Whether it is outside the frame and only wires lead there.
    pub(super) is_end: bool,
}

/// A wire between two shapes, by their ids.
#[derive(Debug)]
pub(super) struct Wire<'a> {
    pub(super) from: String,
    pub(super) port: usize,
    pub(super) to: String,
    pub(super) mark: Option<(Mark, &'a ChangeId)>,
    pub(super) is_focus: bool,
}

impl Wire<'_> {
    /// Whether it ends at a subflow's own port.
    pub(super) fn is_port(&self) -> bool {
        self.from.starts_with('\u{1}') || self.to.starts_with('\u{1}')
    }
}

/// What is gone lies under what stays, and what changes on top.
pub(super) fn layer(part: &Part<'_>) -> u8 {
    match part.marks.0.first() {
        _ if part.shape.kind == Kind::Group => 0,
        Some((Mark::Removed, _)) => 1,
        None => 2,
        Some(_) => 3,
    }
}

/// What happens to the node of a spot, seen from this tab.
pub(super) fn marks<'a>(spot: &Spot<'_>, changes: &Changes<'a>) -> Marks<'a> {
    let mut marks = changes.of(spot.node.id());
    if spot.is_gone {
        // It left this tab: seen from here, it is gone.
        for (mark, _) in &mut marks.0 {
            *mark = Mark::Removed;
        }
        marks.0.truncate(1);
    }
    marks
}

/// The part of a spot.
pub(super) fn part<'a>(
    view: &View<'a>,
    changes: &Changes<'a>,
    spot: &Spot<'_>,
    shape: Shape,
    is_end: bool,
) -> Part<'a> {
    let node = spot.node;
    let marks = marks(spot, changes);
    let is_focus = marks.0.iter().any(|(_, id)| changes.is_focus(id));
    let is_moved = !spot.is_gone
        && view.mode == Mode::Overlay
        && node.kind() != "group"
        && marks.0.iter().any(|(mark, _)| *mark == Mark::Moved);
    // Where it stood on another tab says nothing here.
    let former = view.before.filter(|_| is_moved);
    let former = former.and_then(|flows| flows.get(node.id()));
    let former = former.filter(|node| node.tab() == Some(view.tab));
    let stood = former
        .map(|node| Spot::of(node, false).area.middle())
        .filter(|(x, y)| (x - shape.x).hypot(y - shape.y) >= 1.0);
    Part {
        shape,
        marks,
        stood,
        is_focus,
        is_end,
    }
}

/// The subflow templates that were read, of what is gone and of what is there, by id: each is read
/// once, however many instances it has.
#[derive(Debug, Default)]
pub(super) struct Templates(HashMap<(bool, String), Rc<Template>>);

#[cfg(test)]
impl Templates {
    /// How many were read.
    pub(super) fn read(&self) -> usize {
        self.0.len()
    }
}

/// The shape of a spot, whose version `flows` is.
pub(super) fn shape(
    view: &View<'_>,
    flows: &Flows,
    spot: &Spot<'_>,
    templates: &mut Templates,
) -> Shape {
    let node = spot.node;
    let template = node.kind().strip_prefix("subflow:");
    let template = template.and_then(|id| flows.get(id));
    let template = template.map(|template| {
        let known = templates.0.entry((spot.is_gone, template.id().to_owned()));
        let read = || Rc::new(Template::of(template));
        known.or_insert_with(read).clone()
    });
    Shape::of(node, template.as_deref(), view.palette, view.labels)
}

/// The marks of a subflow's ports: they come and go with it, and change where it says so.
pub(super) fn port_marks<'a>(view: &View<'a>, changes: &Changes<'a>, frame: &str) -> Marks<'a> {
    let mut marks = changes.of(frame);
    marks.0.truncate(1);
    let is_port = |key: &str| matches!(key, "in" | "out" | "status");
    let touches = |id: &ChangeId| {
        let change = view.diff.changes.iter().find(|change| change.id == *id);
        change.is_some_and(|change| change.properties.iter().any(|it| is_port(&it.key)))
    };
    marks
        .0
        .retain(|(mark, id)| *mark != Mark::Changed || touches(id));
    marks
}

/// A subflow's own inputs, outputs and status, which live in its template.
pub(super) fn add_ports<'a>(
    frame: NodeRef<'_>,
    marks: &Marks<'a>,
    parts: &mut Vec<Part<'a>>,
    wires: &mut Vec<Wire<'a>>,
) {
    let all = frame.properties();
    let list = |key: &str| {
        all.get(key)
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default()
    };
    let status = all.get("status").filter(|it| it.is_object()).cloned();
    let named = |key: &str, place: usize| {
        let name = all.get(key).and_then(|names| names.get(place)?.as_str());
        name.unwrap_or_default().to_owned()
    };
    let inputs = list("in").into_iter().zip(0..);
    let inputs = inputs.map(|(port, at)| (PortOf::Input, named("inputLabels", at), port));
    let outputs = list("out").into_iter().zip(0..);
    let outputs = outputs.map(|(port, at)| (PortOf::Output(at), named("outputLabels", at), port));
    let status = status.map(|port| (PortOf::Status, String::new(), port));
    let all_ports = inputs.chain(outputs).chain(status);
    for (place, (what, name, port)) in all_ports.take(PORTS_MAX).enumerate() {
        // No node's id can be this: ids have no control characters.
        let id = format!("\u{1}{place}");
        let ends = port.get("wires").and_then(Value::as_array);
        for end in ends.into_iter().flatten().take(PORTS_MAX) {
            let node = end.get("id").and_then(Value::as_str).unwrap_or_default();
            let output = end.get("port").and_then(Value::as_u64).unwrap_or(0);
            let output = usize::try_from(output).unwrap_or(0);
            let (node, id) = (node.to_owned(), id.clone());
            let (from, port, to) = if what == PortOf::Input {
                (id, 0, node)
            } else {
                (node, output, id)
            };
            wires.push(Wire {
                from,
                port,
                to,
                mark: None,
                is_focus: false,
            });
        }
        let shape = Shape::port(id, what, &name, &port);
        parts.push(Part {
            shape,
            marks: marks.clone(),
            stood: None,
            is_focus: false,
            is_end: false,
        });
    }
}
