//! Who shares flow and global context with whom: what a node sets under a name, others read, and no
//! wire shows it.
//!
//! Names are followed by their first part (`a` of `a.b[0]`), in whichever store they are kept. What
//! a subflow's `flow` holds is its own, and one for all its instances here; a name it takes from the
//! flow round it (`$parent.a`) counts as one that it works out, and is not followed to there.

mod code;

use std::{cell::OnceCell, collections::HashMap};

use model::{flow::NodeRef, id::Hash};
use serde_json::{Map, Value};

use super::{Graph, Kind, build::Builder};

/// Whose context.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Owner<'f> {
    /// A tab's or subflow's.
    Flow(&'f str),
    /// Everyone's.
    Global,
}

impl<'f> Owner<'f> {
    /// The id of the tab or subflow; none of everyone's.
    pub(crate) fn id(self) -> &'f str {
        match self {
            Self::Flow(id) => id,
            Self::Global => "",
        }
    }

    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Flow(_) => "flow",
            Self::Global => "global",
        }
    }
}

/// A name a node sets or reads; none: one it works out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Touch<'f> {
    pub(crate) owner: Owner<'f>,
    pub(crate) key: Option<String>,
    pub(crate) sets: bool,
}

/// Who sets and who reads, each once and in the order of the file.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    pub(crate) setters: Vec<u32>,
    pub(crate) readers: Vec<u32>,
    /// What [`Shared::mark`] gave, for who sets and who reads.
    marks: [OnceCell<Hash>; 2],
}

impl Shared {
    /// Stands for all who set it, or all who read it: others give another. A message names only
    /// the first few.
    pub(crate) fn mark(&self, graph: &Graph<'_>, sets: bool) -> Hash {
        let [setters, readers] = &self.marks;
        let (mark, these) = if sets {
            (setters, &self.setters)
        } else {
            (readers, &self.readers)
        };
        let ids = these.iter().filter_map(|it| graph.node(*it));
        *mark.get_or_init(|| {
            let mut whole = String::new();
            for id in ids.map(|it| it.id()) {
                whole.push_str(&id.len().to_string());
                whole.push(':');
                whole.push_str(id);
            }
            Hash::of(whole.as_bytes())
        })
    }

    fn add(&mut self, place: u32, sets: bool) {
        let these = if sets {
            &mut self.setters
        } else {
            &mut self.readers
        };
        if these.last() != Some(&place) {
            these.push(place);
        }
    }
}

/// Everything shared by context.
#[derive(Debug, Default)]
pub(crate) struct Contexts<'f> {
    touches: HashMap<u32, Vec<Touch<'f>>>,
    names: HashMap<(Owner<'f>, Option<String>), Shared>,
    owners: HashMap<Owner<'f>, Shared>,
}

impl<'f> Contexts<'f> {
    /// Whether nobody shares anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.touches.is_empty()
    }

    /// What a node sets and reads.
    pub(crate) fn of(&self, vertex: u32) -> &[Touch<'f>] {
        self.touches.get(&vertex).map_or(&[], Vec::as_slice)
    }

    /// Who shares a name; of no name, who works names out.
    pub(crate) fn sharing(&self, owner: Owner<'f>, key: Option<&str>) -> Option<&Shared> {
        self.names.get(&(owner, key.map(str::to_owned)))
    }

    /// Everyone who sets or reads any name of this owner.
    pub(crate) fn owned(&self, owner: Owner<'f>) -> Option<&Shared> {
        self.owners.get(&owner)
    }
}

impl<'f> Builder<'f> {
    /// From who sets a name to who reads it.
    pub(super) fn contexts(&mut self) -> Contexts<'f> {
        let mut all = Contexts::default();
        for (place, node) in self.all() {
            let touches = touches(node);
            for touch in &touches {
                let name = (touch.owner, touch.key.clone());
                all.names.entry(name).or_default().add(place, touch.sets);
                let owned = all.owners.entry(touch.owner).or_default();
                owned.add(place, touch.sets);
            }
            if !touches.is_empty() {
                all.touches.insert(place, touches);
            }
        }
        for ((_, key), shared) in &all.names {
            // Names that are worked out lead anywhere or nowhere: told in words, not followed.
            if key.is_none() || shared.setters.is_empty() || shared.readers.is_empty() {
                continue;
            }
            let hub = self.vertex();
            let set = shared
                .setters
                .iter()
                .map(|from| (*from, hub, Kind::Context));
            self.edges.extend(set);
            let read = shared.readers.iter().map(|to| (hub, *to, Kind::Context));
            self.edges.extend(read);
        }
        all
    }
}

/// What a node sets and reads, each once.
fn touches(node: NodeRef<'_>) -> Vec<Touch<'_>> {
    let (kind, raw) = (node.kind(), node.raw());
    let is_frame =
        matches!(kind, "tab" | "subflow" | "group" | "comment") || kind.starts_with("subflow:");
    // Most nodes say neither word, and are not parsed.
    if is_frame || !(raw.contains("flow") || raw.contains("global")) {
        return Vec::new();
    }
    let mut found = Found {
        tab: node.tab(),
        touches: Vec::new(),
    };
    let all = node.properties();
    if kind == "function" {
        for (key, part) in crate::code::CODE {
            code::look(&crate::look::code(all.get(key)), part, &mut found);
        }
    } else {
        object(kind, &all, &mut found);
    }
    let mut touches = found.touches;
    touches.sort_unstable();
    touches.dedup();
    touches
}

struct Found<'f> {
    tab: Option<&'f str>,
    touches: Vec<Touch<'f>>,
}

