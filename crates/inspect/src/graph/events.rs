//! Who hears the errors, status and completion of whom, as Node-RED's own `Flow.js` decides it:
//! the nodes a list names, those of a group (and of the groups in it), or all of the tab. A catch
//! node for uncaught errors hears what no other does. A `complete` node hears only what it lists.

use std::collections::{BTreeSet, HashMap};

use model::flow::NodeRef;
use serde_json::Value;

use super::{Kind, build::Builder};

/// Whom a catch or status node hears.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Scope<'f> {
    Tab(&'f str),
    Group(String),
}

/// One that hears.
struct Listener<'f> {
    place: u32,
    /// Whether it hears errors.
    catches: bool,
    /// Whether it hears only what no other catch node does.
    is_last: bool,
    scope: Option<Scope<'f>>,
    listed: Vec<u32>,
}

fn hears(node: NodeRef<'_>) -> bool {
    matches!(node.kind(), "catch" | "status" | "complete")
}

impl<'f> Builder<'f> {
    /// From nodes to who hears their errors, status and completion.
    pub(super) fn events(&mut self) {
        let listeners: Vec<Listener<'f>> = self
            .all()
            .filter(|(_, node)| hears(*node))
            .map(|(place, node)| self.listener(place, node))
            .collect();
        if listeners.is_empty() {
            return;
        }
        let groups = self.groups(&listeners);
        self.hear(listeners.iter().filter(|it| !it.is_last), &groups, |_| true);
        // The last resort: what no other catch node hears.
        let caught = self.is_caught.clone();
        let is_left = |place: u32| !caught.get(place as usize).copied().unwrap_or(false);
        self.hear(listeners.iter().filter(|it| it.is_last), &groups, is_left);
    }

    fn listener(&self, place: u32, node: NodeRef<'f>) -> Listener<'f> {
        let all = node.properties();
        let word = |key: &str| all.get(key).and_then(Value::as_str).unwrap_or("");
        let listed = all.get("scope").and_then(Value::as_array);
        let scope = match (listed, node.kind()) {
            (Some(_), _) | (None, "complete") => None,
            (None, _) if word("scope") == "group" && !word("g").is_empty() => {
                Some(Scope::Group(word("g").to_owned()))
            }
            (None, _) => node.tab().map(Scope::Tab),
        };
        let ids = listed.into_iter().flatten().filter_map(Value::as_str);
        let catches = node.kind() == "catch";
        Listener {
            place,
            catches,
            is_last: catches && all.get("uncaught") == Some(&Value::Bool(true)),
            scope,
            listed: ids.filter_map(|id| self.live(id)).collect(),
        }
    }

    /// Which group each node is in, and each group; empty where nobody hears a group.
    fn groups(&self, listeners: &[Listener<'f>]) -> HashMap<u32, String> {
        let is_group = |it: &Listener<'_>| matches!(it.scope, Some(Scope::Group(_)));
        if !listeners.iter().any(is_group) {
            return HashMap::new();
        }
        let group = |(place, node): (u32, NodeRef<'_>)| {
            // Most nodes are in no group: not parsed.
            let all = node.raw().contains("\"g\":").then(|| node.properties())?;
            Some((place, all.get("g")?.as_str()?.to_owned()))
        };
        self.all().filter_map(group).collect()
    }

    /// Ties the nodes that `fit` to those who hear them.
    fn hear<'l>(
        &mut self,
        listeners: impl Iterator<Item = &'l Listener<'f>>,
        groups: &HashMap<u32, String>,
        fits: impl Fn(u32) -> bool,
    ) where
        'f: 'l,
    {
        // A hub for each tab and group, and whether errors are heard there.
        let mut hubs: HashMap<Scope<'f>, (u32, bool)> = HashMap::new();
        let mut listed = Vec::new();
        for one in listeners {
            listed.extend(
                one.listed
                    .iter()
                    .map(|from| (*from, one.place, one.catches)),
            );
            if let Some(scope) = &one.scope {
                let hub = match hubs.get(scope) {
                    Some((hub, _)) => *hub,
                    None => self.vertex(),
                };
                hubs.entry(scope.clone()).or_insert((hub, false)).1 |= one.catches;
                self.edges.push((hub, one.place, Kind::Event));
            }
        }
        let mut caught = Vec::new();
        for (from, to, catches) in listed {
            if fits(from) {
                self.edges.push((from, to, Kind::Event));
                caught.extend(catches.then_some(from));
            }
        }
        let nested = self.nested(&mut hubs, groups);
        for (place, node) in self.all() {
            if hears(node) || !fits(place) {
                continue;
            }
            let tab = node.tab().and_then(|tab| hubs.get(&Scope::Tab(tab)));
            let group = groups.get(&place).and_then(|group| nested.get(group));
            for (hub, catches) in tab.into_iter().chain(group) {
                self.edges.push((place, *hub, Kind::Event));
                caught.extend(catches.then_some(place));
            }
        }
        for place in caught {
            if let Some(is_caught) = self.is_caught.get_mut(place as usize) {
                *is_caught = true;
            }
        }
    }

    /// For each group, the hub of the nearest group round it that somebody hears. That one leads on
    /// to the next, so that groups in groups in groups cost no more than there are.
    fn nested(
        &mut self,
        hubs: &mut HashMap<Scope<'f>, (u32, bool)>,
        groups: &HashMap<u32, String>,
    ) -> HashMap<String, (u32, bool)> {
        let parent = |builder: &Self, group: &str| {
            let place = builder.live(group)?;
            groups.get(&place).cloned()
        };
        let mut nested: HashMap<String, Option<(u32, bool)>> = HashMap::new();
        // In one order: of groups that hold each other, the first decides.
        let own: BTreeSet<String> = groups.values().cloned().collect();
        for start in own {
            // From the group outwards to one that is known, or to the outermost.
            let mut way = Vec::new();
            let mut at = Some(start);
            let mut outer = None;
            while let Some(group) = at {
                if let Some(known) = nested.get(&group) {
                    outer = *known;
                    break;
                }
                // Groups that hold each other end here.
                nested.insert(group.clone(), None);
                at = parent(self, &group);
                way.push(group);
            }
            for group in way.into_iter().rev() {
                if let Some((hub, catches)) = hubs.get_mut(&Scope::Group(group.clone())) {
                    if let Some((outside, is_caught)) = outer {
                        self.edges.push((*hub, outside, Kind::Event));
                        *catches |= is_caught;
                    }
                    outer = Some((*hub, *catches));
                }
                nested.insert(group, outer);
            }
        }
        let known = nested.into_iter();
        known
            .filter_map(|(group, hub)| Some((group, hub?)))
            .collect()
    }
}
