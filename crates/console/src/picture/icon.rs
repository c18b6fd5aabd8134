//! The packages' icons in the picture: each once, and used where it belongs.

use std::collections::BTreeMap;

use model::palette::{Icon, Palette};

use super::scene::Scene;

/// The side of the field an icon is put into.
const FIELD: f64 = 30.0;

/// Cuts off what a package's icon would draw beyond its field, over what changes.
const CLIP: &str = r#"<clipPath id="rk-field"><rect width="30" height="30"/></clipPath>"#;

/// Bytes of icons in one picture.
const ICONS_BYTES: usize = 24 * 1024;

/// The icons of one picture, by their names in the palette.
#[derive(Debug, Default)]
pub(super) struct Icons<'p> {
    numbers: BTreeMap<&'p str, usize>,
    /// Their definitions.
    pub(super) definitions: String,
}

impl<'p> Icons<'p> {
    /// Those of the nodes in the frame.
    pub(super) fn of(scene: &'p Scene<'_>, palette: &Palette) -> Self {
        let mut icons = Self::default();
        let parts = scene.parts.iter().filter(|part| !part.is_end);
        for name in parts.filter_map(|part| part.shape.icon.as_deref()) {
            let is_new = !icons.numbers.contains_key(name);
            if is_new && let Some(icon) = palette.icons.get(name) {
                let number = icons.numbers.len();
                let mut text = definition(number, icon);
                if number == 0 {
                    text.insert_str(0, CLIP);
                }
                if icons.definitions.len() + text.len() <= ICONS_BYTES {
                    icons.definitions.push_str(&text);
                    icons.numbers.insert(name, number);
                }
            }
        }
        icons
    }

    /// The element that draws one in the field at `x`, `y`.
    pub(super) fn element(&self, name: &str, x: f64, y: f64) -> Option<String> {
        let number = self.numbers.get(name)?;
        Some(format!(r##"<use href="#rk-i{number}" x="{x}" y="{y}"/>"##))
    }
}

/// An icon, as large as fits and in the middle of its field, as browsers fit images.
fn definition(number: usize, icon: &Icon) -> String {
    let [left, top, width, height] = icon.view_box;
    let scale = (FIELD / width).min(FIELD / height);
    let left = (FIELD - width * scale) / 2.0 - left * scale;
    let top = (FIELD - height * scale) / 2.0 - top * scale;
    let mut text = String::new();
    put!(
        text,
        r#"<g id="rk-i{number}" clip-path="url(#rk-field)"><g transform="matrix({scale:.4} 0 0 {scale:.4} {left:.2} {top:.2})">"#
    );
    for stroke in &icon.strokes {
        let fill = stroke.fill.map_or("none".to_owned(), |it| it.to_string());
        let outline = stroke.outline.as_str();
        put!(text, r#"<path d="{outline}" fill="{fill}""#);
        if let Some((colour, width)) = stroke.line {
            put!(text, r#" stroke="{colour}" stroke-width="{width:.2}""#);
        }
        let [xx, yx, xy, yy, dx, dy] = stroke.matrix.map(|it| format!("{it:.3}"));
        let matrix = format!("{xx} {yx} {xy} {yy} {dx} {dy}");
        if matrix != "1.000 0.000 0.000 1.000 0.000 0.000" {
            put!(text, r#" transform="matrix({matrix})""#);
        }
        text.push_str("/>");
    }
    text.push_str("</g></g>");
    text
}
