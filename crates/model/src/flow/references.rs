//! Who refers to whom: a node refers to another when any of its string values is the other's id
//! (wires, tab, group, links, config nodes), or its type is an instance of the other (subflows).

use std::collections::{HashMap, HashSet};

use super::{Flows, NodeRef, canonical::write_string, scan};

/// Of `ids`, those that a node of `flows` refers to by any of its values.
pub fn referred<'i>(flows: &Flows, ids: impl Iterator<Item = &'i str>) -> HashSet<&'i str> {
    let mut targets = Targets::default();
    ids.for_each(|id| targets.add_id(id));
    if targets.is_empty() {
        return HashSet::new();
    }
    let mut found = HashSet::new();
    for node in flows.nodes() {
        found.extend(targets.of(node));
        // What is used mostly is so near the beginning.
        if found.len() == targets.by_text.len() {
            break;
        }
    }
    found
}

/// Ids to look for, in the form in which canonical text holds them.
#[derive(Debug, Default)]
pub(super) struct Targets<'t> {
    by_text: HashMap<String, &'t str>,
    /// Whether a text of this many bytes is looked for: most strings are passed by without a
    /// look-up.
    lengths: Vec<bool>,
}

impl<'t> Targets<'t> {
    /// Looks for `id` itself.
    pub(super) fn add_id(&mut self, id: &'t str) {
        self.add(id, id);
    }

    /// Looks for instances of the subflow `id`.
    pub(super) fn add_instances(&mut self, id: &'t str) {
        self.add(&format!("subflow:{id}"), id);
    }

    fn add(&mut self, text: &str, id: &'t str) {
        let mut escaped = String::new();
        write_string(&mut escaped, text);
        let inner = escaped[1..escaped.len() - 1].to_owned();
        if self.lengths.len() <= inner.len() {
            self.lengths.resize(inner.len() + 1, false);
        }
        self.lengths[inner.len()] = true;
        self.by_text.insert(inner, id);
    }

    /// Whether nothing is looked for.
    pub(super) fn is_empty(&self) -> bool {
        self.by_text.is_empty()
    }

    /// What canonical `text` refers to, as often as it does.
    pub(super) fn within<'s>(&'s self, text: &'s str) -> impl Iterator<Item = &'t str> + 's {
        scan::strings(text)
            .filter(|string| self.lengths.get(string.len()).copied().unwrap_or(false))
            .filter_map(|string| self.by_text.get(string).copied())
    }

    /// What `node` refers to, itself left out, each once.
    pub(super) fn of(&self, node: NodeRef<'_>) -> Vec<&'t str> {
        let mut found: Vec<&str> = self
            .within(node.raw())
            .filter(|target| *target != node.id())
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}
