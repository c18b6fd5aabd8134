//! Building the graph.

use std::collections::{HashMap, HashSet};

use model::flow::{Flows, NodeRef};
use serde_json::Value;

use super::{
    Edges, Graph, Kind,
    context::Contexts,
    exits::Exits,
    subflow::{Template, open, order},
};

type Edge = (u32, u32, Kind);

pub(super) struct Builder<'f> {
    pub(super) nodes: Vec<NodeRef<'f>>,
    flows: &'f Flows,
    is_live: Vec<bool>,
    pub(super) edges: Vec<Edge>,
    vertices: u32,
    exits: HashMap<u32, Exits>,
    /// By node: whether a catch node beside it hears its errors.
    pub(super) is_caught: Vec<bool>,
    templates: Vec<Template<'f>>,
    by_id: HashMap<&'f str, usize>,
}

impl<'f> Graph<'f> {
    /// The ways through `flows`.
    pub(crate) fn new(flows: &'f Flows) -> Self {
        let nodes: Vec<NodeRef<'f>> = flows.nodes().collect();
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let off: HashSet<&str> = nodes
            .iter()
            .filter(|node| node.kind() == "tab" && node.is_off())
            .map(NodeRef::id)
            .collect();
        let is_live = nodes
            .iter()
            .map(|node| !node.is_off() && !node.tab().is_some_and(|tab| off.contains(tab)))
            .collect();
        let mut builder = Builder {
            vertices: number(nodes.len()),
            is_caught: vec![false; nodes.len()],
            edges: Vec::with_capacity(nodes.len() * 2),
            nodes,
            flows,
            is_live,
            exits: HashMap::new(),
            templates: Vec::new(),
            by_id: HashMap::new(),
        };
        builder.templates();
        builder.instances();
        builder.wires();
        builder.links();
        builder.events();
        builder.through_subflows();
        let contexts = builder.contexts();
        builder.finish(contexts)
    }
}

impl<'f> Builder<'f> {
    pub(super) fn vertex(&mut self) -> u32 {
        self.vertices += 1;
        self.vertices - 1
    }

