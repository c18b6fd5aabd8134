//! Two structures by the paths at which they differ: `rules[2].v`: 5 → 7.

use std::{collections::HashSet, io};

use serde::Serialize;
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
/// What comparing two structures may take: each value looked at costs one and the length of its
/// path, each byte that is written down to be compared one. A structure of the usual kind takes a
/// few thousand; hostile ones nest and repeat until this is spent.
const FUEL: usize = 2_000_000;

/// The fuel is spent: the two are compared by line instead.
#[derive(Debug)]
pub(super) struct TooLarge;

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
) -> Result<(Vec<PathLine>, usize), TooLarge> {
    budget.compare(|deadline| {
        let mut walk = Walk {
            lines: Vec::new(),
            more: 0,
            deadline,
            fuel: FUEL,
        };
        walk.compare(&member("", key), before, after)?;
        let cost = 100 * walk.lines.len();
        budget.spend(cost);
        Ok((walk.lines, walk.more))
    })
}

struct Walk {
    lines: Vec<PathLine>,
    more: usize,
    deadline: std::time::Instant,
    fuel: usize,
}

type Walked = Result<(), TooLarge>;

impl Walk {
    fn burn(&mut self, cost: usize) -> Walked {
        self.fuel = self.fuel.checked_sub(cost).ok_or(TooLarge)?;
        Ok(())
    }

    fn compare(&mut self, path: &str, before: &Value, after: &Value) -> Walked {
        self.burn(1 + path.len())?;
        match (before, after) {
            (Value::Object(before), Value::Object(after)) => self.members(path, before, after),
            (Value::Array(before), Value::Array(after)) => self.items(path, before, after),
            (before, after) if before == after => Ok(()),
            (before, after) => {
                self.add(path, Some(before), Some(after));
                Ok(())
            }
        }
    }

    fn members(
        &mut self,
        path: &str,
        before: &Map<String, Value>,
        after: &Map<String, Value>,
    ) -> Walked {
        for (key, old) in before {
            // A long key with many members would be written out for each of them.
            self.burn(path.len() + key.len())?;
            let path = member(path, key);
            match after.get(key) {
                Some(new) => self.compare(&path, old, new)?,
                None => self.add(&path, Some(old), None),
            }
        }
        for (key, new) in after.iter().filter(|(key, _)| !before.contains_key(*key)) {
            self.burn(path.len() + key.len())?;
            self.add(&member(path, key), None, Some(new));
        }
        let old_keys = before.keys().filter(|key| after.contains_key(*key));
        let new_keys = after.keys().filter(|key| before.contains_key(*key));
        if old_keys.ne(new_keys) {
            self.note(path, "its keys stand in another order");
        }
        Ok(())
    }

    /// The items as text, as far as the fuel reaches.
    fn written(&mut self, items: &[Value]) -> Result<Vec<String>, TooLarge> {
        let mut all = Vec::with_capacity(items.len());
        for item in items {
            let (text, is_whole) = written(item, self.fuel);
            self.burn(1 + text.len())?;
            if !is_whole {
                return Err(TooLarge);
            }
            all.push(text);
        }
        Ok(all)
    }

    /// Items that are the same on both sides are found first, so that one put in front does not
    /// make all of them look changed.
    fn items(&mut self, path: &str, before: &[Value], after: &[Value]) -> Walked {
        let (old, new) = (self.written(before)?, self.written(after)?);
        let moved: HashSet<&String> = old.iter().collect();
        let is_shuffled = old.len() == new.len()
            && old != new
            && moved.len() == old.len()
            && new.iter().collect::<HashSet<_>>() == moved;
        if is_shuffled && old.len() > 2 {
            self.note(path, "the same items in another order");
            return Ok(());
        }
        let ops = capture_diff_slices_deadline(Algorithm::Myers, &old, &new, Some(self.deadline));
        for op in ops.iter().filter(|op| !matches!(op, DiffOp::Equal { .. })) {
            let (lefts, rights) = (op.old_range(), op.new_range());
            for offset in 0..lefts.len().max(rights.len()) {
                let left = lefts.clone().nth(offset);
                let right = rights.clone().nth(offset);
                let at = right.or(left).unwrap_or(0);
                self.burn(1 + path.len())?;
                let item = format!("{path}[{at}]");
                match (
                    left.and_then(|at| before.get(at)),
                    right.and_then(|at| after.get(at)),
                ) {
                    (Some(old), Some(new)) => self.compare(&item, old, new)?,
                    (old, new) => self.add(&item, old, new),
                }
            }
        }
        Ok(())
    }

    fn add(&mut self, path: &str, before: Option<&Value>, after: Option<&Value>) {
        if self.lines.len() >= PATHS_MAX {
            self.more += 1;
            return;
        }
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
            path: Pieces::plain(&cut(path)),
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
    cut(&written(value, VALUE_MAX + 1).0)
}

/// A value as JSON, and whether that is all of it: at most `most` bytes are written.
fn written(value: &Value, most: usize) -> (String, bool) {
    struct Upto(Vec<u8>, usize);
    impl io::Write for Upto {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let room = self.1.saturating_sub(self.0.len());
            let fits = bytes.get(..room.min(bytes.len())).unwrap_or_default();
            self.0.extend_from_slice(fits);
            if fits.len() < bytes.len() {
                return Err(io::ErrorKind::WriteZero.into());
            }
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let mut writer = serde_json::Serializer::new(Upto(Vec::new(), most));
    let is_whole = value.serialize(&mut writer).is_ok();
    let mut bytes = writer.into_inner().0;
    if let Err(error) = std::str::from_utf8(&bytes) {
        bytes.truncate(error.valid_up_to());
    }
    (String::from_utf8(bytes).unwrap_or_default(), is_whole)
}

fn cut(text: &str) -> String {
    if text.len() <= VALUE_MAX {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(VALUE_MAX);
    format!("{} …", text.get(..end).unwrap_or_default())
}
