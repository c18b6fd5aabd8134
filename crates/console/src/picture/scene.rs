//! What is in the picture: where everything on the tab is, and which of it is in the frame.

use std::collections::{HashMap, HashSet};

use model::flow::{
    Flows, NodeRef,
    change::{Aspect, ChangeId},
};

use super::{
    Mode, View,
    area::{self, Area, Zoom},
    mark::{Mark, Marks},
    part::{self, Part, Templates, Wire},
    spot::Spot,
};

/// Nodes whose label, ports and colour are read for one picture at most. In the frame of a usual
/// tab are some fifty.
const READ_MAX: usize = 2_000;

/// Unchanged wires of a picture at most, and as many that change.
const WIRES_MAX: usize = 4_000;

/// The changes of a deployment, as the picture asks for them.
pub(super) struct Changes<'a> {
    marks: HashMap<&'a str, Vec<(Mark, &'a ChangeId)>>,
    /// The change that brings or takes a wire.
    wires: HashMap<(bool, &'a str, usize, &'a str), &'a ChangeId>,
    /// Those to point out.
    focus: HashSet<&'a ChangeId>,
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
        let focus = view.focus.iter().collect();
        Self {
            marks,
            wires,
            focus,
        }
    }

    /// Whether it is to be pointed out.
    pub(super) fn is_focus(&self, change: &ChangeId) -> bool {
        self.focus.contains(change)
    }

    pub(super) fn of(&self, node: &str) -> Marks<'a> {
        Marks(self.marks.get(node).cloned().unwrap_or_default())
    }

    fn has(&self, node: &str) -> bool {
        self.marks.contains_key(node)
    }

    fn wire(&self, added: bool, wire: (&str, usize, &str)) -> Option<(Mark, &'a ChangeId)> {
        let mark = if added { Mark::Added } else { Mark::Removed };
        let id = self.wires.get(&(added, wire.0, wire.1, wire.2))?;
        Some((mark, *id))
    }
}

/// What is asked of the ends of a wire.
struct Ends<'e> {
    /// Whether the node is on the tab.
    is_there: &'e dyn Fn(&str) -> bool,
    /// Whether one of the two is in the frame.
    is_wanted: &'e dyn Fn(&str, &str) -> bool,
}

/// A node that is not read: a block on the canvas, or on the map.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    pub(super) area: Area,
    /// What happens to it, the weightiest.
    pub(super) mark: Option<Mark>,
    pub(super) is_group: bool,
}

/// The picture's content.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    /// What people call the tab.
    pub(super) title: String,
    /// Everything on the tab.
    pub(super) canvas: Area,
    pub(super) frame: Area,
    /// The middle of what is pointed out, on the canvas.
    pub(super) middle: Option<(f64, f64)>,
    pub(super) zoom: Zoom,
    /// What is in the frame, groups first; and what wires in it lead to.
    pub(super) parts: Vec<Part<'a>>,
    pub(super) wires: Vec<Wire<'a>>,
    /// Every node of the tab, for the map.
    pub(super) blocks: Vec<Block>,
    /// Nodes in the frame that were too many to be read.
    pub(super) unread: Vec<Block>,
    pub(super) nodes: usize,
    pub(super) wires_total: usize,
    pub(super) wires_left_out: usize,
    /// How many nodes of the tab carry each mark.
    pub(super) counts: Vec<(Mark, usize)>,
    spots_of_changes: HashSet<String>,
}

impl<'a> Scene<'a> {
    pub(super) fn new(view: &View<'a>) -> Self {
        let changes = Changes::new(view);
        let before = view.before.filter(|_| view.mode != Mode::After);
        let after = view.after.filter(|_| view.mode != Mode::Before);
        let spots = spots(view, before, after);
        let frame_node = |flows: Option<&'a Flows>| flows.and_then(|flows| flows.get(view.tab));
        let tab = frame_node(after).or_else(|| frame_node(before));
        let mut ports = Vec::new();
        let mut wires = Vec::new();
        if let Some(tab) = tab.filter(|tab| tab.kind() == "subflow") {
            let marks = part::port_marks(view, &changes, tab.id());
            part::add_ports(tab, &marks, &mut ports, &mut wires);
        }
        let blocks: Vec<_> = spots.iter().map(|spot| block(spot, &changes)).collect();
        let areas = blocks.iter().map(|block| block.area);
        let all = areas.chain(ports.iter().map(|part| part.shape.area()));
        let canvas = Area::of(all).map_or(
            Area {
                x: 0.0,
                y: 0.0,
                w: 400.0,
                h: 120.0,
            },
            |area| area.canvas(),
        );
        let (zoom, frame, middle) = choose_frame(view, &spots, &changes, canvas);
        let mut scene = Self {
            title: tab.map_or_else(|| "a tab that is not there".to_owned(), |tab| tab.label()),
            canvas,
            frame,
            middle,
            zoom,
            parts: ports,
            wires,
            blocks,
            unread: Vec::new(),
            nodes: spots.iter().filter(|it| it.node.kind() != "group").count(),
            wires_total: 0,
            wires_left_out: 0,
            counts: Vec::new(),
            spots_of_changes: HashSet::new(),
        };
        scene.count(&spots, &changes);
        scene.add_parts(view, &changes, &spots, (before, after));
        scene.parts.sort_by_key(part::layer);
        scene
    }

