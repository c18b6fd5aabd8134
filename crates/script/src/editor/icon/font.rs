//! The icons of an icon font such as Font Awesome: its outlines from the font's SVG file, its names
//! from the style sheet. No font is loaded; of both files numbers and names are kept.

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    rc::Rc,
};

use lol_html::{HtmlRewriter, MemorySettings, Settings, element};
use model::palette::{Colour, Icon, Outline, Stroke};

/// Each of both files has at most this many bytes; Font Awesome's have 444,379 and 31,000.
pub const FONT_MAX_BYTES: usize = 1024 * 1024;

const MEMORY_MAX_BYTES: usize = 4 * 1024 * 1024;
const GLYPHS_MAX: usize = 2_000;
const NAMES_MAX: usize = 4_000;
/// Bytes of all outlines that are kept: each name has a copy of its own. Font Awesome's have 330,000.
const KEPT_MAX_BYTES: usize = 2 * 1024 * 1024;

/// How the editor sets them (`ui/view.js`, `createIconAttributes`): in a field of 30 pixels, 4/3 of
/// 14 pixels large, the baseline 21.5 pixels from the top.
const FIELD: f64 = 30.0;
const SIZE: f64 = 14.0 * 4.0 / 3.0;
const BASELINE: f64 = 21.5;

/// The icons, by the names the style sheet gives them, such as `fa-bolt`.
pub fn read(svg: &str, css: &str) -> BTreeMap<String, Icon> {
    let mut icons = BTreeMap::new();
    if svg.len() > FONT_MAX_BYTES || css.len() > FONT_MAX_BYTES {
        return icons;
    }
    let Some(glyphs) = glyphs(svg) else {
        return icons;
    };
    let mut left = KEPT_MAX_BYTES;
    for (name, sign) in names(css).take(NAMES_MAX) {
        if let Some(icon) = glyphs.get(&sign) {
            let outlines = icon.strokes.iter().map(|it| it.outline.as_str().len());
            let Some(rest) = left.checked_sub(outlines.sum()) else {
                break;
            };
            left = rest;
            icons.insert(name.to_owned(), icon.clone());
        }
    }
    icons
}

/// What a style sheet says: names, and the sign each stands for.
fn names(css: &str) -> impl Iterator<Item = (&str, u32)> {
    css.split('}').flat_map(|rule| {
        let (selectors, body) = rule.split_once('{').unwrap_or_default();
        let digits = body.split_once("content:\"\\").and_then(|(_, rest)| {
            let (digits, _) = rest.split_once('"')?;
            u32::from_str_radix(digits, 16).ok()
        });
        let selectors = selectors.split(',').filter_map(|selector| {
            let name = selector.trim().strip_prefix('.')?;
            let name = name.strip_suffix(":before")?;
            let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            name.chars().all(is_plain).then_some(name)
        });
        let named = selectors.map(move |name| Some((name, digits?)));
        named.flatten()
    })
}

#[derive(Debug, Default)]
struct Font {
    em: f64,
    /// How wide a glyph is that does not say.
    advance: f64,
    glyphs: HashMap<u32, Icon>,
}

fn glyphs(svg: &str) -> Option<HashMap<u32, Icon>> {
    let font: Rc<RefCell<Font>> = Rc::default();
    let seen = Rc::clone(&font);
    let settings = Settings::new()
        .with_memory_settings(MemorySettings::new().with_max_allowed_memory_usage(MEMORY_MAX_BYTES))
        .with_strict(false)
        .append_element_content_handler(element!("font, font-face, glyph", |element| {
            let mut font = seen.borrow_mut();
            let number = |name: &str| super::number(element, name);
            match element.tag_name().as_str() {
                "font" => font.advance = number("horiz-adv-x").unwrap_or(0.0),
                "font-face" => font.em = number("units-per-em").unwrap_or(0.0),
                _ if font.glyphs.len() >= GLYPHS_MAX => {}
                _ => {
                    let sign = element.get_attribute("unicode");
                    let sign = sign.and_then(|text| sign_of(&text));
                    let outline = element.get_attribute("d");
                    let outline = outline.and_then(|text| Outline::read(&text));
                    let advance = number("horiz-adv-x").unwrap_or(font.advance);
                    if let (Some(sign), Some(outline)) = (sign, outline)
                        && let Some(icon) = icon(outline, advance, font.em)
                    {
                        font.glyphs.insert(sign, icon);
                    }
                }
            }
            Ok(())
        }));
    let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| ());
    rewriter.write(svg.as_bytes()).ok()?;
    rewriter.end().ok()?;
    Some(font.take().glyphs)
}

