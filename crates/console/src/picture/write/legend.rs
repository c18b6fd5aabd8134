//! What the marks mean, under a picture that stands alone: in a file nobody can hover.

use crate::picture::{
    area::Area,
    mark::Mark,
    scene::Scene,
    text::{self, escape},
};

/// Room beside each entry, and around all of them.
const GAP: f64 = 20.0;
const LINE: f64 = 28.0;

/// Writes the legend under the frame: how high it is.
pub(super) fn put(out: &mut String, scene: &Scene<'_>) -> f64 {
    let Area { x, y, w, h } = scene.frame;
    let left = x + GAP;
    let right = x + w - GAP;
    let top = y + h;
    let mut line = top + 30.0;
    let mut body = String::new();
    let title = text::fit(&scene.title, (w - 2.0 * GAP) * 14.0 / 16.0);
    put!(
        body,
        r#"<text class="rk-legend-title" x="{left}" y="{line}">{}</text>"#,
        escape(&title)
    );
    line += LINE;
    let mut at = left;
    for (mark, words) in entries(scene) {
        let badge = if mark.is_some() { 26.0 } else { 0.0 };
        let wide = badge + text::width(&words);
        if at > left && at + wide > right {
            (at, line) = (left, line + LINE);
        }
        if let Some(mark) = mark {
            super::put_badge(&mut body, mark, (at + 9.0, line - 5.0), 9.0);
        }
        put!(
            body,
            r#"<text class="rk-legend" x="{:.1}" y="{line}">{}</text>"#,
            at + badge,
            escape(&words)
        );
        at += wide + GAP;
    }
    let high = line + 16.0 - top;
    put!(
        out,
        r#"<rect class="rk-canvas" x="{x}" y="{top}" width="{w}" height="{high}"/><path class="rk-legend-rule" d="M{x} {top}h{w}"/>"#
    );
    out.push_str(&body);
    high
}

fn entries(scene: &Scene<'_>) -> Vec<(Option<Mark>, String)> {
    let size = super::size(scene);
    let part = if scene.is_whole() {
        ""
    } else {
        "; this is a part of it"
    };
    let counts = scene.counts.iter();
    let counts = counts.map(|(mark, count)| (Some(*mark), format!("{count} {}", mark.word())));
    let whole = (None, format!("{size}{part}"));
    counts.chain([whole]).collect()
}
