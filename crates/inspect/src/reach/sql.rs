//! Database statements: which write, which destroy.

use crate::{
    hit::Hits,
    look::quote,
    rule::reach::{DATABASE_DROP, DATABASE_FROM_MESSAGE, DATABASE_WRITE},
};

/// Looks at a statement (or several) that is new.
pub(super) fn look(text: &str, property: &str, hits: &mut Hits) {
    let words = words_of(text);
    let mut destroys = Vec::new();
    let mut writes = Vec::new();
    for statement in words.split(|word| word == ";") {
        // A `WITH … DELETE` writes as well as a plain one: every word counts, not the first.
        let has = |word: &str| statement.iter().any(|it| it == word);
        for word in [
            "DROP", "TRUNCATE", "ALTER", "GRANT", "REVOKE", "ATTACH", "VACUUM",
        ] {
            if statement.first().is_some_and(|it| it == word) {
                destroys.push(word);
            }
        }
        let first = statement.first().map_or("", String::as_str);
        for (word, with) in [("DELETE", "FROM"), ("UPDATE", "SET")] {
            if has(word) && has(with) && (first == word || first == "WITH") {
                if has("WHERE") {
                    &mut writes
                } else {
                    &mut destroys
                }
                .push(word);
            }
        }
        for (word, with) in [
            ("INSERT", "INTO"),
            ("REPLACE", "INTO"),
            ("MERGE", "INTO"),
            ("CREATE", ""),
            ("COPY", ""),
            ("CALL", ""),
            ("EXEC", ""),
            ("EXECUTE", ""),
        ] {
            if (first == word || first == "WITH" && has(word)) && (with.is_empty() || has(with)) {
                writes.push(word);
            }
        }
    }
    if let Some(word) = destroys.first() {
        let how = if matches!(*word, "DELETE" | "UPDATE") {
            " without a condition"
        } else {
            ""
        };
        let message = format!(
            "The statement {} says {word}{how}: what is gone is gone for everyone who uses the database.",
            quote(text.trim())
        );
        hits.add(&DATABASE_DROP, message).at(property).about(text);
    } else if let Some(word) = writes.first() {
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

/// The words of a statement in capitals, `;` as one, without texts, quoted names and comments.
fn words_of(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c.is_alphanumeric() || c == '_' {
            word.extend(c.to_uppercase());
            continue;
        }
        if !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        match c {
            ';' => words.push(";".to_owned()),
            '\'' | '"' | '`' => {
                chars.by_ref().find(|it| *it == c);
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
    words.push(word);
    words.retain(|word| !word.is_empty());
    words
}