/// The sign in `&#xf0e7;`.
fn sign_of(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("&#x")?.strip_suffix(';')?;
    u32::from_str_radix(digits, 16).ok()
}

fn icon(outline: Outline, advance: f64, em: f64) -> Option<Icon> {
    // What fonts may have; with others nothing could be seen.
    let is_font = (16.0..=16_384.0).contains(&em) && (0.0..=4.0 * em).contains(&advance);
    let side = FIELD / SIZE * em;
    let white = Colour {
        red: 255,
        green: 255,
        blue: 255,
    };
    let icon = is_font.then(|| Icon {
        view_box: [(advance - side) / 2.0, -BASELINE / FIELD * side, side, side],
        strokes: vec![Stroke {
            outline,
            fill: Some(white),
            line: None,
            // Fonts count upwards.
            matrix: [1.0, 0.0, 0.0, -1.0, 0.0, 0.0],
        }],
    });
    icon.filter(Icon::is_near_its_box)
}

#[cfg(test)]
mod tests {
    use super::read;

    const FONT: &str = r#"<?xml version="1.0"?><svg><metadata>x</metadata><defs>
        <font id="F" horiz-adv-x="1500"><font-face units-per-em="1792" ascent="1536"/>
        <missing-glyph d="M0 0h9"/><glyph glyph-name="none" unicode="&#xf009;" />
        <glyph unicode="&#xf000;" horiz-adv-x="1792" d="M1 2q3 4 5
6t7 8z" /><glyph unicode="&#xf001;" d="M0 0h5z"/><glyph unicode="ab" d="M0 0h5z"/>
        <glyph unicode="&#xf002;" d="M0 0 url(#x)"/></font></defs></svg>"#;

    #[test]
    fn names_lead_to_outlines() {
        let css = r#"/*x*/.fa{color:red}.fa-glass:before{content:"\f000"}.fa-a:before,.fa-b:before{content:"\f001"}
            .fa-none:before{content:"\f009"}.fa-bad:before{content:"\f002"}.fa-<x>:before{content:"\f001"}
            .fa-odd:before{content:"x"}"#;
        let icons = read(FONT, css);
        let names: Vec<_> = icons.keys().map(String::as_str).collect();
        assert_eq!(names, ["fa-a", "fa-b", "fa-glass"]);
        let glass = &icons["fa-glass"];
        assert_eq!(glass.strokes[0].outline.as_str(), "M1 2q3 4 5 6t7 8z");
        // 30 pixels of the field are 2880 of 1792 to 18⅔ pixels; the glyph is in the middle.
        let is = [-544.0, -2064.0, 2880.0, 2880.0];
        let is_near = |(a, b): (&f64, f64)| (a - b).abs() < 1e-6;
        assert!(glass.view_box.iter().zip(is).all(is_near), "{glass:?}");
        assert!((icons["fa-a"].view_box[0] - (1500.0 - 2880.0) / 2.0).abs() < 1e-6);
    }

    #[test]
    fn what_is_no_font_gives_nothing() {
        let css = r#".fa-x:before{content:"\f000"}"#;
        assert!(read("", css).is_empty() && read(FONT, "").is_empty());
        assert!(read("<svg><glyph unicode='&#xf000;' d='M0 0h1'/>", css).is_empty());
        let large = " ".repeat(super::FONT_MAX_BYTES + 1);
        assert!(read(&large, css).is_empty() && read(FONT, &large).is_empty());
        let many = "<glyph unicode='&#xf000;' d='M0 0h1'/>".repeat(20_000);
        let many = format!("<svg><font><font-face units-per-em='1e308'/>{many}");
        assert!(read(&many, css).is_empty());
    }

    #[test]
    fn one_glyph_with_many_names_is_not_kept_for_all_of_them() {
        let outline = format!("M0 0{}", "h1h-1".repeat(3_200));
        let font = FONT.replace("M0 0h5z", &outline);
        let name = |n: u32| format!(".fa-x{n}:before{{content:\"\\f001\"}}");
        let css: String = (0..4_000).map(name).collect();
        let icons = read(&font, &css);
        let kept = icons
            .values()
            .map(|it| it.strokes[0].outline.as_str().len());
        let kept: usize = kept.sum();
        assert!(kept > 1_900_000 && kept <= 2_097_152, "{kept}");
    }
}
