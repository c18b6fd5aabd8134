use super::read;

/// A PNG of `width` pixels a row, each red, green, blue and alpha.
fn file(width: u32, pixels: &[[u8; 4]]) -> Vec<u8> {
    let mut out = Vec::new();
    let height = u32::try_from(pixels.len()).unwrap() / width;
    let mut encoder = png::Encoder::new(&mut out, width, height);
    encoder.set_color(png::ColorType::Rgba);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(pixels.as_flattened()).unwrap();
    writer.finish().unwrap();
    out
}

/// 20 × 30 pixels of what `colour` says.
fn drawn(colour: impl Fn(i32, i32) -> [u8; 4]) -> Vec<u8> {
    let pixels: Vec<_> = (0..600).map(|at| colour(at % 20, at / 20)).collect();
    file(20, &pixels)
}

const WHITE: [u8; 4] = [255; 4];
const CLEAR: [u8; 4] = [0; 4];

#[test]
fn a_white_icon_becomes_its_outline() {
    // A frame: outside one way round, the hole in it the other.
    let icon = read(&drawn(|x, y| {
        let is_in = (4..16).contains(&x) && (5..25).contains(&y);
        let is_hole = (8..12).contains(&x) && (10..20).contains(&y);
        if is_in && !is_hole { WHITE } else { CLEAR }
    }));
    let icon = icon.unwrap();
    let [stroke] = icon.strokes.as_slice() else {
        panic!("{icon:?}");
    };
    assert_eq!(stroke.fill.unwrap().to_string(), "#ffffff");
    let path = stroke.outline.as_str();
    assert_eq!(path.matches('M').count(), 2, "{path}");
    for corner in ["4 5.5", "4.5 25", "16 24.5", "8 10", "12 20"] {
        let numbers = corner.replace(' ', ".");
        let has = |near: &str| path.replace(['M', 'L', 'z'], " ").contains(near);
        assert!(
            has(corner) || has(&numbers) || path.contains(corner.split(' ').next().unwrap()),
            "{corner}: {path}"
        );
    }
    // 20 × 30 is shown as it is, in the middle of 30 × 30.
    assert!((icon.view_box[0] + 5.0).abs() < 0.01 && (icon.view_box[3] - 30.0).abs() < 0.01);
}

#[test]
fn smooth_edges_lie_between_the_pixels() {
    let icon = read(&drawn(|x, _| match x {
        0..10 => WHITE,
        10 => [255, 255, 255, 191],
        _ => CLEAR,
    }));
    let icon = icon.unwrap();
    let path = icon.strokes[0].outline.as_str();
    // Between the middles of two pixels, 191 of 255 and 0, at the part where it is one half.
    assert!(path.contains("10.8"), "{path}");
}

#[test]
fn colours_stay_apart() {
    let icon = read(&drawn(|x, y| match (x, y) {
        (0..20, 0..20) => [200, 30, 30, 255],
        (5..15, 20..30) => [20, 20, 120, 255],
        _ => CLEAR,
    }));
    let icon = icon.unwrap();
    let colours: Vec<_> = icon
        .strokes
        .iter()
        .map(|it| it.fill.unwrap().to_string())
        .collect();
    assert_eq!(colours, ["#c81e1e", "#141478"]);
}

#[test]
fn large_icons_are_looked_at_in_less_detail() {
    let pixels: Vec<_> = (0..200 * 200)
        .map(|at| if at % 200 < 100 { WHITE } else { CLEAR })
        .collect();
    let icon = read(&file(200, &pixels)).unwrap();
    assert!(icon.strokes[0].outline.as_str().len() < 100, "{icon:?}");
    // 20 of the field's 30 pixels wide.
    assert!((icon.view_box[2] - 50.0 * 1.5).abs() < 0.01, "{icon:?}");
}

#[test]
fn what_is_no_icon_is_none() {
    let noise = |x: i32, y: i32| {
        let at = u32::try_from(x * 31 + y * 17)
            .unwrap()
            .wrapping_mul(2_654_435_761);
        let [a, b, c, d] = at.to_be_bytes();
        [a, b, c, d | 0xc0]
    };
    let whole = drawn(|_, _| WHITE);
    assert!(read(&whole).is_some());
    for cut in 0..whole.len() - 20 {
        assert_eq!(read(&whole[..cut]), None, "{cut}");
    }
    assert_eq!(read(&drawn(|_, _| CLEAR)), None);
    let many: Vec<_> = (0..60 * 60).map(|at| noise(at % 60, at / 60)).collect();
    assert_eq!(read(&file(60, &many)), None, "more outlines than are kept");
    let wide = vec![WHITE; 257];
    assert_eq!(read(&file(257, &wide)), None);
    // A header that names billions of pixels, with none of them behind it.
    let mut vast = whole.clone();
    vast[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    assert_eq!(read(&vast), None);
    assert_eq!(read(&vec![0; super::PNG_MAX_BYTES + 1]), None);
}
