//! Two structures by the paths at which they differ: `rules[2].v`: 5 → 7.

use std::collections::HashSet;

use serde_json::{Map, Value};
use similar::{Algorithm, DiffOp, capture_diff_slices_deadline};

use super::{
    budget::Budget,
    piece::{Pieces, words},
};

/// Paths told at most; the texts below hold the others.
const PATHS_MAX: usize = 60;
/// Characters of a value told with its path.
const VALUE_MAX: usize = 160;

/// One path at which two structures differ.
#[derive(Debug)]
pub struct PathLine {
    /// Such as `rules[2].v`.
    pub path: Pieces,
    /// None: it is new.
    pub before: Option<Pieces>,
    /// None: it is gone.
    pub after: Option<Pieces>,
    /// What differs, where it is no value.
    pub note: Option<&'static str>,
}

/// The paths below `key` at which `before` and `after` differ, and how many more there are.
pub(super) fn paths(
    key: &str,
    before: &Value,
    after: &Value,
    budget: &Budget,
) -> (Vec<PathLine>, usize) {
    budget.compare(|deadline| {
        let mut walk = Walk {
            lines: Vec::new(),
            more: 0,
            deadline,
        };
        walk.compare(&member("", key), before, after);
        let cost = 100 * walk.lines.len();
        budget.spend(cost);
        (walk.lines, walk.more)
    })
}

struct Walk {
    lines: Vec<PathLine>,
    more: usize,
    deadline: std::time::Instant,
}

impl Walk {
    fn compare(&mut self, path: &str, before: &Value, after: &Value) {
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => self.members(path, before, after),
            (Value::Array(before), Value::Array(after)) => self.items(path, before, after),
            (before, after) if before == after => {}
            (before, after) => self.add(path, Some(before), Some(after)),
        }
    }

    fn members(&mut self, path: &str, before: &Map<String, Value>, after: &Map<String, Value>) {
        for (key, old) in before {
            let path = member(path, key);
            match after.get(key) {
                Some(new) => self.compare(&path, old, new),
                None => self.add(&path, Some(old), None),
            }
        }
        for (key, new) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
            self.add(&member(path, key), None, Some(new));
        }
        let kept = |of: &Map<String, Value>, other: &Map<String, Value>| {
            let keys = of.keys().filter(|key| other.contains_key(*key));
            keys.cloned().collect::<Vec<_>>()
        };
        if kept(before, after) != kept(after, before) {
            self.note(path, "its keys stand in another order");
        }
    }

    /// Items that are the same on both sides are found first, so that one put in front does not
    /// make all of them look changed.
    fn items(&mut self, path: &str, before: &[Value], after: &[Value]) {
        let written = |items: &[Value]| items.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (old, new) = (written(before), written(after));
        let moved: HashSet<&String> = old.iter().collect();
        let is_shuffled = old.len() == new.len()
            && old != new
            && moved.len() == old.len()
            && new.iter().collect::<HashSet<_>>() == moved;
        if is_shuffled && old.len() > 2 {
            return self.note(path, "the same items in another order");
        }
        let ops = capture_diff_slices_deadline(Algorithm::Myers, &old, &new, Some(self.deadline));
        for op in ops.iter().filter(|op| !matches!(op, DiffOp::Equal { .. })) {
            let (lefts, rights) = (op.old_range(), op.new_range());
            for offset in 0..lefts.len().max(rights.len()) {
                let left = lefts.clone().nth(offset);
                let right = rights.clone().nth(offset);
                let at = right.or(left).unwrap_or(0);
                let item = format!("{path}[{at}]");
                match (
                    left.and_then(|at| before.get(at)),
                    right.and_then(|at| after.get(at)),
                ) {
                    (Some(old), Some(new)) => self.compare(&item, old, new),
                    (old, new) => self.add(&item, old, new),
                }
            }
        }
    }

    fn add(&mut self, path: &str, before: Option<&Value>, after: Option<&Value>) {
        let (before, after) = match (before.map(short), after.map(short)) {
            (Some(before), Some(after)) if before == after => {
                return self.note(path, "a long value differs: see the text below");
            }
            (Some(before), Some(after)) => {
                let (before, after) = words(&before, &after);
                (Some(before), Some(after))
            }
            (before, after) => (
                before.map(|text| Pieces::plain(&text)),
                after.map(|text| Pieces::plain(&text)),
            ),
        };
        self.push(path, before, after, None);
    }

    fn note(&mut self, path: &str, note: &'static str) {
        self.push(path, None, None, Some(note));
    }

    fn push(
        &mut self,
        path: &str,
        before: Option<Pieces>,
        after: Option<Pieces>,
        note: Option<&'static str>,
    ) {
        if self.lines.len() >= PATHS_MAX {
            self.more += 1;
            return;
        }
        self.lines.push(PathLine {
            path: Pieces::plain(&cut(path.to_owned())),
            before,
            after,
            note,
        });
    }
}

/// `rules`, `rules.v`, `rules["a b"]`.
fn member(path: &str, key: &str) -> String {
    let is_word = !key.is_empty()
        && key
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'));
    match (is_word, path.is_empty()) {
        (true, true) => key.to_owned(),
        (true, false) => format!("{path}.{key}"),
        (false, _) => format!("{path}[{}]", Value::from(key)),
    }
}

/// A value as JSON; a long one by its beginning (all of it stands in the text).
fn short(value: &Value) -> String {
    cut(value.to_string())
}

fn cut(text: String) -> String {
    if text.len() <= VALUE_MAX {
        return text;
    }
    let end = text.floor_char_boundary(VALUE_MAX);
    format!("{} …", text.get(..end).unwrap_or_default())
}
