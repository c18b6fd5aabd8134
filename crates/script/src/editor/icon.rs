//! An icon's SVG file, read into outlines. Nothing of the file itself is passed on: no element, no
//! attribute, no reference, no style sheet.

pub mod font;
pub mod raster;

use std::{cell::RefCell, rc::Rc};

use lol_html::{HtmlRewriter, MemorySettings, Settings, element, html_content::Element};
use model::palette::{Colour, Icon, Outline, Stroke};

/// An icon's file has at most this many bytes.
pub const SVG_MAX_BYTES: usize = 256 * 1024;

const MEMORY_MAX_BYTES: usize = 4 * 1024 * 1024;
const STROKES_MAX: usize = 60;
const OUTLINES_MAX_BYTES: usize = 24 * 1024;
const DEPTH_MAX: usize = 64;

/// The icon in an SVG file; none when it has nothing that can be drawn simply, or too much.
pub fn read(svg: &str) -> Option<Icon> {
    if svg.len() > SVG_MAX_BYTES {
        return None;
    }
    let drawing: Rc<RefCell<Drawing>> = Rc::default();
    let seen = Rc::clone(&drawing);
    let settings = Settings::new()
        .with_memory_settings(MemorySettings::new().with_max_allowed_memory_usage(MEMORY_MAX_BYTES))
        .with_strict(false)
        .append_element_content_handler(element!("*", |element| {
            let style = Style::of(element, seen.borrow().stack.last());
            seen.borrow_mut().add(element, &style);
            let ends = seen.clone();
            if !element.is_self_closing()
                && let Some(handlers) = element.end_tag_handlers()
            {
                seen.borrow_mut().stack.push(style);
                handlers.push(Box::new(move |_| {
                    ends.borrow_mut().stack.pop();
                    Ok(())
                }));
            }
            if seen.borrow().stack.len() > DEPTH_MAX {
                return Err("too deep".into());
            }
            Ok(())
        }));
    let mut rewriter = HtmlRewriter::new(settings, |_: &[u8]| ());
    rewriter.write(svg.as_bytes()).ok()?;
    rewriter.end().ok()?;
    let drawing = drawing.take();
    let view_box = drawing.view_box?;
    let is_whole = !drawing.is_too_much && !drawing.strokes.is_empty();
    let icon = Icon {
        view_box,
        strokes: drawing.strokes,
    };
    // What would be drawn far outside takes a layer of that size, and hides what is there.
    (is_whole && icon.is_near_its_box()).then_some(icon)
}

#[derive(Default)]
struct Drawing {
    stack: Vec<Style>,
    view_box: Option<[f64; 4]>,
    strokes: Vec<Stroke>,
    bytes: usize,
    is_too_much: bool,
}

/// What children inherit.
#[derive(Clone, Copy)]
struct Style {
    is_hidden: bool,
    fill: Option<Colour>,
    stroke: Option<Colour>,
    width: f64,
    matrix: [f64; 6],
}

const IDENTITY: [f64; 6] = [1.0, 0.0, 0.0, 1.0, 0.0, 0.0];

impl Style {
    fn of(element: &Element<'_, '_>, parent: Option<&Self>) -> Self {
        let black = Colour {
            red: 0,
            green: 0,
            blue: 0,
        };
        let mut style = parent.copied().unwrap_or(Self {
            is_hidden: false,
            fill: Some(black),
            stroke: None,
            width: 1.0,
            matrix: IDENTITY,
        });
        style.is_hidden |= !matches!(
            element.tag_name().as_str(),
            "svg"
                | "g"
                | "a"
                | "path"
                | "rect"
                | "circle"
                | "ellipse"
                | "line"
                | "polygon"
                | "polyline"
        );
        let inline = element.get_attribute("style").unwrap_or_default();
        let inline = inline.split(';').filter_map(|it| it.split_once(':'));
        let names = [
            "fill",
            "stroke",
            "stroke-width",
            "display",
            "opacity",
            "fill-opacity",
        ];
        let attributes = names.iter().filter_map(|name| {
            let value = element.get_attribute(name)?;
            Some((*name, value))
        });
        let attributes: Vec<_> = attributes.collect();
        let attributes = attributes
            .iter()
            .map(|(name, value)| (*name, value.as_str()));
        for (name, value) in attributes.chain(inline) {
            let value = value.trim();
            match name.trim() {
                "fill" => paint(&mut style.fill, value),
                "stroke" => paint(&mut style.stroke, value),
                "stroke-width" => {
                    let width = value.trim_end_matches("px").parse::<f64>();
                    style.width = width.ok().filter(|it| it.is_finite()).unwrap_or(1.0);
                }
                "display" | "opacity" | "fill-opacity" if matches!(value, "none" | "0") => {
                    style.is_hidden = true;
                }
                _ => {}
            }
        }
        if let Some(text) = element.get_attribute("transform") {
            match transform(&text).map(|matrix| multiply(style.matrix, matrix)) {
                // Scaled up again and again, numbers end as something that is none.
                Some(matrix) if matrix.iter().all(|it| it.is_finite()) => style.matrix = matrix,
                _ => style.is_hidden = true,
            }
        }
        style
    }
}

