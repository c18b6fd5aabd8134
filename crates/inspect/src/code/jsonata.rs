//! JSONata: small programs in properties.

use std::collections::HashSet;

use serde_json::{Map, Value};

use crate::{
    hit::Hits,
    look::{Look, list},
    rule::code::{JSONATA, JSONATA_REACH},
};

/// Functions of JSONata in Node-RED that reach beyond the message, and what they do.
const REACHING: [(&str, &str); 4] = [
    ("$eval", "runs text as an expression"),
    ("$env", "reads the environment"),
    ("$globalContext", "reads global context"),
    ("$flowContext", "reads flow context"),
];

/// An expression and the property it is in.
type Expression = (String, String);

pub(super) fn look(look: &Look<'_>, hits: &mut Hits) {
    let before = expressions(look.before.as_ref());
    let after = expressions(look.after.as_ref());
    let known: HashSet<&str> = before.iter().map(|it| it.1.as_str()).collect();
    let is_new = |it: &&Expression| !known.contains(it.1.as_str());
    let new: Vec<_> = after.iter().filter(is_new).collect();
    let Some((property, _)) = new.first() else {
        return;
    };
    let message = "A JSONata expression: a small program that sees the message, the context and \
                   the environment.";
    let all: Vec<&str> = new.iter().map(|(_, text)| text.as_str()).collect();
    hits.add(&JSONATA, message).at(property).about_all(&all);
    for (property, text) in &new {
        let code = without_texts(text);
        let found = REACHING.iter().filter(|(name, _)| names(&code, name));
        let does: Vec<String> = found.map(|(name, does)| format!("{name} {does}")).collect();
        if !does.is_empty() {
            let message = format!(
                "A JSONata expression reaches beyond the message: {}.",
                list(&does)
            );
            hits.add(&JSONATA_REACH, message).at(property).about(text);
        }
    }
}

/// Whether `name` stands in `code`; handed on without a call is as good as called.
fn names(code: &str, name: &str) -> bool {
    code.match_indices(name).any(|(at, _)| {
        let rest = code.get(at + name.len()..).unwrap_or_default();
        !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_')
    })
}

/// The expression without its text constants and comments.
fn without_texts(code: &str) -> String {
    let mut out = String::with_capacity(code.len());
    let mut chars = code.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' | '\'' => {
                while let Some(inner) = chars.next() {
                    if inner == '\\' {
                        chars.next();
                    } else if inner == c {
                        break;
                    }
                }
                out.push_str("\"\"");
            }
            '/' if chars.peek() == Some(&'*') => {
                let mut last = ' ';
                chars.next();
                for inner in chars.by_ref() {
                    if last == '*' && inner == '/' {
                        break;
                    }
                    last = inner;
                }
            }
            _ => out.push(c),
        }
    }
    out
}

/// Every JSONata expression in a node.
///
/// A typed value is told by a neighbour: `payload` by `payloadType`, `to` by `tot`; where no
/// neighbour has the name, all texts of the object are taken, once: an object may have a million
/// such keys.
fn expressions(all: Option<&Map<String, Value>>) -> Vec<Expression> {
    let mut found = Vec::new();
    if let Some(all) = all {
        within(None, all, &mut found);
    }
    found
}

fn within(property: Option<&str>, object: &Map<String, Value>, found: &mut Vec<Expression>) {
    let mut is_told = false;
    for (key, value) in object {
        let place = property.unwrap_or(key);
        if value == "jsonata" {
            let name = key.strip_suffix("Type").or_else(|| key.strip_suffix('t'));
            let named = name.and_then(|name| Some((name, object.get(name)?.as_str()?)));
            match named {
                Some((name, text)) => {
                    found.push((property.unwrap_or(name).to_owned(), text.to_owned()));
                }
                // The word as a plain text says nothing.
                None if is_type_key(key) && !is_told => {
                    is_told = true;
                    let texts = object.values().filter_map(Value::as_str);
                    found.push((place.to_owned(), texts.collect::<Vec<_>>().join("\n")));
                }
                None => {}
            }
        }
        deeper(place, value, found);
    }
}

fn is_type_key(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    lower.ends_with("type") || (lower.ends_with('t') && lower.len() <= 4)
}

fn deeper(property: &str, value: &Value, found: &mut Vec<Expression>) {
    match value {
        Value::Object(object) => within(Some(property), object, found),
        Value::Array(items) => items.iter().for_each(|item| deeper(property, item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
