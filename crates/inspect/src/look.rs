//! What rules look at, and how.

mod text;

use std::{borrow::Cow, cell::OnceCell, collections::HashSet};

use model::flow::{
    Flows,
    change::{Aspect, Change, Subject},
};
use serde_json::{Map, Value};

pub(crate) use self::text::{Lines, Text, code, line_of, list, quote, strings};

/// A change and the node's properties on both sides.
pub(crate) struct Look<'a> {
    pub(crate) change: &'a Change,
    pub(crate) base: &'a Flows,
    pub(crate) proposal: &'a Flows,
    pub(crate) before: Option<Map<String, Value>>,
    pub(crate) after: Option<Map<String, Value>>,
    texts: OnceCell<(Vec<Text>, Vec<Text>)>,
}

/// Keys that say what a node is called or where it is drawn, not what it does.
const COSMETIC: [&str; 9] = ["name", "info", "z", "g", "x", "y", "l", "w", "h"];

impl<'a> Look<'a> {
    pub(crate) fn new(change: &'a Change, base: &'a Flows, proposal: &'a Flows) -> Self {
        let properties = |flows: &Flows| flows.get(&change.node).map(|node| node.properties());
        Self {
            change,
            base,
            proposal,
            before: properties(base),
            after: properties(proposal),
            texts: OnceCell::new(),
        }
    }

    /// The type after the change.
    pub(crate) fn kind(&self) -> &str {
        self.text("type")
    }

    /// The value of `key` after the change.
    pub(crate) fn value(&self, key: &str) -> Option<&Value> {
        self.after.as_ref().and_then(|all| all.get(key))
    }

    /// The value of `key` before the change.
    pub(crate) fn was(&self, key: &str) -> Option<&Value> {
        self.before.as_ref().and_then(|all| all.get(key))
    }

    /// The text of `key` after the change; empty when there is none.
    pub(crate) fn text(&self, key: &str) -> &str {
        self.value(key).and_then(Value::as_str).unwrap_or("")
    }

    /// The text of `key` before the change, of a node of the same type; empty when there is none.
    pub(crate) fn old_text(&self, key: &str) -> &str {
        let was = self.was(key).filter(|_| !self.is_new());
        was.and_then(Value::as_str).unwrap_or("")
    }

    /// The code of `key` after the change: what Node-RED runs, whether or not it is a text.
    pub(crate) fn code(&self, key: &str) -> Cow<'_, str> {
        code(self.value(key))
    }

    /// The same before the change, of a node of the same type.
    pub(crate) fn old_code(&self, key: &str) -> Cow<'_, str> {
        code(self.was(key).filter(|_| !self.is_new()))
    }

    /// The value of `key` in words: a text as it is, another value as JSON, none as nothing.
    pub(crate) fn words(&self, key: &str) -> String {
        words(self.value(key))
    }

    /// The same before the change.
    pub(crate) fn old_words(&self, key: &str) -> String {
        words(self.was(key).filter(|_| !self.is_new()))
    }

    /// Whether the node is new, or became what it is only now.
    pub(crate) fn is_new(&self) -> bool {
        self.was("type").and_then(Value::as_str) != Some(self.kind())
    }

    /// Whether `key` says something else than before.
    pub(crate) fn differs(&self, key: &str) -> bool {
        self.is_new() || self.was(key) != self.value(key)
    }

    /// Whether `key` is `value` now and was not before.
    pub(crate) fn becomes(&self, key: &str, value: &Value) -> bool {
        self.value(key) == Some(value) && self.was(key) != Some(value)
    }

    /// Whether anything differs that bears on what the node does.
    pub(crate) fn does_other(&self) -> bool {
        self.is_new() || does_other(self.change)
    }

    /// Every text in the node before and after; names and notes left out.
    pub(crate) fn texts(&self) -> &(Vec<Text>, Vec<Text>) {
        self.texts.get_or_init(|| {
            (
                text::all(self.before.as_ref()),
                text::all(self.after.as_ref()),
            )
        })
    }

    /// The texts that were not there before.
    pub(crate) fn new_texts(&self) -> impl Iterator<Item = &Text> {
        let (before, after) = self.texts();
        let was: HashSet<(&str, &str)> = before.iter().map(Text::said).collect();
        after.iter().filter(move |text| !was.contains(&text.said()))
    }

    /// Whether it is a node on a tab or in a subflow, or a config node.
    pub(crate) fn is_node(&self) -> bool {
        matches!(self.change.subject, Subject::Node | Subject::Config)
    }
}

/// Whether a change bears on what the node does, and not only on its name or place.
pub(crate) fn does_other(change: &Change) -> bool {
    let matters = |key: &str| !COSMETIC.contains(&key);
    change.aspect == Aspect::Added || change.properties.iter().any(|it| matters(&it.key))
}

/// A value in words.
pub(crate) fn words(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}
