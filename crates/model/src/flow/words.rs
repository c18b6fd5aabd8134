//! A change in words: "every 5 minutes" → "every 5 hours", "if msg.payload is greater than 80 →
//! output 1".
//!
//! Words stand above the raw values, never instead of them. What is not understood is not said:
//! a wrong sentence would be worse than none. Pure: properties in, sentences out.

mod cron;
mod duration;
mod message;
mod network;
mod rules;
mod typed;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// Sentences about one change at most; the properties below them hold everything.
const SAID_MAX: usize = 60;
/// What being disabled is told under.
const IS: &str = "Is";
/// Lists longer than this are not told item by item.
const ITEMS_MAX: usize = 500;

/// One thing that a change does, in words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// What it is about: "Runs", "Rule".
    pub about: String,
    /// How it was; none when it was not there.
    pub before: Option<String>,
    /// How it would be; none when it is gone.
    pub after: Option<String>,
}

type Properties = Map<String, Value>;

/// What a node does, one thing at a time.
#[derive(Debug, Default)]
struct Told {
    one: Vec<(&'static str, String)>,
    many: Vec<(&'static str, Vec<String>)>,
}

impl Told {
    fn add(&mut self, about: &'static str, text: impl Into<Option<String>>) {
        if let Some(text) = text.into() {
            self.one.push((about, text));
        }
    }
}

/// What differs between a node of type `kind` before and after, in words; a side that is none: the
/// node is new, or gone.
pub fn say(kind: &str, before: Option<&Properties>, after: Option<&Properties>) -> Vec<Said> {
    let tell = |node: Option<&Properties>| node.map_or_else(Told::default, |node| tell(kind, node));
    let is_both = before.is_some() && after.is_some();
    let (mut before, mut after) = (tell(before), tell(after));
    // Being enabled is told only where it changes.
    let was_disabled = before.one.iter().any(|(about, _)| *about == IS);
    let is_disabled = after.one.iter().any(|(about, _)| *about == IS);
    if is_both && was_disabled != is_disabled {
        let enabled = if was_disabled {
            &mut after
        } else {
            &mut before
        };
        enabled.one.insert(0, (IS, "enabled".to_owned()));
    }
    let mut said = Vec::new();
    for (about, new) in std::mem::take(&mut after.one) {
        let at = before.one.iter().position(|(old, _)| *old == about);
        let old = at.map(|at| before.one.remove(at).1);
        if old.as_ref() != Some(&new) {
            said.push(sentence(about, old, Some(new)));
        }
    }
    said.extend(
        before
            .one
            .into_iter()
            .map(|(about, old)| sentence(about, Some(old), None)),
    );
    for (about, new) in std::mem::take(&mut after.many) {
        let at = before.many.iter().position(|(old, _)| *old == about);
        let old = at.map_or_else(Vec::new, |at| before.many.remove(at).1);
        items(about, &old, &new, &mut said);
    }
    for (about, old) in before.many {
        items(about, &old, &[], &mut said);
    }
    said.truncate(SAID_MAX);
    said
}

fn sentence(about: &str, before: Option<String>, after: Option<String>) -> Said {
    Said {
        about: about.to_owned(),
        before,
        after,
    }
}

/// Items that come, go or change; those that only stand behind a new one are not told.
fn items(about: &str, old: &[String], new: &[String], said: &mut Vec<Said>) {
    if old.len().max(new.len()) > ITEMS_MAX {
        return;
    }
    for op in capture_diff_slices(Algorithm::Myers, old, new) {
        if matches!(op, DiffOp::Equal { .. }) {
            continue;
        }
        let (mut lefts, mut rights) = (op.old_range(), op.new_range());
        while !(lefts.is_empty() && rights.is_empty()) {
            let of = |list: &[String], at: Option<usize>| at.and_then(|at| list.get(at)).cloned();
            let (before, after) = (of(old, lefts.next()), of(new, rights.next()));
            said.push(sentence(about, before, after));
        }
    }
}

/// The wires of a node, counted.
pub fn wires(before: usize, after: usize) -> Option<Said> {
    let count = |count: usize| Some(counted(count, "wire"));
    (before != after).then(|| sentence("Sends to", count(before), count(after)))
}

fn tell(kind: &str, node: &Properties) -> Told {
    let mut told = Told::default();
    let is_disabled = is_set(node, if kind == "tab" { "disabled" } else { "d" });
    told.add(IS, is_disabled.then(|| "disabled: does not run".to_owned()));
    match kind {
        "inject" => message::inject(node, &mut told),
        "delay" => message::delay(node, &mut told),
        "trigger" => message::trigger(node, &mut told),
        "range" => message::range(node, &mut told),
        "debug" => message::debug(node, &mut told),
        "switch" => rules::switch(node, &mut told),
        "change" => rules::change(node, &mut told),
        "mqtt in" | "mqtt out" | "mqtt-broker" => network::mqtt(kind, node, &mut told),
        "http in" | "http request" | "http response" => network::http(kind, node, &mut told),
        "tcp in" | "tcp out" | "udp in" | "udp out" => network::socket(kind, node, &mut told),
        "exec" => network::exec(node, &mut told),
        "file" | "file in" => network::file(kind, node, &mut told),
        _ => {}
    }
    told
}

/// A property that is a text and not empty.
fn text<'n>(node: &'n Properties, key: &str) -> Option<&'n str> {
    node.get(key)?.as_str().filter(|text| !text.is_empty())
}

/// A number, or a text that is one: the editor writes both.
fn number(node: &Properties, key: &str) -> Option<f64> {
    match node.get(key)? {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text
            .trim()
            .parse()
            .ok()
            .filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

/// Whether a property is set: `true`, or the text of it.
fn is_set(node: &Properties, key: &str) -> bool {
    match node.get(key) {
        Some(Value::Bool(is)) => *is,
        Some(Value::String(text)) => text == "true",
        _ => false,
    }
}

fn counted(count: usize, noun: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{s}")
}

/// Text from the flow within a sentence: on one line and not too long.
fn cut(text: &str) -> String {
    const MAX: usize = 120;
    let line = text.replace(['\n', '\r', '\t'], " ");
    match line.char_indices().nth(MAX) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

fn quoted(text: &str) -> String {
    format!("\u{201c}{}\u{201d}", cut(text))
}

#[cfg(test)]
mod tests;