    /// Whether the frame shows all there is.
    pub(super) fn is_whole(&self) -> bool {
        self.frame.w >= self.canvas.w && self.frame.h >= self.canvas.h
    }

    /// Where in the frame the middle of what is pointed out lies.
    pub(super) fn middle_in_frame(&self) -> Option<(u32, u32)> {
        let (x, y) = self.middle?;
        let within = |at: f64, from: f64, size: f64| {
            let at = (at - from).clamp(0.0, size.min(f64::from(u16::MAX)));
            // Between nothing and what fits into sixteen bits.
            format!("{at:.0}").parse().ok()
        };
        Some((
            within(x, self.frame.x, self.frame.w)?,
            within(y, self.frame.y, self.frame.h)?,
        ))
    }

    /// The changes whose node is on this tab, in the order of the review, each node once.
    pub(super) fn framed_changes(&self, view: &View<'_>) -> Vec<ChangeId> {
        let mut seen = HashSet::new();
        let changes = view.diff.changes.iter();
        let here = changes.filter(|it| self.spots_of_changes.contains(&it.node));
        here.filter(|it| seen.insert(it.node.as_str()))
            .map(|it| it.id.clone())
            .collect()
    }

    fn count(&mut self, spots: &[Spot<'_>], changes: &Changes<'a>) {
        let mut counts: HashMap<Mark, usize> = HashMap::new();
        for spot in spots.iter().filter(|spot| changes.has(spot.node.id())) {
            self.spots_of_changes.insert(spot.node.id().to_owned());
            for (mark, _) in part::marks(spot, changes).0 {
                *counts.entry(mark).or_default() += 1;
            }
        }
        self.counts = counts.into_iter().collect();
        self.counts.sort_unstable();
    }

    /// Reads what is in the frame, and the wires that begin or end in it.
    fn add_parts(
        &mut self,
        view: &View<'a>,
        changes: &Changes<'a>,
        spots: &[Spot<'a>],
        (before, after): (Option<&'a Flows>, Option<&'a Flows>),
    ) {
        let mut by_id: HashMap<&str, &Spot<'a>> = HashMap::with_capacity(spots.len());
        by_id.extend(spots.iter().map(|spot| (spot.node.id(), spot)));
        // A label can be wider than the spot says.
        let near = Area {
            x: self.frame.x - 200.0,
            w: self.frame.w + 400.0,
            ..self.frame
        };
        let mut inside: Vec<_> = spots.iter().filter(|it| it.area.meets(&near)).collect();
        inside.sort_by_key(|spot| !changes.has(spot.node.id()));
        let unread = inside.split_off(inside.len().min(READ_MAX));
        self.unread = unread.iter().map(|spot| block(spot, changes)).collect();
        let mut drawn: HashSet<&str> = inside.iter().map(|spot| spot.node.id()).collect();
        let ports: HashSet<String> = self.parts.iter().map(|it| it.shape.id.clone()).collect();
        let is_there = |id: &str| by_id.contains_key(id) || ports.contains(id);
        self.wires
            .retain(|wire| is_there(&wire.from) && is_there(&wire.to));
        let is_wanted = |from: &str, to: &str| drawn.contains(from) || drawn.contains(to);
        let ends = Ends {
            is_there: &is_there,
            is_wanted: &is_wanted,
        };
        self.add_wires(changes, spots, (before, after, view.tab), &ends);
        // What a wire leads to beyond the frame is read for its place alone.
        let mut ends: Vec<&Spot<'a>> = Vec::new();
        for wire in &self.wires {
            for id in [&wire.from, &wire.to] {
                if let Some(spot) = by_id.get(id.as_str())
                    && drawn.len() < 2 * READ_MAX
                    && drawn.insert(spot.node.id())
                {
                    ends.push(spot);
                }
            }
        }
        let mut templates = Templates::default();
        for (spot, is_end) in inside
            .into_iter()
            .map(|it| (it, false))
            .chain(ends.into_iter().map(|it| (it, true)))
        {
            let flows = if spot.is_gone {
                before
            } else {
                after.or(before)
            };
            if let Some(flows) = flows {
                let shape = part::shape(view, flows, spot, &mut templates);
                self.parts
                    .push(part::part(view, changes, spot, shape, is_end));
            }
        }
    }

    /// The wires of both versions, each once. In what did not change no wire can differ, so of the
    /// earlier version only what changed is looked at.
    fn add_wires(
        &mut self,
        changes: &Changes<'a>,
        spots: &[Spot<'a>],
        (before, after, tab): (Option<&'a Flows>, Option<&'a Flows>, &str),
        ends: &Ends<'_>,
    ) {
        let mut told = HashSet::new();
        // How many wires stay as they are, and how many change.
        let mut count = [0, 0];
        let (mut total, mut left_out) = (0, 0);
        let mut add = |spot: &Spot<'_>, added: bool, wires: &mut Vec<Wire<'a>>| {
            let from = spot.node.id();
            let differs = changes.has(from);
            spot.wires(|port, to| {
                if !(ends.is_there)(to) {
                    return;
                }
                if differs && !told.insert((from.to_owned(), port, to.to_owned())) {
                    return;
                }
                total += 1;
                let mark = changes.wire(added, (from, port, to));
                let is_quiet = mark.is_none();
                if is_quiet && !(ends.is_wanted)(from, to) {
                    return;
                }
                let [quiet, loud] = &mut count;
                let count = if is_quiet { quiet } else { loud };
                *count += 1;
                if *count > WIRES_MAX {
                    left_out += 1;
                    return;
                }
                wires.push(Wire {
                    from: from.to_owned(),
                    port,
                    to: to.to_owned(),
                    mark,
                    is_focus: mark.is_some_and(|(_, change)| changes.is_focus(change)),
                });
            });
        };
        let later = after.is_some();
        for spot in spots.iter().filter(|spot| !spot.is_gone) {
            add(spot, later, &mut self.wires);
        }
        if later && let Some(before) = before {
            let former = spots.iter().filter(|spot| changes.has(spot.node.id()));
            let former = former.filter_map(|spot| before.get(spot.node.id()));
            for node in former.filter(|node| node.tab() == Some(tab)) {
                add(&Spot::of(node, true), false, &mut self.wires);
            }
        }
        self.wires.sort_by_key(|wire| wire.mark.is_some());
        self.wires_total = self.wires.iter().filter(|it| it.is_port()).count() + total;
        self.wires_left_out = left_out;
    }
}

/// Everything on the tab: what is there, then what was there.
fn spots<'a>(
    view: &View<'a>,
    before: Option<&'a Flows>,
    after: Option<&'a Flows>,
) -> Vec<Spot<'a>> {
    let Some(main) = after.or(before) else {
        return Vec::new();
    };
    let is_here = |node: &NodeRef<'_>| node.is_placed() && node.tab() == Some(view.tab);
    let now = main.nodes().filter(is_here);
    let mut spots: Vec<_> = now.map(|node| Spot::of(node, false)).collect();
    if let (Some(before), Some(after)) = (before, after) {
        let mut seen = HashSet::new();
        let changed = view.diff.changes.iter().map(|change| change.node.as_str());
        let changed = changed.filter(|id| seen.insert(*id));
        let former = changed.filter_map(|id| before.get(id)).filter(is_here);
        let gone = former.filter(|node| !after.get(node.id()).is_some_and(|it| is_here(&it)));
        spots.extend(gone.map(|node| Spot::of(node, true)));
    }
    spots
}

fn block(spot: &Spot<'_>, changes: &Changes<'_>) -> Block {
    let marks = part::marks(spot, changes);
    Block {
        area: spot.area,
        mark: marks.0.first().map(|(mark, _)| *mark),
        is_group: spot.node.kind() == "group",
    }
}

/// The frame: around what is pointed out, else around what changes.
fn choose_frame(
    view: &View<'_>,
    spots: &[Spot<'_>],
    changes: &Changes<'_>,
    canvas: Area,
) -> (Zoom, Area, Option<(f64, f64)>) {
    let has = |spot: &&Spot<'_>, is_it: &dyn Fn(&ChangeId) -> bool| {
        let marks = changes.marks.get(spot.node.id());
        marks.is_some_and(|marks| marks.iter().any(|(_, id)| is_it(id)))
    };
    let changed = spots.iter().filter(|spot| changes.has(spot.node.id()));
    let changed: Vec<_> = changed.collect();
    let at = view.at.and_then(|at| {
        let mut changed = changed.iter();
        changed.find(|spot| has(spot, &|id| id == at)).copied()
    });
    let focused = changed.iter().copied();
    let focused = focused.filter(|spot| has(spot, &|id| changes.is_focus(id)));
    let focused: Vec<_> = focused.collect();
    let targets = match (at, focused.is_empty()) {
        (Some(at), _) => vec![at],
        (None, false) => focused,
        (None, true) => changed,
    };
    let first = targets.iter().find(|spot| spot.node.kind() != "group");
    let first = first.or(targets.first()).map(|spot| spot.area.middle());
    let around = Area::of(targets.iter().map(|spot| spot.area));
    let (zoom, frame) = area::frame(canvas, view.zoom, around, first);
    (zoom, frame, first)
}