impl Found<'_> {
    /// Notes that the name `text` of `owner` (`flow` or `global`) is set or read.
    fn add(&mut self, owner: &str, text: Option<&str>, sets: bool) {
        let owner = match (owner, self.tab) {
            ("global", _) => Owner::Global,
            ("flow", Some(tab)) => Owner::Flow(tab),
            _ => return,
        };
        let key = text.map(root).filter(|key| !key.is_empty());
        self.touches.push(Touch {
            owner,
            key: key.map(str::to_owned),
            sets,
        });
    }
}

/// The first part of a name, without the store it is kept in (`#:(disk)::name`) and without quotes
/// (`['name']`, `"name".x`), as Node-RED reads it. None of a name in the flow round a subflow or
/// group (`$parent.name`): which flow that is, is worked out where it runs.
fn root(name: &str) -> &str {
    let name = name.trim();
    let stored = name
        .strip_prefix("#:(")
        .and_then(|rest| rest.split_once(")::"));
    let name = stored.map_or(name, |(_, name)| name);
    let inner = name.strip_prefix('[').unwrap_or(name);
    for quote in ['\'', '"'] {
        if let Some((name, _)) = inner
            .strip_prefix(quote)
            .and_then(|it| it.split_once(quote))
        {
            return name;
        }
    }
    match name.split(['.', '[']).next().unwrap_or("") {
        "$parent" => "",
        name => name,
    }
}

/// Properties that hold a typed value, told by a neighbour: `payload` by `payloadType`, `to` by
/// `tot`.
fn object(kind: &str, object: &Map<String, Value>, found: &mut Found<'_>) {
    let word = |key: &str| object.get(key).and_then(Value::as_str);
    for (key, value) in object {
        let owner = value.as_str().filter(|it| matches!(*it, "flow" | "global"));
        let name = key.strip_suffix("Type").or_else(|| key.strip_suffix('t'));
        if let (Some(owner), Some((name, text))) =
            (owner, name.and_then(|it| Some((it, word(it)?))))
        {
            let (sets, reads) = does(kind, name, word("t").unwrap_or(""));
            for sets in [sets.then_some(true), reads.then_some(false)]
                .into_iter()
                .flatten()
            {
                found.add(owner, Some(text), sets);
            }
        }
        within(kind, value, found);
    }
}

fn within(kind: &str, value: &Value, found: &mut Found<'_>) {
    match value {
        Value::String(text) => {
            jsonata(text, found);
            if kind == "template" {
                mustache(text, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| within(kind, item, found)),
        Value::Object(inner) => object(kind, inner, found),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a typed property is set, and whether it is read.
fn does(kind: &str, property: &str, rule: &str) -> (bool, bool) {
    match (kind, property, rule) {
        ("change", "p", "set" | "delete") | ("change", "to", "move") => (true, false),
        ("change", "p", _) => (true, true),
        ("change" | "switch" | "inject", _, _) => (false, true),
        (_, "field" | "output" | "target" | "result", _) => (true, false),
        _ => (false, true),
    }
}

/// `$flowContext("name")` and `$globalContext("name")`.
fn jsonata(text: &str, found: &mut Found<'_>) {
    for (start, owner) in [("$flowContext(", "flow"), ("$globalContext(", "global")] {
        for (at, _) in text.match_indices(start) {
            let rest = text
                .get(at + start.len()..)
                .unwrap_or_default()
                .trim_start();
            found.add(owner, literal(rest).map(|(name, _)| name), false);
        }
    }
}

/// `{{flow.name}}`, `{{{global.name}}}`, `{{flow[store].name}}`.
fn mustache(text: &str, found: &mut Found<'_>) {
    // Each mention is looked at by itself and no further than a name reaches, or a text of a
    // million openings would be read a million times.
    let mut from = 0;
    while let Some(at) = text.get(from..).and_then(|rest| rest.find("{{")) {
        let start = from + at + 2;
        let rest = text.get(start..).unwrap_or_default();
        let mention = rest.trim_start_matches(['{', '&', '#', '^', ' ']);
        let trimmed = rest.len() - mention.len();
        from = start + trimmed;
        let mention = window(mention);
        #[cfg(test)]
        super::tests::STEPS.with(|steps| steps.set(steps.get() + trimmed + mention.len()));
        for owner in ["flow", "global"] {
            let Some(name) = mention.strip_prefix(owner) else {
                continue;
            };
            let name = match name.strip_prefix('[') {
                Some(stored) => stored.split_once(']').map_or("", |(_, name)| name),
                None => name,
            };
            let end = |c: char| matches!(c, '}' | ' ' | '\n');
            if let Some(name) = name.strip_prefix('.').and_then(|it| it.split(end).next()) {
                found.add(owner, Some(name), false);
            }
        }
    }
}

/// Nobody calls a thing by more characters.
const NAME_MAX: usize = 200;

/// The start of a text, as far as a name reaches.
fn window(text: &str) -> &str {
    let end = text.char_indices().nth(NAME_MAX);
    end.and_then(|(end, _)| text.get(..end)).unwrap_or(text)
}

/// The text constant that `text` begins with, and what follows it.
fn literal(text: &str) -> Option<(&str, &str)> {
    let quote = text
        .chars()
        .next()
        .filter(|it| matches!(it, '"' | '\'' | '`'))?;
    let rest = text.get(1..)?;
    let stop = |c: char| c == quote || matches!(c, '\\' | '\n' | '$');
    let end = rest
        .char_indices()
        .take(NAME_MAX)
        .find(|(_, c)| stop(*c))?
        .0;
    let after = rest.get(end..)?.strip_prefix(quote)?;
    Some((rest.get(..end)?, after))
}
