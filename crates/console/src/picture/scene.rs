//! What is in the picture: the shapes and wires of one tab, with what happens to each.

use std::collections::{HashMap, HashSet};

use model::flow::{
    Flows, NodeRef,
    change::{Aspect, ChangeId},
};
use serde_json::Value;

use super::{
    Mode, NODES_MAX, View, WIRES_MAX,
    mark::{Mark, Marks},
    shape::{Kind, Shape},
};

/// A shape and what happens to it.
#[derive(Debug)]
pub(super) struct Part<'a> {
    pub(super) shape: Shape,
    pub(super) marks: Marks<'a>,
    /// Where it stood, if it is moved and both places are shown.
    pub(super) stood: Option<(f64, f64)>,
    pub(super) is_focus: bool,
}

/// A wire between two shapes, by their ids.
#[derive(Debug)]
pub(super) struct Wire<'a> {
    pub(super) from: String,
    pub(super) port: usize,
    pub(super) to: String,
    pub(super) mark: Option<(Mark, &'a ChangeId)>,
}

/// The picture's content.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    /// What people call the tab.
    pub(super) title: String,
    /// Groups first, then the rest.
    pub(super) parts: Vec<Part<'a>>,
    pub(super) wires: Vec<Wire<'a>>,
    pub(super) nodes_left_out: usize,
    pub(super) wires_left_out: usize,
}

/// The changes of a deployment, as the picture asks for them.
struct Changes<'a> {
    marks: HashMap<&'a str, Vec<(Mark, &'a ChangeId)>>,
    /// The change that brings or takes a wire.
    wires: HashMap<(bool, &'a str, usize, &'a str), &'a ChangeId>,
}

impl<'a> Changes<'a> {
    fn new(view: &View<'a>) -> Self {
        let mut marks: HashMap<&str, Vec<(Mark, &ChangeId)>> = HashMap::new();
        let mut wires = HashMap::new();
        for change in &view.diff.changes {
            let shown = match view.mode {
                Mode::Before => change.aspect != Aspect::Added,
                Mode::After => change.aspect != Aspect::Removed,
                Mode::Overlay => true,
            };
            if let (true, Some(mark)) = (shown, Mark::of(change.aspect)) {
                marks
                    .entry(&change.node)
                    .or_default()
                    .push((mark, &change.id));
            }
            for wire in &change.wires {
                let key = (wire.added, wire.from.as_str(), wire.port, wire.to.as_str());
                wires.insert(key, &change.id);
            }
        }
        for marks in marks.values_mut() {
            marks.sort_by_key(|(mark, _)| *mark);
        }
        Self { marks, wires }
    }

    fn of(&self, node: &str) -> Marks<'a> {
        Marks(self.marks.get(node).cloned().unwrap_or_default())
    }

    fn wire(&self, added: bool, wire: (&str, usize, &str)) -> Option<(Mark, &'a ChangeId)> {
        let mark = if added { Mark::Added } else { Mark::Removed };
        let id = self.wires.get(&(added, wire.0, wire.1, wire.2))?;
        Some((mark, *id))
    }
}

impl<'a> Scene<'a> {
    pub(super) fn new(view: &View<'a>) -> Self {
        let changes = Changes::new(view);
        let before = view.before.filter(|_| view.mode != Mode::After);
        let after = view.after.filter(|_| view.mode != Mode::Before);
        let now: Vec<NodeRef<'_>> = after
            .into_iter()
            .flat_map(|flows| on(flows, view.tab))
            .collect();
        let there: HashSet<&str> = now.iter().map(NodeRef::id).collect();
        let old = before.into_iter().flat_map(|flows| on(flows, view.tab));
        // What stood here: gone, or on another tab now.
        let gone: Vec<NodeRef<'_>> = old.filter(|node| !there.contains(node.id())).collect();
        let main = after.or(before);
        let mut chosen: Vec<(NodeRef<'_>, &Flows)> = Vec::new();
        chosen.extend(
            main.into_iter()
                .flat_map(|flows| now.iter().map(move |node| (*node, flows))),
        );
        chosen.extend(
            before
                .into_iter()
                .flat_map(|flows| gone.iter().map(move |node| (*node, flows))),
        );
        let total = chosen.len();
        if total > NODES_MAX {
            chosen.sort_by_key(|(node, _)| changes.of(node.id()).0.is_empty());
            chosen.truncate(NODES_MAX);
        }
        let mut parts: Vec<Part<'a>> = chosen
            .iter()
            .map(|(node, flows)| part(view, &changes, *node, flows, there.contains(node.id())))
            .collect();
        let frame = main.and_then(|flows| flows.get(view.tab));
        let frame = frame.or_else(|| before.and_then(|flows| flows.get(view.tab)));
        let mut wires = Vec::new();
        if let Some(frame) = frame.filter(|frame| frame.kind() == "subflow") {
            let marks = port_marks(view, &changes, frame.id());
            add_ports(frame, &marks, &mut parts, &mut wires);
        }
        add_all_wires(view, &changes, (before, after), &mut wires);
        let drawn: HashSet<&str> = parts.iter().map(|part| part.shape.id.as_str()).collect();
        let is_drawn = |id: &str| drawn.contains(id);
        wires.retain(|wire| is_drawn(&wire.from) && is_drawn(&wire.to));
        wires.sort_by_key(|wire| wire.mark.is_some());
        let wires_left_out = wires.len().saturating_sub(WIRES_MAX);
        wires.drain(..wires_left_out);
        parts.sort_by_key(layer);
        let title = frame.map_or_else(
            || "a tab that is not there".to_owned(),
            |frame| frame.label(),
        );
        Self {
            title,
            parts,
            wires,
            nodes_left_out: total - total.min(NODES_MAX),
            wires_left_out,
        }
    }
}

/// What is gone lies under what stays, and what changes on top.
fn layer(part: &Part<'_>) -> u8 {
    match part.marks.0.first() {
        _ if part.shape.kind == Kind::Group => 0,
        Some((Mark::Removed, _)) => 1,
        None => 2,
        Some(_) => 3,
    }
}

/// The wires of both versions, each once: those that come from the later, those that go from the
/// earlier.
fn add_all_wires<'a>(
    view: &View<'a>,
    changes: &Changes<'a>,
    (before, after): (Option<&Flows>, Option<&Flows>),
    wires: &mut Vec<Wire<'a>>,
) {
    let mut told = HashSet::new();
    for (flows, added) in [(after, true), (before, false)] {
        for node in flows.into_iter().flat_map(|flows| on(flows, view.tab)) {
            add_wires(node, added, changes, &mut told, wires);
        }
    }
}

