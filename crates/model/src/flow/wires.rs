//! A node's wires, read where they stand, without building values.

use std::borrow::Cow;

use super::scan;

/// The wires of a node, as `(output, id)`.
#[derive(Debug, Clone)]
pub struct Wires<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    port: usize,
}

impl<'a> Wires<'a> {
    /// The wires in a canonical `wires` text; empty for none.
    pub(super) fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            depth: 0,
            port: 0,
        }
    }
}

impl<'a> Iterator for Wires<'a> {
    type Item = (usize, Cow<'a, str>);

    fn next(&mut self) -> Option<Self::Item> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at)? {
                b'[' => self.depth += 1,
                b']' => self.depth = self.depth.checked_sub(1)?,
                b',' if self.depth == 1 => self.port += 1,
                b',' => {}
                b'"' if self.depth == 2 => {
                    let start = self.at + 1;
                    let mut end = start;
                    while *bytes.get(end)? != b'"' {
                        end += if bytes[end] == b'\\' { 2 } else { 1 };
                    }
                    self.at = end + 1;
                    return Some((self.port, scan::unescape(self.text.get(start..end)?)));
                }
                // Something else than ids: Node-RED follows none of it either.
                _ => return None,
            }
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wires_are_found_with_their_output() {
        let all = |text| {
            Wires::new(text)
                .map(|(port, id)| format!("{port}{id}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(all(r#"[["a","b"],[],["c\"d"]]"#), ["0a", "0b", "2c\"d"]);
        for nothing in [
            "", "[]", "[[]]", "{}", "\"a\"", "[[", "[[\"", "[[\"a", "[[\"\\", "]", "[1]",
        ] {
            assert_eq!(all(nothing), Vec::<String>::new(), "{nothing}");
        }
    }
}
