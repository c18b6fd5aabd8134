//! A node as it is drawn: where, how large, in which colours.

use model::{
    flow::NodeRef,
    palette::{Align, Colour, NodeType, Palette},
};
use serde_json::{Map, Value};

use super::{
    Labels,
    area::Area,
    label,
    palette::{self, Looks},
    spot, text,
};

/// Characters of a label; the editor shows all, which a hostile flow could make endless.
const LABEL_MAX: usize = 120;

/// How a node is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Node,
    /// Without its label: link nodes, and nodes whose label is switched off.
    Small,
    Junction,
    Comment,
    Group,
    /// A subflow's own input, output or status.
    Port(PortOf),
}

/// A node in the picture. `x` and `y` are its middle, a group's too.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) id: String,
    pub(super) node_type: String,
    pub(super) kind: Kind,
    /// What stands on it: the lines, one after the other.
    pub(super) label: String,
    /// How the label stands.
    pub(super) style: Style,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) w: f64,
    pub(super) h: f64,
    pub(super) outputs: usize,
    pub(super) has_input: bool,
    pub(super) is_disabled: bool,
    pub(super) button: Button,
    /// The side the icon is on.
    pub(super) align: Align,
    /// The looks where the palette has none.
    pub(super) looks: Looks,
    /// The icon's name in the palette.
    pub(super) icon: Option<String>,
    /// The colour: a node's, or a group's line.
    pub(super) colour: Option<Colour>,
    /// A group's own fill, and how much of it.
    pub(super) fill: Option<(Colour, f64)>,
}

/// Which of a subflow's own ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PortOf {
    Input,
    /// Counted from 0.
    Output(usize),
    Status,
}

/// The button at a node's side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Button {
    None,
    There,
    /// Pressed in: what it turns on is off.
    Off,
}

/// What instances take from their subflow.
#[derive(Debug)]
pub(super) struct Template {
    all: Map<String, Value>,
    label: String,
}

impl Template {
    pub(super) fn of(subflow: NodeRef<'_>) -> Self {
        Self {
            all: subflow.properties(),
            label: subflow.label(),
        }
    }
}

/// How a label stands.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Style {
    pub(super) is_italic: bool,
    /// Of a group: at which side, from 0 (left) to 1 (right).
    pub(super) across: f64,
    /// Of a group: whether at its foot.
    pub(super) is_below: bool,
}

impl Style {
    fn of(all: &Map<String, Value>, known: Option<&NodeType>) -> Self {
        let class = known.and_then(|it| it.label_style.as_ref()?.of(all));
        let position = all
            .get("style")
            .and_then(|it| it.get("label-position")?.as_str());
        let position = position.unwrap_or("nw");
        Self {
            is_italic: class.is_some_and(|class| class.contains("italic")),
            across: match position {
                "n" | "s" => 0.5,
                "ne" | "se" => 1.0,
                _ => 0.0,
            },
            is_below: position.starts_with('s'),
        }
    }
}

fn place(value: Option<&Value>) -> f64 {
    spot::clamp(value.and_then(Value::as_f64).unwrap_or(0.0))
}

