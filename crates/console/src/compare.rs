//! Two values side by side: lines that differ, and within them the words.

use std::time::{Duration, Instant};

use model::flow::change::{Language, PropertyChange};
use serde_json::Value;
use similar::{ChangeTag, DiffOp, TextDiff};

use crate::wording::shown;

/// Time for one comparison; beyond it, lines are shown whole instead of word by word.
const BUDGET: Duration = Duration::from_millis(500);
/// Unchanged lines kept round a change.
const CONTEXT: usize = 4;
/// A line longer than this is not compared word by word.
const WORDS_MAX_BYTES: usize = 20_000;

/// One property, ready to be shown.
#[derive(Debug)]
pub(crate) struct Comparison {
    pub(crate) key: String,
    /// Such as `javascript`; empty for plain values.
    pub(crate) language: &'static str,
    pub(crate) note: Option<&'static str>,
    pub(crate) body: Body,
}

/// How it is shown.
#[derive(Debug)]
pub(crate) enum Body {
    /// Short values on one line each.
    Plain {
        before: Option<String>,
        after: Option<String>,
    },
    /// A text that is only there once: all of it.
    Whole { is_added: bool, lines: Vec<Side> },
    /// Two texts side by side.
    Lines { rows: Vec<Row> },
}

/// A row of two texts side by side.
#[derive(Debug)]
pub(crate) enum Row {
    /// A line on either side or both.
    Line {
        is_changed: bool,
        left: Option<Side>,
        right: Option<Side>,
    },
    /// So many lines that are the same on both sides.
    Same { count: usize },
}

/// One line of one side.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) number: usize,
    pub(crate) pieces: Vec<Piece>,
}

/// A part of a line.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) text: String,
    pub(crate) is_marked: bool,
}

/// Makes a property ready. `is_full` shows unchanged lines too.
pub(crate) fn compare(change: &PropertyChange, is_full: bool) -> Comparison {
    let note = match (&change.before, &change.after) {
        (Some(before), Some(after)) if before.is_string() != after.is_string() => {
            Some("one side is a text, the other a structure or number")
        }
        _ => None,
    };
    let is_short = |value: &Option<Value>| value.as_ref().is_none_or(is_plain);
    let is_plain =
        change.language == Language::Plain && is_short(&change.before) && is_short(&change.after);
    let body = if is_plain {
        Body::Plain {
            before: change.before.as_ref().map(plain),
            after: change.after.as_ref().map(plain),
        }
    } else {
        match (
            change.before.as_ref().map(text),
            change.after.as_ref().map(text),
        ) {
            (Some(before), Some(after)) => Body::Lines {
                rows: rows(&before, &after, is_full),
            },
            (Some(only), None) => Body::Whole {
                is_added: false,
                lines: whole(&only),
            },
            (None, Some(only)) => Body::Whole {
                is_added: true,
                lines: whole(&only),
            },
            (None, None) => Body::Plain {
                before: None,
                after: None,
            },
        }
    };
    Comparison {
        key: shown(&change.key),
        language: language(change.language),
        note,
        body,
    }
}

fn is_plain(value: &Value) -> bool {
    match value {
        Value::String(text) => text.len() <= 200 && !text.contains('\n'),
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
                shown(&format!("{text:?}"))
            } else {
                shown(text)
            }
        }
        other => shown(&other.to_string()),
    }
}

/// A value over several lines: texts exactly as they are, structures indented.
fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => serde_json::to_string_pretty(other).unwrap_or_default(),
    }
}

fn whole(text: &str) -> Vec<Side> {
    let lines = text
        .strip_suffix('\n')
        .unwrap_or(text)
        .split('\n')
        .enumerate();
    lines
        .map(|(index, line)| Side {
            number: index + 1,
            pieces: vec![piece(line, false)],
        })
        .collect()
}

fn piece(text: &str, is_marked: bool) -> Piece {
    Piece {
        text: shown(text),
        is_marked,
    }
}

fn rows(before: &str, after: &str, is_full: bool) -> Vec<Row> {
    let deadline = Instant::now() + BUDGET;
    let diff = TextDiff::configure()
        .deadline(deadline)
        .diff_lines(before, after);
    let (old, new): (Vec<_>, Vec<_>) = (
        before.split_inclusive('\n').collect(),
        after.split_inclusive('\n').collect(),
    );
    let mut rows = Vec::new();
    let ops = diff.ops();
    for (index, op) in ops.iter().enumerate() {
        if let DiffOp::Equal {
            old_index,
            new_index,
            len,
        } = *op
        {
            let same = |offset: usize| {
                let line = old.get(old_index + offset).copied().unwrap_or_default();
                Row::Line {
                    is_changed: false,
                    left: Some(side(old_index + offset, line)),
                    right: Some(side(new_index + offset, line)),
                }
            };
            let before = if index == 0 { 0 } else { CONTEXT };
            let after = if index + 1 == ops.len() { 0 } else { CONTEXT };
            if is_full || len <= before + after + 1 {
                rows.extend((0..len).map(same));
            } else {
                rows.extend((0..before).map(same));
                rows.push(Row::Same {
                    count: len - before - after,
                });
                rows.extend((len - after..len).map(same));
            }
        } else {
            changed(&diff, op, &old, &new, deadline, &mut rows);
        }
    }
    rows
}

