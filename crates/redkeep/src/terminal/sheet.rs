//! Lines for a terminal: styled, wrapped, and unable to drive it.
//!
//! Every text passes through [`Span`], which makes controls and everything invisible visible; the only
//! escape sequences are those written in [`Sheet`].

use std::io::IsTerminal as _;

use console::shown;

use crate::config::environment;

/// Columns where the terminal does not say.
const WIDTH: usize = 100;
/// Narrower than this, nothing can be read.
const WIDTH_MIN: usize = 40;

/// How a sheet is drawn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Look {
    pub(crate) width: usize,
    pub(crate) in_colour: bool,
    /// Long values are shown whole.
    pub(crate) is_full: bool,
}

impl Look {
    /// As standard output wants it: in colour on a terminal, unless `NO_COLOR` is set to something
    /// (<https://no-color.org>) or the terminal has none.
    pub(crate) fn of_output(is_full: bool) -> Self {
        let out = std::io::stdout();
        let columns = sandbox::process::terminal_columns(&out);
        Self {
            width: columns.unwrap_or(WIDTH).max(WIDTH_MIN),
            in_colour: takes_colour(out.is_terminal(), &environment),
            is_full,
        }
    }
}

fn takes_colour(is_terminal: bool, variable: &dyn Fn(&str) -> Option<String>) -> bool {
    let is_refused = variable("NO_COLOR").is_some_and(|it| !it.is_empty());
    let is_dumb = variable("TERM").is_some_and(|it| it == "dumb");
    is_terminal && !is_refused && !is_dumb
}

/// How a stretch is told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Bold,
    Dim,
    Good,
    Bad,
    Danger,
    Warn,
    Note,
    /// Words that come, or go: without colour they stand in brackets.
    Comes,
    Goes,
    /// Code, by its class in the stylesheet.
    Code(&'static str),
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim | Self::Code("c") => "2",
            Self::Good => "32",
            Self::Bad => "31",
            Self::Danger => "1;31",
            Self::Warn | Self::Code("s") => "33",
            Self::Comes => "7;32",
            Self::Goes => "7;31",
            Self::Code("k" | "t") => "34",
            Self::Code("n" | "b" | "e") => "35",
            Self::Note | Self::Code("f" | "a") => "36",
            Self::Plain | Self::Code(_) => "",
        }
    }

    fn brackets(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::Comes => Some(("{+", "+}")),
            Self::Goes => Some(("[-", "-]")),
            _ => None,
        }
    }
}

/// A stretch of a line, with nothing invisible in it.
#[derive(Debug, Clone)]
pub(crate) struct Span {
    style: Style,
    text: String,
}

impl Span {
    pub(crate) fn new(style: Style, text: impl AsRef<str>) -> Self {
        let text = shown(text.as_ref());
        Self { style, text }
    }
}

pub(crate) fn plain(text: impl AsRef<str>) -> Span {
    Span::new(Style::Plain, text)
}

pub(crate) fn bold(text: impl AsRef<str>) -> Span {
    Span::new(Style::Bold, text)
}

pub(crate) fn dim(text: impl AsRef<str>) -> Span {
    Span::new(Style::Dim, text)
}

/// What is written, line by line.
#[derive(Debug)]
pub(crate) struct Sheet {
    pub(crate) look: Look,
    text: String,
}

/// Columns of what stands before a fact.
const FACT: usize = 10;
/// How far in a line stands, at least, that follows a line end.
const FOLLOWING: usize = 4;

impl Sheet {
    pub(crate) fn new(look: Look) -> Self {
        let text = String::new();
        Self { look, text }
    }

    /// The whole, without its last line end.
    pub(crate) fn text(&self) -> &str {
        self.text.trim_end_matches('\n')
    }

    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }

    pub(crate) fn heading(&mut self, text: &str) {
        self.blank();
        self.line(0, &[bold(text)]);
    }

    /// A paragraph, wrapped.
    pub(crate) fn line(&mut self, indent: usize, spans: &[Span]) {
        self.hanging(indent, indent, spans);
    }

    /// A name and what it is, wrapped beside it.
    pub(crate) fn fact(&mut self, indent: usize, name: &str, spans: &[Span]) {
        let name = dim(format!("{name:<FACT$}"));
        let spans: Vec<Span> = std::iter::once(name).chain(spans.iter().cloned()).collect();
        self.hanging(indent, indent + FACT, &spans);
    }

    /// The same, with the lines after the first further in (or out).
    pub(crate) fn hanging(&mut self, indent: usize, hang: usize, spans: &[Span]) {
        let chars = self.flat(spans);
        let mut rest = chars.as_slice();
        let mut margin = indent;
        loop {
            let room = self.look.width.saturating_sub(margin).max(WIDTH_MIN / 2);
            let (line, after) = rest.split_at(fits(rest, room));
            self.write(margin, line);
            rest = after;
            // What follows a line end in a stranger's text never stands where our own lines begin.
            let is_ended = line.last().is_some_and(|(_, c)| *c == '\n');
            margin = if is_ended { hang.max(FOLLOWING) } else { hang };
            if rest.is_empty() {
                break;
            }
        }
    }

    /// One line that is not wrapped: something to copy.
    pub(crate) fn verbatim(&mut self, indent: usize, spans: &[Span]) {
        let chars = self.flat(spans);
        self.write(indent, &chars);
    }

    fn flat(&self, spans: &[Span]) -> Vec<(Style, char)> {
        let mut chars = Vec::new();
        let mut open = Style::Plain;
        let end = Span {
            style: Style::Plain,
            text: String::new(),
        };
        for Span { style, text } in spans.iter().chain([&end]) {
            if open != *style && !self.look.in_colour {
                let closing = open.brackets().map_or("", |(_, close)| close);
                let opening = style.brackets().map_or("", |(open, _)| open);
                chars.extend(closing.chars().map(|c| (open, c)));
                chars.extend(opening.chars().map(|c| (*style, c)));
            }
            open = *style;
            for c in text.chars() {
                match c {
                    '\t' => chars.extend([(*style, ' '); 4]),
                    c => chars.push((*style, c)),
                }
            }
        }
        chars
    }

    fn write(&mut self, indent: usize, line: &[(Style, char)]) {
        let is_blank = |(style, c): &(Style, char)| {
            matches!(style, Style::Plain | Style::Dim) && c.is_whitespace()
        };
        let kept = line.iter().rposition(|it| !is_blank(it));
        let line = line.get(..kept.map_or(0, |at| at + 1)).unwrap_or_default();
        if !line.is_empty() {
            self.text.extend(std::iter::repeat_n(' ', indent));
        }
        for stretch in line.chunk_by(|(one, _), (other, _)| one == other) {
            let style = stretch.first().map_or(Style::Plain, |(style, _)| *style);
            let paints = self.look.in_colour && !style.code().is_empty();
            if paints {
                self.text.extend(["\x1b[", style.code(), "m"]);
            }
            // A line end is a line's end, and nothing else.
            self.text
                .extend(stretch.iter().map(|(_, c)| *c).filter(|c| *c != '\n'));
            if paints {
                self.text.push_str("\x1b[0m");
            }
        }
        self.text.push('\n');
    }
}

