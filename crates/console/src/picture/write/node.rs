//! One node, group or port as text.

use model::palette::Align;

use crate::picture::{
    icon::Icons,
    shape::{Button, Kind, PortOf, Shape},
    text::{self, escape},
};

pub(super) fn put_group(out: &mut String, shape: &Shape) {
    let (w, h) = (shape.w, shape.h);
    let fill = shape
        .fill
        .map(|(fill, opacity)| format!(r#" fill="{fill}" fill-opacity="{opacity:.2}""#));
    let stroke = shape
        .colour
        .as_ref()
        .map(|colour| format!(r#" stroke="{colour}""#));
    put!(
        out,
        r#"<rect class="rk-box{}{}" width="{w}" height="{h}" rx="5"{}{}/>"#,
        if fill.is_none() { " rk-plain" } else { "" },
        if stroke.is_none() {
            " rk-unstroked"
        } else {
            ""
        },
        fill.unwrap_or_default(),
        stroke.unwrap_or_default(),
    );
    if shape.label.is_empty() {
        return;
    }
    // As in the editor: beside the edge, above its line.
    let x = 5.0 + (w - 10.0) * shape.style.across;
    let y = if shape.style.is_below { h - 5.0 } else { 15.0 };
    let anchor = match shape.style.across {
        across if across > 0.9 => " rk-end",
        across if across > 0.1 => " rk-middle",
        _ => "",
    };
    put!(
        out,
        r#"<text class="rk-group-label{anchor}" x="{x}" y="{y}">{}</text>"#,
        escape(&shape.label)
    );
}

pub(super) fn put_subflow_port(out: &mut String, shape: &Shape, what: PortOf) {
    let w = shape.w;
    put!(
        out,
        r#"<rect class="rk-body" width="{w}" height="40" rx="8"/>"#
    );
    let mut put = |class: &str, y: u8, text: &str| {
        put!(
            out,
            r#"<text class="rk-port-{class}" x="20" y="{y}">{text}</text>"#
        );
    };
    match what {
        PortOf::Input => put("label", 24, "input"),
        PortOf::Status => put("label", 24, "status"),
        PortOf::Output(place) => {
            put("label", 15, "output");
            put("number", 32, &(place + 1).to_string());
        }
    }
    if !shape.label.is_empty() {
        put!(
            out,
            r#"<path class="rk-edge" d="M40.5 .5v39"/><text class="rk-port-name" x="48" y="25">{}</text>"#,
            escape(&shape.label)
        );
    }
    put_ports(out, shape);
}

pub(super) fn put_node(out: &mut String, shape: &Shape, icons: &Icons<'_>) {
    let (w, h) = (shape.w, shape.h);
    let colour = shape.colour.map(|colour| colour.to_string());
    let colour = colour.as_deref().unwrap_or(shape.looks.colour);
    let is_right = shape.align == Align::Right;
    put_button(out, shape, colour);
    put!(
        out,
        r#"<rect class="rk-body" width="{w}" height="{h}" rx="5" fill="{colour}"/>"#
    );
    let is_small = shape.kind == Kind::Small;
    let icon_x = if is_right { w - 30.0 } else { 0.0 };
    if !is_small {
        let (shade, edge) = if is_right {
            let down = h - 10.0;
            (
                format!("M{icon_x} 0h25a5 5 0 0 1 5 5v{down}a5 5 0 0 1-5 5h-25z"),
                icon_x + 0.5,
            )
        } else {
            (
                format!("M5 0h25v{h}H5a5 5 0 0 1-5-5V5a5 5 0 0 1 5-5z"),
                29.5,
            )
        };
        let side = h - 1.0;
        put!(
            out,
            r#"<path class="rk-shade" d="{shade}"/><path class="rk-edge" d="M{edge} .5v{side}"/>"#
        );
    }
    put_icon(out, shape, icons, icon_x);
    if !is_small {
        let (x, end) = if is_right {
            (w - 38.0, " rk-end")
        } else {
            (38.0, "")
        };
        let italic = if shape.style.is_italic {
            " rk-italic"
        } else {
            ""
        };
        let lines = text::lines(&shape.label);
        #[expect(clippy::cast_precision_loss, reason = "fewer lines than characters")]
        let mut y = h / 2.0 - lines.len() as f64 * 12.0 + 17.0;
        for line in lines {
            put!(
                out,
                r#"<text class="rk-label{end}{italic}" x="{x}" y="{y}">{}</text>"#,
                escape(&line)
            );
            y += 24.0;
        }
    }
    put_ports(out, shape);
}

fn put_button(out: &mut String, shape: &Shape, colour: &str) {
    // One that is off is pressed in, and faint.
    let (pressed, off) = match shape.button {
        Button::None => return,
        Button::There => (0.0, ""),
        Button::Off => (8.0, " rk-off"),
    };
    let (x, inner) = match shape.align {
        Align::Right => (shape.w - 6.0 - pressed, 11.0),
        Align::Left => (-26.0 + pressed, 5.0),
    };
    let face = x + inner;
    put!(
        out,
        r#"<rect class="rk-button" x="{x}" y="2" width="32" height="26" rx="5"/><rect class="rk-button-face{off}" x="{face}" y="6" width="16" height="18" rx="4" fill="{colour}"/>"#
    );
}

/// The package's icon, else a glyph of ours.
fn put_icon(out: &mut String, shape: &Shape, icons: &Icons<'_>, x: f64) {
    let y = shape.h / 2.0 - 15.0;
    let icon = shape.icon.as_deref();
    if let Some(icon) = icon.and_then(|name| icons.element(name, x, y)) {
        out.push_str(&icon);
        return;
    }
    let is_pale = shape.colour.is_some_and(|it| it.luminance() > 0.7);
    let is_dark =
        is_pale || (shape.colour.is_none() && matches!(shape.looks.colour, "#ffffff" | "#dddddd"));
    let dark = if is_dark { " rk-dark" } else { "" };
    put!(
        out,
        r#"<path class="rk-glyph{dark}" transform="translate({x} {y})" d="{}"/>"#,
        shape.looks.glyph
    );
}

fn put_ports(out: &mut String, shape: &Shape) {
    let mut port = |x: f64, y: f64| {
        put!(
            out,
            r#"<rect class="rk-port" x="{x}" y="{y}" width="10" height="10" rx="3"/>"#
        );
    };
    if shape.has_input {
        port(-5.0, shape.h / 2.0 - 5.0);
    }
    for output in 0..shape.outputs {
        let (_, y) = shape.output(output);
        port(shape.w - 5.0, y - shape.y + shape.h / 2.0 - 5.0);
    }
}
