//! The ways messages take: over wires, links and calls, through subflows, and from failures to
//! catch nodes. Built in time linear in the flow, walked in time linear in the graph, whatever
//! cycles it has.
//!
//! Vertices are the nodes, an exit for each output of a subflow's instance and for each link call,
//! and hubs that keep the number of edges linear. A subflow is one place that all its instances go
//! through; that a message which enters by one instance does not come out of another is kept by the
//! two kinds of edges that lead in ([`Kind::Down`]) and out ([`Kind::Up`]): a way goes up first and
//! down after, and passes an instance it entered by [`Kind::Pass`].

mod build;
pub(crate) mod context;
mod events;
mod exits;
mod subflow;
mod walk;

use std::{
    cell::OnceCell,
    collections::{HashMap, HashSet},
};

use model::flow::{Flows, NodeRef};

pub(crate) use self::walk::Walk;
use self::{context::Contexts, exits::Exits};

/// What an edge means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A wire or a link.
    Wire,
    /// From an instance or call to its own exit, where what is inside lets messages through.
    Pass,
    /// Into a subflow or a called link.
    Down,
    /// Out of a subflow or back from a called link.
    Up,
    /// From a node to who hears its errors, status or completion.
    Event,
    /// From who sets a name in context to who reads it: no message goes that way, yet what one does
    /// the other depends on.
    Context,
}

/// Edges by vertex.
#[derive(Debug, Default)]
struct Edges {
    starts: Vec<u32>,
    ends: Vec<(u32, Kind)>,
}

impl Edges {
    fn of(&self, vertex: u32) -> &[(u32, Kind)] {
        let place = vertex as usize;
        let range = self.starts.get(place).zip(self.starts.get(place + 1));
        let range = range.and_then(|(from, to)| self.ends.get(*from as usize..*to as usize));
        range.unwrap_or(&[])
    }
}

/// The ways through a flow.
#[derive(Debug)]
pub(crate) struct Graph<'f> {
    nodes: Vec<NodeRef<'f>>,
    /// What people call each node, once it was asked for: a node of many megabytes is read for it.
    labels: Vec<OnceCell<String>>,
    flows: &'f Flows,
    is_live: Vec<bool>,
    forward: Edges,
    backward: Edges,
    /// By vertex: whether a [`Kind::Pass`] edge to it may be taken.
    is_open: Vec<bool>,
    /// The exits of instances and calls.
    exits: HashMap<u32, Exits>,
    /// By node: whether a catch node hears its errors.
    is_caught: Vec<bool>,
    /// What is shared by context.
    pub(crate) contexts: Contexts<'f>,
    /// Subflows that hold themselves.
    pub(crate) cyclic: Vec<&'f str>,
}

impl<'f> Graph<'f> {
    /// The vertex of the node with this id.
    pub(crate) fn place(&self, id: &str) -> Option<u32> {
        u32::try_from(self.flows.place(id)?).ok()
    }

    /// The node of a vertex; none for exits and hubs.
    pub(crate) fn node(&self, vertex: u32) -> Option<NodeRef<'f>> {
        self.nodes.get(vertex as usize).copied()
    }

    /// What people call the node of a vertex.
    pub(crate) fn label(&self, vertex: u32) -> Option<&str> {
        let node = self.node(vertex)?;
        let label = self.labels.get(vertex as usize)?.get_or_init(|| {
            #[cfg(test)]
            tests::LABELS.with(|labels| labels.set(labels.get() + 1));
            node.label()
        });
        Some(label)
    }

    /// Every node, in the order of the file.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeRef<'f>> {
        self.nodes.iter().copied()
    }

    /// Whether a node sends to any other.
    pub(crate) fn leads_on(&self, id: &str) -> bool {
        let sends = |vertex| {
            self.next(vertex)
                .any(|(_, kind)| matches!(kind, Kind::Wire | Kind::Down))
        };
        self.place(id)
            .is_some_and(|place| self.begins(place).any(sends))
    }

    /// How many vertices.
    pub(crate) fn size(&self) -> usize {
        self.is_open.len()
    }

    /// Whether the node runs: neither it nor its tab is switched off.
    pub(crate) fn is_live(&self, vertex: u32) -> bool {
        self.is_live.get(vertex as usize).copied().unwrap_or(false)
    }

    /// Whether a catch node hears its errors: beside it, or where the subflow it is in is used.
    pub(crate) fn is_caught(&self, vertex: u32) -> bool {
        self.is_caught
            .get(vertex as usize)
            .copied()
            .unwrap_or(false)
    }

    /// Who sends to it, over wires and links; exits and hubs among them.
    pub(crate) fn feeders(&self, vertex: u32) -> impl Iterator<Item = u32> {
        let ways = self.backward.of(vertex).iter();
        ways.filter(|(_, kind)| !matches!(kind, Kind::Event | Kind::Context))
            .map(|(from, _)| *from)
    }

    /// Whether anything is wired to it.
    pub(crate) fn is_fed(&self, vertex: u32) -> bool {
        self.feeders(vertex).next().is_some()
    }

    /// Where a walk from this node begins: the node, and its exits when it is an instance or call.
    pub(crate) fn begins(&self, vertex: u32) -> impl Iterator<Item = u32> {
        let exits = self.exits.get(&vertex).into_iter().flat_map(Exits::all);
        std::iter::once(vertex).chain(exits)
    }

    /// The vertices that come after one, and by what.
    pub(crate) fn next(&self, vertex: u32) -> impl Iterator<Item = (u32, Kind)> {
        self.forward.of(vertex).iter().copied()
    }

    /// The vertices from which one of `ends` is reached, themselves included.
    pub(crate) fn leading_to(&self, ends: &[u32]) -> HashSet<u32> {
        let mut walk = Walk::new(self);
        walk.backward(ends, usize::MAX);
        walk.reached().iter().copied().collect()
    }
}

#[cfg(test)]
mod tests;
