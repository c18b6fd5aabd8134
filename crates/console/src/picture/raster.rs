//! The picture as PNG: drawn from its SVG by `resvg`, with one font that is in the program, so that
//! it is the same everywhere and nothing is read from the system.

use std::{
    io::Write as _,
    sync::{Arc, LazyLock},
};

use resvg::{
    tiny_skia::{Pixmap, Transform},
    usvg::{Options, Tree, fontdb::Database},
};

use super::{
    View,
    scene::Scene,
    style::{self, Scheme},
    write::{self, Dress},
};

/// Pixels of a picture at most; one that would have more is drawn smaller. Four bytes each: 64 MB.
pub const PIXELS_MAX: f64 = 16_000_000.0;

/// How large and in which colours a picture is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Raster {
    /// Pixels for one of the editor's, from 0.1 to 4.
    pub scale: f64,
    /// Pixels from left to right at most; what would be wider is drawn smaller.
    pub width_max: Option<u32>,
    /// Light or dark.
    pub scheme: Scheme,
}

impl Default for Raster {
    /// As sharp as screens and paper want it.
    fn default() -> Self {
        Self {
            scale: 2.0,
            width_max: None,
            scheme: Scheme::Light,
        }
    }
}

/// Why a picture could not be drawn.
#[derive(Debug, thiserror::Error)]
pub enum RasterError {
    /// What was written as SVG is not understood: a fault of ours.
    #[error("the picture could not be drawn: {0}")]
    Svg(#[from] resvg::usvg::Error),
    /// The pixels could not be kept as PNG.
    #[error("the picture could not be written: {0}")]
    Png(#[from] png::EncodingError),
    /// The same, of one row.
    #[error("the picture could not be written: {0}")]
    Row(#[from] std::io::Error),
    /// It has no size.
    #[error("the picture has no pixels")]
    Empty,
}

/// `DejaVu Sans Condensed`: as wide as the editor's face, with Latin, Greek, Cyrillic and signs. What
/// it lacks is drawn as a box.
static FONT: LazyLock<(Arc<Database>, String)> = LazyLock::new(|| {
    let mut fonts = Database::new();
    fonts.load_font_data(dejavu::sans_condensed::regular().to_vec());
    let family = fonts.faces().find_map(|face| face.families.first());
    let family = family.map(|(name, _)| name.clone()).unwrap_or_default();
    fonts.set_sans_serif_family(family.clone());
    (Arc::new(fonts), family)
});

/// Draws what [`super::file`] would write, as PNG. Takes a core for up to a second: not for a thread
/// that serves others.
pub fn png(view: &View<'_>, raster: &Raster) -> Result<Vec<u8>, RasterError> {
    let style = style::of(raster.scheme);
    let svg = write::svg(&Scene::new(view), view, &Dress::Alone(&style));
    draw(&svg, raster)
}

fn draw(svg: &str, raster: &Raster) -> Result<Vec<u8>, RasterError> {
    let (fonts, family) = &*FONT;
    let options = Options {
        font_family: family.clone(),
        fontdb: fonts.clone(),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options)?;
    let (width, height) = (tree.size().width(), tree.size().height());
    let scale = scale((width.into(), height.into()), raster);
    let mut pixels =
        Pixmap::new(side(width, scale), side(height, scale)).ok_or(RasterError::Empty)?;
    resvg::render(
        &tree,
        Transform::from_scale(scale, scale),
        &mut pixels.as_mut(),
    );
    encode(&pixels)
}

/// What is asked for, or as much of it as there are pixels for.
#[expect(clippy::cast_possible_truncation, reason = "it is between 0 and 4")]
fn scale((width, height): (f64, f64), raster: &Raster) -> f32 {
    let wanted = raster.scale.clamp(0.1, 4.0);
    let fits = (PIXELS_MAX / (width * height)).sqrt();
    let narrow = raster.width_max.map(|most| f64::from(most.max(1)) / width);
    wanted.min(fits).min(narrow.unwrap_or(wanted)) as f32
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the canvas ends at some 10,000, and the scale is bounded"
)]
fn side(length: f32, scale: f32) -> u32 {
    // Rounded down: both bounds are promises.
    ((length * scale) + 0.01).floor().max(1.0) as u32
}

/// The canvas covers everything, so no pixel is transparent and three bytes tell it.
fn encode(pixels: &Pixmap) -> Result<Vec<u8>, RasterError> {
    let width = usize::try_from(pixels.width()).unwrap_or(usize::MAX);
    let mut out = Vec::new();
    let mut encoder = png::Encoder::new(&mut out, pixels.width(), pixels.height());
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    // Row by row: all at once would take as much memory again.
    let mut rows = writer.stream_writer()?;
    let mut row = Vec::with_capacity(width.saturating_mul(3));
    for pixels in pixels.data().as_chunks::<4>().0.chunks(width.max(1)) {
        row.clear();
        row.extend(pixels.iter().flat_map(|[r, g, b, _]| [*r, *g, *b]));
        rows.write_all(&row)?;
    }
    rows.finish()?;
    writer.finish()?;
    Ok(out)
}
