//! One node, group or port as text.

use model::palette::Align;

use crate::picture::{
    icon::Icons,
    shape::{Kind, Shape},
    text::escape,
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
    let x = 10.0 + (w - 20.0) * shape.style.across;
    let y = if shape.style.is_below { h - 8.0 } else { 18.0 };
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

pub(super) fn put_subflow_port(out: &mut String, shape: &Shape) {
    put!(
        out,
        r#"<rect class="rk-body" width="40" height="40" rx="8"/><text class="rk-port-label" x="20" y="24">{}</text>"#,
        escape(&shape.label)
    );
    put_ports(out, shape);
}

pub(super) fn put_node(out: &mut String, shape: &Shape, icons: &Icons<'_>) {
    let (w, h) = (shape.w, shape.h);
    let colour = shape.colour.map(|colour| colour.to_string());
    let colour = colour.as_deref().unwrap_or(shape.looks.colour);
    let is_right = shape.align == Align::Right;
    if shape.has_button {
        let (x, inner) = if is_right {
            (w - 7.0, 11.0)
        } else {
            (-25.0, 5.0)
        };
        put!(
            out,
            r#"<rect class="rk-button" x="{x}" y="2" width="32" height="26" rx="5"/><rect class="rk-button-face" x="{}" y="6" width="16" height="18" rx="4" fill="{colour}"/>"#,
            x + inner
        );
    }
    put!(
        out,
        r#"<rect class="rk-body" width="{w}" height="{h}" rx="5" fill="{colour}"/>"#
    );
    let is_small = shape.kind == Kind::Small;
    let icon_x = if is_right { w - 30.0 } else { 0.0 };
    if !is_small {
        let shade = if is_right {
            format!(
                "M{icon_x} 0h25a5 5 0 0 1 5 5v{}a5 5 0 0 1-5 5h-25z",
                h - 10.0
            )
        } else {
            format!("M5 0h25v{h}H5a5 5 0 0 1-5-5V5a5 5 0 0 1 5-5z")
        };
        put!(out, r#"<path class="rk-shade" d="{shade}"/>"#);
    }
    put_icon(out, shape, icons, icon_x);
    if !is_small {
        let (x, end) = if is_right {
            (w - 38.0, " rk-end")
        } else {
            (38.0, "")
        };
        let label = escape(&shape.label);
        let italic = if shape.style.is_italic {
            " rk-italic"
        } else {
            ""
        };
        put!(
            out,
            r#"<text class="rk-label{end}{italic}" x="{x}" y="{}">{label}</text>"#,
            h / 2.0 + 5.0
        );
    }
    put_ports(out, shape);
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
