//! An icon's PNG file, read into outlines: of the file no byte is passed on, and what draws the
//! picture needs no decoder of images.
//!
//! The pixels are told apart by a few colours. Of each the outline is where its coverage passes one
//! half, between the pixels (marching squares), so that smooth edges stay smooth at any size.

mod contour;

use std::io::Cursor;

use model::palette::{Colour, Icon, Outline, Stroke};

use self::contour::Field;

/// An icon's file has at most this many bytes.
pub const PNG_MAX_BYTES: usize = 256 * 1024;

/// Pixels of an icon's side at most; real ones have 60.
const SIDE_MAX: u32 = 256;
/// What the decoder may take.
const DECODER_MAX_BYTES: usize = 1024 * 1024;
/// Pixels of a side that are looked at: twice what is shown.
const SAMPLES: usize = 60;
const COLOURS_MAX: usize = 6;
/// Bytes of all outlines of one icon.
const OUTLINES_MAX_BYTES: usize = 8 * 1024;

/// How large the editor shows an icon at most (`ui/view.js`, `createIconAttributes`).
const SHOWN: (f64, f64) = (20.0, 30.0);

/// The icon in a PNG file; none when it is none, or cannot be told simply.
pub fn read(bytes: &[u8]) -> Option<Icon> {
    if bytes.len() > PNG_MAX_BYTES {
        return None;
    }
    let image = Image::decode(bytes)?;
    let (shown, image) = (image.shown(), image.reduced());
    let colours = image.colours();
    let (first, others) = colours.split_first()?;
    let nearest = |pixel: &Pixel| {
        let distance = |colour: &&[f64; 3]| distance(colour, &pixel.colour);
        colours
            .iter()
            .min_by(|a, b| distance(a).total_cmp(&distance(b)))
    };
    // The commonest colour lies under all others, so that no seam shows between them.
    let mut layers = vec![(*first, image.field(|_| true))];
    for colour in others {
        let is_own = |pixel: &Pixel| nearest(pixel) == Some(colour);
        layers.push((*colour, image.field(is_own)));
    }
    let mut strokes = Vec::new();
    let mut left = OUTLINES_MAX_BYTES;
    for (colour, field) in layers {
        let text = field.outline();
        left = left.checked_sub(text.len())?;
        if let Some(outline) = Outline::read(&text) {
            strokes.push(Stroke {
                outline,
                fill: Some(rounded(colour)),
                line: None,
                matrix: [1.0, 0.0, 0.0, 1.0, 0.0, 0.0],
            });
        }
    }
    // As large as the editor shows it, in the middle of its field of 30 pixels.
    let (width, height) = (float(image.width), float(image.height));
    let side = 30.0 / shown * height;
    (!strokes.is_empty()).then_some(Icon {
        view_box: [(width - side) / 2.0, (height - side) / 2.0, side, side],
        strokes,
    })
}

#[derive(Debug, Clone, Copy, Default)]
struct Pixel {
    /// Red, green and blue, 0 to 1.
    colour: [f64; 3],
    /// 0 to 1.
    alpha: f64,
}

struct Image {
    width: usize,
    height: usize,
    pixels: Vec<Pixel>,
}

impl Image {
    fn decode(bytes: &[u8]) -> Option<Self> {
        let limits = png::Limits {
            bytes: DECODER_MAX_BYTES,
        };
        let mut decoder = png::Decoder::new_with_limits(Cursor::new(bytes), limits);
        decoder.set_transformations(
            png::Transformations::EXPAND
                | png::Transformations::STRIP_16
                | png::Transformations::ALPHA,
        );
        decoder.set_ignore_text_chunk(true);
        let header = decoder.read_header_info().ok()?;
        // Before any pixel is decoded: a small file can name billions.
        if header.width > SIDE_MAX || header.height > SIDE_MAX {
            return None;
        }
        let mut reader = decoder.read_info().ok()?;
        let mut data = vec![0; reader.output_buffer_size()?];
        let info = reader.next_frame(&mut data).ok()?;
        let part = |value: u8| f64::from(value) / 255.0;
        let pixels: Vec<_> = match info.color_type {
            png::ColorType::Rgba => {
                let all = data.as_chunks().0.iter();
                all.map(|[red, green, blue, alpha]| Pixel {
                    colour: [red, green, blue].map(|it| part(*it)),
                    alpha: part(*alpha),
                })
                .collect()
            }
            png::ColorType::GrayscaleAlpha => {
                let all = data.as_chunks().0.iter();
                all.map(|[grey, alpha]| Pixel {
                    colour: [part(*grey); 3],
                    alpha: part(*alpha),
                })
                .collect()
            }
            _ => return None,
        };
        let (width, height) = (info.width.try_into().ok()?, info.height.try_into().ok()?);
        (width > 0 && pixels.len() == width * height).then_some(Self {
            width,
            height,
            pixels,
        })
    }

