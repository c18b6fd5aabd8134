//! Two texts by line, and within lines by word.

use std::{collections::HashMap, ops::Range, time::Instant};

use model::flow::change::Language;
use similar::{ChangeTag, DiffOp, TextDiff};

use super::{
    budget::Budget,
    colour::{Coloured, colours},
    piece::Pieces,
};

/// Unchanged lines kept round a change.
const CONTEXT: usize = 3;
/// Changed lines longer than this together are not compared word by word, nor paired by their words.
const WORDS_MAX_BYTES: usize = 20_000;
/// More changed lines than this in one place are paired in their order.
const PAIRED_MAX: usize = 40;
/// Bytes shown of a line that is too long for a page.
const BEGINNING_BYTES: usize = 2_000;
/// What a line costs on a page beside its text.
const ROW_BYTES: usize = 40;

/// A stretch of two texts side by side.
#[derive(Debug)]
pub enum Part {
    /// Lines that differ and some round them.
    Rows(Vec<Row>),
    /// Lines that are the same on both sides, folded.
    Same(Vec<Row>),
    /// So many lines that this page leaves out, and whether some of them differ.
    Cut {
        /// How many.
        count: usize,
        /// Some of them differ.
        differs: bool,
    },
}

/// A line on either side or both.
#[derive(Debug)]
pub struct Row {
    /// The sides differ.
    pub is_changed: bool,
    /// Before.
    pub left: Option<Side>,
    /// After.
    pub right: Option<Side>,
}

/// One line of one side.
#[derive(Debug)]
pub struct Side {
    /// Its number, from 1.
    pub number: usize,
    /// What stands on it.
    pub pieces: Pieces,
}

/// One text with its colours.
struct Text<'t> {
    lines: Vec<&'t str>,
    coloured: Vec<Coloured>,
}

impl<'t> Text<'t> {
    fn new(text: &'t str, language: Language, budget: &Budget) -> Self {
        let lines: Vec<&str> = text.split_inclusive('\n').collect();
        let coloured = colours(&lines, language, budget);
        Self { lines, coloured }
    }

    fn side(&self, index: usize, marked: &[Range<usize>]) -> Side {
        let line = self.lines.get(index).copied().unwrap_or_default();
        let line = line.strip_suffix('\n').unwrap_or(line);
        let none = Coloured::new();
        let coloured = self.coloured.get(index).unwrap_or(&none);
        Side {
            number: index + 1,
            pieces: Pieces::new(line, coloured, marked),
        }
    }

    /// A changed line; one without a line end says so: it may be all that differs.
    fn changed(&self, index: usize, marked: &[Range<usize>]) -> Side {
        let mut side = self.side(index, marked);
        if !self
            .lines
            .get(index)
            .is_some_and(|line| line.ends_with('\n'))
        {
            side.pieces
                .add_sign("⟨no line end⟩", "the text ends without a line end");
        }
        side
    }

    /// The beginning of a first line that is too long for a page.
    fn beginning(&self) -> Side {
        let line = self.lines.first().copied().unwrap_or_default();
        let end = line.floor_char_boundary(BEGINNING_BYTES);
        let mut pieces = Pieces::plain(line.get(..end).unwrap_or_default());
        let left = line.get(end..).map_or(0, |rest| rest.chars().count());
        pieces.add_sign("⟨…⟩", &format!("{left} characters more"));
        Side { number: 1, pieces }
    }

    fn cost(&self, lines: Range<usize>) -> usize {
        let lines = self.lines.get(lines).unwrap_or_default();
        lines.iter().map(|line| line.len() + ROW_BYTES).sum()
    }
}

/// A text that is only there once, and how many of its lines are left out.
pub(super) fn whole(text: &str, language: Language, budget: &Budget) -> (Vec<Side>, usize) {
    let text = Text::new(text, language, budget);
    let allowed = budget.value();
    let mut spent = 0;
    let mut lines = Vec::new();
    for index in 0..text.lines.len() {
        spent += text.cost(index..index + 1);
        if spent > allowed {
            // Of a first line too long for a page, its beginning.
            lines.extend((index == 0).then(|| text.beginning()));
            let cut = text.lines.len() - index;
            budget.spend(allowed);
            return (lines, cut);
        }
        lines.push(text.side(index, &[]));
    }
    budget.spend(spent);
    (lines, 0)
}

