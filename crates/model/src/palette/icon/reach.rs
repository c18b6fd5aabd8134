//! How far an outline reaches, so that no icon is drawn beyond its field.

use super::{Icon, Outline, Stroke, number_length};

/// What surrounds all points of something: left, top, right, bottom.
#[derive(Debug, Clone, Copy)]
struct Reach([f64; 4]);

impl Reach {
    const NOTHING: Self = Self([
        f64::INFINITY,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NEG_INFINITY,
    ]);

    fn add(&mut self, (x, y): (f64, f64), around: f64) {
        let Self([left, top, right, bottom]) = *self;
        // What is no number spreads, and is within nothing.
        let min = |a: f64, b: f64| if b >= a { a } else { b };
        let max = |a: f64, b: f64| if b <= a { a } else { b };
        *self = Self([
            min(left, x - around),
            min(top, y - around),
            max(right, x + around),
            max(bottom, y + around),
        ]);
    }
}

impl Icon {
    /// Whether nothing of it is farther from its view box than this is wide and high. Of an arc and
    /// a bend more is counted than is drawn, so what only may lie outside does.
    pub fn is_near_its_box(&self) -> bool {
        let [x, y, width, height] = self.view_box;
        self.strokes.iter().all(|stroke| {
            stroke.reach().is_some_and(|Reach(reach)| {
                let [left, top, right, bottom] = reach;
                left >= x - width
                    && top >= y - height
                    && right <= x + 2.0 * width
                    && bottom <= y + 2.0 * height
            })
        })
    }
}

impl Stroke {
    fn reach(&self) -> Option<Reach> {
        let Reach([left, top, right, bottom]) = self.outline.reach()?;
        // A mitre reaches four times as far as half the line.
        let line = self.line.map_or(0.0, |(_, width)| 2.0 * width.abs());
        let [xx, yx, xy, yy, dx, dy] = self.matrix;
        let mut whole = Reach::NOTHING;
        for (x, y) in [
            (left - line, top - line),
            (right + line, top - line),
            (left - line, bottom + line),
            (right + line, bottom + line),
        ] {
            whole.add((xx * x + xy * y + dx, yx * x + yy * y + dy), 0.0);
        }
        Some(whole)
    }
}

impl Outline {
    /// Where its points and those that bend it are; none where it is not as the standard has it
    /// (SVG 1.1, 8.3).
    fn reach(&self) -> Option<Reach> {
        let mut pen = Pen::default();
        let mut rest = self.as_str();
        while let Some(letter) = rest.chars().next() {
            rest = rest.get(1..)?;
            let mut letter = letter;
            loop {
                let mut numbers = [0.0; 7];
                let count = count_of(letter)?;
                for (place, slot) in numbers.iter_mut().take(count).enumerate() {
                    let is_flag = letter.eq_ignore_ascii_case(&'a') && matches!(place, 3 | 4);
                    (*slot, rest) = number(rest, is_flag)?;
                }
                pen.step(letter, numbers);
                let follows = rest.trim_start().chars().next();
                if count == 0 || follows.is_none_or(|next| next.is_ascii_alphabetic()) {
                    break;
                }
                // More points after the first are lines.
                letter = match letter {
                    'M' => 'L',
                    'm' => 'l',
                    other => other,
                };
            }
            rest = rest.trim_start();
        }
        Some(pen.reach)
    }
}

/// How many numbers a command has.
fn count_of(letter: char) -> Option<usize> {
    Some(match letter.to_ascii_lowercase() {
        'z' => 0,
        'h' | 'v' => 1,
        'm' | 'l' | 't' => 2,
        's' | 'q' => 4,
        'c' => 6,
        'a' => 7,
        _ => return None,
    })
}

/// The number a text begins with, and what follows. Flags are one digit, and may stand together.
fn number(text: &str, is_flag: bool) -> Option<(f64, &str)> {
    let text = text.trim_start();
    let length = if is_flag { 1 } else { number_length(text)? };
    let (number, rest) = text.split_at_checked(length)?;
    if is_flag && !matches!(number, "0" | "1") {
        return None;
    }
    Some((number.parse().ok()?, rest))
}

struct Pen {
    reach: Reach,
    at: (f64, f64),
    start: (f64, f64),
    /// What bent the last curve, and whether it was a cubic one: the next may go on from it.
    bend: Option<((f64, f64), bool)>,
}

impl Default for Pen {
    fn default() -> Self {
        Self {
            reach: Reach::NOTHING,
            at: (0.0, 0.0),
            start: (0.0, 0.0),
            bend: None,
        }
    }
}

