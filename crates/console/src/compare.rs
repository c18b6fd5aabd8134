//! Two values beside each other: by structure where they have one, else by line, and within lines
//! by word; in colour, with everything invisible made visible.
//!
//! Nothing is left out silently: what is the same is folded, what is too long for a page says how
//! much of it is missing and where it is shown.

mod budget;
mod colour;
mod lines;
mod piece;
mod preset;
mod structure;

use model::flow::change::{Language, PropertyChange};
use serde_json::Value;

pub(crate) use self::preset::Preset;
pub use self::{
    budget::Budget,
    lines::{Part, Row, Side},
    piece::{Kind, Piece, Pieces, words},
    structure::PathLine,
};
use crate::wording::shown;

/// One property, ready to be shown.
#[derive(Debug)]
pub struct Comparison {
    /// The property.
    pub key: String,
    /// Such as `JavaScript`; empty for plain values.
    pub language: &'static str,
    /// What is worth saying about how it differs.
    pub note: Option<&'static str>,
    /// What its package's own value has to do with it.
    pub preset: Option<&'static str>,
    /// Both sides.
    pub body: Body,
}

impl Comparison {
    /// Whether a part of either value is not on the page.
    pub fn is_cut(&self) -> bool {
        let has_cut = |parts: &[Part]| parts.iter().any(|part| matches!(part, Part::Cut { .. }));
        match &self.body {
            Body::Plain { .. } => false,
            Body::Whole { cut, .. } => *cut > 0,
            Body::Lines { parts } | Body::Structure { parts, .. } => has_cut(parts),
        }
    }
}

/// How it is shown.
#[derive(Debug)]
pub enum Body {
    /// Short values on one line each.
    Plain {
        /// None: it is new.
        before: Option<Pieces>,
        /// None: it is gone.
        after: Option<Pieces>,
    },
    /// A text that is only there once.
    Whole {
        /// It comes, else it goes.
        is_added: bool,
        /// The first lines.
        lines: Vec<Side>,
        /// Lines after those, folded.
        folded: Vec<Side>,
        /// Lines that this page leaves out.
        cut: usize,
    },
    /// Two texts side by side.
    Lines {
        /// Stretch by stretch.
        parts: Vec<Part>,
    },
    /// Two structures: the paths that differ, and their texts side by side.
    Structure {
        /// Where they differ.
        paths: Vec<PathLine>,
        /// Paths that are not listed; the texts hold them.
        more: usize,
        /// The texts, stretch by stretch.
        parts: Vec<Part>,
    },
}

/// Lines of a text that is only there once, before the rest is folded.
const WHOLE_SHOWN: usize = 30;
/// Characters of a value that stands on one line.
const PLAIN_MAX_BYTES: usize = 200;

/// Makes a property ready within what is left of `budget`.
pub fn compare(change: &PropertyChange, budget: &Budget) -> Comparison {
    let is_short = |value: &Option<Value>| value.as_ref().is_none_or(is_plain);
    let is_plain =
        change.language == Language::Plain && is_short(&change.before) && is_short(&change.after);
    let (mut note, body) = match (&change.before, &change.after) {
        (before, after) if is_plain => (None, plain_body(before.as_ref(), after.as_ref(), budget)),
        (Some(before), Some(after)) => two(&change.key, before, after, change.language, budget),
        (Some(only), None) => (None, one(only, false, change.language, budget)),
        (None, Some(only)) => (None, one(only, true, change.language, budget)),
        (None, None) => (None, plain_body(None, None, budget)),
    };
    if let (Some(before), Some(after)) = (&change.before, &change.after)
        && before.is_string() != after.is_string()
    {
        note = Some("one side is a text, the other a structure or number");
    }
    Comparison {
        key: shown(&change.key),
        language: language(change.language),
        note,
        preset: None,
        body,
    }
}

