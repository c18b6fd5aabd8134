//! A node as it is drawn: where, how large, in which colours.

use model::flow::NodeRef;
use serde_json::{Map, Value};

use super::{
    palette::{self, Looks},
    text,
};

/// Characters of a label; the editor shows all, which a hostile flow could make endless.
const LABEL_MAX: usize = 60;

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
    Port,
}

/// A node in the picture. `x` and `y` are its middle, a group's too.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    pub(super) id: String,
    pub(super) node_type: String,
    pub(super) kind: Kind,
    pub(super) label: String,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) w: f64,
    pub(super) h: f64,
    pub(super) outputs: usize,
    pub(super) has_input: bool,
    pub(super) is_disabled: bool,
    pub(super) looks: Looks,
    /// The colour the flow itself gives (groups, subflows).
    pub(super) colour: Option<String>,
    pub(super) fill: Option<String>,
}

/// A coordinate that can be drawn. The editor's canvas ends at 8000; what a flow places far outside
/// is drawn near its edge, lest one far node make all others too small to see.
pub(super) fn place(value: Option<&Value>) -> f64 {
    value
        .and_then(Value::as_f64)
        .unwrap_or(0.0)
        .clamp(-500.0, 8_500.0)
}

impl Shape {
    /// The shape of `node`, `subflow` the template it is an instance of.
    pub(super) fn of(node: NodeRef<'_>, subflow: Option<NodeRef<'_>>) -> Self {
        let all = node.properties();
        let outputs = outputs(&all);
        let kind = kind(node.kind(), &all);
        let label = text::cut(&label(node, &all, subflow), LABEL_MAX);
        let has_input = has_input(node.kind(), subflow);
        let (w, h) = size(kind, &label, outputs, has_input, &all);
        let (mut x, mut y) = (place(all.get("x")), place(all.get("y")));
        if kind == Kind::Group {
            (x, y) = (x + w / 2.0, y + h / 2.0);
        }
        let style = |key: &str| {
            let value = all
                .get("style")
                .and_then(|style| style.get(key))
                .and_then(Value::as_str);
            value.and_then(palette::colour).map(str::to_owned)
        };
        let own = subflow.map(|subflow| subflow.properties());
        let own = own
            .as_ref()
            .and_then(|all| all.get("color"))
            .and_then(Value::as_str);
        Self {
            id: node.id().to_owned(),
            node_type: node.kind().to_owned(),
            kind,
            label,
            x,
            y,
            w,
            h,
            outputs: if kind == Kind::Junction { 1 } else { outputs },
            has_input,
            is_disabled: all.get("d") == Some(&Value::Bool(true)),
            looks: palette::looks(node.kind()),
            colour: own
                .and_then(palette::colour)
                .map(str::to_owned)
                .or_else(|| style("stroke")),
            fill: style("fill"),
        }
    }

    /// A subflow's own port.
    pub(super) fn port(id: String, label: String, at: &Value, is_input: bool) -> Self {
        Self {
            id,
            node_type: "port".to_owned(),
            kind: Kind::Port,
            label,
            x: place(at.get("x")),
            y: place(at.get("y")),
            w: 40.0,
            h: 40.0,
            outputs: usize::from(is_input),
            has_input: !is_input,
            is_disabled: false,
            looks: palette::looks(""),
            colour: None,
            fill: None,
        }
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

fn outputs(all: &Map<String, Value>) -> usize {
    let wired = all
        .get("wires")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    wired.min(100)
}

fn has_input(node_type: &str, subflow: Option<NodeRef<'_>>) -> bool {
    if let Some(subflow) = subflow {
        let all = subflow.properties();
        return all
            .get("in")
            .and_then(Value::as_array)
            .is_some_and(|ports| !ports.is_empty());
    }
    let is_source = matches!(
        node_type,
        "inject" | "catch" | "status" | "complete" | "comment" | "group"
    );
    !is_source && (node_type == "file in" || !node_type.ends_with(" in"))
}

#[expect(clippy::cast_precision_loss, reason = "outputs are at most a hundred")]
fn size(
    kind: Kind,
    label: &str,
    outputs: usize,
    has_input: bool,
    all: &Map<String, Value>,
) -> (f64, f64) {
    let height = f64::max(30.0, outputs as f64 * 15.0);
    let side = |key: &str| place(all.get(key)).max(40.0);
    match kind {
        Kind::Group => (side("w"), side("h")),
        Kind::Junction => (10.0, 10.0),
        Kind::Small => (30.0, height),
        Kind::Port => (40.0, 40.0),
        Kind::Node | Kind::Comment => {
            let text = text::width(label) + 50.0 + if has_input { 7.0 } else { 0.0 };
            (((text / 20.0).ceil() * 20.0).max(100.0), height)
        }
    }
}

/// The label the editor would show: the name, else what the type's own definition falls back on.
fn label(node: NodeRef<'_>, all: &Map<String, Value>, subflow: Option<NodeRef<'_>>) -> String {
    let word = |key: &str| {
        let text = all.get(key).and_then(Value::as_str).map(str::trim);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    if let Some(name) = word("name").or_else(|| word("label")) {
        return name;
    }
    if node.kind() == "group" {
        return String::new();
    }
    let fallback = match node.kind() {
        "inject" => match word("payloadType").as_deref() {
            Some("date") | None => Some("timestamp".to_owned()),
            _ => word("payload"),
        },
        "debug" => match word("complete").filter(|it| it != "false") {
            Some(whole) if whole == "true" => Some("msg".to_owned()),
            Some(part) => Some(format!("msg.{part}")),
            None => Some("msg.payload".to_owned()),
        },
        "mqtt in" | "mqtt out" => word("topic").or(Some("mqtt".to_owned())),
        "http in" => word("url").map(|url| {
            format!(
                "[{}] {url}",
                word("method").unwrap_or_else(|| "get".to_owned())
            )
        }),
        "http response" => Some("http".to_owned()),
        "file" | "file in" => word("filename"),
        "exec" => word("command"),
        "rbe" => Some("filter".to_owned()),
        _ => None,
    };
    let template = subflow.map(|subflow| subflow.label());
    fallback
        .or(template)
        .unwrap_or_else(|| node.kind().to_owned())
}
