//! `/`, `<!--` and `-->`: what can't be told without parsing, in both readings.

use super::{Before, Line, Scan, is_line_mark};

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
        let (end, matters) = self.line_ahead();
        let other = matters.then(|| Self {
            at: end,
            ..self.clone()
        });
        let byte = self.bytes.get(self.at).copied().unwrap_or_default();
        self.operator(byte);
        other
    }

    /// Where this line ends, and whether what lies before matters. Each byte is looked at once for all
    /// the comments that may begin on the line: else a line full of `<!--` costs the square of its length.
    fn line_ahead(&mut self) -> (usize, bool) {
        if self.at >= self.line.end {
            let end = self.line_end(self.at);
            self.fuel = self.fuel.saturating_sub(end - self.at);
            self.line = Line { end, mark: self.at };
        }
        if self.line.mark <= self.at {
            let rest = self.bytes.get(self.at + 1..self.line.end);
            let length = rest
                .unwrap_or_default()
                .iter()
                .position(|byte| is_mark(*byte));
            self.line.mark = length.map_or(self.line.end, |length| self.at + 1 + length);
            self.fuel = self.fuel.saturating_sub(self.line.mark - self.at);
        }
        (self.line.end, self.line.mark < self.line.end)
    }

    /// Whether what lies before `end` would be read differently as text and as code.
    fn matters(&self, end: usize) -> bool {
        let rest = self.bytes.get(self.at + 1..end.saturating_sub(1));
        rest.unwrap_or_default().iter().any(|byte| is_mark(*byte))
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

/// What opens, closes or quotes; and what ends an expression.
fn is_mark(byte: u8) -> bool {
    matches!(
        byte,
        b'(' | b')' | b'[' | b']' | b'{' | b'}' | b'\'' | b'"' | b'`' | b'/' | b';' | b','
    )
}