/// How many characters stand on the next line: up to a line end, else to the last space before the
/// margin, else to the margin.
fn fits(chars: &[(Style, char)], room: usize) -> usize {
    let (mut used, mut space) = (0, None);
    for (at, (_, c)) in chars.iter().enumerate() {
        if *c == '\n' {
            return at + 1;
        }
        used += columns(*c);
        if used > room && *c != ' ' {
            return space.unwrap_or(at.max(1));
        }
        // A line's own indentation is no place to break it.
        if *c == ' '
            && chars
                .get(..at)
                .unwrap_or_default()
                .iter()
                .any(|(_, c)| *c != ' ')
        {
            space = Some(at + 1);
        }
    }
    chars.len()
}

/// Columns a character takes, as far as that matters for wrapping.
fn columns(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(width: usize, in_colour: bool) -> Sheet {
        Sheet::new(Look {
            width,
            in_colour,
            is_full: false,
        })
    }

    #[test]
    fn lines_are_wrapped_at_spaces_and_hang_under_their_name() {
        let mut sheet = sheet(40, false);
        sheet.fact(
            2,
            "why",
            &[plain("the pump in the second hall runs dry each night")],
        );
        assert_eq!(
            sheet.text(),
            "  why       the pump in the second hall\n            runs dry each night"
        );
        let mut sheet = self::sheet(40, false);
        sheet.line(0, &[plain("x".repeat(90))]);
        let lengths: Vec<_> = sheet.text().lines().map(str::len).collect();
        assert_eq!(lengths, [40, 40, 10]);
    }

    #[test]
    fn what_differs_is_marked_with_and_without_colour() {
        let spans = [
            plain("every "),
            Span::new(Style::Goes, "5"),
            Span::new(Style::Comes, "7"),
            plain(" minutes"),
        ];
        let mut plain_sheet = sheet(80, false);
        plain_sheet.line(0, &spans);
        assert_eq!(plain_sheet.text(), "every [-5-]{+7+} minutes");
        let mut coloured = sheet(80, true);
        coloured.line(0, &spans);
        assert_eq!(
            coloured.text(),
            "every \x1b[7;31m5\x1b[0m\x1b[7;32m7\x1b[0m minutes"
        );
    }

    #[test]
    fn colour_is_for_terminals_that_want_it() {
        let with = |name: &'static str, value: &'static str| {
            move |asked: &str| (asked == name).then(|| value.to_owned())
        };
        assert!(takes_colour(true, &with("TERM", "xterm")));
        assert!(!takes_colour(false, &with("TERM", "xterm")));
        assert!(!takes_colour(true, &with("NO_COLOR", "1")));
        // An empty one is none: https://no-color.org
        assert!(takes_colour(true, &with("NO_COLOR", "")));
        assert!(!takes_colour(true, &with("TERM", "dumb")));
    }

    #[test]
    fn no_text_drives_the_terminal() {
        let hostile = "a\x1b]0;owned\x07b\x1b[2J\u{9b}31m\u{202e}c\r\u{7f}d\ne";
        for in_colour in [false, true] {
            let mut sheet = sheet(200, in_colour);
            sheet.line(0, &[plain(hostile)]);
            sheet.verbatim(0, &[plain(hostile)]);
            let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!sheet.text().contains(steers), "{:?}", sheet.text());
            assert!(sheet.text().contains("a⟨U+001B⟩]0;owned⟨U+0007⟩b"));
        }
    }

    #[test]
    fn a_line_end_in_a_name_forges_no_line() {
        let mut sheet = sheet(200, false);
        sheet.line(0, &[plain("Pump\nhash      of something else")]);
        assert_eq!(sheet.text(), "Pump\n    hash      of something else");
    }
}
