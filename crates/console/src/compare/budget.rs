//! What one page may hold and what making it may take. A hostile deployment can hold megabytes in
//! one value, or ten thousand changes; a page of it must still be small and quick.

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

/// Bytes of values on one page, before it is continued on the next.
const PAGE_BYTES: usize = 120_000;
/// Bytes of one value before it is cut; all of it is shown where the reader asks for it.
const VALUE_BYTES: usize = 40_000;
/// Bytes in colour on one page.
const COLOUR_BYTES: usize = 40_000;
/// Time for comparing; beyond it, differences are told coarser: by line, or as one whole.
const COMPARING: Duration = Duration::from_millis(250);
/// Time for colours; beyond it, text is black. The bytes are what ends them usually: this is for
/// patterns that go astray, and the first use of a syntax, which makes its patterns.
const COLOURING: Duration = Duration::from_millis(300);

/// What is left for a page. Interior, because every value on the page draws on the same.
#[derive(Debug)]
pub struct Budget {
    bytes: Cell<usize>,
    colour_bytes: Cell<usize>,
    comparing: Cell<Duration>,
    colouring: Cell<Duration>,
    is_full: bool,
}

/// Bytes of one value that is shown whole: more is read in the exported file.
const FULL_BYTES: usize = 4 << 20;

impl Budget {
    /// For a page; `is_full` where the reader asked to see long values whole.
    pub fn new(is_full: bool) -> Self {
        Self {
            bytes: Cell::new(PAGE_BYTES),
            colour_bytes: Cell::new(COLOUR_BYTES),
            comparing: Cell::new(COMPARING),
            colouring: Cell::new(COLOURING),
            is_full,
        }
    }

    /// Whether another change fits.
    pub fn has_room(&self) -> bool {
        self.bytes.get() > 0
    }

    /// Whether long values are shown whole.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    pub(super) fn spend(&self, bytes: usize) {
        self.bytes.set(self.bytes.get().saturating_sub(bytes));
    }

    /// Bytes the next value may show.
    pub(super) fn value(&self) -> usize {
        if self.is_full {
            FULL_BYTES
        } else {
            // A value late on the page still shows its beginning.
            VALUE_BYTES.min(self.bytes.get().max(VALUE_BYTES / 10))
        }
    }

    /// Does something that takes at most what time is left for comparing.
    pub(super) fn compare<T>(&self, work: impl FnOnce(Instant) -> T) -> T {
        let began = Instant::now();
        let done = work(began + self.comparing.get());
        let left = self.comparing.get().saturating_sub(began.elapsed());
        self.comparing.set(left);
        done
    }

    /// Does something for every line while bytes and time are left for colours.
    pub(super) fn colour<T>(
        &self,
        lines: &[&str],
        mut work: impl FnMut(&str) -> Option<T>,
    ) -> Vec<T> {
        let began = Instant::now();
        let mut done = Vec::new();
        for line in lines {
            let left = self.colour_bytes.get().checked_sub(line.len());
            let (Some(left), true) = (left, began.elapsed() < self.colouring.get()) else {
                break;
            };
            self.colour_bytes.set(left);
            match work(line) {
                Some(line) => done.push(line),
                None => break,
            }
        }
        let left = self.colouring.get().saturating_sub(began.elapsed());
        self.colouring.set(left);
        done
    }
}