/// Two texts side by side.
pub(super) fn parts(before: &str, after: &str, language: Language, budget: &Budget) -> Vec<Part> {
    let old = Text::new(before, language, budget);
    let new = Text::new(after, language, budget);
    budget.compare(|deadline| {
        let diff = TextDiff::configure()
            .deadline(deadline)
            .diff_slices(&old.lines, &new.lines);
        let mut made = Made {
            parts: Vec::new(),
            rows: Vec::new(),
            allowed: budget.value(),
            spent: 0,
        };
        let last = diff.ops().len().saturating_sub(1);
        for (index, op) in diff.ops().iter().enumerate() {
            match *op {
                DiffOp::Equal {
                    old_index,
                    new_index,
                    len,
                } => made.same(
                    &old,
                    &new,
                    (old_index, new_index, len),
                    (index == 0, index == last),
                ),
                _ => made.changed(&diff, op, &old, &new, deadline),
            }
        }
        made.end_rows();
        budget.spend(made.spent);
        made.parts
    })
}

struct Made {
    parts: Vec<Part>,
    /// The part that is open.
    rows: Vec<Row>,
    allowed: usize,
    spent: usize,
}

impl Made {
    fn end_rows(&mut self) {
        if !self.rows.is_empty() {
            self.parts.push(Part::Rows(std::mem::take(&mut self.rows)));
        }
    }

    fn cut(&mut self, count: usize, differs: bool) {
        self.end_rows();
        match self.parts.last_mut() {
            Some(Part::Cut {
                count: before,
                differs: did,
            }) => {
                *before += count;
                *did |= differs;
            }
            _ => self.parts.push(Part::Cut { count, differs }),
        }
    }

    fn has_room(&mut self, cost: usize) -> bool {
        let fits = self.spent + cost <= self.allowed;
        if fits {
            self.spent += cost;
        }
        fits
    }

    /// Lines that are the same: those next to a change are shown, the others folded.
    fn same(
        &mut self,
        old: &Text<'_>,
        new: &Text<'_>,
        (old_index, new_index, len): (usize, usize, usize),
        (is_first, is_last): (bool, bool),
    ) {
        let row = |offset: usize| Row {
            is_changed: false,
            left: Some(old.side(old_index + offset, &[])),
            right: Some(new.side(new_index + offset, &[])),
        };
        let before = if is_first { 0 } else { CONTEXT.min(len) };
        let after = if is_last {
            0
        } else {
            CONTEXT.min(len - before)
        };
        let folded = before..len - after;
        let folds = folded.len() > 2;
        for offset in 0..before {
            if !self.has_room(2 * old.cost(old_index + offset..old_index + offset + 1)) {
                return self.cut(len - offset, false);
            }
            self.rows.push(row(offset));
        }
        let cost = 2 * old.cost(old_index + folded.start..old_index + folded.end);
        if !folds {
            self.rows.extend(folded.map(row));
        } else if self.has_room(cost) {
            self.end_rows();
            self.parts.push(Part::Same(folded.map(row).collect()));
        } else {
            self.cut(folded.len(), false);
        }
        self.rows.extend((len - after..len).map(row));
    }

    /// Lines that come, go or change, paired by what they have in common.
    fn changed(
        &mut self,
        diff: &TextDiff<'_, '_, str>,
        op: &DiffOp,
        old: &Text<'_>,
        new: &Text<'_>,
        deadline: Instant,
    ) {
        let (lefts, rights) = (op.old_range(), op.new_range());
        let cost = old.cost(lefts.clone()) + new.cost(rights.clone());
        let mut marks = Marks::default();
        let mut paired = Vec::new();
        if cost <= WORDS_MAX_BYTES {
            marks.read(diff, op, deadline);
            paired = pairs(old, new, lefts, rights);
        } else {
            // Forty lines of a megabyte each, word by word against each other, would take minutes.
            zip(&mut paired, lefts, rights);
        }
        let none: Vec<Range<usize>> = Vec::new();
        for (left, right) in paired {
            let cost = left.map_or(0, |at| old.cost(at..at + 1))
                + right.map_or(0, |at| new.cost(at..at + 1));
            if !self.has_room(cost) {
                self.cut(1, true);
                continue;
            }
            let marked =
                |marks: &HashMap<usize, Vec<Range<usize>>>, text: &Text<'_>, at: Option<usize>| {
                    at.map(|at| text.changed(at, marks.get(&at).unwrap_or(&none)))
                };
            self.rows.push(Row {
                is_changed: true,
                left: marked(&marks.old, old, left),
                right: marked(&marks.new, new, right),
            });
        }
    }
}

