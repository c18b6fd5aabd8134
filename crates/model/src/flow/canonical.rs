//! The text JavaScript would write: `JSON.stringify(JSON.parse(text))`, made in one pass.
//!
//! `serde_json` reads the tokens; this writes them as ECMA-262 does: keys that are array indices
//! first and ascending (`OrdinaryOwnPropertyKeys`), numbers by `Number::toString`, strings by
//! `QuoteJSONString`. Where JavaScript would quietly choose a reading (the last of two equal keys,
//! a `__proto__` key that vanishes), the text is refused: what one parser shows and another runs
//! must not differ.

mod already;

use std::{fmt, ops::Range};

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

pub(super) use self::already::already;
use super::{error::FlowError, parse::Limits};

/// A flows text in canonical form, its entries and what was taken off them.
#[derive(Debug, Default)]
pub(super) struct Canonical {
    /// The text.
    pub(super) text: String,
    /// Where each entry lies in it.
    pub(super) entries: Vec<Range<usize>>,
    /// The canonical `credentials` value of the entries that had one, by the entry's place.
    pub(super) credentials: Vec<(usize, String)>,
}

/// Writes `text`, an array of objects, as JavaScript would, `credentials` taken off each entry.
pub(super) fn canonical(text: &str, limits: &Limits) -> Result<Canonical, FlowError> {
    let mut writer = Writer {
        done: Canonical {
            text: String::with_capacity(text.len()),
            ..Canonical::default()
        },
        members: Vec::new(),
        depth: 0,
        limits: *limits,
        fault: None,
        place: Place::Outside,
    };
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Value(&mut writer)
        .deserialize(&mut reader)
        .and_then(|()| reader.end());
    match read {
        Ok(()) => Ok(writer.done),
        Err(error) => Err(writer.explain(&error)),
    }
}

struct Writer {
    done: Canonical,
    /// The members written so far of every object that is open, innermost last.
    members: Vec<Member>,
    depth: usize,
    limits: Limits,
    /// The rule a text broke; `serde`'s own error could only carry its words.
    fault: Option<FlowError>,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The array must come.
    Outside,
    /// An entry must come.
    Entries,
    /// Anything may come.
    Within,
}

#[derive(Debug, Clone, Copy)]
struct Member {
    start: usize,
    key_end: usize,
    end: usize,
    /// The key as an array index, which JavaScript puts first.
    index: Option<u32>,
}

impl Writer {
    fn explain(mut self, error: &serde_json::Error) -> FlowError {
        if let Some(fault) = self.fault.take() {
            return fault;
        }
        let reason = error.to_string();
        if reason.starts_with("recursion limit") {
            FlowError::TooDeep {
                max: self.limits.depth_max.min(127),
            }
        } else {
            // Syntax errors name what was expected and where, never what was read.
            FlowError::Syntax { reason }
        }
    }

    fn fail<E: serde::de::Error>(&mut self, fault: FlowError) -> E {
        self.fault = Some(fault);
        E::custom("refused")
    }

    /// A value that is neither an array nor an object: only within an entry.
    fn scalar<E: serde::de::Error>(&mut self) -> Result<&mut String, E> {
        match self.place {
            Place::Outside => Err(self.fail(FlowError::NotAnArray)),
            Place::Entries => {
                let index = self.done.entries.len();
                Err(self.fail(FlowError::NotAnObject { index }))
            }
            Place::Within => Ok(&mut self.done.text),
        }
    }

    fn enter<E: serde::de::Error>(&mut self) -> Result<(), E> {
        self.depth += 1;
        let max = self.limits.depth_max;
        if self.depth > max {
            Err(self.fail(FlowError::TooDeep { max }))
        } else {
            Ok(())
        }
    }

    fn array<'de, A: SeqAccess<'de>>(&mut self, mut items: A) -> Result<(), A::Error> {
        self.enter()?;
        let outermost = self.place == Place::Outside;
        if outermost {
            self.place = Place::Entries;
        } else {
            self.scalar()?;
        }
        self.done.text.push('[');
        let mut first = true;
        loop {
            if !first {
                self.done.text.push(',');
            }
            if items.next_element_seed(Value(self))?.is_none() {
                break;
            }
            first = false;
        }
        if !first {
            self.done.text.pop();
        }
        self.done.text.push(']');
        self.depth -= 1;
        Ok(())
    }

    fn object<'de, A: MapAccess<'de>>(&mut self, mut map: A) -> Result<(), A::Error> {
        let is_entry = self.place == Place::Entries;
        if is_entry {
            let max = self.limits.nodes_max;
            if self.done.entries.len() >= max {
                return Err(self.fail(FlowError::TooMany { max }));
            }
            self.place = Place::Within;
        }
        self.scalar()?;
        self.enter()?;
        let open = self.done.text.len();
        let base = self.members.len();
        self.done.text.push('{');
        loop {
            if self.members.len() > base {
                self.done.text.push(',');
            }
            let start = self.done.text.len();
            if map.next_key_seed(Key(self))?.is_none() {
                break;
            }
            let key_end = self.done.text.len();
            self.done.text.push(':');
            map.next_value_seed(Value(self))?;
            let index = array_index(&self.done.text[start + 1..key_end - 1]);
            let end = self.done.text.len();
            self.members.push(Member {
                start,
                key_end,
                end,
                index,
            });
        }
        if self.members.len() > base {
            self.done.text.pop();
        }
        self.refuse_duplicates(base)?;
        self.arrange(open, base, is_entry);
        self.members.truncate(base);
        self.done.text.push('}');
        self.depth -= 1;
        if is_entry {
            self.done.entries.push(open..self.done.text.len());
            self.place = Place::Entries;
        }
        Ok(())
    }