fn paint(slot: &mut Option<Colour>, value: &str) {
    match value {
        "none" | "transparent" => *slot = None,
        "inherit" => {}
        // A gradient or a variable: white, as icons are.
        other => {
            let white = Colour {
                red: 255,
                green: 255,
                blue: 255,
            };
            *slot = Some(Colour::read(other).unwrap_or(white));
        }
    }
}

impl Drawing {
    fn add(&mut self, element: &Element<'_, '_>, style: &Style) {
        let name = element.tag_name();
        if name == "svg" && self.view_box.is_none() {
            self.view_box = view_box(element);
            return;
        }
        if style.is_hidden || (style.fill.is_none() && style.stroke.is_none()) {
            return;
        }
        let Some(outline) = path(&name, element).and_then(|it| Outline::read(&it)) else {
            return;
        };
        self.bytes += outline.as_str().len();
        if self.strokes.len() >= STROKES_MAX || self.bytes > OUTLINES_MAX_BYTES {
            self.is_too_much = true;
            return;
        }
        self.strokes.push(Stroke {
            outline,
            fill: style.fill,
            line: style.stroke.map(|colour| (colour, style.width)),
            matrix: style.matrix,
        });
    }
}

fn number(element: &Element<'_, '_>, name: &str) -> Option<f64> {
    let text = element.get_attribute(name)?;
    let number: f64 = text.trim().trim_end_matches("px").parse().ok()?;
    number.is_finite().then_some(number)
}

fn numbers(text: &str) -> Vec<f64> {
    let parts = text.split(|c: char| c == ',' || c.is_ascii_whitespace());
    let numbers = parts.filter_map(|part| part.parse::<f64>().ok());
    numbers.filter(|it| it.is_finite()).take(500).collect()
}

fn view_box(element: &Element<'_, '_>) -> Option<[f64; 4]> {
    let said = element
        .get_attribute("viewbox")
        .or(element.get_attribute("viewBox"));
    let said = said.and_then(|text| <[f64; 4]>::try_from(numbers(&text)).ok());
    let sized = || {
        Some([
            0.0,
            0.0,
            number(element, "width")?,
            number(element, "height")?,
        ])
    };
    said.or_else(sized)
        .filter(|[.., w, h]| *w > 0.0 && *h > 0.0)
}

/// The path of an element that is drawn.
fn path(name: &str, element: &Element<'_, '_>) -> Option<String> {
    let get = |name| number(element, name).unwrap_or(0.0);
    Some(match name {
        "path" => element.get_attribute("d")?,
        "rect" => {
            let (w, h) = (get("width"), get("height"));
            format!("M{} {}h{w}v{h}h{}z", get("x"), get("y"), -w)
        }
        "circle" | "ellipse" => {
            let (rx, ry) = match name {
                "circle" => (get("r"), get("r")),
                _ => (get("rx"), get("ry")),
            };
            let (left, y) = (get("cx") - rx, get("cy"));
            let across = 2.0 * rx;
            format!(
                "M{left} {y}a{rx} {ry} 0 1 0 {across} 0a{rx} {ry} 0 1 0 {} 0z",
                -across
            )
        }
        "line" => format!("M{} {}L{} {}", get("x1"), get("y1"), get("x2"), get("y2")),
        "polygon" | "polyline" => {
            let points = numbers(&element.get_attribute("points")?);
            let points: Vec<_> = points.iter().map(f64::to_string).collect();
            let end = if name == "polygon" { "z" } else { "" };
            format!("M{}{end}", points.join(" "))
        }
        _ => return None,
    })
}

/// A list of `translate`, `scale`, `rotate` and `matrix`; none for anything else.
fn transform(text: &str) -> Option<[f64; 6]> {
    let mut whole = IDENTITY;
    for part in text.split_inclusive(')').take(16) {
        let part = part.trim().trim_start_matches(',').trim();
        if part.is_empty() {
            continue;
        }
        let (name, values) = part.strip_suffix(')')?.split_once('(')?;
        let matrix = match (name.trim(), numbers(values).as_slice()) {
            ("translate", [x]) => [1.0, 0.0, 0.0, 1.0, *x, 0.0],
            ("translate", [x, y]) => [1.0, 0.0, 0.0, 1.0, *x, *y],
            ("scale", [s]) => [*s, 0.0, 0.0, *s, 0.0, 0.0],
            ("scale", [x, y]) => [*x, 0.0, 0.0, *y, 0.0, 0.0],
            ("rotate", [degrees]) => turned(*degrees),
            ("rotate", [degrees, x, y]) => {
                let there = multiply([1.0, 0.0, 0.0, 1.0, *x, *y], turned(*degrees));
                multiply(there, [1.0, 0.0, 0.0, 1.0, -x, -y])
            }
            ("matrix", all) => <[f64; 6]>::try_from(all).ok()?,
            _ => return None,
        };
        whole = multiply(whole, matrix);
    }
    whole.iter().all(|it| it.is_finite()).then_some(whole)
}

