//! The picture as PNG, and as a file.

use super::*;

/// The pixels of a PNG: how wide, how high, and the colours of each.
pub(super) fn pixels(png: &[u8]) -> (u32, u32, Vec<[u8; 3]>) {
    let decoder = png::Decoder::new(std::io::Cursor::new(png));
    let mut reader = decoder.read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut bytes).unwrap();
    assert_eq!(info.color_type, png::ColorType::Rgb);
    let pixels = bytes.chunks_exact(3).map(|it| [it[0], it[1], it[2]]);
    (info.width, info.height, pixels.collect())
}

/// The picture of one node of that name that comes, as PNG.
fn named(name: &str, raster: &Raster) -> (u32, u32, Vec<[u8; 3]>) {
    let before = nodes(&json!([{"id": "t", "type": "tab", "label": "T"}]));
    let after = nodes(&json!([{"id": "t", "type": "tab", "label": "T"},
        {"id": "n", "type": "comment", "z": "t", "name": name, "x": 300, "y": 100, "w": 10}]));
    let diff = compare(&before, &after);
    let view = View {
        before: Some(&before),
        after: Some(&after),
        tab: "t",
        diff: &diff,
        mode: Mode::Overlay,
        palette: &Palette::default(),
        focus: &[],
        at: None,
        zoom: None,
        labels: Labels::Shown,
        href: &|_| None,
    };
    pixels(&png(&view, raster).unwrap())
}

#[test]
fn a_png_is_what_the_svg_is() {
    let raster = Raster::default();
    let (width, height, colours) = framed(20, None, |view| {
        let svg = file(view);
        let size = svg.split("viewBox=\"").nth(1).unwrap();
        let size: Vec<f64> = size
            .split('"')
            .next()
            .unwrap()
            .split(' ')
            .map(|it| it.parse().unwrap())
            .collect();
        let (width, height, colours) = pixels(&png(view, &raster).unwrap());
        assert!(
            (f64::from(width) - size[2] * 2.0).abs() < 1.0,
            "{width} {size:?}"
        );
        assert!(
            (f64::from(height) - size[3] * 2.0).abs() < 1.0,
            "{height} {size:?}"
        );
        (width, height, colours)
    });
    assert_eq!(colours.len(), (width * height) as usize);
    let count = |colour: [u8; 3]| colours.iter().filter(|it| **it == colour).count();
    assert!(count([0xff; 3]) > colours.len() / 4, "the canvas is white");
    assert!(
        count([0xfd, 0xd0, 0xa2]) > 1_000,
        "a function is drawn as in the editor"
    );
    assert!(count([0x8a, 0x5a, 0x00]) > 200, "a change has its outline");
    // In the dark nothing of it is as bright as the canvas was.
    let dark = Raster {
        scheme: Scheme::Dark,
        ..raster
    };
    let (.., colours) = framed(20, None, |view| pixels(&png(view, &dark).unwrap()));
    let count = |colour: [u8; 3]| colours.iter().filter(|it| **it == colour).count();
    assert!(count([0x1b, 0x1c, 0x1f]) > colours.len() / 4);
    assert!(
        count([0xff; 3]) < colours.len() / 50,
        "icons alone are white"
    );
}

#[test]
fn every_text_of_a_png_leaves_pixels() {
    let raster = Raster::default();
    let (width, height, blank) = named(" ", &raster);
    // The last has no glyph in the font: it is a box, not nothing.
    for name in ["Wasserpumpe", "Αντλία", "Насос", "↻ ° ±", "温度"] {
        let (w, h, colours) = named(name, &raster);
        assert_eq!((w, h), (width, height), "{name}");
        let differs = colours.iter().zip(&blank).filter(|(a, b)| a != b).count();
        assert!(differs > 100, "{name}: {differs}");
    }
}

#[test]
fn a_png_has_no_more_pixels_than_it_may() {
    let far = |raster: &Raster| {
        let tab = json!({"id": "t", "type": "tab"});
        let node = |id: &str, at: i32| json!({"id": id, "type": "x", "z": "t", "x": at, "y": at, "wires": []});
        let flows = nodes(&json!([tab, node("a", -500), node("b", 8_500)]));
        let empty = nodes(&json!([]));
        let diff = compare(&empty, &flows);
        let view = View {
            before: Some(&empty),
            after: Some(&flows),
            tab: "t",
            diff: &diff,
            mode: Mode::Overlay,
            palette: &Palette::default(),
            focus: &[],
            at: None,
            zoom: Some(Zoom::Whole),
            labels: Labels::Shown,
            href: &|_| None,
        };
        let (width, height, _) = pixels(&png(&view, raster).unwrap());
        (f64::from(width), f64::from(height))
    };
    let wide = Raster {
        scale: 1e300,
        ..Raster::default()
    };
    let (width, height) = far(&wide);
    assert!(width * height <= PIXELS_MAX && width * height > 0.9 * PIXELS_MAX);
    let narrow = Raster {
        width_max: Some(640),
        ..wide
    };
    assert!((far(&narrow).0 - 640.0).abs() < 1.5);
    let nothing = Raster {
        scale: f64::NAN,
        width_max: Some(0),
        ..wide
    };
    assert!(far(&nothing).0 >= 1.0);
}

#[test]
fn a_file_says_what_its_marks_mean() {
    let (before, after) = small();
    let diff = compare(&before, &after);
    let view = View {
        before: Some(&before),
        after: Some(&after),
        tab: "t",
        diff: &diff,
        mode: Mode::Overlay,
        palette: &Palette::default(),
        focus: &[],
        at: None,
        zoom: None,
        labels: Labels::Shown,
        href: &|_| None,
    };
    let file = file(&view);
    for words in [
        "Boiler",
        "1 added",
        "1 removed",
        "1 changed",
        "1 rewired",
        "1 moved",
        "4 nodes, 3 wires",
    ] {
        let text = format!(">{words}</text>");
        assert!(file.contains(&text), "{words}: {file}");
    }
    assert!(
        !draw(&view).contains("rk-legend"),
        "a page has words of its own"
    );
}
