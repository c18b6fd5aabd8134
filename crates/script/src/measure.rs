//! How deep a source would drive the parser, told without parsing it.
//!
//! The parser recurses for brackets, prefix operators, assignments, arrows, conditionals, `extends` and
//! statements without braces, and has no guard: deep enough, it ends the process. So its recursion is
//! bounded here, from above: what is counted is never less than what the parser does, within a constant
//! factor. Chains that it reads in a loop (`a.b.c`, `a+b+c`) are bounded on the tree (`reader`).
//!
//! Where JavaScript can't be cut into tokens without parsing it (is `/` after `}` a division or a
//! regular expression?), both readings are measured, so that no source can hide its depth in a string
//! that isn't one. A source with too many such places is refused.

mod slash;
mod word;

use std::collections::HashSet;

/// How deep a source may be nested.
pub(crate) const DEPTH_MAX: usize = 1_000;
/// How many other readings of one source are followed.
const READINGS_MAX: usize = 16;

/// Where a source gets too deep, as a byte offset.
pub(crate) fn too_deep(source: &str) -> Option<usize> {
    let mut seen = HashSet::new();
    let mut waiting = vec![Scan::new(source)];
    while let Some(scan) = waiting.pop() {
        match scan.run(&mut waiting, &mut seen) {
            Ok(()) => {}
            Err(at) => return Some(at),
        }
    }
    None
}

/// What came before, as far as it decides what comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Before {
    /// Nothing, or an operator: an operand must follow.
    Operator,
    /// An operand: a name, a number, a string, `)`, `]`.
    Operand,
    /// A word that takes something after it, or, elsewhere in the language, is a name (`yield`, `of`).
    Word,
    /// The `)` of `if (…)`, `while (…)`: a statement follows.
    Header,
    /// `}`, which may end a block or an object.
    Brace,
    /// `.`: whatever word follows is a name.
    Dot,
    /// `;`: the statement is over, unless `else` follows.
    End,
}

/// One open bracket, or the whole source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
struct Level {
    /// Recursion within the present expression.
    expression: u32,
    /// Statements hanging on statements: `if (a) while (b) …`.
    statement: u32,
    /// A `(` after `if`, `for`, `while`, `with`.
    is_header: bool,
    /// `${` in a template: its `}` leads back into text.
    is_template: bool,
}

#[derive(Debug, Clone)]
struct Scan<'a> {
    bytes: &'a [u8],
    at: usize,
    before: Before,
    /// The word just read opens a header if `(` follows.
    heads: bool,
    outer: Vec<Level>,
    /// Sum of what the outer levels count.
    depth: usize,
    level: Level,
    /// How many bytes may still be looked at twice: for regular expressions that don't end, and lines
    /// that may be comments.
    fuel: usize,
    /// What is known already of the line that is read.
    line: Line,
}

/// What lies ahead on a line; kept, because one line may hold `<!--` as often as it likes.
#[derive(Debug, Clone, Copy, Default)]
struct Line {
    /// Where it ends.
    end: usize,
    /// The next byte that would be read differently as text and as code, or the end.
    mark: usize,
}

/// What tells two readings apart from a place on.
type Standing = (usize, Before, bool, Vec<Level>, Level);

impl<'a> Scan<'a> {
    fn new(source: &'a str) -> Self {
        let bytes = source.as_bytes();
        let mut scan = Self {
            bytes,
            at: 0,
            before: Before::Operator,
            heads: false,
            outer: Vec::new(),
            depth: 0,
            level: Level::default(),
            fuel: bytes.len().saturating_mul(4) + 65_536,
            line: Line::default(),
        };
        if bytes.starts_with(b"#!") {
            scan.at = scan.line_end(0);
        }
        scan
    }

    fn standing(&self) -> Standing {
        (
            self.at,
            self.before,
            self.heads,
            self.outer.clone(),
            self.level,
        )
    }

    /// Reads to the end; other readings of what is ambiguous go to `waiting`.
    fn run(mut self, waiting: &mut Vec<Self>, seen: &mut HashSet<Standing>) -> Result<(), usize> {
        while let Some(&byte) = self.bytes.get(self.at) {
            let other = match byte {
                b'/' => self.slash(),
                b'<' if self.ahead(b"<!--") => self.page_comment(),
                b'-' if self.ahead(b"-->") => self.page_comment(),
                _ => {
                    self.token(byte);
                    None
                }
            };
            if self.depth + self.level.weight() > DEPTH_MAX || self.fuel == 0 {
                return Err(self.at);
            }
            if let Some(other) = other
                && seen.insert(other.standing())
            {
                // Refused here and not at the end: each reading is a copy of all open brackets.
                if seen.len() > READINGS_MAX {
                    return Err(0);
                }
                waiting.push(other);
            }
        }
        Ok(())
    }