/// What differs within the changed lines, by line.
#[derive(Default)]
struct Marks {
    old: HashMap<usize, Vec<Range<usize>>>,
    new: HashMap<usize, Vec<Range<usize>>>,
}

impl Marks {
    fn read(&mut self, diff: &TextDiff<'_, '_, str>, op: &DiffOp, deadline: Instant) {
        for change in diff.iter_inline_changes_deadline(op, Some(deadline)) {
            let mut at = 0;
            let mut marked: Vec<Range<usize>> = Vec::new();
            for (is_marked, text) in change.values() {
                match marked.last_mut().filter(|last| last.end == at) {
                    Some(last) if *is_marked => last.end += text.len(),
                    _ if *is_marked => marked.push(at..at + text.len()),
                    _ => {}
                }
                at += text.len();
            }
            let (side, index) = match change.tag() {
                ChangeTag::Delete => (&mut self.old, change.old_index()),
                ChangeTag::Insert => (&mut self.new, change.new_index()),
                ChangeTag::Equal => continue,
            };
            if let Some(index) = index {
                side.insert(index, marked);
            }
        }
    }
}

type Pair = (Option<usize>, Option<usize>);

/// Which changed line stands beside which: in order, those together that have most in common.
fn pairs<'t>(
    old: &Text<'t>,
    new: &Text<'t>,
    lefts: Range<usize>,
    rights: Range<usize>,
) -> Vec<Pair> {
    let (rows, columns) = (lefts.len(), rights.len());
    let mut pairs = Vec::new();
    if rows == 0 || columns == 0 || rows.max(columns) > PAIRED_MAX {
        zip(&mut pairs, lefts, rights);
        return pairs;
    }
    let read = |text: &Text<'t>, lines: Range<usize>| -> Vec<Vec<&'t str>> {
        let lines = text.lines.get(lines).unwrap_or_default();
        lines.iter().map(|line| words(line)).collect()
    };
    let (left_words, right_words) = (read(old, lefts.clone()), read(new, rights.clone()));
    // The best way to pair the lines from (row, column) on, as for a longest common subsequence.
    let mut best = vec![0_usize; (rows + 1) * (columns + 1)];
    let at = |row: usize, column: usize| row * (columns + 1) + column;
    for (row, left) in left_words.iter().enumerate().rev() {
        for (column, right) in right_words.iter().enumerate().rev() {
            let together = alike(left, right) + best[at(row + 1, column + 1)];
            let apart = best[at(row + 1, column)].max(best[at(row, column + 1)]);
            best[at(row, column)] = together.max(apart);
        }
    }
    let (mut row, mut column) = (0, 0);
    // Lines without a partner stand beside each other.
    let (mut lone_left, mut lone_right) = (0, 0);
    while row < rows && column < columns && best[at(row, column)] > 0 {
        let here = best[at(row, column)];
        if here == best[at(row + 1, column)] {
            row += 1;
        } else if here == best[at(row, column + 1)] {
            column += 1;
        } else {
            let (left, right) = (lefts.start + row, rights.start + column);
            zip(
                &mut pairs,
                lefts.start + lone_left..left,
                rights.start + lone_right..right,
            );
            pairs.push((Some(left), Some(right)));
            row += 1;
            column += 1;
            (lone_left, lone_right) = (row, column);
        }
    }
    zip(
        &mut pairs,
        lefts.start + lone_left..lefts.end,
        rights.start + lone_right..rights.end,
    );
    pairs
}

fn zip(pairs: &mut Vec<Pair>, mut lefts: Range<usize>, mut rights: Range<usize>) {
    while !(lefts.is_empty() && rights.is_empty()) {
        pairs.push((lefts.next(), rights.next()));
    }
}

fn words(line: &str) -> Vec<&str> {
    let mut words: Vec<&str> = line
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    words.sort_unstable();
    words
}

/// How much two lines have in common, in percent of their (sorted) words; nothing below a third.
fn alike(left: &[&str], right: &[&str]) -> usize {
    let (mut row, mut column, mut common) = (0, 0, 0);
    while let (Some(one), Some(other)) = (left.get(row), right.get(column)) {
        common += usize::from(one == other);
        row += usize::from(one <= other);
        column += usize::from(other <= one);
    }
    let percent = (200 * common)
        .checked_div(left.len() + right.len())
        .unwrap_or(0);
    if percent < 34 { 0 } else { percent }
}
