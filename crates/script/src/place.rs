//! From the parser's offsets to places in the source that was given.

use crate::Place;

/// How much of the code a use shows.
const SNIPPET_MAX: usize = 160;

/// Lines of a source, of which a part (what was wrapped round it) is not the author's.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    source: &'a str,
    /// Where the author's part begins in the text that was parsed.
    shift: usize,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    /// `source` is what the author wrote, `shift` how much stands before it in the parsed text.
    pub(crate) fn new(source: &'a str, shift: usize) -> Self {
        let breaks = source
            .bytes()
            .enumerate()
            .filter(|(_, byte)| *byte == b'\n');
        let starts = std::iter::once(0)
            .chain(breaks.map(|(at, _)| at + 1))
            .collect();
        Self {
            source,
            shift,
            starts,
        }
    }

    /// The place of a span of the parsed text.
    pub(crate) fn place(&self, start: usize, end: usize) -> Place {
        let start = self.boundary(start.saturating_sub(self.shift));
        let end = self.boundary(end.saturating_sub(self.shift)).max(start);
        let line = self.starts.partition_point(|begin| *begin <= start).max(1);
        let begin = self.starts.get(line - 1).copied().unwrap_or_default();
        // Columns past this are on lines nobody counts in; counting them all would be quadratic.
        let from = start.saturating_sub(COLUMN_MAX).max(begin);
        let text = self
            .source
            .get(self.boundary(from)..start)
            .unwrap_or_default();
        Place {
            start,
            end,
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(from - begin + text.chars().count() + 1).unwrap_or(u32::MAX),
        }
    }

    /// What stands at a place, in one line and of readable length.
    pub(crate) fn snippet(&self, place: Place) -> String {
        let end = self.boundary(place.end.min(place.start + SNIPPET_MAX));
        let text = self.source.get(place.start..end).unwrap_or_default();
        let mut snippet: String = text
            .chars()
            .map(|one| if one.is_control() { ' ' } else { one })
            .collect();
        if end < place.end {
            snippet.push('…');
        }
        snippet
    }

    fn boundary(&self, at: usize) -> usize {
        let mut at = at.min(self.source.len());
        while !self.source.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// How far back from a place its column is counted in characters; before that, in bytes.
const COLUMN_MAX: usize = 1_000;
