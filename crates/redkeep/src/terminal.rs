//! What is said to the person at the terminal: the only code that prints, and the only that writes
//! escape sequences ([`sheet`], and the progress line).
#![expect(clippy::print_stderr, reason = "printing is what this file is for")]

pub(crate) mod sheet;

use std::io::{IsTerminal as _, Write as _};

use console::shown;

/// A line of the command's result, on standard output. A closed pipe is no failure of ours.
pub(crate) fn line(text: &str) {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{text}").and_then(|()| out.flush());
    if written.is_err() {
        // Nobody reads any more.
    }
}

/// A line about what happens, on standard error. It may quote what came from outside (an error of the
/// API's, a package's name): that drives no terminal, and its further lines stand further in.
pub(crate) fn say(text: &str) {
    eprintln!("{}", told(text));
}

fn told(text: &str) -> String {
    shown(text).replace('\n', "\n  ")
}

/// Progress in place on a terminal; elsewhere one line a phase.
#[derive(Debug)]
pub(crate) struct ProgressLine {
    in_place: bool,
    last: std::sync::Mutex<(String, i64)>,
}

impl ProgressLine {
    pub(crate) fn new() -> Self {
        Self {
            in_place: std::io::stderr().is_terminal(),
            last: std::sync::Mutex::default(),
        }
    }

    /// Shows `text` for `phase`. `step` limits how often it is drawn.
    pub(crate) fn show(&self, phase: &str, text: &str, step: i64) {
        let mut last = self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let same_phase = last.0 == phase;
        if self.in_place {
            if !same_phase || last.1 != step {
                if !same_phase && !last.0.is_empty() {
                    eprintln!();
                }
                eprint!("\r\x1b[K{text}");
            }
        } else if !same_phase {
            eprintln!("{text}");
        }
        *last = (phase.to_owned(), step);
    }

    /// Ends the line.
    pub(crate) fn end(&self) {
        let mut last = self
            .last
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if self.in_place && !last.0.is_empty() {
            eprintln!();
        }
        *last = (String::new(), 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_quoted_neither_drives_the_terminal_nor_begins_a_line() {
        let quoted = "no deployment \x1b[2J\u{202e}x\nredkeep: applied";
        let expected = "no deployment ⟨U+001B⟩[2J⟨U+202E⟩x\n  redkeep: applied";
        assert_eq!(told(quoted), expected);
    }
}