fn side(index: usize, line: &str) -> Side {
    Side {
        number: index + 1,
        pieces: vec![piece(line.trim_end_matches('\n'), false)],
    }
}

/// Lines that come, go or change, paired in their order.
fn changed(
    diff: &TextDiff<'_, '_, str>,
    op: &DiffOp,
    old: &[&str],
    new: &[&str],
    deadline: Instant,
    rows: &mut Vec<Row>,
) {
    let (mut lefts, mut rights) = (Vec::new(), Vec::new());
    let bytes = |lines: &[&str]| lines.iter().map(|line| line.len()).sum::<usize>();
    let old_lines = old.get(op.old_range()).unwrap_or_default();
    let new_lines = new.get(op.new_range()).unwrap_or_default();
    if bytes(old_lines) + bytes(new_lines) > WORDS_MAX_BYTES {
        let all = |from: usize, lines: &[&str]| -> Vec<Side> {
            let lines = lines.iter().enumerate();
            lines
                .map(|(offset, line)| ended(side(from + offset, line), line))
                .collect()
        };
        lefts = all(op.old_range().start, old_lines);
        rights = all(op.new_range().start, new_lines);
    } else {
        for change in diff.iter_inline_changes_deadline(op, Some(deadline)) {
            let pieces = change
                .values()
                .iter()
                .map(|(is_marked, text)| piece(text.trim_end_matches('\n'), *is_marked))
                .filter(|piece| !piece.text.is_empty())
                .collect();
            let last = change.values().last().map_or("", |(_, text)| *text);
            match change.tag() {
                ChangeTag::Delete => {
                    let number = change.old_index().unwrap_or(0) + 1;
                    lefts.push(ended(Side { number, pieces }, last));
                }
                ChangeTag::Insert => {
                    let number = change.new_index().unwrap_or(0) + 1;
                    rights.push(ended(Side { number, pieces }, last));
                }
                ChangeTag::Equal => {}
            }
        }
    }
    let count = lefts.len().max(rights.len());
    let (mut lefts, mut rights) = (lefts.into_iter(), rights.into_iter());
    for _ in 0..count {
        rows.push(Row::Line {
            is_changed: true,
            left: lefts.next(),
            right: rights.next(),
        });
    }
}

/// A changed last line without a line end says so: it may be all that differs.
fn ended(mut side: Side, line: &str) -> Side {
    if !line.ends_with('\n') {
        side.pieces.push(Piece {
            text: "⟨no line end⟩".to_owned(),
            is_marked: true,
        });
    }
    side
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
mod tests {
    use super::*;

    fn property(before: &str, after: &str, language: Language) -> PropertyChange {
        PropertyChange {
            key: "func".into(),
            before: Some(before.into()),
            after: Some(after.into()),
            language,
        }
    }

    fn marked(side: Option<&Side>) -> String {
        let pieces = side.map(|side| side.pieces.iter()).into_iter().flatten();
        pieces
            .filter(|piece| piece.is_marked)
            .map(|piece| piece.text.as_str())
            .collect()
    }

    #[test]
    fn the_word_that_differs_is_marked() {
        let change = property(
            "a\nlet x = 1;\nb\n",
            "a\nlet x = 2;\nb\n",
            Language::JavaScript,
        );
        let Body::Lines { rows } = compare(&change, true).body else {
            panic!("no lines")
        };
        assert_eq!(rows.len(), 3);
        let Row::Line {
            is_changed: true,
            left,
            right,
        } = &rows[1]
        else {
            panic!("{rows:?}")
        };
        assert!(marked(left.as_ref()).contains('1'), "{left:?}");
        assert!(marked(right.as_ref()).contains('2'), "{right:?}");
        assert!(!marked(right.as_ref()).contains("let"), "{right:?}");
    }

    #[test]
    fn what_is_the_same_is_counted_not_lost() {
        use std::fmt::Write as _;
        let mut long = String::new();
        for line in 0..100 {
            writeln!(long, "line {line}").unwrap();
        }
        let change = property(&long, &format!("{long}end\n"), Language::Text);
        let count = |is_full| match compare(&change, is_full).body {
            Body::Lines { rows } => rows
                .iter()
                .map(|row| match row {
                    Row::Line { .. } => 1,
                    Row::Same { count } => *count,
                })
                .sum::<usize>(),
            other => panic!("{other:?}"),
        };
        assert_eq!((count(false), count(true)), (101, 101));
    }

    #[test]
    fn a_text_that_reads_as_a_number_keeps_its_quotes() {
        let change = PropertyChange {
            key: "port".into(),
            before: Some(Value::from(1)),
            after: Some(Value::from("1")),
            language: Language::Plain,
        };
        let comparison = compare(&change, false);
        assert!(comparison.note.is_some());
        let Body::Plain { before, after } = comparison.body else {
            panic!("not plain")
        };
        assert_eq!(
            (before.as_deref(), after.as_deref()),
            (Some("1"), Some("\"1\""))
        );
    }

    #[test]
    fn a_missing_line_end_is_seen() {
        let Body::Lines { rows } = compare(&property("a\n", "a", Language::Text), false).body
        else {
            panic!("no lines")
        };
        assert!(format!("{rows:?}").contains("no line end"), "{rows:?}");
    }
}