    fn token(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' | 0x0b | 0x0c => self.at += 1,
            b'\'' | b'"' => {
                self.operand();
                self.string(byte);
            }
            b'`' => {
                self.at += 1;
                self.template();
            }
            b'(' | b'[' | b'{' => self.open(byte),
            b')' | b']' | b'}' => self.close(byte),
            0x80.. if self.space() > 0 => self.at += self.space(),
            b'a'..=b'z'
            | b'A'..=b'Z'
            | b'_'
            | b'$'
            | b'#'
            | b'@'
            | b'0'..=b'9'
            | b'\\'
            | 0x80.. => {
                self.word();
            }
            _ => self.operator(byte),
        }
    }

    /// An operand begins. After another one that is the next statement.
    fn operand(&mut self) {
        match self.before {
            Before::Operand | Before::Brace | Before::End => {
                self.level.expression = 0;
                self.level.statement = 0;
            }
            Before::Header => self.level.expression = 0,
            Before::Operator | Before::Word | Before::Dot => {}
        }
        self.before = Before::Operand;
        self.heads = false;
    }

    #[expect(clippy::match_same_arms, reason = "the order of the arms decides")]
    fn operator(&mut self, byte: u8) {
        let follows_operand = matches!(self.before, Before::Operand | Before::Brace);
        self.heads = false;
        let next = self.bytes.get(self.at + 1).copied();
        let (length, before) = match (byte, next) {
            (b';', _) => {
                self.level.expression = 0;
                (1, Before::End)
            }
            (b',', _) => {
                self.level.expression = 0;
                (1, Before::Operator)
            }
            (b'.', Some(b'.')) => (3, Before::Operator),
            (b'.', _) => (1, Before::Dot),
            (b'?', Some(b'.')) => (2, Before::Dot),
            (b'?', Some(b'?')) => (2, Before::Operator),
            (b'+', Some(b'+')) | (b'-', Some(b'-')) => {
                // After an operand it ends one, before it begins one; either way `/` is open to doubt.
                self.level.expression += u32::from(!follows_operand);
                (
                    2,
                    if follows_operand {
                        Before::Brace
                    } else {
                        Before::Word
                    },
                )
            }
            (b'*', Some(b'*')) => {
                self.level.expression += 1;
                (2, Before::Operator)
            }
            (b'+' | b'-', _) if follows_operand => (1, Before::Operator),
            (b'=' | b'!', Some(b'=')) => (
                if self.ahead(b"===") || self.ahead(b"!==") {
                    3
                } else {
                    2
                },
                Before::Operator,
            ),
            (b'<' | b'>', Some(b'=')) => (2, Before::Operator),
            (b'=', Some(b'>')) => {
                self.level.expression += 1;
                (2, Before::Operator)
            }
            (b'?' | b':' | b'=' | b'!' | b'~' | b'+' | b'-', _) => {
                self.level.expression += 1;
                (1, Before::Operator)
            }
            _ => (1, Before::Operator),
        };
        self.at = (self.at + length).min(self.bytes.len());
        self.before = before;
    }

    fn open(&mut self, byte: u8) {
        self.at += 1;
        if self.before == Before::End {
            self.level.statement = 0;
        }
        self.push(Level {
            is_header: byte == b'(' && self.heads,
            ..Level::default()
        });
    }

    fn push(&mut self, level: Level) {
        self.depth += self.level.weight();
        self.outer.push(std::mem::replace(&mut self.level, level));
        self.before = Before::Operator;
        self.heads = false;
    }

    fn close(&mut self, byte: u8) {
        self.at += 1;
        self.heads = false;
        let closed = self.level;
        // A bracket too many is an error the parser stops at.
        let Some(outer) = self.outer.pop() else {
            return;
        };
        self.depth = self.depth.saturating_sub(outer.weight());
        self.level = outer;
        if closed.is_template && byte == b'}' {
            self.template();
            return;
        }
        self.before = match byte {
            b'}' => Before::Brace,
            b')' if closed.is_header => Before::Header,
            _ => Before::Operand,
        };
    }

    /// A string; one that is not closed ends with its line.
    fn string(&mut self, quote: u8) {
        self.at += 1;
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => {
                    let is_pair = self.ahead(b"\r\n");
                    self.at += if is_pair { 2 } else { 1 };
                }
                b'\n' | b'\r' => return,
                _ if byte == quote => return,
                _ => {}
            }
        }
    }

    /// The text of a template, up to its end or to `${`. Stands after the first quote or a `}`.
    fn template(&mut self) {
        while let Some(&byte) = self.bytes.get(self.at) {
            self.at += 1;
            match byte {
                b'\\' => self.at += 1,
                b'`' => break,
                b'$' if self.bytes.get(self.at) == Some(&b'{') => {
                    self.at += 1;
                    self.push(Level {
                        is_template: true,
                        ..Level::default()
                    });
                    return;
                }
                _ => {}
            }
        }
        // Not `operand()`: a template after an operand belongs to it.
        self.before = Before::Operand;
        self.heads = false;
    }

    fn line_end(&self, from: usize) -> usize {
        let rest = self.bytes.get(from..).unwrap_or_default();
        let length = rest.iter().enumerate().position(|(at, byte)| match byte {
            b'\n' | b'\r' => true,
            0xe2 => is_line_mark(rest, at),
            _ => false,
        });
        length.map_or(self.bytes.len(), |length| from + length)
    }

    fn ahead(&self, text: &[u8]) -> bool {
        self.bytes
            .get(self.at..)
            .is_some_and(|rest| rest.starts_with(text))
    }
}

impl Level {
    fn weight(self) -> usize {
        1 + self.expression as usize + self.statement as usize
    }
}

/// U+2028 and U+2029 end a line too.
fn is_line_mark(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at..at + 3), Some([0xe2, 0x80, 0xa8 | 0xa9]))
}

#[cfg(test)]
mod tests;
