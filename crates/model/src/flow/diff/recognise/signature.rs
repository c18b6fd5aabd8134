//! What a node says, whatever its id and whatever the ids it refers to.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use crate::flow::{Flows, NodeRef, scan};

/// Where a node is and what it is wired to: not part of what it says.
pub(super) const PLACE: [&str; 8] = ["x", "y", "z", "g", "wires", "w", "h", "nodes"];

/// Every id of two flows.
pub(super) struct Ids<'f> {
    ids: HashSet<&'f str>,
    /// Whether an id of this many bytes exists: most strings are passed by without a look-up.
    lengths: Vec<bool>,
}

impl<'f> Ids<'f> {
    pub(super) fn of(base: &'f Flows, proposal: &'f Flows) -> Self {
        let mut ids = HashSet::with_capacity(base.len() + proposal.len() / 8);
        let mut lengths = Vec::new();
        for node in base.nodes().chain(proposal.nodes()) {
            let id = node.id();
            if lengths.len() <= id.len() {
                lengths.resize(id.len() + 1, false);
            }
            lengths[id.len()] = true;
            ids.insert(id);
        }
        Self { ids, lengths }
    }

    fn has(&self, text: &str) -> bool {
        self.lengths.get(text.len()).copied().unwrap_or(false) && self.ids.contains(text)
    }
}

/// Makes signatures.
pub(super) struct Signatures<'f> {
    ids: &'f Ids<'f>,
}

impl<'f> Signatures<'f> {
    pub(super) fn new(ids: &'f Ids<'f>) -> Self {
        Self { ids }
    }

    /// The type, the type of a subflow's instances without the subflow's id.
    pub(super) fn kind<'n>(&self, node: NodeRef<'n>) -> &'n str {
        match node.kind().strip_prefix("subflow:") {
            Some(template) if self.ids.has(template) => "subflow:",
            _ => node.kind(),
        }
    }

    /// The type, and the name as it is written: a part of what `node` says that is had at once.
    pub(super) fn head<'n>(&self, node: NodeRef<'n>) -> (&'n str, Option<&'n str>) {
        let name = node.name_raw();
        let is_id = |name: &&str| {
            let inner = name.strip_prefix('"').and_then(|it| it.strip_suffix('"'));
            !inner.is_some_and(|inner| self.ids.has(inner))
        };
        // One that holds ids is abstracted too.
        let is_plain = |name: &&str| !name.starts_with(['[', '{']);
        (self.kind(node), name.filter(is_id).filter(is_plain))
    }

    /// A number for what `node` says: the same for nodes that differ only in ids, place and wires,
    /// whatever the order of their keys.
    pub(super) fn of(&self, node: NodeRef<'_>) -> u64 {
        let mut sum = mix(1, self.kind(node));
        for (key, value) in scan::members(node.raw()) {
            if matches!(key, "id" | "type") || PLACE.contains(&key) {
                continue;
            }
            let key = mix(2, key);
            let member = match value.as_bytes().first() {
                Some(b'"') => {
                    let inner = value.get(1..value.len() - 1).unwrap_or_default();
                    mix(key, if self.ids.has(inner) { "" } else { value })
                }
                Some(b'[' | b'{') if scan::strings(value).any(|string| self.ids.has(string)) => {
                    mix(
                        key,
                        &replaced(value, |string| self.ids.has(string).then_some("")),
                    )
                }
                _ => mix(key, value),
            };
            sum = sum.wrapping_add(member);
        }
        sum
    }
}

/// A quick digest, the same on every machine. Not made against people who want two texts to be
/// alike: it only proposes, and `differs` compares.
fn mix(seed: u64, text: &str) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut sum = seed ^ (text.len() as u64).wrapping_mul(ODD);
    for chunk in text.as_bytes().chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        sum = (sum ^ u64::from_le_bytes(word))
            .wrapping_mul(ODD)
            .rotate_left(29);
    }
    sum ^ (sum >> 32)
}

/// Canonical `text` with every string replaced for which there is a replacement.
fn replaced<'t>(text: &'t str, with: impl Fn(&str) -> Option<&'t str>) -> Cow<'t, str> {
    let origin = text.as_ptr().addr();
    let mut out = String::new();
    let mut from = 0;
    for string in scan::strings(text) {
        let at = string.as_ptr().addr() - origin;
        if let (Some(new), Some(before)) = (with(string), text.get(from..at)) {
            out.push_str(before);
            out.push_str(new);
            from = at + string.len();
        }
    }
    if from == 0 {
        return Cow::Borrowed(text);
    }
    out.push_str(text.get(from..).unwrap_or_default());
    Cow::Owned(out)
}

/// The keys that differ between two nodes beside their ids and `without`, the ids in the first
/// followed by `map` to what they were. Literal: a chance equality of signatures ends here.
pub(super) fn differs(
    new: NodeRef<'_>,
    old: NodeRef<'_>,
    map: &HashMap<&str, &str>,
    without: &[&str],
) -> Vec<String> {
    let mut was: HashMap<&str, &str> = scan::members(old.raw()).collect();
    let mut keys = Vec::new();
    for (key, value) in scan::members(new.raw()) {
        let before = was.remove(key);
        if key == "id" || without.contains(&key) {
            continue;
        }
        let value = if key == "type" {
            let template = new
                .kind()
                .strip_prefix("subflow:")
                .and_then(|id| map.get(id));
            template.map_or(Cow::Borrowed(value), |id| {
                Cow::Owned(format!("\"subflow:{id}\""))
            })
        } else {
            replaced(value, |string| map.get(string).copied())
        };
        if before != Some(&*value) {
            keys.push(scan::unescape(key).into_owned());
        }
    }
    let gone = scan::members(old.raw()).map(|(key, _)| key);
    let gone = gone.filter(|key| was.contains_key(key) && *key != "id" && !without.contains(key));
    keys.extend(gone.map(|key| scan::unescape(key).into_owned()));
    keys
}