    /// The vertex of a live node.
    pub(super) fn live(&self, id: &str) -> Option<u32> {
        let place = self.flows.place(id)?;
        let is_live = *self.is_live.get(place)?;
        u32::try_from(place).ok().filter(|_| is_live)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (u32, NodeRef<'f>)> + use<'f> {
        let live = self.nodes.iter().copied().zip(self.is_live.iter().copied());
        let all: Vec<_> = (0..)
            .zip(live)
            .filter(|(_, (_, is_live))| *is_live)
            .map(|(place, (node, _))| (place, node))
            .collect();
        all.into_iter()
    }

    fn templates(&mut self) {
        for node in self.nodes.clone() {
            if node.kind() != "subflow" {
                continue;
            }
            let all = node.properties();
            let ends = |value: &Value| -> Vec<(String, u32)> {
                let wires = value
                    .get("wires")
                    .and_then(Value::as_array)
                    .into_iter()
                    .flatten();
                let end = |wire: &Value| {
                    let id = wire.get("id")?.as_str()?.to_owned();
                    let port = wire.get("port").and_then(Value::as_u64).unwrap_or(0);
                    Some((id, u32::try_from(port).unwrap_or(u32::MAX)))
                };
                wires.filter_map(end).collect()
            };
            let list = |key: &str| {
                all.get(key)
                    .and_then(Value::as_array)
                    .cloned()
                    .unwrap_or_default()
            };
            let enters = list("in").iter().flat_map(ends).collect::<Vec<_>>();
            let enters = enters.iter().filter_map(|(id, _)| self.live(id)).collect();
            let leaves = list("out").iter().map(ends).collect();
            self.by_id.insert(node.id(), self.templates.len());
            self.templates.push(Template {
                id: node.id(),
                enters,
                leaves,
                instances: Vec::new(),
            });
        }
    }

    /// Exits of instances and calls.
    fn instances(&mut self) {
        let mut leaving = self.leaving();
        let mut doors: HashMap<usize, u32> = HashMap::new();
        for (place, node) in self.all() {
            let template = node
                .kind()
                .strip_prefix("subflow:")
                .and_then(|id| self.by_id.get(id).copied());
            if let Some(template) = template {
                self.enter(place, template, &mut doors);
            } else if node.kind() != "link call" {
                continue;
            }
            let wired = node
                .wires()
                .map(|(port, _)| u32::try_from(port).unwrap_or(u32::MAX));
            let mut ports = leaving.remove(node.id()).unwrap_or_default();
            ports.extend(wired);
            if let Some(template) = template.and_then(|at| self.templates.get(at)) {
                ports.retain(|port| (*port as usize) < template.leaves.len());
            } else {
                ports.retain(|port| *port == 0);
            }
            let exits = Exits::new(self.vertices, ports);
            self.vertices += exits.count();
            self.edges
                .extend(exits.all().map(|exit| (place, exit, Kind::Pass)));
            self.exits.insert(place, exits);
        }
    }

    /// The outputs of nodes from which messages leave a subflow.
    fn leaving(&self) -> HashMap<String, Vec<u32>> {
        let mut leaving: HashMap<String, Vec<u32>> = HashMap::new();
        for (id, port) in self
            .templates
            .iter()
            .flat_map(|it| it.leaves.iter().flatten())
        {
            leaving.entry(id.clone()).or_default().push(*port);
        }
        leaving
    }

    /// From an instance to where its subflow begins. Where that is in several places, the instances
    /// share a door to them: thousands of instances of thousands of places are no millions of edges.
    fn enter(&mut self, place: u32, template: usize, doors: &mut HashMap<usize, u32>) {
        let Some(template_of) = self.templates.get_mut(template) else {
            return;
        };
        template_of.instances.push(place);
        let door = match template_of.enters.as_slice() {
            [] => return,
            [only] => *only,
            several => {
                let known = doors.get(&template).copied();
                known.unwrap_or_else(|| {
                    let door = self.vertices;
                    let inward = several.iter().map(|enter| (door, *enter, Kind::Wire));
                    self.edges.extend(inward);
                    self.vertices += 1;
                    doors.insert(template, door);
                    door
                })
            }
        };
        self.edges.push((place, door, Kind::Down));
    }

    /// The vertex from which output `port` of a node sends.
    fn sender(&self, place: u32, port: u32) -> Option<u32> {
        match self.exits.get(&place) {
            None => Some(place),
            Some(exits) => exits.of(port),
        }
    }

    fn wires(&mut self) {
        for (place, node) in self.all() {
            for (port, to) in node.wires() {
                let port = u32::try_from(port).unwrap_or(u32::MAX);
                if let (Some(from), Some(to)) = (self.sender(place, port), self.live(&to)) {
                    self.edges.push((from, to, Kind::Wire));
                }
            }
        }
    }

    fn links(&mut self) {
        let mut returns = Vec::new();
        let mut calls = Vec::new();
        for (place, node) in self.all() {
            if !matches!(node.kind(), "link out" | "link call") {
                continue;
            }
            let all = node.properties();
            let links = all
                .get("links")
                .and_then(Value::as_array)
                .into_iter()
                .flatten();
            let ends: Vec<u32> = links.filter_map(|link| self.live(link.as_str()?)).collect();
            let is_return = all.get("mode").is_some_and(|mode| mode == "return");
            match (node.kind(), is_return) {
                ("link call", _) => {
                    self.edges
                        .extend(ends.iter().map(|end| (place, *end, Kind::Down)));
                    calls.extend(ends.iter().map(|end| (place, *end)));
                }
                (_, true) => returns.push(place),
                (_, false) => self
                    .edges
                    .extend(ends.iter().map(|end| (place, *end, Kind::Wire))),
            }
        }
        if returns.is_empty() || calls.is_empty() {
            return;
        }
        // A return goes back to whoever called a link it hangs together with.
        let parts = self.parts();
        let part = |place: u32| parts.get(place as usize).copied().unwrap_or(place);
        let mut hubs: HashMap<u32, u32> = HashMap::new();
        for place in returns {
            let hub = *hubs.entry(part(place)).or_insert_with(|| {
                self.vertices += 1;
                self.vertices - 1
            });
            self.edges.push((place, hub, Kind::Up));
        }
        for (call, end) in calls {
            if let (Some(hub), Some(exit)) = (hubs.get(&part(end)), self.sender(call, 0)) {
                self.edges.push((*hub, exit, Kind::Up));
            }
        }
    }

    /// For each vertex, the part of the flow it hangs together with by wires and links.
    fn parts(&self) -> Vec<u32> {
        let mut parts: Vec<u32> = (0..self.vertices).collect();
        for (from, to, kind) in &self.edges {
            if matches!(kind, Kind::Wire | Kind::Pass) {
                let (one, other) = (root(&mut parts, *from), root(&mut parts, *to));
                if let Some(part) = parts.get_mut(one as usize) {
                    *part = other;
                }
            }
        }
        (0..self.vertices)
            .map(|vertex| root(&mut parts, vertex))
            .collect()
    }

    /// From where a subflow ends to where its instances go on.
    fn through_subflows(&mut self) {
        let templates = std::mem::take(&mut self.templates);
        for template in &templates {
            let hubs = self.vertices;
            for leaves in &template.leaves {
                let hub = self.vertex();
                for (id, port) in leaves {
                    // An output may also be wired to the subflow's own input.
                    let from = self.live(id).and_then(|place| self.sender(place, *port));
                    if let Some(from) = from {
                        self.edges.push((from, hub, Kind::Up));
                    }
                }
            }
            let exits = template
                .instances
                .iter()
                .filter_map(|it| self.exits.get(it));
            for (port, exit) in exits.flat_map(Exits::outputs) {
                self.edges.push((hubs + port, exit, Kind::Up));
            }
        }
        self.templates = templates;
    }

    /// The nodes in each subflow.
    fn within(&self, graph: &Graph<'f>) -> HashMap<&'f str, Vec<u32>> {
        let mut within: HashMap<&str, Vec<u32>> = HashMap::new();
        for (place, node) in (0..).zip(&graph.nodes) {
            if let Some(template) = node.tab().filter(|tab| self.by_id.contains_key(tab)) {
                within.entry(template).or_default().push(place);
            }
        }
        within
    }

    fn finish(mut self, contexts: Contexts<'f>) -> Graph<'f> {
        let size = self.vertices as usize;
        let forward = sorted(size, self.edges.iter().copied());
        let backward = sorted(
            size,
            self.edges
                .iter()
                .map(|(from, to, kind)| (*to, *from, *kind)),
        );
        let mut graph = Graph {
            forward,
            backward,
            is_open: vec![true; size],
            exits: std::mem::take(&mut self.exits),
            cyclic: Vec::new(),
            contexts,
            labels: vec![std::cell::OnceCell::new(); self.nodes.len()],
            nodes: std::mem::take(&mut self.nodes),
            flows: self.flows,
            is_live: std::mem::take(&mut self.is_live),
            is_caught: std::mem::take(&mut self.is_caught),
        };
        let (order, cyclic) = order(&graph, &self.templates, &self.by_id);
        graph.cyclic = cyclic;
        let instances = || self.templates.iter().flat_map(|it| &it.instances);
        for exits in instances().filter_map(|it| graph.exits.get(it)) {
            for exit in exits.all() {
                if let Some(is_open) = graph.is_open.get_mut(exit as usize) {
                    *is_open = false;
                }
            }
        }
        for place in &order {
            if let Some(template) = self.templates.get(*place) {
                open(&mut graph, template);
            }
        }
        let within = self.within(&graph);
        // What holds others first: an error that nobody hears in a subflow goes on to its instances.
        for template in order.iter().rev().filter_map(|it| self.templates.get(*it)) {
            let mut instances = template.instances.iter();
            if instances.len() > 0 && instances.all(|it| graph.is_caught(*it)) {
                for place in within.get(template.id).into_iter().flatten() {
                    if let Some(is_caught) = graph.is_caught.get_mut(*place as usize) {
                        *is_caught = true;
                    }
                }
            }
        }
        graph
    }
}

fn root(parts: &mut [u32], of: u32) -> u32 {
    let mut at = of;
    while let Some(next) = parts.get(at as usize).copied().filter(|next| *next != at) {
        // Each look halves the way for the next.
        let after = parts.get(next as usize).copied().unwrap_or(next);
        parts[at as usize] = after;
        at = next;
    }
    at
}

/// Edges sorted by where they begin, in linear time.
fn sorted(size: usize, edges: impl Iterator<Item = Edge> + Clone) -> Edges {
    let mut starts = vec![0_u32; size + 1];
    for (from, _, _) in edges.clone() {
        starts[from as usize + 1] += 1;
    }
    for place in 0..size {
        starts[place + 1] += starts[place];
    }
    let mut next = starts.clone();
    let mut ends = vec![(0, Kind::Wire); starts[size] as usize];
    for (from, to, kind) in edges {
        let place = &mut next[from as usize];
        ends[*place as usize] = (to, kind);
        *place += 1;
    }
    Edges { starts, ends }
}