impl Shape {
    /// The shape of `node`, `template` what it is an instance of.
    pub(super) fn of(
        node: NodeRef<'_>,
        template: Option<&Template>,
        known: &Palette,
        labels: Labels,
    ) -> Self {
        let all = node.properties();
        let name = template.map(|template| template.label.as_str());
        let template = template.map(|template| &template.all);
        let node_type = known.get(node.kind());
        let ports = Ports::of(node.kind(), &all, template, node_type);
        let kind = kind(node.kind(), &all);
        let label = label::of(node, &all, name, node_type, labels);
        let label = text::cut(&label, LABEL_MAX);
        let (w, h) = size(kind, &label, &ports, &all);
        let (mut x, mut y) = (place(all.get("x")), place(all.get("y")));
        if kind == Kind::Group {
            (x, y) = (x + w / 2.0, y + h / 2.0);
        }
        let style = |key: &str| all.get("style").and_then(|style| style.get(key));
        let style_colour = |key: &str| Colour::read(style(key)?.as_str()?);
        let own = template.and_then(|all| all.get("color")?.as_str());
        let colour = match kind {
            Kind::Group => style_colour("stroke"),
            _ => own
                .and_then(Colour::read)
                .or(node_type.and_then(|it| it.colour)),
        };
        // Numbers stand in texts here as often as not.
        let opacity = style("fill-opacity").map(ToString::to_string);
        let opacity = opacity.and_then(|it| it.trim_matches('"').parse::<f64>().ok());
        let opacity = opacity.filter(|it| (0.0..=1.0).contains(it)).unwrap_or(1.0);
        let is_unnamed = kind == Kind::Group && style("label") == Some(&Value::Bool(false));
        Self {
            id: node.id().to_owned(),
            node_type: node.kind().to_owned(),
            kind,
            label: if is_unnamed { String::new() } else { label },
            style: Style::of(&all, node_type),
            x,
            y,
            w,
            h,
            outputs: if kind == Kind::Junction {
                1
            } else {
                ports.outputs
            },
            has_input: ports.has_input,
            is_disabled: all.get("d") == Some(&Value::Bool(true)),
            button: button(node.kind(), &all, node_type),
            align: align(node.kind(), &ports, node_type),
            looks: palette::looks(node.kind()),
            icon: icon(&all, template, node_type, known),
            colour,
            fill: style_colour("fill").map(|fill| (fill, opacity)),
        }
    }

    /// A subflow's own port, which may have a name.
    pub(super) fn port(id: String, what: PortOf, name: &str, at: &Value) -> Self {
        let label = text::cut(name.trim(), LABEL_MAX);
        let wide = if label.is_empty() {
            40.0
        } else {
            ((text::width(&label) + 57.0) / 20.0).ceil() * 20.0
        };
        let is_input = what == PortOf::Input;
        Self {
            id,
            node_type: "port".to_owned(),
            kind: Kind::Port(what),
            label,
            style: Style::default(),
            // The name goes to the right of what has its place.
            x: place(at.get("x")) + (wide - 40.0) / 2.0,
            y: place(at.get("y")),
            w: wide,
            h: 40.0,
            outputs: usize::from(is_input),
            has_input: !is_input,
            is_disabled: false,
            button: Button::None,
            align: Align::Left,
            looks: palette::looks(""),
            icon: None,
            colour: None,
            fill: None,
        }
    }

    /// Where it is.
    pub(super) fn area(&self) -> Area {
        Area::around(self.x, self.y, self.w, self.h)
    }

    /// Where wires from output `port` begin.
    #[expect(
        clippy::cast_precision_loss,
        reason = "ports are few, and drawn ones fewer"
    )]
    pub(super) fn output(&self, port: usize) -> (f64, f64) {
        let (port, outputs) = (port.min(1_000) as f64, self.outputs.clamp(1, 1_000) as f64);
        let reach = if self.kind == Kind::Junction {
            0.0
        } else {
            self.w / 2.0
        };
        (
            self.x + reach,
            self.y - (outputs - 1.0) / 2.0 * 13.0 + 13.0 * port,
        )
    }

    /// Where wires to it end.
    pub(super) fn input(&self) -> (f64, f64) {
        let reach = if self.kind == Kind::Junction {
            0.0
        } else {
            self.w / 2.0
        };
        (self.x - reach, self.y)
    }
}

fn kind(node_type: &str, all: &Map<String, Value>) -> Kind {
    let shown = all.get("l").and_then(Value::as_bool);
    match node_type {
        "group" => Kind::Group,
        "junction" => Kind::Junction,
        "comment" => Kind::Comment,
        "link in" | "link out" if shown != Some(true) => Kind::Small,
        _ if shown == Some(false) => Kind::Small,
        _ => Kind::Node,
    }
}

/// The ports of a node.
struct Ports {
    has_input: bool,
    outputs: usize,
}

