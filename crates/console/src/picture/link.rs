//! The curve of a wire, as the editor draws it (`ui/view.js`, `generateLinkPath`).

/// A point in pixels.
pub(super) type Point = (f64, f64);

const WIDTH: f64 = 100.0;
const HALF: f64 = 15.0;

/// The path of a wire.
pub(super) fn path((x1, y1): Point, (x2, y2): Point) -> String {
    let (dx, dy) = (x2 - x1, y2 - y1);
    if dx > 0.0 {
        let delta = dx.hypot(dy);
        let scale = if delta < WIDTH {
            0.75 * delta / WIDTH
        } else {
            0.75
        };
        let (c1, c2) = (x1 + WIDTH * scale, x2 - WIDTH * scale);
        return format!("M{x1:.1} {y1:.1}C{c1:.1} {y1:.1} {c2:.1} {y2:.1} {x2:.1} {y2:.1}");
    }
    if dy.abs() < 10.0 {
        below((x1, y1), (x2, y2))
    } else {
        around((x1, y1), (x2, y2))
    }
}

/// Where a mark on the wire goes.
pub(super) fn middle((x1, y1): Point, (x2, y2): Point) -> Point {
    let is_below = x2 <= x1 && (y2 - y1).abs() < 10.0;
    let y = if is_below {
        y1.max(y2) + 25.0
    } else {
        y1.midpoint(y2)
    };
    (x1.midpoint(x2), y)
}

/// Back to a node at the same height: under it.
fn below((x1, y1): Point, (x2, y2): Point) -> String {
    let bottom = y1.max(y2) + 25.0;
    let (start, end) = (bottom - y1, bottom - y2);
    let (a, b) = (x1 + 15.0, x1 + 25.0);
    let (c, d) = (x2 - 15.0, x2 - 25.0);
    format!(
        "M{x1:.1} {y1:.1}C{a:.1} {y1:.1} {b:.1} {:.1} {b:.1} {:.1}C{b:.1} {:.1} {a:.1} {bottom:.1} \
         {x1:.1} {bottom:.1}H{x2:.1}C{c:.1} {bottom:.1} {d:.1} {:.1} {d:.1} {:.1}\
         C{d:.1} {:.1} {c:.1} {y2:.1} {x2:.1} {y2:.1}",
        y1 + 5.0,
        y1 + start / 2.0,
        bottom - 5.0,
        bottom - 5.0,
        y2 + end / 2.0,
        y2 + 5.0,
    )
}

/// Back to a node above or below: an S.
fn around((x1, y1): Point, (x2, y2): Point) -> String {
    let (dx, dy) = (x2 - x1, y2 - y1);
    let scale = 0.4 - 0.2 * ((WIDTH - dx.abs().min(dy.abs())).max(0.0) / WIDTH);
    let (middle_x, middle_y) = ((x2 - dx / 2.0).floor(), (y2 - dy / 2.0).floor());
    let is_down = dy > 0.0;
    let sign = if is_down { 1.0 } else { -1.0 };
    let nearer = |a: f64, b: f64| if is_down { a.min(b) } else { a.max(b) };
    let farther = |a: f64, b: f64| if is_down { a.max(b) } else { a.min(b) };
    let quarter = y2.midpoint(middle_y);
    let top = (
        x1 + WIDTH * scale,
        nearer(quarter - dy / 2.0, y1 + sign * HALF),
    );
    let bottom = (x2 - WIDTH * scale, farther(quarter, y2 - sign * HALF));
    let first = x1.midpoint(top.0);
    let mut lead = farther(y1, top.1 - sign * HALF);
    let mut turn = (first, nearer(middle_y, top.1 + sign * HALF));
    let mut back = farther(middle_y, bottom.1 - sign * HALF);
    if (turn.1 - (top.1 + sign * HALF)).abs() < f64::EPSILON {
        if dy.abs() < HALF * 10.0 {
            lead = top.1 - sign * HALF / 2.0;
            back = bottom.1 - sign * HALF / 2.0;
        }
        turn.0 = top.0;
    }
    format!(
        "M{x1:.1} {y1:.1}C{first:.1} {y1:.1} {:.1} {lead:.1} {:.1} {:.1}S{:.1} {:.1} {middle_x:.1} \
         {middle_y:.1}S{:.1} {back:.1} {:.1} {:.1}S{:.1} {y2:.1} {x2:.1} {y2:.1}",
        top.0,
        top.0,
        top.1,
        turn.0,
        turn.1,
        bottom.0,
        bottom.0,
        bottom.1,
        x2.midpoint(bottom.0),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wire_forward_is_one_curve() {
        let wire = path((0.0, 0.0), (200.0, 50.0));
        assert_eq!(wire, "M0.0 0.0C75.0 0.0 125.0 50.0 200.0 50.0");
    }

    /// Measured in the editor of Node-RED 5.
    #[test]
    fn wires_run_as_in_the_editor() {
        let numbers = |path: &str| -> Vec<f64> {
            let parts = path.split(|c: char| c.is_ascii_alphabetic() || c.is_whitespace());
            parts.filter_map(|it| it.parse().ok()).collect()
        };
        for (from, to, editor) in [
            (
                (700.0, 140.0),
                (780.0, 140.0),
                "M 700 140 C 760 140 720 140 780 140",
            ),
            (
                (760.0, 680.0),
                (760.0, 680.0),
                "M 760 680 C 775 680 785 685 785 692.5 C 785 700 775 705 760 705 h 0 \
                 C 745 705 735 700 735 692.5 C 735 685 745 680 760 680",
            ),
        ] {
            let (mut ours, theirs) = (numbers(&path(from, to)), numbers(editor));
            if ours.len() == theirs.len() && theirs.len() > 8 {
                // Ours goes to a place, the editor's by a distance.
                ours[14] -= from.0;
            }
            assert_eq!(ours, theirs);
        }
    }

    #[test]
    fn a_wire_back_goes_around() {
        assert!(path((100.0, 0.0), (0.0, 5.0)).contains('H'));
        assert_eq!(path((100.0, 0.0), (0.0, 200.0)).matches('S').count(), 3);
        assert_eq!(middle((100.0, 0.0), (0.0, 5.0)), (50.0, 30.0));
    }
}
