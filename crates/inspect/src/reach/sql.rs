//! Database statements: which write, which destroy.

use crate::{
    hit::Hits,
    look::quote,
    rule::reach::{DATABASE_DROP, DATABASE_FROM_MESSAGE, DATABASE_WRITE},
};

/// Looks at a statement (or several) that is new.
pub(super) fn look(text: &str, property: &str, hits: &mut Hits) {
    let mut said = Said::default();
    said.read(text, Reading::Standard);
    // Databases differ in what ends a text or a comment: where that bears on it, nothing is left out.
    let is_doubtful = |mark: &&str| text.contains(*mark);
    let marks = ["\\", "/*!", "/*M!", "$$", "#"];
    if marks.iter().any(is_doubtful) || has_bare_dashes(text) {
        said.read(text, Reading::Escapes);
        said.read(text, Reading::All);
    }
    let Said {
        destroys, writes, ..
    } = said;
    if let Some(word) = destroys {
        let how = if matches!(word, "DELETE" | "UPDATE") {
            " without a condition"
        } else {
            ""
        };
        let message = format!(
            "The statement {} says {word}{how}: what is gone is gone for everyone who uses the database.",
            quote(text.trim())
        );
        hits.add(&DATABASE_DROP, message).at(property).about(text);
    } else if let Some(word) = writes {
        let message = format!(
            "The statement {} writes to the database ({word}).",
            quote(text.trim())
        );
        hits.add(&DATABASE_WRITE, message).at(property).about(text);
    }
    if text.contains("{{") {
        let message = "The message is put into the text of a database statement: whoever can send it can run any statement. Hand values over as parameters.";
        hits.add(&DATABASE_FROM_MESSAGE, message)
            .at(property)
            .about(text);
    }
}

/// Two dashes with no space after them: a comment to some, `- -` to others.
fn has_bare_dashes(text: &str) -> bool {
    let mut dashes = text.match_indices("--");
    dashes.any(|(at, _)| {
        text.get(at + 2..)
            .is_some_and(|rest| !rest.starts_with([' ', '\t', '\n', '\r', '-']) && !rest.is_empty())
    })
}

/// How texts and comments are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reading {
    /// A quote ends a text, whatever stands before it.
    Standard,
    /// A backslash before a quote does not end it.
    Escapes,
    /// As if nothing were text or comment.
    All,
}

/// Words that matter.
const WORDS: [&str; 22] = [
    "DROP", "TRUNCATE", "ALTER", "GRANT", "REVOKE", "ATTACH", "VACUUM", "DELETE", "FROM", "UPDATE",
    "SET", "WHERE", "WITH", "INSERT", "INTO", "REPLACE", "MERGE", "CREATE", "COPY", "CALL", "EXEC",
    "EXECUTE",
];

/// The gravest word of all statements, worked out as they are read: a statement may have millions
/// of words.
#[derive(Default)]
struct Said {
    destroys: Option<&'static str>,
    writes: Option<&'static str>,
    /// The first word of the statement, empty for one that does not matter.
    first: Option<&'static str>,
    /// Which of [`WORDS`] it holds.
    holds: u32,
}

impl Said {
    fn read(&mut self, text: &str, reading: Reading) {
        let mut word = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c.is_alphanumeric() || c == '_' {
                // Longer than any that matters: not gathered.
                if word.len() < 16 {
                    word.extend(c.to_uppercase());
                }
                continue;
            }
            self.word(&mut word);
            match c {
                ';' => self.end(),
                // MySQL runs what stands in such a comment.
                '/' if reading == Reading::All && chars.peek() == Some(&'*') => self.end(),
                _ if reading == Reading::All => {}
                '\'' | '"' | '`' => {
                    while let Some(inner) = chars.next() {
                        if inner == '\\' && reading == Reading::Escapes {
                            chars.next();
                        } else if inner == c {
                            break;
                        }
                    }
                }
                '-' if chars.peek() == Some(&'-') => {
                    chars.by_ref().find(|it| *it == '\n');
                }
                '/' if chars.peek() == Some(&'*') => {
                    let mut last = ' ';
                    chars
                        .by_ref()
                        .find(|it| std::mem::replace(&mut last, *it) == '*' && *it == '/');
                }
                _ => {}
            }
        }
        self.word(&mut word);
        self.end();
    }

    fn word(&mut self, word: &mut String) {
        if word.is_empty() {
            return;
        }
        let place = WORDS.iter().position(|it| it == word);
        // `/*!50000 DROP` and `/*M!100100 DROP`: versions of the database from which it counts.
        let is_version = word == "M" || word.bytes().all(|byte| byte.is_ascii_digit());
        if self.first.is_none() && is_version {
            word.clear();
            return;
        }
        self.first
            .get_or_insert(place.and_then(|at| WORDS.get(at)).copied().unwrap_or(""));
        self.holds |= place.map_or(0, |at| 1 << at);
        word.clear();
    }

    fn has(&self, word: &str) -> bool {
        let place = WORDS.iter().position(|it| *it == word);
        place.is_some_and(|at| self.holds & (1 << at) != 0)
    }

    /// The statement is over: what it does.
    fn end(&mut self) {
        let Some(first) = self.first.take() else {
            return;
        };
        let (mut destroys, mut writes) = (None, None);
        if [
            "DROP", "TRUNCATE", "ALTER", "GRANT", "REVOKE", "ATTACH", "VACUUM",
        ]
        .contains(&first)
        {
            destroys = Some(first);
        }
        // A `WITH … DELETE` writes as well as a plain one: every word counts, not the first.
        let does = |word: &str| first == word || first == "WITH" && self.has(word);
        for (word, with) in [("DELETE", "FROM"), ("UPDATE", "SET")] {
            if does(word) && self.has(with) {
                let which = if self.has("WHERE") {
                    &mut writes
                } else {
                    &mut destroys
                };
                which.get_or_insert(word);
            }
        }
        for word in ["INSERT", "REPLACE", "MERGE"] {
            if does(word) && self.has("INTO") {
                writes.get_or_insert(word);
            }
        }
        for word in ["CREATE", "COPY", "CALL", "EXEC", "EXECUTE"] {
            if does(word) {
                writes.get_or_insert(word);
            }
        }
        self.destroys = self.destroys.or(destroys);
        self.writes = self.writes.or(writes);
        self.holds = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> (Option<&'static str>, Option<&'static str>) {
        let mut hits = Said::default();
        hits.read(text, Reading::Standard);
        (hits.destroys, hits.writes)
    }

    #[test]
    fn statements_are_read_one_by_one() {
        for (text, expected) in [
            ("SELECT 1", (None, None)),
            (
                "select 'drop'; -- drop\nselect \"delete from\" /* ; drop */",
                (None, None),
            ),
            ("SELECT 1; drop table x", (Some("DROP"), None)),
            ("WITH a AS (SELECT 1) DELETE FROM t", (Some("DELETE"), None)),
            (
                "DELETE FROM t WHERE a = 1; INSERT INTO t VALUES (1)",
                (None, Some("DELETE")),
            ),
            ("UPDATE t SET a = 1", (Some("UPDATE"), None)),
            (
                "DELETE FROM t; SELECT a FROM t WHERE b",
                (Some("DELETE"), None),
            ),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }
}
