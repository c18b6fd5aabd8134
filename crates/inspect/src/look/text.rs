//! Texts in a node, and texts for a sentence.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// A text and the property it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    /// The property of the node.
    pub(crate) property: String,
    /// The key it stands under, however deep.
    pub(crate) key: String,
    /// What it says.
    pub(crate) value: String,
}

impl Text {
    /// Its key and what it says.
    pub(super) fn said(&self) -> (&str, &str) {
        (&self.key, &self.value)
    }
}

/// The line on which byte `at` of `text` stands, from 1; none where there is only one.
pub(crate) fn line_of(text: &str, at: usize) -> Option<u32> {
    if !text.contains('\n') {
        return None;
    }
    let before = text.get(..at).unwrap_or(text);
    u32::try_from(before.matches('\n').count() + 1).ok()
}

/// Where the lines of a text end, for who asks for many places in it.
pub(crate) struct Lines(Vec<usize>);

impl Lines {
    /// Those of `text`.
    pub(crate) fn of(text: &str) -> Self {
        Self(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The line on which byte `at` stands, as [`line_of`] tells it.
    pub(crate) fn at(&self, at: usize) -> Option<u32> {
        if self.0.is_empty() {
            return None;
        }
        u32::try_from(self.0.partition_point(|end| *end < at) + 1).ok()
    }
}

/// Every text in the node; names, notes and what ties it to others left out.
pub(super) fn all(properties: Option<&Map<String, Value>>) -> Vec<Text> {
    let mut found = Vec::new();
    for (key, value) in properties.into_iter().flatten() {
        if !matches!(
            key.as_str(),
            "id" | "type" | "z" | "g" | "wires" | "name" | "label" | "info"
        ) {
            collect(key, key, value, &mut found);
        }
    }
    found
}

fn collect(property: &str, key: &str, value: &Value, found: &mut Vec<Text>) {
    match value {
        Value::String(text) => found.push(Text {
            property: property.to_owned(),
            key: key.to_owned(),
            value: text.clone(),
        }),
        Value::Array(items) => {
            for item in items {
                collect(property, key, item, found);
            }
        }
        Value::Object(object) => {
            for (key, value) in object {
                collect(property, key, value, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Every text in a value, however deep.
pub(crate) fn strings<'v>(value: &'v Value, with: &mut dyn FnMut(&'v str)) {
    match value {
        Value::String(text) => with(text),
        Value::Array(items) => items.iter().for_each(|item| strings(item, with)),
        Value::Object(object) => object.values().for_each(|value| strings(value, with)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A value where Node-RED takes it for code: a text as it is, another as JavaScript makes a text of
/// it when it is put into one (ECMA-262, 7.1.17), since that is what runs: `["evil()"]` is `evil()`.
pub(crate) fn code(value: Option<&Value>) -> Cow<'_, str> {
    match value {
        None | Some(Value::Null) => Cow::Borrowed(""),
        Some(Value::String(text)) => Cow::Borrowed(text),
        Some(Value::Array(items)) => {
            let items: Vec<Cow<'_, str>> = items.iter().map(|it| code(Some(it))).collect();
            Cow::Owned(items.join(","))
        }
        Some(Value::Object(_)) => Cow::Borrowed("[object Object]"),
        Some(other) => Cow::Owned(other.to_string()),
    }
}

/// `text` for a sentence: one line, at most 80 characters.
pub(crate) fn quote(text: &str) -> String {
    let line: String = text
        .chars()
        .take(81)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    match line.char_indices().nth(80) {
        Some((end, _)) => format!("\u{201c}{}…\u{201d}", line.get(..end).unwrap_or(&line)),
        None => format!("\u{201c}{line}\u{201d}"),
    }
}

/// The first few of `items` for a sentence.
pub(crate) fn list(items: &[String]) -> String {
    let shown = items.iter().take(5).cloned().collect::<Vec<_>>().join(", ");
    match items.len().checked_sub(5) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}