fn turned(degrees: f64) -> [f64; 6] {
    let (sin, cos) = degrees.to_radians().sin_cos();
    [cos, sin, -sin, cos, 0.0, 0.0]
}

/// First `inner`, then `outer`.
fn multiply(outer: [f64; 6], inner: [f64; 6]) -> [f64; 6] {
    let [xx, yx, xy, yy, dx, dy] = outer;
    let turned = |x: f64, y: f64| (xx * x + xy * y, yx * x + yy * y);
    let [first, second, third] = [0, 2, 4].map(|at| {
        let pair = inner.get(at).zip(inner.get(at + 1));
        pair.map_or((0.0, 0.0), |(x, y)| turned(*x, *y))
    });
    [
        first.0,
        first.1,
        second.0,
        second.1,
        third.0 + dx,
        third.1 + dy,
    ]
}

#[cfg(test)]
mod tests {
    use super::read;

    #[test]
    fn an_icon_becomes_outlines() {
        let icon = read(
            r#"<?xml version="1.0"?><svg width="40" height="60" viewBox="0, 0, 40, 60"><title>x</title>
            <g fill="none" style="stroke:#fff;stroke-width:2px" transform="translate(1 2) scale(2)">
            <path d="M1 2l3 4"/><circle cx="5" cy="5" r="2" fill="red"/></g><rect width="3" height="4"/>
            <defs><path d="M0 0"/></defs><text>hi</text></svg>"#,
        )
        .unwrap();
        assert!(
            icon.view_box
                .iter()
                .zip([0.0, 0.0, 40.0, 60.0])
                .all(|(a, b)| (a - b).abs() < 1e-9)
        );
        let paths: Vec<_> = icon.strokes.iter().map(|it| it.outline.as_str()).collect();
        assert_eq!(
            paths,
            [
                "M1 2l3 4",
                "M3 5a2 2 0 1 0 4 0a2 2 0 1 0-4 0z",
                "M0 0h3v4h-3z"
            ]
        );
        assert_eq!(icon.strokes[0].fill, None);
        let (colour, _) = icon.strokes[0].line.unwrap();
        assert_eq!(colour.to_string(), "#ffffff");
        assert_eq!(icon.strokes[1].fill.unwrap().to_string(), "#ff0000");
        assert!((icon.strokes[0].matrix[0] - 2.0).abs() < 1e-9);
        assert!((icon.strokes[0].matrix[5] - 2.0).abs() < 1e-9);
        assert_eq!(icon.strokes[2].fill.unwrap().to_string(), "#000000");
    }

    #[test]
    fn what_could_do_more_than_be_drawn_is_left_out() {
        for svg in [
            "",
            "<svg viewBox='0 0 1 1'><script>alert(1)</script></svg>",
            "<svg viewBox='0 0 1 1'><image href='http://x/'/><use href='#a'/></svg>",
            "<svg viewBox='0 0 1 1'><foreignObject><rect width='1' height='1'/></foreignObject></svg>",
            "<svg viewBox='0 0 1 1'><path d='M0 0\"/><script>'/></svg>",
            "<svg viewBox='0 0 0 1'><path d='M0 0h1'/></svg>",
            "<svg><path d='M0 0h1'/></svg>",
        ] {
            assert_eq!(read(svg), None, "{svg}");
        }
        let deep = format!(
            "<svg viewBox='0 0 1 1'>{}<path d='M0 0h1'/>",
            "<g>".repeat(100_000)
        );
        assert_eq!(read(&deep), None);
        let scaled = format!(
            "<svg viewBox='0 0 1 1'>{}<path d='M0 0h1'/>",
            "<g transform='scale(1e200)'>".repeat(3)
        );
        assert_eq!(read(&scaled), None);
        let many = format!(
            "<svg viewBox='0 0 1 1'>{}</svg>",
            "<path d='M0 0h1'/>".repeat(1_000)
        );
        assert_eq!(read(&many), None);
    }

    #[test]
    fn an_icon_that_would_cover_the_picture_is_refused() {
        let svg = |outline: &str| {
            let path = format!("<path d='{outline}' fill='#fff'/>");
            read(&format!("<svg viewBox='0 0 40 60'>{path}</svg>"))
        };
        assert!(svg("M-9-9h60v80h-60z").is_some());
        assert_eq!(svg("M-9999 -9999h99999v99999h-99999z"), None);
    }
}
