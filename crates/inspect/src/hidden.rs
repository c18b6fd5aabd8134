//! Hidden things: invisible characters, letters that look like others, markup in names, values too
//! large to read. Duplicate keys and ids never get this far: `model::flow` refuses them.

mod letters;

use std::collections::HashSet;

use serde_json::Value;

use model::letter::is_invisible;

use self::letters::{is_mixed, skeleton};
use crate::{
    hit::Hits,
    look::{Look, line_of, quote, strings},
    rule::hidden::{ENORMOUS, HIDDEN_TEXT, LOOK_ALIKE, MARKUP_NAME, ODD_KEY},
};

/// Bytes beyond which nobody reads a value to its end.
const ENORMOUS_BYTES: usize = 64 << 10;

pub(crate) fn look(look: &Look<'_>, hits: &mut Hits) {
    for property in &look.change.properties {
        // A property that goes hides nothing.
        let Some(after) = &property.after else {
            continue;
        };
        odd_key(&property.key, hits);
        let mut old = HashSet::new();
        let mut was = 0;
        if let Some(before) = &property.before {
            strings(before, &mut |text| {
                was += text.len();
                old.insert(text);
            });
        }
        let mut size = 0;
        strings(after, &mut |text| {
            size += text.len();
            if !old.contains(text) {
                hidden(text, &property.key, hits);
            }
        });
        keys(after, hits);
        if size > ENORMOUS_BYTES && size > was {
            let message = format!(
                "Holds {} kB in one property: nobody reads that to its end.",
                size >> 10
            );
            hits.add(&ENORMOUS, message).at(&property.key);
        }
        if let (Some(Value::String(was)), Value::String(is)) = (&property.before, after)
            && was != is
            && is.len() < 300
            && was.len() < 300
            && skeleton(was) == skeleton(is)
        {
            let message = format!(
                "{} looks like {}, which stood here before, and is another text.",
                quote(is),
                quote(was)
            );
            hits.add(&LOOK_ALIKE, message).at(&property.key).about(is);
        }
        if matches!(property.key.as_str(), "name" | "label" | "category")
            && let Value::String(name) = after
            && has_markup(name)
        {
            let message = format!(
                "The name {} holds markup: a page that does not escape it runs it.",
                quote(name)
            );
            hits.add(&MARKUP_NAME, message).at(&property.key);
        }
    }
    odd_name(look, "id", &look.change.node, hits);
    odd_name(look, "type", &look.change.node_type, hits);
}

/// The id and type of a new node are no properties of the diff; a type that changes is one.
fn odd_name(look: &Look<'_>, key: &str, text: &str, hits: &mut Hits) {
    if look.before.is_none() {
        hidden(text, key, hits);
    }
}

fn hidden(text: &str, property: &str, hits: &mut Hits) {
    // A name is one line: what ends one or steers in it hides the rest.
    let is_name = matches!(property, "name" | "label" | "category" | "id" | "type");
    if text.is_ascii() && !is_name {
        return;
    }
    let is_hidden = |c: char| is_invisible(c) || is_name && c.is_control();
    if let Some((at, c)) = text.char_indices().find(|(_, c)| is_hidden(*c)) {
        let message = format!(
            "Holds the invisible character U+{:04X}: it can read otherwise than it runs.",
            u32::from(c)
        );
        let hit = hits.add(&HIDDEN_TEXT, message).at(property).about(text);
        if let Some(line) = line_of(text, at) {
            hit.line(line);
        }
    }
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    let mut at = 0;
    for word in text.split(|c| !is_word(c)) {
        if !word.is_ascii() && is_mixed(word) {
            let message = format!(
                "The word {} mixes letters of two scripts that look alike; with Latin letters alone it would read {}.",
                quote(word),
                quote(&skeleton(word))
            );
            let place = text.get(at..).and_then(|rest| rest.find(word)).unwrap_or(0) + at;
            let hit = hits.add(&LOOK_ALIKE, message).at(property).about(text);
            if let Some(line) = line_of(text, place) {
                hit.line(line);
            }
            return;
        }
        at = (at + word.len()).min(text.len());
    }
}

fn odd_key(key: &str, hits: &mut Hits) {
    let is_odd = |c: char| c.is_control() || is_invisible(c);
    if key.contains(is_odd) || key.trim() != key {
        let shown: String = key
            .chars()
            .map(|c| if is_odd(c) { '\u{fffd}' } else { c })
            .collect();
        let message = format!(
            "The property {} has control or invisible characters, or spaces at its ends, in its name: it looks like another or like none.",
            quote(&shown)
        );
        hits.add(&ODD_KEY, message).at(key);
    } else if !key.is_ascii() && is_mixed(key) {
        let message = format!(
            "The property {} mixes letters of two scripts that look alike.",
            quote(key)
        );
        hits.add(&LOOK_ALIKE, message).at(key);
    }
}

/// The keys within a value.
fn keys(value: &Value, hits: &mut Hits) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                odd_key(key, hits);
                keys(value, hits);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| keys(item, hits)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Whether what follows a `<` is a word for something to be filled in, as in `room/<topic>`: no
/// element that a browser knows, no attributes.
fn is_gap(rest: &str) -> bool {
    /// Elements that do something although nothing but their name stands there.
    const ELEMENTS: [&str; 34] = [
        "a",
        "audio",
        "b",
        "base",
        "body",
        "br",
        "button",
        "details",
        "embed",
        "form",
        "frame",
        "head",
        "html",
        "i",
        "iframe",
        "image",
        "img",
        "input",
        "link",
        "marquee",
        "math",
        "meta",
        "noscript",
        "object",
        "p",
        "plaintext",
        "script",
        "select",
        "style",
        "svg",
        "template",
        "textarea",
        "title",
        "video",
    ];
    let end = rest
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    let is_element = ELEMENTS.iter().any(|it| it.eq_ignore_ascii_case(word));
    !word.is_empty() && !is_element && after.starts_with('>')
}

fn has_markup(name: &str) -> bool {
    let opens = |(at, _): (usize, &str)| {
        let rest = name.get(at + 1..).unwrap_or_default();
        let next = rest.chars().next();
        next.is_some_and(|c| c.is_ascii_alphabetic() || c == '/' || c == '!') && !is_gap(rest)
    };
    name.match_indices('<').any(opens) || name.to_ascii_lowercase().contains("javascript:")
}
