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
    if is_doubtful(text) {
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

/// Whether databases may differ in where a text or a comment in it ends. Rather once too often.
fn is_doubtful(text: &str) -> bool {
    // An escape, what MySQL runs in a comment, its other comment, a name in brackets.
    let marks = ["\\", "/*!", "/*M!", "#", "["];
    if marks.iter().any(|mark| text.contains(mark)) || holds_nested_comment(text) {
        return true;
    }
    let (mut before, mut last) = (' ', ' ');
    for c in text.chars().chain([' ']) {
        let is_doubt = match (before, last) {
            // Dashes with no space after them: a comment to some, `- -` to others.
            ('-', '-') => c != '-' && !c.is_whitespace(),
            // `$$` and `$name$` begin a text of PostgreSQL, `$1` is a value handed over.
            (_, '$') => c.is_alphabetic() || matches!(c, '_' | '$'),
            // What ends a comment's line for some.
            (_, '\r') => c != '\n',
            // Oracle's `q'[…]'` ends where it says.
            (before, 'q' | 'Q') => {
                c == '\'' && (!before.is_alphanumeric() || matches!(before, 'n' | 'N'))
            }
            _ => false,
        };
        if is_doubt {
            return true;
        }
        (before, last) = (last, c);
    }
    false
}

/// Whether a comment begins within a comment: to some it then ends at the second end.
fn holds_nested_comment(text: &str) -> bool {
    let mut rest = text;
    while let Some((_, inside)) = rest.split_once("/*") {
        let (comment, after) = inside.split_once("*/").unwrap_or((inside, ""));
        if comment.contains("/*") {
            return true;
        }
        rest = after;
    }
    false
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
const WORDS: [&str; 30] = [
    "DROP", "TRUNCATE", "ALTER", "GRANT", "REVOKE", "ATTACH", "VACUUM", "DELETE", "FROM", "UPDATE",
    "SET", "WHERE", "WITH", "INSERT", "INTO", "REPLACE", "MERGE", "CREATE", "COPY", "CALL", "EXEC",
    "EXECUTE", "EXPLAIN", "TABLE", "DATABASE", "SCHEMA", "VIEW", "INDEX", "DO", "KEY",
];

/// Where words of a statement stand, one bit for each of [`WORDS`].
fn bit(word: &str) -> u32 {
    let place = WORDS.iter().position(|it| *it == word);
    place.map_or(0, |at| 1 << at)
}

/// Two words that stand together only where a statement begins, also within another: not every
/// database needs a `;` between them.
fn begins_statement(word: &str, next: &str) -> bool {
    match word {
        "DROP" | "TRUNCATE" | "ALTER" => {
            matches!(next, "TABLE" | "DATABASE" | "SCHEMA" | "VIEW" | "INDEX")
        }
        "DELETE" => next == "FROM",
        "INSERT" | "REPLACE" | "MERGE" => next == "INTO",
        _ => false,
    }
}

/// The gravest word of all statements, worked out as they are read: a statement may have millions
/// of words.
#[derive(Default)]
struct Said {
    destroys: Option<&'static str>,
    writes: Option<&'static str>,
    /// Whether a word counts wherever it stands.
    counts_all: bool,
    /// The first word of the statement, empty for one that does not matter.
    first: Option<&'static str>,
    /// The word before, in the same way.
    last: &'static str,
    /// Which of [`WORDS`] it holds.
    holds: u32,
    /// Those with which a statement begins within it.
    begins: u32,
    words: usize,
}

impl Said {
    fn read(&mut self, text: &str, reading: Reading) {
        self.counts_all = reading == Reading::All;
        let mut word = String::new();
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            if c.is_alphanumeric() || c == '_' {
                // `/*!50000DROP` and `/*!50000 DROP`: the version of the database from which it counts.
                let is_version = word.is_empty() && c.is_ascii_digit();
                // Longer than any that matters: not gathered.
                if !is_version && word.len() < 16 {
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
                    // `/*/` begins a comment and does not end it.
                    chars.next();
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
        let known = place.and_then(|at| WORDS.get(at)).copied().unwrap_or("");
        // `/*M!100100 DROP` of MariaDB.
        let is_mark = word == "M" && self.first.is_none();
        word.clear();
        if is_mark {
            return;
        }
        self.words += 1;
        self.first.get_or_insert(known);
        let last = std::mem::replace(&mut self.last, known);
        if known == "UPDATE" && matches!(last, "DO" | "KEY") {
            // Of an `INSERT` that finds the row there.
            return;
        }
        self.holds |= bit(known);
        if begins_statement(last, known) {
            self.begins |= bit(last);
        }
        if begins_statement(last, known) || known == "UPDATE" {
            // The condition of what stands before is not its own.
            self.holds &= !bit("WHERE");
        }
    }

    fn has(&self, word: &str) -> bool {
        self.holds & bit(word) != 0
    }

    /// Whether a statement that begins with `word` is there.
    fn does(&self, word: &str) -> bool {
        // A `WITH … DELETE` writes as well as a plain one.
        let is_open = self.counts_all || matches!(self.first, Some("WITH" | "EXPLAIN"));
        self.first == Some(word) || self.begins & bit(word) != 0 || is_open && self.has(word)
    }

    /// The statement is over: what it does.
    fn end(&mut self) {
        let Some(first) = self.first else {
            return;
        };
        let (mut destroys, mut writes) = (None, None);
        let is_first = |word: &str| first == word && self.words > 1;
        for word in [
            "DROP", "TRUNCATE", "ALTER", "GRANT", "REVOKE", "ATTACH", "VACUUM",
        ] {
            // `WITH drop AS …` is only a name.
            if self.does(word) && (first != "WITH" || self.begins & bit(word) != 0) {
                destroys = destroys.or(Some(word));
            }
        }
        let deletes = is_first("DELETE") || self.does("DELETE") && self.has("FROM");
        let updates =
            (self.does("UPDATE") || first.is_empty() && self.has("UPDATE")) && self.has("SET");
        for word in [deletes.then_some("DELETE"), updates.then_some("UPDATE")]
            .into_iter()
            .flatten()
        {
            let which = if self.has("WHERE") {
                &mut writes
            } else {
                &mut destroys
            };
            which.get_or_insert(word);
        }
        for word in ["INSERT", "REPLACE", "MERGE"] {
            if is_first(word) || self.does(word) && self.has("INTO") {
                writes.get_or_insert(word);
            }
        }
        for word in ["CREATE", "COPY", "CALL", "EXEC", "EXECUTE"] {
            if self.does(word) {
                writes.get_or_insert(word);
            }
        }
        *self = Self {
            destroys: self.destroys.or(destroys),
            writes: self.writes.or(writes),
            counts_all: self.counts_all,
            ..Self::default()
        };
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
            (
                "SELECT 1 /*/ ' */; DROP TABLE t; -- '",
                (Some("DROP"), None),
            ),
            ("SELECT 1 DROP TABLE x", (Some("DROP"), None)),
            (
                "SELECT a FROM t WHERE b DELETE FROM t",
                (Some("DELETE"), None),
            ),
            ("SELECT 1 UPDATE t SET a = 1", (Some("UPDATE"), None)),
            ("EXPLAIN ANALYZE DELETE FROM t", (Some("DELETE"), None)),
            ("DELETE t", (Some("DELETE"), None)),
            ("INSERT t VALUES (1)", (None, Some("INSERT"))),
            ("REPLACE t VALUES (1)", (None, Some("REPLACE"))),
            ("insert", (None, None)),
            ("SELECT REPLACE(a, b, c) FROM t FOR UPDATE", (None, None)),
            (
                "WITH a AS (SELECT 1) INSERT INTO t SELECT b FROM a WHERE c ON CONFLICT DO UPDATE SET d = 1",
                (None, Some("INSERT")),
            ),
        ] {
            assert_eq!(said(text), expected, "{text}");
        }
    }
}
