//! Who belongs to whom: removed to added nodes, copies to what they are like.

use std::collections::{HashMap, HashSet};

use super::signature::Signatures;
use crate::flow::{NodeRef, scan};

/// A node and where its change stands.
pub(super) type Placed<'f> = (usize, NodeRef<'f>);

/// Added nodes and the removed ones they were.
pub(super) struct Pairing<'f> {
    /// In the order of the added ones.
    pairs: Vec<(Placed<'f>, Placed<'f>)>,
    map: HashMap<&'f str, &'f str>,
}

impl<'f> Pairing<'f> {
    pub(super) fn new(
        added: &[Placed<'f>],
        removed: &[Placed<'f>],
        signatures: &Signatures<'_>,
    ) -> Self {
        let mut made = Self {
            pairs: Vec::new(),
            map: HashMap::new(),
        };
        if removed.is_empty() {
            return made;
        }
        let sign = |nodes: &[Placed<'f>]| -> Vec<(u64, Placed<'f>)> {
            nodes
                .iter()
                .map(|node| (signatures.of(node.1), *node))
                .collect()
        };
        let (mut new, mut old) = (sign(added), sign(removed));
        // The strongest resemblance first: content and place, content and tab, content.
        made.take(&mut new, &mut old, |(sum, (_, node))| {
            Some((*sum, node.tab(), place(*node)))
        });
        made.take(&mut new, &mut old, |(sum, (_, node))| {
            Some((*sum, node.tab()))
        });
        made.take(&mut new, &mut old, |(sum, _)| Some(*sum));
        // Then what has a name of its own, and was changed on the way.
        let name = |nodes: &[(u64, Placed<'f>)]| {
            let mut names: HashMap<(&str, String), usize> = HashMap::new();
            for (_, (_, node)) in nodes {
                *names.entry((node.kind(), node.label())).or_default() += 1;
            }
            names.retain(|(kind, label), count| *count == 1 && kind != label);
            names
        };
        let (news, olds) = (name(&new), name(&old));
        made.take(&mut new, &mut old, |(_, (_, node))| {
            let name = (node.kind(), node.label());
            (news.contains_key(&name) && olds.contains_key(&name)).then_some(name)
        });
        made.pairs.sort_by_key(|(new, _)| new.0);
        made
    }

    /// Pairs what has the same key, in order, and takes it out of both lists.
    fn take<K: std::hash::Hash + Eq>(
        &mut self,
        new: &mut Vec<(u64, Placed<'f>)>,
        old: &mut Vec<(u64, Placed<'f>)>,
        key: impl Fn(&(u64, Placed<'f>)) -> Option<K>,
    ) {
        let mut waiting: HashMap<K, Vec<Placed<'f>>> = HashMap::new();
        for entry in old.iter().rev() {
            if let Some(key) = key(entry) {
                waiting.entry(key).or_default().push(entry.1);
            }
        }
        let mut gone = HashSet::new();
        new.retain(|entry| {
            let found = key(entry).and_then(|key| waiting.get_mut(&key)?.pop());
            if let Some(found) = found {
                gone.insert(found.0);
                self.map.insert(entry.1.1.id(), found.1.id());
                self.pairs.push((entry.1, found));
            }
            found.is_none()
        });
        old.retain(|(_, (at, _))| !gone.contains(at));
    }

    pub(super) fn pairs(&self) -> &[(Placed<'f>, Placed<'f>)] {
        &self.pairs
    }

    /// New ids to old ones.
    pub(super) fn map(&self) -> &HashMap<&'f str, &'f str> {
        &self.map
    }

    /// The added nodes that were nobody before.
    pub(super) fn left(&self, added: &[Placed<'f>]) -> Vec<Placed<'f>> {
        let is_new = |(_, node): &&Placed<'f>| !self.map.contains_key(node.id());
        added.iter().filter(is_new).copied().collect()
    }
}

/// Where a node is drawn, as it is written.
fn place(node: NodeRef<'_>) -> Option<(&str, &str)> {
    let mut at = (None, None);
    for (key, value) in scan::members(node.raw()) {
        match key {
            "x" => at.0 = Some(value),
            "y" => at.1 = Some(value),
            _ => {}
        }
    }
    at.0.zip(at.1)
}

/// Like nodes kept for one content (and of one tab) at most: thousands may be alike, and looking
/// through all of them for each would cost thousands squared.
const LIKE_MAX: usize = 16;

/// Nodes that stay, by what they say.
pub(super) struct Candidates<'f> {
    like: HashMap<u64, Like<'f>>,
    on_tab: HashMap<(u64, &'f str), Vec<NodeRef<'f>>>,
    of_added: HashMap<&'f str, u64>,
}

/// Nodes that say the same.
struct Like<'f> {
    first: NodeRef<'f>,
    tabs: Vec<&'f str>,
}

impl<'f> Candidates<'f> {
    pub(super) fn new(
        added: &[Placed<'f>],
        nodes: impl Iterator<Item = NodeRef<'f>>,
        stays: impl Fn(NodeRef<'f>) -> bool,
        signatures: &Signatures<'_>,
    ) -> Self {
        let of_added: HashMap<&str, u64> = added
            .iter()
            .map(|(_, node)| (node.id(), signatures.of(*node)))
            .collect();
        let wanted: HashSet<u64> = of_added.values().copied().collect();
        // What says the same has the same type and name: that is looked at first, for it costs nothing.
        let heads: HashSet<(&str, Option<&str>)> = added
            .iter()
            .map(|(_, node)| signatures.head(*node))
            .collect();
        let mut made = Self {
            like: HashMap::new(),
            on_tab: HashMap::new(),
            of_added,
        };
        for node in nodes.filter(|node| heads.contains(&signatures.head(*node))) {
            let sum = signatures.of(node);
            if wanted.contains(&sum) && stays(node) {
                made.keep(sum, node);
            }
        }
        made
    }

    fn keep(&mut self, sum: u64, node: NodeRef<'f>) {
        let like = self.like.entry(sum).or_insert(Like {
            first: node,
            tabs: Vec::new(),
        });
        let Some(tab) = node.tab() else { return };
        let on_tab = self.on_tab.entry((sum, tab)).or_default();
        if on_tab.is_empty() && like.tabs.len() < LIKE_MAX {
            like.tabs.push(tab);
        }
        if on_tab.len() < LIKE_MAX {
            on_tab.push(node);
        }
    }

    /// The node that `node` is like: best on `tab` and in the same place, else the first of all.
    pub(super) fn of(&self, node: NodeRef<'f>, tab: Option<&'f str>) -> Option<NodeRef<'f>> {
        let sum = *self.of_added.get(node.id())?;
        let on_tab = tab.and_then(|tab| self.on_tab.get(&(sum, tab)));
        let on_tab = on_tab.map_or(&[][..], Vec::as_slice);
        let here = place(node);
        let best = on_tab.iter().find(|other| place(**other) == here);
        let best = best.or_else(|| on_tab.first()).copied();
        best.or_else(|| self.like.get(&sum).map(|like| like.first))
    }

    /// For each added tab, the tab that most of its nodes are like nodes of.
    pub(super) fn tabs(&self, added: &[Placed<'f>]) -> HashMap<&'f str, &'f str> {
        let mut votes: HashMap<&str, HashMap<&str, usize>> = HashMap::new();
        let is_new: HashSet<&str> = added
            .iter()
            .filter(|(_, node)| node.kind() == "tab")
            .map(|(_, node)| node.id())
            .collect();
        for (_, node) in added {
            let Some(tab) = node.tab().filter(|tab| is_new.contains(tab)) else {
                continue;
            };
            let sum = self.of_added.get(node.id());
            let tabs = sum
                .and_then(|sum| self.like.get(sum))
                .map(|like| &like.tabs);
            for other in tabs.into_iter().flatten() {
                *votes.entry(tab).or_default().entry(other).or_default() += 1;
            }
        }
        let best = |votes: &HashMap<&'f str, usize>| {
            let best = votes
                .iter()
                .max_by_key(|(tab, count)| (**count, std::cmp::Reverse(**tab)));
            best.map(|(tab, _)| *tab)
        };
        votes
            .iter()
            .filter_map(|(tab, votes)| Some((*tab, best(votes)?)))
            .collect()
    }
}
