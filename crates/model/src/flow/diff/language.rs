//! How a property is best shown.

use serde_json::{Map, Value};

use crate::flow::change::Language;

pub(super) const PLAIN: Language = Language::Plain;
pub(super) const TEXT: Language = Language::Text;
pub(super) const JSON: Language = Language::Json;

/// The language of `key` with `value` on a node of type `kind` with `all` properties.
pub(super) fn of(kind: &str, key: &str, value: &Value, all: &Map<String, Value>) -> Language {
    let word = |key: &str| all.get(key).and_then(Value::as_str).unwrap_or("");
    match (kind, key, value) {
        (_, _, Value::Array(_) | Value::Object(_)) => Language::Json,
        (_, _, Value::Null | Value::Bool(_) | Value::Number(_)) => Language::Plain,
        ("function", "func" | "initialize" | "finalize", _) => Language::JavaScript,
        (_, "func", _) if is_long(value) => Language::JavaScript,
        ("template", "template", _) => template(word("format")),
        ("ui_template" | "ui-template", "format", _) | (_, "html", _) => Language::Html,
        (_, "info", _) => Language::Markdown,
        (_, "sql" | "sqlquery" | "query" | "statement", _) => Language::Sql,
        (_, "css", _) => Language::Css,
        _ => typed(key, all).unwrap_or(if is_long(value) { TEXT } else { PLAIN }),
    }
}

/// Whether a value is a text of several lines.
pub(super) fn is_long(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains('\n'))
}

fn template(format: &str) -> Language {
    match format {
        "javascript" => Language::JavaScript,
        "css" => Language::Css,
        "json" => Language::Json,
        "yaml" => Language::Yaml,
        "markdown" => Language::Markdown,
        "sql" => Language::Sql,
        "text" => Language::Text,
        _ => Language::Html,
    }
}

/// The language a typed input's sibling names: `payload` with `payloadType`, `to` with `tot`.
fn typed(key: &str, all: &Map<String, Value>) -> Option<Language> {
    let sibling = ["Type", "type", "_type", "t"]
        .iter()
        .find_map(|end| all.get(&format!("{key}{end}")));
    match sibling?.as_str()? {
        "jsonata" => Some(Language::Jsonata),
        "json" => Some(Language::Json),
        _ => None,
    }
}