/// What is drawn on `tab`.
fn on<'f>(flows: &'f Flows, tab: &str) -> impl Iterator<Item = NodeRef<'f>> {
    flows
        .nodes()
        .filter(move |node| node.is_placed() && node.tab() == Some(tab))
}

fn part<'a>(
    view: &View<'a>,
    changes: &Changes<'a>,
    node: NodeRef<'_>,
    flows: &Flows,
    is_there: bool,
) -> Part<'a> {
    let template = |flows: &Flows, node: NodeRef<'_>| {
        let id = node.kind().strip_prefix("subflow:").map(str::to_owned);
        id.and_then(|id| {
            flows
                .get(&id)
                .map(|template| Shape::of(node, Some(template)))
        })
    };
    let shape =
        |flows: &Flows, node| template(flows, node).unwrap_or_else(|| Shape::of(node, None));
    let mut marks = changes.of(node.id());
    let is_focus = view
        .focus
        .is_some_and(|focus| marks.0.iter().any(|(_, id)| *id == focus));
    if !is_there && view.mode == Mode::Overlay {
        // It left this tab: seen from here, it is gone.
        for (mark, _) in &mut marks.0 {
            *mark = Mark::Removed;
        }
        marks.0.truncate(1);
    }
    let is_moved =
        is_there && node.kind() != "group" && marks.0.iter().any(|(mark, _)| *mark == Mark::Moved);
    let former = view
        .before
        .filter(|_| is_moved && view.mode == Mode::Overlay);
    // Where it stood on another tab says nothing here.
    let former = former.and_then(|flows| {
        let node = flows
            .get(node.id())
            .filter(|node| node.tab() == Some(view.tab));
        node.map(|node| shape(flows, node))
    });
    let shape = shape(flows, node);
    let stood = former
        .map(|former| (former.x, former.y))
        .filter(|(x, y)| (x - shape.x).hypot(y - shape.y) >= 1.0);
    Part {
        shape,
        marks,
        stood,
        is_focus,
    }
}

fn add_wires<'a>(
    node: NodeRef<'_>,
    added: bool,
    changes: &Changes<'a>,
    told: &mut HashSet<(String, usize, String)>,
    wires: &mut Vec<Wire<'a>>,
) {
    let all = node.properties();
    let ports = all
        .get("wires")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    for (port, targets) in ports.enumerate() {
        for to in targets
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
        {
            let key = (node.id().to_owned(), port, to.to_owned());
            if told.insert(key) {
                let mark = changes.wire(added, (node.id(), port, to));
                wires.push(Wire {
                    from: node.id().to_owned(),
                    port,
                    to: to.to_owned(),
                    mark,
                });
            }
        }
    }
}

/// The marks of a subflow's ports: they come and go with it, and change where it says so.
fn port_marks<'a>(view: &View<'a>, changes: &Changes<'a>, frame: &str) -> Marks<'a> {
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
fn add_ports<'a>(
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
    let inputs = list("in").into_iter().map(|port| ("input", true, port));
    let outputs = list("out").into_iter().map(|port| ("output", false, port));
    let all_ports = inputs
        .chain(outputs)
        .chain(status.map(|port| ("status", false, port)));
    for (place, (word, is_input, port)) in all_ports.take(200).enumerate() {
        // No node's id can be this: ids have no control characters.
        let id = format!("\u{1}{place}");
        let marks = marks.clone();
        let ends = port
            .get("wires")
            .and_then(Value::as_array)
            .cloned()
            .unwrap_or_default();
        for end in ends {
            let node = end
                .get("id")
                .and_then(Value::as_str)
                .unwrap_or_default()
                .to_owned();
            let output = end.get("port").and_then(Value::as_u64).unwrap_or(0);
            let output = usize::try_from(output).unwrap_or(0);
            let (from, port, to) = if is_input {
                (id.clone(), 0, node)
            } else {
                (node, output, id.clone())
            };
            wires.push(Wire {
                from,
                port,
                to,
                mark: None,
            });
        }
        let shape = Shape::port(id, word.to_owned(), &port, is_input);
        parts.push(Part {
            shape,
            marks,
            stood: None,
            is_focus: false,
        });
    }
}
