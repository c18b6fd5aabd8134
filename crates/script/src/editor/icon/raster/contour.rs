//! Where a field of numbers passes one half.

use std::collections::BTreeMap;

/// Numbers from 0 to 1 on a grid, with nothing around them.
pub(super) struct Field {
    /// With the border.
    width: usize,
    height: usize,
    values: Vec<f64>,
}

/// Between two neighbours of the grid: the first of them, and whether the other lies below it.
type Edge = (usize, usize, bool);

impl Field {
    pub(super) fn new(width: usize, values: Vec<f64>) -> Self {
        let inner = values.chunks(width.max(1));
        let height = inner.len() + 2;
        let border = || vec![0.0; width + 2];
        let mut all = border();
        for row in inner {
            all.push(0.0);
            all.extend(row);
            all.resize(all.len() + width - row.len() + 1, 0.0);
        }
        all.extend(border());
        Self {
            width: width + 2,
            height,
            values: all,
        }
    }

    fn at(&self, x: usize, y: usize) -> f64 {
        self.values.get(y * self.width + x).copied().unwrap_or(0.0)
    }

    /// The outlines as an SVG path; empty where nothing is covered. Holes run the other way round.
    pub(super) fn outline(&self) -> String {
        let mut next = self.steps();
        let mut path = String::new();
        while let Some((start, mut at)) = next.pop_first() {
            let mut points = vec![self.point(start)];
            while at != start {
                points.push(self.point(at));
                match next.remove(&at) {
                    Some(after) => at = after,
                    // Every way in has a way out: this is never reached.
                    None => break,
                }
            }
            write(&mut path, &simplified(&points));
        }
        path
    }

    /// From each edge the outline crosses into a square of the grid, the one it leaves it by.
    fn steps(&self) -> BTreeMap<Edge, Edge> {
        let mut next = BTreeMap::new();
        for y in 0..self.height.saturating_sub(1) {
            for x in 0..self.width.saturating_sub(1) {
                // Round the square: its corners, and the edge after each.
                let corners = [(x, y), (x + 1, y), (x + 1, y + 1), (x, y + 1)];
                let edges = [
                    (x, y, false),
                    (x + 1, y, true),
                    (x, y + 1, false),
                    (x, y, true),
                ];
                let is_in = corners.map(|(x, y)| self.at(x, y) >= 0.5);
                let turns = (0..4).map(|side| {
                    let after = (side + 1) % 4;
                    (is_in.get(side).copied(), is_in.get(after).copied())
                });
                let turns: Vec<_> = turns.collect();
                for (side, turn) in turns.iter().enumerate() {
                    if *turn != (Some(false), Some(true)) {
                        continue;
                    }
                    let out = (1..4).map(|step| (side + step) % 4);
                    let mut out =
                        out.filter(|side| turns.get(*side) == Some(&(Some(true), Some(false))));
                    let from = edges.get(side);
                    if let (Some(from), Some(to)) = (from, out.next().and_then(|it| edges.get(it)))
                    {
                        next.insert(*from, *to);
                    }
                }
            }
        }
        next
    }

    /// Where between its two ends the field passes one half.
    #[expect(clippy::cast_precision_loss, reason = "some sixty")]
    fn point(&self, (x, y, is_down): Edge) -> (f64, f64) {
        let (dx, dy) = if is_down { (0, 1) } else { (1, 0) };
        let (from, to) = (self.at(x, y), self.at(x + dx, y + dy));
        let part = ((0.5 - from) / (to - from)).clamp(0.0, 1.0);
        // The border is one wide, and a number stands for the middle of its pixel.
        let (left, top) = (x as f64 - 0.5, y as f64 - 0.5);
        (left + part * dx as f64, top + part * dy as f64)
    }
}

/// Without the points that lie on the way from one to the next.
fn simplified(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let mut kept: Vec<(f64, f64)> = Vec::new();
    // Those left out since the last that was kept.
    let mut since: Vec<(f64, f64)> = Vec::new();
    for point in points {
        if let Some(from) = kept.last()
            && (since.len() > 30 || since.iter().any(|it| off(*it, *from, *point) > 0.12))
            && let Some(last) = since.last()
        {
            kept.push(*last);
            since.clear();
        }
        if kept.is_empty() {
            kept.push(*point);
        } else {
            since.push(*point);
        }
    }
    kept.extend(since.last());
    kept
}

/// How far `point` is off the line between two others.
fn off(point: (f64, f64), from: (f64, f64), to: (f64, f64)) -> f64 {
    let (dx, dy) = (to.0 - from.0, to.1 - from.1);
    let across = (point.0 - from.0) * dy - (point.1 - from.1) * dx;
    across.abs() / dx.hypot(dy).max(1e-9)
}

fn write(path: &mut String, points: &[(f64, f64)]) {
    // Less than three points hold nothing.
    if points.len() < 3 {
        return;
    }
    for (place, (x, y)) in points.iter().enumerate() {
        let command = if place == 0 { 'M' } else { 'L' };
        path.push_str(&format!("{command}{x:.1} {y:.1}"));
    }
    path.push('z');
}