impl Ports {
    /// An instance has its template's. Else the node's own property counts where its type has one
    /// (a function's outputs), then what the type says, then what is wired.
    fn of(
        node_type: &str,
        all: &Map<String, Value>,
        template: Option<&Map<String, Value>>,
        known: Option<&NodeType>,
    ) -> Self {
        let length = |value: Option<&Value>| value.and_then(Value::as_array).map_or(0, Vec::len);
        let wired = length(all.get("wires"));
        let (inputs, outputs) = match (template, known) {
            (Some(template), _) => (length(template.get("in")), length(template.get("out"))),
            (None, Some(known)) => {
                let own = |key: &str, otherwise: u32| {
                    let value = all.get(key).filter(|_| known.defaults.contains_key(key));
                    let value = value.and_then(Value::as_u64).unwrap_or(otherwise.into());
                    usize::try_from(value).unwrap_or(0)
                };
                (own("inputs", known.inputs), own("outputs", known.outputs))
            }
            (None, None) => (usize::from(has_input(node_type)), wired),
        };
        Self {
            has_input: inputs > 0,
            outputs: outputs.min(100),
        }
    }
}

/// Whether a type has an input, by its name, where nothing is known of it.
fn has_input(node_type: &str) -> bool {
    let is_source = matches!(
        node_type,
        "inject" | "catch" | "status" | "complete" | "comment" | "group"
    );
    !is_source && (node_type == "file in" || !node_type.ends_with(" in"))
}

fn button(node_type: &str, all: &Map<String, Value>, known: Option<&NodeType>) -> Button {
    let is_there = known.map_or(matches!(node_type, "inject" | "debug"), |it| it.has_button);
    // The one of Node-RED's own nodes whose button is a switch.
    let is_off = node_type == "debug" && all.get("active") == Some(&Value::Bool(false));
    match (is_there, is_off) {
        (false, _) => Button::None,
        (true, false) => Button::There,
        (true, true) => Button::Off,
    }
}

/// On the right where the type says so, and where nothing leaves the node to the right.
fn align(node_type: &str, ports: &Ports, known: Option<&NodeType>) -> Align {
    let by_name = match node_type {
        "debug" | "link out" | "mqtt out" | "http response" | "websocket out" | "tcp out"
        | "udp out" => Align::Right,
        _ => Align::Left,
    };
    let is_end = known.is_some() && ports.has_input && ports.outputs == 0;
    if is_end {
        return Align::Right;
    }
    known.map_or(by_name, |it| it.align)
}

/// The icon: the one chosen for the node or its template, else its type's.
fn icon(
    all: &Map<String, Value>,
    template: Option<&Map<String, Value>>,
    known: Option<&NodeType>,
    palette: &Palette,
) -> Option<String> {
    let chosen = |all: &Map<String, Value>| {
        let name = all.get("icon")?.as_str()?;
        let (found, _) = palette.icon("node-red", name)?;
        Some(found.to_owned())
    };
    let of_type = || {
        let known = known?;
        let name = known.icon.as_ref()?.of(all)?;
        let (found, _) = palette.icon(&known.module, &name)?;
        Some(found.to_owned())
    };
    let of_subflow = || Some(palette.icon("node-red", "subflow.svg")?.0.to_owned());
    let template_icon = || chosen(template?).or_else(of_subflow);
    chosen(all).or_else(template_icon).or_else(of_type)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "outputs are at most a hundred, lines fewer than characters"
)]
fn size(kind: Kind, label: &str, ports: &Ports, all: &Map<String, Value>) -> (f64, f64) {
    let height = f64::max(30.0, ports.outputs as f64 * 15.0);
    let side = |key: &str| place(all.get(key)).max(40.0);
    match kind {
        Kind::Group => (side("w"), side("h")),
        Kind::Junction => (10.0, 10.0),
        Kind::Small => (30.0, height),
        Kind::Port(_) => (40.0, 40.0),
        Kind::Node | Kind::Comment => {
            let lines = text::lines(label);
            let widths = lines.iter().map(|line| text::width(line));
            let wide = widths.fold(0.0, f64::max) + 50.0 + if ports.has_input { 7.0 } else { 0.0 };
            let tall = 6.0 + 24.0 * lines.len() as f64;
            (((wide / 20.0).ceil() * 20.0).max(100.0), height.max(tall))
        }
    }
}
