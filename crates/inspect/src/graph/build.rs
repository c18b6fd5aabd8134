//! Building the graph.

use std::collections::{HashMap, HashSet};

use model::flow::{Flows, NodeRef};
use serde_json::Value;

use super::{
    Edges, Graph, Kind,
    subflow::{Template, open, order},
};

/// Outputs of an instance that are followed: a hostile flow names any number.
const OUTPUTS_MAX: u32 = 1_000;

type Edge = (u32, u32, Kind);

struct Builder<'f> {
    nodes: Vec<NodeRef<'f>>,
    places: HashMap<&'f str, u32>,
    is_live: Vec<bool>,
    edges: Vec<Edge>,
    vertices: u32,
    exits: HashMap<u32, (u32, u32)>,
    templates: Vec<Template<'f>>,
    by_id: HashMap<&'f str, usize>,
}

impl<'f> Graph<'f> {
    /// The ways through `flows`.
    pub(crate) fn new(flows: &'f Flows) -> Self {
        let nodes: Vec<NodeRef<'f>> = flows.nodes().collect();
        let number = |place: usize| u32::try_from(place).unwrap_or(u32::MAX);
        let places: HashMap<&str, u32> = nodes
            .iter()
            .enumerate()
            .map(|(place, node)| (node.id(), number(place)))
            .collect();
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
            edges: Vec::with_capacity(nodes.len() * 2),
            nodes,
            places,
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
        builder.finish()
    }
}

impl<'f> Builder<'f> {
    fn vertex(&mut self) -> u32 {
        self.vertices += 1;
        self.vertices - 1
    }

    /// The vertex of a live node.
    fn live(&self, id: &str) -> Option<u32> {
        let place = *self.places.get(id)?;
        self.is_live.get(place as usize)?.then_some(place)
    }

    fn all(&self) -> impl Iterator<Item = (u32, NodeRef<'f>)> + use<'f> {
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
            let leaves = list("out")
                .iter()
                .take(OUTPUTS_MAX as usize)
                .map(ends)
                .collect();
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
        for (place, node) in self.all() {
            let outputs = if node.kind() == "link call" {
                1
            } else if let Some(template) = node
                .kind()
                .strip_prefix("subflow:")
                .and_then(|id| self.by_id.get(id))
            {
                let Some(template) = self.templates.get_mut(*template) else {
                    continue;
                };
                template.instances.push(place);
                let told = u32::try_from(template.leaves.len()).unwrap_or(OUTPUTS_MAX);
                for enter in &template.enters {
                    // One edge for each end of the input: nearly always one.
                    self.edges.push((place, *enter, Kind::Down));
                }
                told
            } else {
                continue;
            };
            self.exits.insert(place, (self.vertices, outputs));
            for exit in self.vertices..self.vertices + outputs {
                self.edges.push((place, exit, Kind::Pass));
            }
            self.vertices += outputs;
        }
    }

    /// The vertex from which output `port` of a node sends.
    fn sender(&self, place: u32, port: u32) -> Option<u32> {
        match self.exits.get(&place) {
            None => Some(place),
            Some((first, count)) if port < *count => Some(first + port),
            Some(_) => None,
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

    /// From nodes to who hears their errors, status and completion.
    fn events(&mut self) {
        let mut hubs: HashMap<&str, u32> = HashMap::new();
        for (place, node) in self.all() {
            if !matches!(node.kind(), "catch" | "status" | "complete") {
                continue;
            }
            let all = node.properties();
            if let Some(scope) = all.get("scope").and_then(Value::as_array) {
                for id in scope.iter().filter_map(Value::as_str) {
                    if let Some(from) = self.live(id) {
                        self.edges.push((from, place, Kind::Event));
                    }
                }
            } else if let Some(tab) = node.tab() {
                // All of the tab, or a group of it: taken for the whole.
                let hub = match hubs.get(tab) {
                    Some(hub) => *hub,
                    None => self.vertex(),
                };
                hubs.insert(tab, hub);
                self.edges.push((hub, place, Kind::Event));
            }
        }
        if hubs.is_empty() {
            return;
        }
        for (place, node) in self.all() {
            if let Some(hub) = node.tab().and_then(|tab| hubs.get(tab))
                && !matches!(node.kind(), "catch" | "status" | "complete")
            {
                self.edges.push((place, *hub, Kind::Event));
            }
        }
    }

    /// From where a subflow ends to where its instances go on.
    fn through_subflows(&mut self) {
        let templates = std::mem::take(&mut self.templates);
        for template in &templates {
            for (output, leaves) in (0..).zip(&template.leaves) {
                let hub = self.vertex();
                for (id, port) in leaves {
                    // An output may also be wired to the subflow's own input.
                    let from = self.live(id).and_then(|place| self.sender(place, *port));
                    if let Some(from) = from {
                        self.edges.push((from, hub, Kind::Up));
                    }
                }
                for instance in &template.instances {
                    if let Some(exit) = self.sender(*instance, output) {
                        self.edges.push((hub, exit, Kind::Up));
                    }
                }
            }
        }
        self.templates = templates;
    }

    fn finish(self) -> Graph<'f> {
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
            exits: self.exits,
            cyclic: Vec::new(),
            nodes: self.nodes,
            places: self.places,
            is_live: self.is_live,
        };
        let (order, cyclic) = order(&graph, &self.templates, &self.by_id);
        graph.cyclic = cyclic;
        let exits: Vec<u32> = self
            .templates
            .iter()
            .flat_map(|it| &it.instances)
            .copied()
            .collect();
        for instance in exits {
            let (first, count) = graph.exits.get(&instance).copied().unwrap_or_default();
            graph.is_open[first as usize..(first + count) as usize].fill(false);
        }
        for place in order {
            open(&mut graph, &self.templates[place]);
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
