//! Icons, as outlines: what is left of a package's SVG file after reading it.

mod reach;

use std::fmt;

use super::Colour;

/// Bytes of one outline at most.
const OUTLINE_MAX: usize = 16 * 1024;

/// An icon.
#[derive(Debug, Clone, PartialEq)]
pub struct Icon {
    /// What its coordinates begin at, and how wide and high it is: x, y, width, height.
    pub view_box: [f64; 4],
    /// What it is made of, the lowest first.
    pub strokes: Vec<Stroke>,
}

/// One outline, filled or drawn along.
#[derive(Debug, Clone, PartialEq)]
pub struct Stroke {
    /// Where it runs.
    pub outline: Outline,
    /// What it is filled with.
    pub fill: Option<Colour>,
    /// What is drawn along it, and how wide.
    pub line: Option<(Colour, f64)>,
    /// Where it is put: a, b, c, d, e, f of a matrix.
    pub matrix: [f64; 6],
}

/// The `d` of an SVG path, read and written anew: letters of commands and numbers, nothing else.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Outline(String);

impl Outline {
    /// Reads a path; none when it is none, or too long.
    pub fn read(text: &str) -> Option<Self> {
        let mut out = String::new();
        let mut rest = text.trim_start();
        if text.len() > OUTLINE_MAX || !rest.starts_with(['M', 'm']) {
            return None;
        }
        while let Some(first) = rest.chars().next() {
            if "MmLlHhVvCcSsQqTtAaZz".contains(first) {
                out.push(first);
                rest = rest.get(1..)?;
            } else if first == ',' || first.is_ascii_whitespace() {
                rest = rest.get(1..)?;
            } else {
                let length = number_length(rest)?;
                let (number, after) = rest.split_at(length);
                number.parse::<f64>().ok().filter(|it| it.is_finite())?;
                if out.ends_with(|c: char| !c.is_ascii_alphabetic()) && !number.starts_with('-') {
                    out.push(' ');
                }
                out.push_str(number);
                rest = after;
            }
        }
        Some(Self(out))
    }

    /// The text of it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Outline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outline({} bytes)", self.0.len())
    }
}

/// How many bytes of `text` the number it begins with has.
fn number_length(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or_default();
        from + rest.iter().take_while(|it| it.is_ascii_digit()).count()
    };
    let start = usize::from(matches!(bytes.first(), Some(b'-' | b'+')));
    let mut end = digits(start);
    let mut count = end - start;
    if bytes.get(end) == Some(&b'.') {
        let after = digits(end + 1);
        count += after - end - 1;
        end = after;
    }
    if count == 0 {
        return None;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'-' | b'+')));
        let after = digits(end + 1 + sign);
        if after > end + 1 + sign {
            end = after;
        }
    }
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::Outline;

    #[test]
    fn paths_are_written_anew() {
        for (text, is) in [
            ("M18 5v12H7v9h15v-7l6 11z", "M18 5v12H7v9h15v-7l6 11z"),
            (" m 1,2 .5.6-3 1e2Z ", "m1 2 .5 .6-3 1e2Z"),
            ("M0 0\n\tL+1 -2", "M0 0L+1-2"),
        ] {
            assert_eq!(Outline::read(text).unwrap().as_str(), is);
        }
    }

    #[test]
    fn what_is_no_path_is_refused() {
        for text in [
            "",
            "L1 1",
            "M1 1\"/><script>",
            "M1 1 url(#x)",
            "M1 é",
            "M-",
            "M1e999 0",
            "M1 1 B",
        ] {
            assert_eq!(Outline::read(text), None, "{text}");
        }
        assert_eq!(Outline::read(&format!("M{}", "1 ".repeat(20_000))), None);
    }
}