impl Pen {
    #[expect(
        clippy::many_single_char_names,
        reason = "as SVG names them: a to g are numbers in their order"
    )]
    fn step(&mut self, letter: char, numbers: [f64; 7]) {
        let (x, y) = self.at;
        let from = if letter.is_ascii_lowercase() {
            (x, y)
        } else {
            (0.0, 0.0)
        };
        let [a, b, c, d, e, f, g] = numbers;
        let [first, second, third] =
            [(a, b), (c, d), (e, f)].map(|(right, down)| (from.0 + right, from.1 + down));
        let goes_on = |pen: &Self, is_cubic: bool| match pen.bend {
            Some((bend, was_cubic)) if was_cubic == is_cubic => {
                (2.0 * x - bend.0, 2.0 * y - bend.1)
            }
            _ => (x, y),
        };
        let mut bend = None;
        match letter.to_ascii_lowercase() {
            'z' => self.at = self.start,
            'h' => self.at = (first.0, y),
            'v' => self.at = (x, from.1 + a),
            'c' => {
                self.reach.add(first, 0.0);
                bend = Some((second, true));
                self.at = third;
            }
            's' => {
                self.reach.add(goes_on(self, true), 0.0);
                bend = Some((first, true));
                self.at = second;
            }
            'q' => {
                bend = Some((first, false));
                self.at = second;
            }
            't' => {
                bend = Some((goes_on(self, false), false));
                self.at = first;
            }
            'a' => self.arc((from.0 + f, from.1 + g), (a.abs(), b.abs(), c), d > 0.5),
            // A move and a line.
            _ => self.at = first,
        }
        if let Some((point, _)) = bend {
            self.reach.add(point, 0.0);
        }
        self.bend = bend;
        self.reach.add(self.at, 0.0);
        if letter.eq_ignore_ascii_case(&'m') {
            self.start = self.at;
        }
    }

    /// At most half an ellipse lies around the middle of its ends, as far as the ellipse that has
    /// them on two sides; more than half at most the whole of it from where it begins.
    fn arc(&mut self, end: (f64, f64), (rx, ry, degrees): (f64, f64, f64), is_large: bool) {
        let (x, y) = self.at;
        self.at = end;
        if !(rx > 0.0 && ry > 0.0) {
            return;
        }
        // Half the way between its ends, in parts of the ellipse; one that is too small grows.
        let (right, down) = ((end.0 - x) / 2.0, (end.1 - y) / 2.0);
        let (sin, cos) = degrees.to_radians().sin_cos();
        let half = ((cos * right + sin * down) / rx).hypot((cos * down - sin * right) / ry);
        let around = half * rx.max(ry);
        if is_large {
            self.reach.add((x, y), 2.0 * around.max(rx).max(ry));
        } else {
            let middle = (f64::midpoint(x, end.0), f64::midpoint(y, end.1));
            self.reach.add(middle, around);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn icon(outline: &str) -> Icon {
        Icon {
            view_box: [0.0, 0.0, 40.0, 60.0],
            strokes: vec![Stroke {
                outline: Outline::read(outline).unwrap(),
                fill: None,
                line: None,
                matrix: [1.0, 0.0, 0.0, 1.0, 0.0, 0.0],
            }],
        }
    }

    #[test]
    fn what_is_drawn_about_the_box_is_near_it() {
        for outline in [
            "M0 0h40v60h-40z",
            "M1 1c2 3 4 5 6 7s8 9 10 11q1 2 3 4t5 6z",
            "M5 30a15 15 0 1 0 30 0a15 15 0 1 0-30 0z",
            "M5 5a900 900 0 0110 10 1 1 0 1 1 2 2",
            "M10 20a10 3 0 1 0 20 0a10 3 0 1 0-20 0z",
            "m-30-50 100 0 0 160",
        ] {
            assert!(icon(outline).is_near_its_box(), "{outline}");
        }
    }

    #[test]
    fn what_leaves_it_is_told_whatever_draws_it() {
        for outline in [
            "M-9999-9999h99999v99999h-99999z",
            "M0 0 1 1 9 9 0 999",
            "M0 0h20 20 20 20 20 20",
            "M0 0C0 0 0 999 1 1",
            "M0 0c0 0 0-50 20 20s0 0 0 0s0 0-999 0",
            "M0 0Q30-50 35 55t5 5t5 5",
            "M0 0a500 500 0 1 0 9 9",
            "M0 0a500 1 0 0 0 9 9",
            "M0 0m1e308 0m1e308 0m-1e308 0m-1e308 0",
            "M0 0L1",
            "M0 0a1 1 0 2 0 1 1",
        ] {
            assert!(!icon(outline).is_near_its_box(), "{outline}");
        }
        let mut scaled = icon("M0 0h9");
        scaled.strokes[0].matrix[0] = 1e6;
        assert!(!scaled.is_near_its_box());
        let mut turned = icon("M0 0v9");
        turned.strokes[0].matrix[2] = f64::INFINITY;
        assert!(!turned.is_near_its_box());
        let mut thick = icon("M0 0h9");
        let black = crate::palette::Colour::read("black").unwrap();
        thick.strokes[0].line = Some((black, 1e4));
        assert!(!thick.is_near_its_box());
    }
}
