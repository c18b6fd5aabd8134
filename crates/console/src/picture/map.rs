//! The whole tab in small, with the frame marked.

use std::collections::BTreeSet;

use super::{
    area::Area,
    mark::Mark,
    scene::{Block, Scene},
};

/// The map's size at most, in pixels.
const SIZE: (f64, f64) = (240.0, 150.0);

/// What is on the map is told in squares of this many pixels, so that its length has an end.
const CELL: f64 = 3.0;

/// The map as an `svg` element.
pub(super) fn svg(scene: &Scene<'_>) -> String {
    let canvas = &scene.canvas;
    let scale = (SIZE.0 / canvas.w).min(SIZE.1 / canvas.h);
    let (w, h) = ((canvas.w * scale).max(9.0), (canvas.h * scale).max(9.0));
    let frame = small(&scene.frame, canvas, scale);
    let mut body = String::new();
    let layers = [
        None,
        Some(Mark::Moved),
        Some(Mark::Wired),
        Some(Mark::Changed),
    ];
    let layers = layers
        .into_iter()
        .chain([Some(Mark::Removed), Some(Mark::Added)]);
    for mark in layers {
        let blocks = scene.blocks.iter();
        let blocks = blocks.filter(|block| block.mark == mark && !block.is_group);
        let d = cells(blocks, canvas, scale);
        if !d.is_empty() {
            let class = mark.map_or("rk-map-same", Mark::class);
            put!(body, r#"<path class="rk-map {class}" d="{d}"/>"#);
        }
    }
    let changed = scene.blocks.iter().filter(|it| it.mark.is_some()).count();
    format!(
        r#"<svg class="rk-picture rk-overview" role="img" viewBox="0 0 {w:.0} {h:.0}" width="{w:.0}" height="{h:.0}" xmlns="http://www.w3.org/2000/svg"><title>The whole flow: {} nodes, {changed} with a change; the frame shows the marked part</title><rect class="rk-canvas" width="{w:.0}" height="{h:.0}"/>{body}<rect class="rk-map-frame" x="{:.0}" y="{:.0}" width="{:.0}" height="{:.0}"/></svg>"#,
        scene.nodes, frame.x, frame.y, frame.w, frame.h,
    )
}

fn small(area: &Area, canvas: &Area, scale: f64) -> Area {
    Area {
        x: (area.x - canvas.x) * scale,
        y: (area.y - canvas.y) * scale,
        w: (area.w * scale).max(CELL),
        h: (area.h * scale).max(CELL),
    }
}

/// The squares that hold something, as one path; neighbours in a row are one stroke of it.
fn cells<'b>(blocks: impl Iterator<Item = &'b Block>, canvas: &Area, scale: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "within the map, some hundred pixels"
    )]
    let cell = |at: f64| (at / CELL).floor() as i32;
    let mut taken = BTreeSet::new();
    for block in blocks {
        let area = small(&block.area, canvas, scale);
        let row = cell(area.y + area.h / 2.0);
        for column in cell(area.x)..=cell(area.x + area.w - 0.01) {
            taken.insert((row, column));
        }
    }
    let mut path = String::new();
    let mut taken = taken.into_iter().peekable();
    while let Some((row, start)) = taken.next() {
        let mut end = start + 1;
        while taken.next_if_eq(&(row, end)).is_some() {
            end += 1;
        }
        let side = f64::from(end - start) * CELL - 1.0;
        let (x, y) = (f64::from(start) * CELL, f64::from(row) * CELL);
        put!(path, "M{x} {y}h{side}v2h-{side}z");
    }
    path
}
