//! Small tables and texts for the terminal.

use console::shown;
use serde_json::Value;

use crate::terminal;

/// Prints rows under a heading, columns as wide as they need to be.
pub(crate) fn table<const N: usize>(heading: [&str; N], rows: &[[String; N]]) {
    let mut widths = heading.map(str::len);
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let print = |cells: [&str; N]| {
        let mut text = String::new();
        for (cell, width) in cells.iter().zip(widths) {
            text.push_str(cell);
            text.extend(std::iter::repeat_n(
                ' ',
                width.saturating_sub(cell.chars().count()) + 2,
            ));
        }
        terminal::line(text.trim_end());
    };
    print(heading);
    for row in rows {
        print(row.each_ref().map(String::as_str));
    }
}

/// The text at `pointer`, printable, what is not text as JSON: an escape sequence in a node's
/// name must not drive the terminal, nor a line end in it forge a row.
pub(crate) fn text(value: &Value, pointer: &str) -> String {
    let text = match value.pointer(pointer) {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    printable(&text)
}

/// On one line, with everything invisible made visible.
pub(crate) fn printable(text: &str) -> String {
    shown(&text.replace(['\n', '\t'], " "))
}

/// "1 change", "12 changes".
pub(crate) fn counted(count: usize, noun: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{end}")
}

/// With a capital letter first.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}

/// The moment at `pointer` (milliseconds since 1970) in RFC 3339.
pub(crate) fn time(value: &Value, pointer: &str) -> String {
    match value.pointer(pointer).and_then(Value::as_i64) {
        Some(at) => model::clock::Timestamp(at).to_string(),
        None => String::new(),
    }
}

/// The list at `pointer`, or the value itself when it is a list.
pub(crate) fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    let list = value
        .as_array()
        .or_else(|| value.pointer(pointer).and_then(Value::as_array));
    list.map_or(&[], Vec::as_slice)
}

/// Who the actor at `pointer` is, in words.
pub(crate) fn actor(value: &Value, pointer: &str) -> String {
    let actor = value.pointer(pointer).cloned().unwrap_or_default();
    let actor = serde_json::from_value::<model::principal::Actor>(actor);
    actor
        .map(|actor| printable(&actor.label()))
        .unwrap_or_default()
}