fn plain_body(before: Option<&Value>, after: Option<&Value>, budget: &Budget) -> Body {
    let (before, after) = (before.map(plain), after.map(plain));
    let cost = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    budget.spend(cost(&before) + cost(&after));
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => {
            let (before, after) = words(&before, &after);
            (Some(before), Some(after))
        }
        (before, after) => {
            let whole = |text: Option<String>| text.map(|text| Pieces::plain(&text));
            (whole(before), whole(after))
        }
    };
    Body::Plain { before, after }
}

fn one(value: &Value, is_added: bool, language: Language, budget: &Budget) -> Body {
    let text = text(value);
    let (mut lines, cut) = lines::whole(&text, spoken(value, language), budget);
    let folded = if lines.len() > WHOLE_SHOWN + 2 {
        lines.split_off(WHOLE_SHOWN)
    } else {
        Vec::new()
    };
    Body::Whole {
        is_added,
        lines,
        folded,
        cut,
    }
}

fn two(
    key: &str,
    before: &Value,
    after: &Value,
    language: Language,
    budget: &Budget,
) -> (Option<&'static str>, Body) {
    if let (Some(old), Some(new)) = (structured(before, language), structured(after, language)) {
        let Ok((paths, more)) = structure::paths(key, &old, &new, budget) else {
            let note = Some("too large to be compared by its paths: compared by line");
            return (note, side_by_side(before, after, Language::Json, budget));
        };
        let is_written = before.is_string() && after.is_string();
        if paths.is_empty() && is_written {
            let note = Some("only how the JSON text is laid out differs, not what it says");
            return (note, side_by_side(before, after, Language::Json, budget));
        }
        // A text of the proposal is shown as it is; a structure is laid out.
        let parts = lines::parts(&text(before), &text(after), Language::Json, budget);
        return (None, Body::Structure { paths, more, parts });
    }
    let note = match (before, after) {
        (Value::String(before), Value::String(after)) if is_same_but_blank(before, after) => {
            Some("only white space differs")
        }
        _ => None,
    };
    (note, side_by_side(before, after, language, budget))
}

fn side_by_side(before: &Value, after: &Value, language: Language, budget: &Budget) -> Body {
    let language = spoken(after, language);
    Body::Lines {
        parts: lines::parts(&text(before), &text(after), language, budget),
    }
}

/// A structure, or what a text holds that is said to be JSON.
fn structured(value: &Value, language: Language) -> Option<Value> {
    let is_structure = |value: &Value| value.is_array() || value.is_object();
    match value {
        Value::String(text) if language == Language::Json => {
            serde_json::from_str(text).ok().filter(is_structure)
        }
        other => Some(other.clone()).filter(is_structure),
    }
}

/// The language a value's text is in: structures are written as JSON.
fn spoken(value: &Value, language: Language) -> Language {
    match value {
        Value::Array(_) | Value::Object(_) => Language::Json,
        _ => language,
    }
}

fn is_same_but_blank(before: &str, after: &str) -> bool {
    let before = before.chars().filter(|c| !c.is_whitespace());
    before.eq(after.chars().filter(|c| !c.is_whitespace()))
}

fn is_plain(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() <= PLAIN_MAX_BYTES && !text.contains('\n'),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// A value on one line. A text that would read as something else keeps its quotes.
fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => {
            let is_ambiguous = text.trim() != text.as_str()
                || text.is_empty()
                || serde_json::from_str::<Value>(text).is_ok();
            if is_ambiguous {
                format!("\"{text}\"")
            } else {
                text.clone()
            }
        }
        other => other.to_string(),
    }
}

/// A value over several lines: texts exactly as they are, structures indented.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

fn language(language: Language) -> &'static str {
    match language {
        Language::Plain => "",
        Language::JavaScript => "JavaScript",
        Language::Json => "JSON",
        Language::Html => "HTML",
        Language::Css => "CSS",
        Language::Sql => "SQL",
        Language::Markdown => "Markdown",
        Language::Yaml => "YAML",
        Language::Jsonata => "JSONata",
        Language::Text => "text",
    }
}

#[cfg(test)]
mod tests;
