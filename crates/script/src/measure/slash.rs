//! `/`, `<!--` and `-->`: what can't be told without parsing, in both readings.

use super::{Before, Scan, is_line_mark};

impl Scan<'_> {
    /// A comment, a division or a regular expression; the reading not taken, if it matters.
    pub(super) fn slash(&mut self) -> Option<Self> {
        match self.bytes.get(self.at + 1) {
            Some(b'/') => {
                self.at = self.line_end(self.at);
                return None;
            }
            Some(b'*') => {
                let body = self.bytes.get(self.at + 2..).unwrap_or_default();
                let length = body.windows(2).position(|pair| pair == b"*/");
                self.at = length.map_or(self.bytes.len(), |length| self.at + length + 4);
                return None;
            }
            _ => {}
        }
        let end = match self.before {
            Before::Operand | Before::Dot => None,
            _ => self.regex_end(),
        };
        match (self.before, end) {
            (Before::Operator | Before::End, Some(end)) => {
                self.operand();
                self.at = end;
                None
            }
            (Before::Word | Before::Header | Before::Brace, Some(end)) if self.matters(end) => {
                let mut other = self.clone();
                other.at = end;
                other.operand();
                self.operator(b'/');
                Some(other)
            }
            _ => {
                self.operator(b'/');
                None
            }
        }
    }

    /// `<!--` and `-->`: the rest of the line is a comment in a script and code in a module.
    pub(super) fn page_comment(&mut self) -> Option<Self> {
        let end = self.line_end(self.at);
        let other = self.matters(end).then(|| Self {
            at: end,
            ..self.clone()
        });
        let byte = self.bytes.get(self.at).copied().unwrap_or_default();
        self.operator(byte);
        other
    }

    /// Whether what lies before `end` would be read differently as text and as code.
    fn matters(&self, end: usize) -> bool {
        self.bytes
            .get(self.at + 1..end.saturating_sub(1))
            .unwrap_or_default()
            .iter()
            .any(|byte| {
                matches!(
                    byte,
                    b'(' | b')'
                        | b'['
                        | b']'
                        | b'{'
                        | b'}'
                        | b'\''
                        | b'"'
                        | b'`'
                        | b'/'
                        | b';'
                        | b','
                )
            })
    }

    /// Where a regular expression that begins here ends, if it does on this line.
    fn regex_end(&mut self) -> Option<usize> {
        let mut in_class = false;
        let mut at = self.at + 1;
        while let Some(byte) = self.bytes.get(at) {
            self.fuel = self.fuel.saturating_sub(1);
            match byte {
                b'\n' | b'\r' => return None,
                0xe2 if is_line_mark(self.bytes, at) => return None,
                b'\\' => at += 1,
                b'[' => in_class = true,
                b']' => in_class = false,
                b'/' if !in_class => return Some(at + 1),
                _ => {}
            }
            at += 1;
        }
        None
    }
}
