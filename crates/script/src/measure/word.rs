//! Words: which of them drive the parser deeper, and where one ends.

use super::{Before, Scan};

impl Scan<'_> {
    pub(super) fn word(&mut self) {
        let start = self.at;
        let is_escaped = self.pass_word();
        let word = self.bytes.get(start..self.at).unwrap_or_default();
        if self.before == Before::Dot {
            self.before = Before::Operand;
            self.heads = false;
            return;
        }
        if is_escaped {
            // The parser may take it for the keyword it spells, and complain only later.
            self.level.expression += 1;
            self.level.statement += 1;
            self.before = Before::Word;
            self.heads = true;
            return;
        }
        self.place(word);
        self.heads = matches!(word, b"if" | b"for" | b"while" | b"with")
            || (word == b"await" && self.heads_for(start));
    }

    /// What a word that is not a member's name does to the counts.
    fn place(&mut self, word: &[u8]) {
        match word {
            // Goes on with what came before, whatever ended it.
            b"else" | b"in" | b"instanceof" | b"catch" | b"finally" => {
                self.before = Before::Operator;
            }
            b"of" => self.before = Before::Word,
            b"extends" => {
                self.level.expression += 1;
                self.before = Before::Operator;
            }
            b"case" | b"default" => {
                self.level.expression = 0;
                self.level.statement = 0;
                self.before = Before::Operator;
            }
            b"typeof" | b"void" | b"delete" | b"new" => {
                self.operand();
                self.level.expression += 1;
                self.before = Before::Operator;
            }
            b"await" | b"yield" | b"async" => {
                self.operand();
                self.level.expression += 1;
                self.before = Before::Word;
            }
            b"if" | b"for" | b"while" | b"with" | b"do" => {
                self.operand();
                self.level.statement += 1;
                self.before = Before::Operator;
            }
            b"return" | b"throw" | b"var" | b"const" | b"function" | b"class" | b"export"
            | b"import" | b"try" | b"switch" | b"break" | b"continue" => {
                self.operand();
                self.before = Before::Operator;
            }
            b"let" | b"static" | b"get" | b"set" | b"using" => {
                self.operand();
                self.before = Before::Word;
            }
            _ => self.operand(),
        }
    }

    /// Passes a name, keyword or number; says whether it has escapes in it.
    fn pass_word(&mut self) -> bool {
        let start = self.at;
        let mut is_escaped = false;
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'_' | b'$' | b'#' | b'@' | b'0'..=b'9' => self.at += 1,
                // Braces in `\u{61}` are not brackets.
                b'\\' if self.ahead(b"\\u{") => {
                    is_escaped = true;
                    self.at += 3;
                    while self.bytes.get(self.at).is_some_and(u8::is_ascii_hexdigit) {
                        self.at += 1;
                    }
                    self.at += usize::from(self.bytes.get(self.at) == Some(&b'}'));
                }
                b'\\' => {
                    is_escaped = true;
                    self.at += 1;
                }
                0x80.. => match self.space() {
                    0 => self.at += 1,
                    _ => break,
                },
                // `1.` is a number, and what follows it is no member.
                b'.' if self.bytes.get(start..self.at).is_some_and(is_digits) => self.at += 1,
                _ => break,
            }
        }
        is_escaped
    }

    /// How long the white space beyond ASCII is that stands here, if one does.
    pub(super) fn space(&self) -> usize {
        let rest = self
            .bytes
            .get(self.at..(self.at + 4).min(self.bytes.len()))
            .unwrap_or_default();
        let text = match std::str::from_utf8(rest) {
            Ok(text) => text,
            Err(fault) => {
                let valid = rest.get(..fault.valid_up_to()).unwrap_or_default();
                std::str::from_utf8(valid).unwrap_or_default()
            }
        };
        let first = text.chars().next();
        first
            .filter(|one| one.is_whitespace() || *one == '\u{feff}')
            .map_or(0, char::len_utf8)
    }

    /// Whether the word before `at` is `for`.
    fn heads_for(&self, at: usize) -> bool {
        self.bytes
            .get(..at)
            .is_some_and(|before| before.trim_ascii_end().ends_with(b"for"))
    }
}

fn is_digits(word: &[u8]) -> bool {
    !word.is_empty()
        && word
            .iter()
            .all(|byte| byte.is_ascii_digit() || *byte == b'_')
}