    /// How many pixels high the editor shows it.
    fn shown(&self) -> f64 {
        let (width, height) = (float(self.width), float(self.height));
        let scale = (SHOWN.1 / width.max(height)).min(1.0);
        let scale = scale.min(SHOWN.0 / width);
        height * scale
    }

    fn at(&self, x: usize, y: usize) -> Pixel {
        self.pixels
            .get(y * self.width + x)
            .copied()
            .unwrap_or_default()
    }

    /// With at most [`SAMPLES`] pixels a side: the mean of those that fall together.
    fn reduced(&self) -> Self {
        let step = self.width.max(self.height).div_ceil(SAMPLES);
        let (width, height) = (self.width.div_ceil(step), self.height.div_ceil(step));
        let mean = |place: usize| {
            let (left, top) = (place % width * step, place / width * step);
            let mut sum = Pixel::default();
            for (x, y) in (0..step * step).map(|it| (left + it % step, top + it / step)) {
                if x >= self.width {
                    continue;
                }
                let Pixel { colour, alpha } = self.at(x, y);
                for (sum, part) in sum.colour.iter_mut().zip(colour) {
                    *sum += part * alpha;
                }
                sum.alpha += alpha;
            }
            let colour = sum.colour.map(|it| it / sum.alpha.max(1e-9));
            Pixel {
                colour,
                alpha: sum.alpha / float(step * step),
            }
        };
        Self {
            width,
            height,
            pixels: (0..width * height).map(mean).collect(),
        }
    }

    /// The colours it is made of, the commonest first: edges are mixtures and do not count.
    fn colours(&self) -> Vec<[f64; 3]> {
        let mut all: Vec<([f64; 3], usize)> = Vec::new();
        for pixel in self.pixels.iter().filter(|it| it.alpha > 0.75) {
            let known = all.iter().enumerate();
            let near = known
                .filter(|(_, (colour, _))| distance(colour, &pixel.colour) < 0.06)
                .max_by_key(|(_, (_, count))| *count)
                .map(|(place, _)| place);
            if let Some((_, count)) = near.and_then(|place| all.get_mut(place)) {
                *count += 1;
            } else if all.len() < 64 {
                all.push((pixel.colour, 1));
            }
        }
        // Faint icons have no solid pixel.
        if all.is_empty() {
            let strongest = self
                .pixels
                .iter()
                .max_by(|a, b| a.alpha.total_cmp(&b.alpha));
            all.extend(
                strongest
                    .filter(|it| it.alpha > 0.0)
                    .map(|it| (it.colour, 1)),
            );
        }
        all.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        all.truncate(COLOURS_MAX);
        all.into_iter().map(|(colour, _)| colour).collect()
    }

    fn field(&self, is_in: impl Fn(&Pixel) -> bool) -> Field {
        let covered = self.pixels.iter();
        let covered = covered.map(|it| if is_in(it) { it.alpha } else { 0.0 });
        Field::new(self.width, covered.collect())
    }
}

fn distance(a: &[f64; 3], b: &[f64; 3]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b) * (a - b)).sum()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "means of parts of one"
)]
fn rounded(colour: [f64; 3]) -> Colour {
    let [red, green, blue] = colour.map(|part| (part.clamp(0.0, 1.0) * 255.0).round() as u8);
    Colour { red, green, blue }
}

#[expect(clippy::cast_precision_loss, reason = "sides of at most 256 pixels")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests;
