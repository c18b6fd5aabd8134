//! Text that is canonical already: what editors send nearly always, for it comes from
//! `JSON.stringify`. Looking costs a quarter of writing it anew.
//!
//! It only ever says yes to what the writer would give back unchanged; of everything else, errors
//! included, it says nothing and leaves it to the writer.

use std::ops::Range;

use super::array_index;
use crate::flow::{
    parse::{Limits, Place},
    scan::plain,
};

/// Where the entries of `text` lie, if it is an array of objects in canonical form, within limits,
/// and none has `credentials`.
pub(crate) fn already(text: &str, limits: &Limits) -> Option<Vec<Place>> {
    let mut look = Look {
        text,
        bytes: text.as_bytes(),
        at: 0,
        depth: 1,
        // The depth at which serde_json gives up is the writer's to tell.
        depth_max: limits.depth_max.min(120),
        keys: Vec::new(),
    };
    let mut entries = Vec::new();
    look.take(b'[')?;
    if look.take(b']').is_none() {
        loop {
            if entries.len() >= limits.nodes_max || look.depth > look.depth_max {
                return None;
            }
            entries.push(look.entry()?);
            if look.take(b',').is_none() {
                look.take(b']')?;
                break;
            }
        }
    }
    (look.at == text.len()).then_some(entries)
}

struct Look<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    depth: usize,
    depth_max: usize,
    /// The keys of every object that is open, innermost last.
    keys: Vec<&'t str>,
}

impl<'t> Look<'t> {
    fn take(&mut self, byte: u8) -> Option<()> {
        (self.bytes.get(self.at) == Some(&byte)).then(|| self.at += 1)
    }

    fn entry(&mut self) -> Option<Place> {
        let start = self.at;
        let (mut place, text) = (Place::default(), self.text);
        self.object(|key, value| {
            // Whoever takes credentials off must write anew.
            (key != "credentials").then(|| place.see(text, key, value))
        })?;
        place.whole = start..self.at;
        Some(place)
    }

    fn value(&mut self) -> Option<()> {
        match self.bytes.get(self.at)? {
            b'"' => self.string().map(drop),
            b'{' => self.object(|_, _| Some(())),
            b'[' => self.array(),
            b't' => self.word("true"),
            b'f' => self.word("false"),
            b'n' => self.word("null"),
            _ => self.number(),
        }
    }

    fn word(&mut self, word: &str) -> Option<()> {
        let found = self.bytes.get(self.at..)?.starts_with(word.as_bytes());
        found.then(|| self.at += word.len())
    }

    fn array(&mut self) -> Option<()> {
        self.take(b'[')?;
        self.enter()?;
        if self.take(b']').is_none() {
            loop {
                self.value()?;
                if self.take(b',').is_none() {
                    self.take(b']')?;
                    break;
                }
            }
        }
        self.depth -= 1;
        Some(())
    }

    fn enter(&mut self) -> Option<()> {
        self.depth += 1;
        (self.depth <= self.depth_max).then_some(())
    }

    fn object(
        &mut self,
        mut member: impl FnMut(&'t str, Range<usize>) -> Option<()>,
    ) -> Option<()> {
        self.take(b'{')?;
        self.enter()?;
        let base = self.keys.len();
        // Keys seen, by a few bits of each: most need no closer look.
        let mut seen = 0_u64;
        let (mut last_index, mut has_word) = (None, false);
        if self.take(b'}').is_none() {
            loop {
                let key = self.string()?;
                self.take(b':')?;
                let start = self.at;
                self.value()?;
                member(key, start..self.at)?;
                self.is_new(key, base, &mut seen)?;
                // Array indices stand first, ascending.
                let is_index = key.as_bytes().first().is_some_and(u8::is_ascii_digit);
                match array_index(key).filter(|_| is_index) {
                    None => has_word = true,
                    Some(index) if !has_word && last_index.is_none_or(|last| last < index) => {
                        last_index = Some(index);
                    }
                    Some(_) => return None,
                }
                self.keys.push(key);
                if self.take(b',').is_none() {
                    self.take(b'}')?;
                    break;
                }
            }
        }
        self.keys.truncate(base);
        self.depth -= 1;
        Some(())
    }

    /// Whether no key of the object is the same, nor the one that JavaScript takes for no data.
    fn is_new(&self, key: &str, base: usize, seen: &mut u64) -> Option<()> {
        let bytes = key.as_bytes();
        let of = |at: usize| bytes.get(at).copied().map_or(0, usize::from);
        let mixed = bytes.len()
            + 7 * of(0)
            + 13 * of(bytes.len() / 2)
            + 29 * of(bytes.len().wrapping_sub(1));
        let bit = 1_u64 << (mixed % 64);
        if *seen & bit != 0 && self.keys.get(base..)?.contains(&key) {
            return None;
        }
        *seen |= bit;
        // An object of very many keys would be looked through for each: the writer sorts them.
        (key != "__proto__" && self.keys.len() - base < 256).then_some(())
    }

    /// A string as `JSON.stringify` writes it, without its quotes.
    fn string(&mut self) -> Option<&'t str> {
        self.take(b'"')?;
        let start = self.at;
        loop {
            self.at += plain(self.bytes.get(self.at..)?);
            match *self.bytes.get(self.at)? {
                b'"' => break,
                b'\\' => self.escape()?,
                _ => return None,
            }
        }
        let string = self.text.get(start..self.at)?;
        self.at += 1;
        Some(string)
    }

    fn escape(&mut self) -> Option<()> {
        match self.bytes.get(self.at + 1)? {
            b'"' | b'\\' | b'b' | b'f' | b'n' | b'r' | b't' => self.at += 2,
            b'u' => {
                let is_written_so = match self.bytes.get(self.at + 2..self.at + 6)? {
                    [b'0', b'0', b'0', last] => matches!(last, b'0'..=b'7' | b'b' | b'e' | b'f'),
                    [b'0', b'0', b'1', last] => matches!(last, b'0'..=b'9' | b'a'..=b'f'),
                    _ => false,
                };
                if !is_written_so {
                    return None;
                }
                self.at += 6;
            }
            _ => return None,
        }
        Some(())
    }

    /// A number as `Number::toString` writes it.
    fn number(&mut self) -> Option<()> {
        let rest = self.bytes.get(self.at..)?;
        let len = rest
            .iter()
            .position(|byte| matches!(byte, b',' | b'}' | b']'))?;
        let number = self.text.get(self.at..self.at + len)?;
        let digits = number.strip_prefix('-').unwrap_or(number);
        let is_short_integer = (1..=15).contains(&digits.len())
            && digits.bytes().all(|byte| byte.is_ascii_digit())
            && (!digits.starts_with('0') || number == "0");
        if !is_short_integer {
            let value: f64 = number
                .parse()
                .ok()
                .filter(|value: &f64| value.is_finite())?;
            if ryu_js::Buffer::new().format(value) != number {
                return None;
            }
        }
        self.at += len;
        Some(())
    }
}
