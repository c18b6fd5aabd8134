//! A line in pieces: what is marked, what has a colour, and what could not be seen otherwise.

use std::ops::Range;

use askama::Template;
use similar::{ChangeTag, TextDiff};

use super::colour::Coloured;
use crate::wording::{Sign, signs};

/// A line that is longer than this has its long stretches folded.
const LONG_BYTES: usize = 800;
/// A stretch that is folded at the least, and what is kept before and after the fold.
const STRETCH_BYTES: usize = 500;
const KEPT_BYTES: usize = 120;

/// A line (or a short value), ready to be shown.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "parts/pieces.html")]
pub struct Pieces {
    pieces: Vec<Piece>,
}

impl askama::filters::HtmlSafe for Pieces {}

/// A part of a line.
#[derive(Debug, Clone)]
pub struct Piece {
    /// The text, with nothing invisible in it.
    pub text: String,
    /// Its class in the stylesheet, empty for none.
    pub class: &'static str,
    /// It is what differs.
    pub is_marked: bool,
    /// What it stands for.
    pub kind: Kind,
}

/// What a part of a line stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Itself.
    Text,
    /// Stands for something invisible, with its name.
    Sign(String),
    /// Folded: so many characters.
    Fold(usize),
}

impl Pieces {
    /// Text without colours and marks.
    pub fn plain(text: &str) -> Self {
        Self::new(text, &Vec::new(), &[])
    }

    /// The parts, from left to right.
    pub fn parts(&self) -> &[Piece] {
        &self.pieces
    }

    /// `line` without its line end, in colour, with `marked` stretches.
    pub(super) fn new(line: &str, coloured: &Coloured, marked: &[Range<usize>]) -> Self {
        let mut edges: Vec<usize> = vec![0, line.len()];
        let inner = coloured
            .iter()
            .map(|(range, _)| range)
            .chain(marked)
            .flat_map(|range| [range.start, range.end]);
        edges.extend(inner.filter(|edge| line.is_char_boundary(*edge)));
        edges.sort_unstable();
        edges.dedup();
        let mut made = Self::default();
        let mut colours = coloured.iter().peekable();
        let mut marks = marked.iter().peekable();
        for edge in edges.windows(2) {
            let (&[from, to], Some(text)) = (edge, line.get(edge[0]..edge[1])) else {
                continue;
            };
            while colours.next_if(|(range, _)| range.end <= from).is_some() {}
            while marks.next_if(|range| range.end <= from).is_some() {}
            let class = colours
                .peek()
                .filter(|(range, _)| range.start <= from && to <= range.end)
                .map_or("", |(_, class)| *class);
            let mark = marks.peek().filter(|range| range.start <= from);
            // White space that is all that differs in a place must be seen.
            let blanks = mark
                .and_then(|range| line.get((*range).clone()))
                .is_some_and(|marked| marked.chars().all(char::is_whitespace));
            made.add(
                text,
                class,
                (mark.is_some(), blanks),
                line.len() > LONG_BYTES,
            );
        }
        made
    }

    /// Adds something that stands for what is not there to be seen.
    pub(super) fn add_sign(&mut self, text: &str, name: &str) {
        self.pieces.push(Piece {
            text: text.to_owned(),
            class: "",
            is_marked: true,
            kind: Kind::Sign(name.to_owned()),
        });
    }

    /// Adds text that is marked or not, with signs for its blanks or not.
    fn add(&mut self, text: &str, class: &'static str, mark: (bool, bool), is_long: bool) {
        let (is_marked, shows_blanks) = mark;
        if is_long
            && text.len() > STRETCH_BYTES
            && let Some((head, middle, tail)) = middle(text)
        {
            self.add(head, class, mark, false);
            self.pieces.push(Piece {
                text: crate::wording::shown(middle),
                class,
                is_marked,
                kind: Kind::Fold(middle.chars().count()),
            });
            return self.add(tail, class, mark, false);
        }
        for (text, sign) in signs(text, shows_blanks) {
            let kind = match sign {
                None => Kind::Text,
                Some(Sign(name)) => Kind::Sign(name),
            };
            self.pieces.push(Piece {
                text,
                class,
                is_marked,
                kind,
            });
        }
    }

    #[cfg(test)]
    pub(super) fn marked(&self) -> String {
        let marked = self.pieces.iter().filter(|piece| piece.is_marked);
        marked.map(|piece| piece.text.as_str()).collect()
    }

    #[cfg(test)]
    pub(super) fn classes(&self) -> Vec<(&str, &str)> {
        let pieces = self.pieces.iter();
        let coloured = pieces.filter(|piece| !piece.class.is_empty());
        coloured
            .map(|piece| (piece.text.as_str(), piece.class))
            .collect()
    }
}

/// Splits a long stretch into what is kept, what is folded, and what is kept.
fn middle(text: &str) -> Option<(&str, &str, &str)> {
    let head = text.floor_char_boundary(KEPT_BYTES);
    let tail = text.ceil_char_boundary(text.len() - KEPT_BYTES);
    Some((text.get(..head)?, text.get(head..tail)?, text.get(tail..)?))
}

/// Longer values than this are not compared by word: it may take the square of their length.
const WORDS_MAX_BYTES: usize = 4_000;

/// Two short values, the words marked that differ (unless nearly all do).
pub fn words(before: &str, after: &str) -> (Pieces, Pieces) {
    if before.len() + after.len() > WORDS_MAX_BYTES {
        return (Pieces::plain(before), Pieces::plain(after));
    }
    let (old_words, new_words) = (split(before), split(after));
    let diff = TextDiff::from_slices(&old_words, &new_words);
    let (mut old, mut new) = (Vec::new(), Vec::new());
    let (mut at_old, mut at_new) = (0, 0);
    for change in diff.iter_all_changes() {
        let len = change.value().len();
        match change.tag() {
            ChangeTag::Delete => old.push(at_old..at_old + len),
            ChangeTag::Insert => new.push(at_new..at_new + len),
            ChangeTag::Equal => {}
        }
        at_old += usize::from(change.tag() != ChangeTag::Insert) * len;
        at_new += usize::from(change.tag() != ChangeTag::Delete) * len;
    }
    let is_other = diff.ratio() < 0.4;
    let marks = |marks: Vec<Range<usize>>| if is_other { Vec::new() } else { marks };
    let none = Coloured::new();
    (
        Pieces::new(before, &none, &marks(old)),
        Pieces::new(after, &none, &marks(new)),
    )
}

/// Runs of letters and digits, and every other character for itself.
fn split(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let word = rest
            .find(|c: char| !c.is_alphanumeric())
            .unwrap_or(rest.len());
        let (head, tail) = rest.split_at(word.max(first.len_utf8()));
        words.push(head);
        rest = tail;
    }
    words
}