    /// Two equal keys are two readings of one text: the reviewer's and the runtime's.
    fn refuse_duplicates<E: serde::de::Error>(&mut self, base: usize) -> Result<(), E> {
        let text = &self.done.text;
        let key = |member: &Member| &text[member.start..member.key_end];
        let mut keys: Vec<&str> = self.members[base..].iter().map(key).collect();
        // Sorted rather than compared in pairs: a million keys must not cost a million squared.
        keys.sort_unstable();
        let twice = keys
            .windows(2)
            .find(|pair| pair[0] == pair[1])
            .map(|pair| shorten(pair[0]));
        match twice {
            Some(key) => Err(self.fail(FlowError::DuplicateKey { key })),
            None => Ok(()),
        }
    }

    /// Puts array-index keys first and takes an entry's `credentials` off.
    fn arrange(&mut self, open: usize, base: usize, is_entry: bool) {
        let Canonical {
            text,
            entries,
            credentials,
        } = &mut self.done;
        let members = &mut self.members[base..];
        let is_secret =
            |text: &str, member: &Member| &text[member.start..member.key_end] == "\"credentials\"";
        let secret = members
            .iter()
            .find(|member| is_entry && is_secret(text, member))
            .copied();
        if secret.is_none() && members.iter().all(|member| member.index.is_none()) {
            return;
        }
        if let Some(member) = secret {
            credentials.push((
                entries.len(),
                text[member.key_end + 1..member.end].to_owned(),
            ));
        }
        // Stable: what is no index keeps its order.
        members.sort_by_key(|member| (member.index.is_none(), member.index));
        let written = text.split_off(open + 1);
        let at = |position: usize| position - (open + 1);
        for member in members.iter() {
            if secret.is_some_and(|secret| secret.start == member.start) {
                continue;
            }
            if text.len() > open + 1 {
                text.push(',');
            }
            text.push_str(&written[at(member.start)..at(member.end)]);
        }
    }
}

/// A key as an array index (ECMA-262: a canonical integer below 2³² − 1).
pub(super) fn array_index(key: &str) -> Option<u32> {
    let canonical = key == "0" || (!key.starts_with('0') && !key.is_empty());
    let digits = canonical && key.len() <= 10 && key.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .then(|| key.parse::<u32>().ok())
        .flatten()
        .filter(|index| *index < u32::MAX)
}

fn shorten(quoted: &str) -> String {
    quoted.trim_matches('"').chars().take(64).collect()
}

/// Writes a string as `QuoteJSONString` does. A lone surrogate cannot occur in a Rust string.
pub(super) fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let short = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            0x08 => "\\b",
            0x0c => "\\f",
            b'\n' => "\\n",
            b'\r' => "\\r",
            b'\t' => "\\t",
            0x00..=0x1f => "",
            _ => continue,
        };
        out.push_str(&text[from..at]);
        out.push_str(short);
        if short.is_empty() {
            out.push_str("\\u00");
            out.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
            out.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        }
        from = at + 1;
    }
    out.push_str(&text[from..]);
    out.push('"');
}

struct Key<'w>(&'w mut Writer);

impl<'de> DeserializeSeed<'de> for Key<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Key<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<(), E> {
        // JavaScript code that copies objects takes this key for the prototype (prototype
        // pollution), and JSON.stringify may lose it.
        if key == "__proto__" {
            return Err(self.0.fail(FlowError::ProtoKey));
        }
        write_string(&mut self.0.done.text, key);
        Ok(())
    }
}

struct Value<'w>(&'w mut Writer);

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E: serde::de::Error>(self, value: bool) -> Result<(), E> {
        self.0
            .scalar()?
            .push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn visit_unit<E: serde::de::Error>(self) -> Result<(), E> {
        self.0.scalar()?.push_str("null");
        Ok(())
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "JavaScript has only doubles, and loses it too"
    )]
    fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "JavaScript has only doubles, and loses it too"
    )]
    fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<(), E> {
        self.visit_f64(value as f64)
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<(), E> {
        let out = self.0.scalar()?;
        out.push_str(ryu_js::Buffer::new().format(value));
        Ok(())
    }

    fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<(), E> {
        write_string(self.0.scalar()?, value);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<(), A::Error> {
        self.0.array(items)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<(), A::Error> {
        if self.0.place == Place::Outside {
            return Err(self.0.fail(FlowError::NotAnArray));
        }
        self.0.object(map)
    }
}
