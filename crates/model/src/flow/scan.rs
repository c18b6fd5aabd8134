//! Finding one's way in canonical text without building values: the members of an object, and
//! every string in it. Canonical text has no white space between tokens, which makes both a walk
//! over bytes; text that is not canonical ends the walk early and never panics.

use std::borrow::Cow;

/// The members of one canonical object, as `(key, value)`: the key in its escaped form without
/// quotes, the value as it is written.
#[derive(Debug, Clone)]
pub(super) struct Members<'a> {
    text: &'a str,
    at: usize,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Going,
    Finished,
    Broken,
}

/// The members of `object`.
pub(super) fn members(object: &str) -> Members<'_> {
    let state = if object.starts_with('{') {
        State::Going
    } else {
        State::Broken
    };
    Members {
        text: object,
        at: 0,
        state,
    }
}

impl Members<'_> {
    /// Whether the walk ended where the object does (as opposed to in text that is not canonical).
    pub(super) fn is_finished(&self) -> bool {
        self.state == State::Finished
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a str, &'a str);

    fn next(&mut self) -> Option<Self::Item> {
        if self.state != State::Going {
            return None;
        }
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        if bytes.get(start) == Some(&b'}') {
            let whole = start + 1 == bytes.len();
            self.state = if whole && self.at == 0 {
                State::Finished
            } else {
                State::Broken
            };
            return None;
        }
        self.state = State::Broken;
        let key_end = skip_string(bytes, start)?;
        if bytes.get(key_end) != Some(&b':') {
            return None;
        }
        let value_end = skip_value(bytes, key_end + 1)?;
        let key = self.text.get(start + 1..key_end - 1)?;
        let value = self
            .text
            .get(key_end + 1..value_end)
            .filter(|value| !value.is_empty())?;
        self.state = match bytes.get(value_end) {
            Some(b',') => State::Going,
            Some(b'}') if value_end + 1 == bytes.len() => State::Finished,
            _ => return None,
        };
        self.at = value_end;
        Some((key, value))
    }
}

/// The end of the string that starts at `at` (after its closing quote).
fn skip_string(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes.get(at) != Some(&b'"') {
        return None;
    }
    let mut at = at + 1;
    loop {
        at += plain(bytes.get(at..)?);
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

/// How many bytes at the start stand for themselves in a JSON string: up to the first quote, backslash
/// or control character (RFC 8259, section 7). Eight at a time: this is most of what reading flows costs.
pub(super) fn plain(bytes: &[u8]) -> usize {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH_BITS: u64 = ONES << 7;
    let (words, rest) = bytes.as_chunks::<8>();
    for (at, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        // A byte's high bit where it is zero; the lowest one is right, and only it is used.
        let zeros = |word: u64| word.wrapping_sub(ONES) & !word;
        let is = |byte: u8| zeros(word ^ (ONES * u64::from(byte)));
        let is_control = word.wrapping_sub(ONES * 0x20) & !word;
        let stops = (is(b'"') | is(b'\\') | is_control) & HIGH_BITS;
        if stops != 0 {
            return at * 8 + stops.trailing_zeros() as usize / 8;
        }
    }
    let is_stop = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
    let in_rest = rest.iter().position(is_stop).unwrap_or(rest.len());
    words.len() * 8 + in_rest
}

/// The end of the value that starts at `at`.
fn skip_value(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at;
    let mut depth = 0_usize;
    loop {
        match bytes.get(at)? {
            b'"' => at = skip_string(bytes, at)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
                continue;
            }
            b'}' | b']' | b',' if depth == 0 => return Some(at),
            b'}' | b']' => {
                depth -= 1;
                at += 1;
            }
            b' ' | b'\n' | b'\r' | b'\t' => return None,
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// Every string in a canonical text that is a value (not a key), in its escaped form without
/// quotes.
#[derive(Debug, Clone)]
pub(super) struct Strings<'a> {
    text: &'a str,
    at: usize,
}

/// The string values anywhere in `text`.
pub(super) fn strings(text: &str) -> Strings<'_> {
    Strings { text, at: 0 }
}

impl<'a> Iterator for Strings<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let bytes = self.text.as_bytes();
        loop {
            self.at += bytes.get(self.at..)?.iter().position(|it| *it == b'"')?;
            let start = self.at;
            self.at = skip_string(bytes, start)?;
            if bytes.get(self.at) != Some(&b':') {
                return self.text.get(start + 1..self.at - 1);
            }
        }
    }
}

/// The text that an escaped form (without quotes) stands for.
pub(super) fn unescape(escaped: &str) -> Cow<'_, str> {
    if !escaped.contains('\\') {
        return Cow::Borrowed(escaped);
    }
    let text = serde_json::from_str(&format!("\"{escaped}\""));
    text.map_or(Cow::Borrowed(escaped), Cow::Owned)
}

/// The string a value stands for, if it is one.
pub(super) fn string(value: &str) -> Option<Cow<'_, str>> {
    value
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .map(unescape)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_and_strings_are_found() {
        let text = r#"{"a":1,"b\"":{"c":["x","y\\"],"d":{}},"e":"z","f":[]}"#;
        let mut walk = members(text);
        let all: Vec<_> = walk.by_ref().collect();
        let expected = [
            ("a", "1"),
            ("b\\\"", r#"{"c":["x","y\\"],"d":{}}"#),
            ("e", "\"z\""),
            ("f", "[]"),
        ];
        assert_eq!(all, expected);
        assert!(walk.is_finished());
        assert_eq!(strings(text).collect::<Vec<_>>(), ["x", "y\\\\", "z"]);
        assert_eq!(unescape("b\\\""), "b\"");
        let mut empty = members("{}");
        assert!(empty.next().is_none() && empty.is_finished());
    }

    #[test]
    fn what_stands_for_itself_ends_at_the_first_byte_that_does_not() {
        // Each byte in each place of a word, after each other byte that could be mistaken for it.
        for before in [
            "", "a", "\u{7f}", "!", "#", "[", "]", " ", "é", "\u{a0}", "ÿ",
        ] {
            for length in 0..20 {
                let text = before.repeat(length);
                for stop in (0..0x20_u8).chain(*b"\"\\") {
                    let mut bytes = text.clone().into_bytes();
                    bytes.push(stop);
                    bytes.extend(b"\"after it, however it goes on");
                    assert_eq!(plain(&bytes), text.len(), "{before:?} {length} {stop}");
                }
                assert_eq!(plain(text.as_bytes()), text.len());
            }
        }
    }

    #[test]
    fn text_that_is_not_canonical_ends_the_walk() {
        for bad in [
            "",
            "{",
            "{\"a",
            "{\"a\"",
            "{\"a\":",
            "{\"a\":1",
            "{ \"a\":1}",
            "{\"a\": 1}",
            "[]",
            "{\"a\":1,}",
            "{\"a\":1}x",
            "{}x",
            "{\"a\":\"\\",
            "{\"a\":,\"b\":1}",
            "{\"a\":[1, 2]}",
        ] {
            let mut walk = members(bad);
            while walk.next().is_some() {}
            assert!(!walk.is_finished(), "{bad}");
            strings(bad).for_each(drop);
        }
    }
}
