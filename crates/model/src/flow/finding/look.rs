//! What rules look at, and how.

use serde_json::{Map, Value};

use crate::flow::change::Change;

/// A change and the node's properties on both sides.
pub(super) struct Look<'a> {
    pub(super) change: &'a Change,
    pub(super) before: Option<&'a Map<String, Value>>,
    pub(super) after: Option<&'a Map<String, Value>>,
    pub(super) had_wires_in: bool,
}

/// Keys that say what a node is called or where it is drawn, not what it does.
const COSMETIC: [&str; 9] = ["name", "info", "z", "g", "x", "y", "l", "w", "h"];

impl<'a> Look<'a> {
    /// The type after the change.
    pub(super) fn kind(&self) -> &'a str {
        self.after
            .and_then(|all| all.get("type"))
            .and_then(Value::as_str)
            .unwrap_or("")
    }

    /// The value of `key` after the change.
    pub(super) fn value(&self, key: &str) -> Option<&'a Value> {
        self.after.and_then(|all| all.get(key))
    }

    /// The text of `key` after the change; empty when there is none.
    pub(super) fn text(&self, key: &str) -> &'a str {
        self.value(key).and_then(Value::as_str).unwrap_or("")
    }

    /// Whether the node is new, or became what it is only now.
    pub(super) fn is_new(&self) -> bool {
        self.before
            .and_then(|all| all.get("type"))
            .and_then(Value::as_str)
            != Some(self.kind())
    }

    /// Whether `key` says something else than before.
    pub(super) fn differs(&self, key: &str) -> bool {
        self.is_new() || self.before.and_then(|all| all.get(key)) != self.value(key)
    }

    /// Whether `key` is `value` now and was not before.
    pub(super) fn becomes(&self, key: &str, value: &Value) -> bool {
        let was = self.before.and_then(|all| all.get(key)) == Some(value);
        self.value(key) == Some(value) && !was
    }

    /// Whether anything differs that bears on what the node does.
    pub(super) fn does_other(&self) -> bool {
        let matters = |key: &String| !COSMETIC.contains(&key.as_str());
        self.is_new() || self.change.properties.iter().any(|it| matters(&it.key))
    }

    /// Every text in the node before and after, with its key and place; names and notes left out.
    pub(super) fn texts(&self) -> (Vec<Text<'a>>, Vec<Text<'a>>) {
        (texts(self.before), texts(self.after))
    }
}

/// A text and the property it is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Text<'a> {
    /// The key it stands under, however deep.
    pub(super) key: &'a str,
    pub(super) text: &'a str,
}

fn texts(all: Option<&Map<String, Value>>) -> Vec<Text<'_>> {
    let mut found = Vec::new();
    for (key, value) in all.into_iter().flatten() {
        if !matches!(
            key.as_str(),
            "id" | "type" | "z" | "g" | "wires" | "name" | "label" | "info"
        ) {
            collect(key, value, &mut found);
        }
    }
    found
}

fn collect<'a>(key: &'a str, value: &'a Value, found: &mut Vec<Text<'a>>) {
    match value {
        Value::String(text) => found.push(Text { key, text }),
        Value::Array(items) => items.iter().for_each(|item| collect(key, item, found)),
        Value::Object(object) => object
            .iter()
            .for_each(|(key, value)| collect(key, value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// `text` for a sentence: one line, at most 80 characters.
pub(super) fn quote(text: &str) -> String {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match line.char_indices().nth(80) {
        Some((end, _)) => format!("\u{201c}{}…\u{201d}", &line[..end]),
        None => format!("\u{201c}{line}\u{201d}"),
    }
}

/// The first few of `items` for a sentence.
pub(super) fn list(items: &[String]) -> String {
    let shown = items.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    match items.len().checked_sub(5) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}
