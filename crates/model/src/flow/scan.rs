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
        match bytes.get(at)? {
            b'"' => return Some(at + 1),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
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
            while *bytes.get(self.at)? != b'"' {
                self.at += 1;
            }
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
