//! A package's icon stays in its field.

use model::palette::{Colour, Icon, Label, NodeType, Outline, Stroke};

use super::*;

/// An icon of one white outline.
fn white(outline: &str) -> Icon {
    Icon {
        view_box: [0.0, 0.0, 40.0, 60.0],
        strokes: vec![Stroke {
            outline: Outline::read(outline).unwrap(),
            fill: Colour::read("#fff"),
            line: None,
            matrix: [1.0, 0.0, 0.0, 1.0, 0.0, 0.0],
        }],
    }
}

/// A changed function, and after it a changed node with that icon: the picture, and as PNG.
fn behind(icon: Icon) -> (String, Vec<u8>) {
    let mut palette = Palette::default();
    palette.icons.insert("evil/evil.svg".to_owned(), icon);
    let evil = NodeType {
        module: "evil".to_owned(),
        icon: Some(Label::Text("evil.svg".to_owned())),
        ..NodeType::default()
    };
    palette.types.insert("evil".to_owned(), evil);
    let flow = |func: &str| {
        nodes(&json!([{"id": "t", "type": "tab"},
            {"id": "f", "type": "function", "z": "t", "func": func, "x": 200, "y": 100, "wires": []},
            {"id": "e", "type": "evil", "z": "t", "name": "e", "p": func, "x": 400, "y": 200, "wires": []}]))
    };
    let (before, after) = (flow("return 1"), flow("return 2"));
    let diff = compare(&before, &after);
    let view = View {
        labels: Labels::Shown,
        before: Some(&before),
        after: Some(&after),
        tab: "t",
        diff: &diff,
        mode: Mode::Overlay,
        palette: &palette,
        focus: &[],
        at: None,
        zoom: Some(Zoom::Whole),
        href: &|_| None,
    };
    (draw(&view), png(&view, &Raster::default()).unwrap())
}

#[test]
fn an_icon_cannot_hide_a_change() {
    let (svg, file) = behind(white("M-9999 -9999h99999v99999h-99999z"));
    assert_well_formed(&svg);
    assert!(svg.contains(CUT_OFF), "{svg}");
    let change = |file: &[u8]| {
        let (.., colours) = raster::pixels(file);
        let is_outline = |it: &&[u8; 3]| **it == [0x8a, 0x5a, 0x00];
        colours.iter().filter(is_outline).count()
    };
    let (_, plain) = behind(white("M-20 0h80v60h-80z"));
    assert!(change(&plain) > 200, "{}", change(&plain));
    assert_eq!(change(&file), change(&plain));
}

const CUT_OFF: &str = r#"<clipPath id="rk-field"><rect width="30" height="30"/></clipPath><g id="rk-i0" clip-path="url(#rk-field)">"#;
