//! The palette of the real trees.

use model::{
    instance::NodeRedMajor,
    palette::{Align, NodeType, Palette},
};

use crate::house::tree;

/// (type, colour, inputs, outputs, icon), as Node-RED's editor shows them.
const CORE: &[(&str, &str, u32, u32, &str)] = &[
    ("inject", "#a6bbcf", 0, 1, "inject.svg"),
    ("debug", "#87a980", 1, 0, "debug.svg"),
    ("complete", "#c0edc0", 0, 1, "alert.svg"),
    ("catch", "#e49191", 0, 1, "alert.svg"),
    ("status", "#94c1d0", 0, 1, "status.svg"),
    ("link in", "#dddddd", 0, 1, "link-out.svg"),
    ("link call", "#dddddd", 1, 1, "link-call.svg"),
    ("link out", "#dddddd", 1, 0, "link-out.svg"),
    ("comment", "#ffffff", 0, 0, "comment.svg"),
    ("function", "#fdd0a2", 1, 1, "function.svg"),
    ("switch", "#e2d96e", 1, 1, "switch.svg"),
    ("change", "#e2d96e", 1, 1, "swap.svg"),
    ("range", "#e2d96e", 1, 1, "range.svg"),
    ("template", "#f3b567", 1, 1, "template.svg"),
    ("delay", "#e6e0f8", 1, 1, "timer.svg"),
    ("trigger", "#e6e0f8", 1, 1, "trigger.svg"),
    ("exec", "#e9967a", 1, 3, "cog.svg"),
    ("mqtt in", "#d8bfd8", 0, 1, "bridge.svg"),
    ("mqtt out", "#d8bfd8", 1, 0, "bridge.svg"),
    ("http in", "#e7e7ae", 0, 1, "white-globe.svg"),
    ("http response", "#e7e7ae", 1, 0, "white-globe.svg"),
    ("http request", "#e7e7ae", 1, 1, "white-globe.svg"),
    ("websocket in", "#d7d7a0", 0, 1, "white-globe.svg"),
    ("tcp out", "#c0c0c0", 1, 0, "bridge-dash.svg"),
    ("udp in", "#c0c0c0", 0, 1, "bridge-dash.svg"),
    ("csv", "#debd5c", 1, 1, "parser-csv.svg"),
    ("join", "#e2d96e", 1, 1, "join.svg"),
    ("file in", "#deb887", 1, 1, "file-in.svg"),
    ("watch", "#deb887", 0, 1, "watch.svg"),
];

const CONFIGS: &[&str] = &[
    "mqtt-broker",
    "tls-config",
    "http proxy",
    "websocket-listener",
    "websocket-client",
    "global-config",
];

pub(crate) async fn is_read(major: NodeRedMajor) {
    let tree = tree(major).await;
    let palette = runtime::palette::read(&tree.modules_dir());
    for (name, colour, inputs, outputs, icon) in CORE {
        let its = node_type(&palette, name);
        assert_eq!(its.module, "node-red", "{name}");
        assert_eq!(its.colour.unwrap().to_string(), *colour, "{name}");
        assert_eq!((its.inputs, its.outputs), (*inputs, *outputs), "{name}");
        let nothing = serde_json::Map::new();
        let its_icon = its.icon.as_ref().unwrap().of(&nothing);
        assert_eq!(its_icon.as_deref(), Some(*icon), "{name}");
        assert!(!its.is_config, "{name}");
    }
    for name in CONFIGS {
        assert!(node_type(&palette, name).is_config, "{name}");
    }
    let version = node_type(&palette, "inject").version.as_deref();
    assert_eq!(version, Some(tree.node_red_version()));
    has_sides_and_buttons(&palette);
    has_labels(&palette);
    has_properties(&palette);
}

fn node_type<'a>(palette: &'a Palette, name: &str) -> &'a NodeType {
    palette.get(name).unwrap_or_else(|| panic!("no {name}"))
}

fn has_sides_and_buttons(palette: &Palette) {
    for (name, align, has_button) in [
        ("inject", Align::Left, true),
        ("debug", Align::Right, true),
        ("mqtt out", Align::Right, false),
        ("function", Align::Left, false),
    ] {
        let its = node_type(palette, name);
        assert_eq!((its.align, its.has_button), (align, has_button), "{name}");
    }
}

fn has_labels(palette: &Palette) {
    for (name, node, label) in [
        ("function", r#"{"name": ""}"#, ""),
        ("function", r#"{"name": "Scale"}"#, "Scale"),
        ("debug", r#"{"complete": "false"}"#, "msg.payload"),
        (
            "debug",
            r#"{"complete": "true", "console": true}"#,
            "msg\t⇲",
        ),
        ("inject", r#"{"name": "tick", "repeat": "5"}"#, "tick\t↻"),
        ("mqtt in", r#"{"topic": "a/b"}"#, "a/b"),
        (
            "mqtt in",
            r#"{"topic": "a", "topicType": "dynamic"}"#,
            "mqtt",
        ),
        ("complete", r#"{"scope": ["a", "b"]}"#, "complete: 2"),
        ("catch", r#"{"scope": null}"#, "catch: all"),
        ("exec", r#"{"name": "restart pump"}"#, "restart pump"),
        ("tcp in", r#"{"host": "plc", "port": 502}"#, "tcp:plc:502"),
        (
            "delay",
            r#"{"pauseType": "delay", "timeout": "5", "timeoutUnits": "seconds"}"#,
            "delay 5s",
        ),
        ("join", r#"{"mode": "custom", "count": "4"}"#, "join 4"),
        (
            "file in",
            r#"{"filename": "a.txt", "filenameType": "str"}"#,
            "a.txt",
        ),
    ] {
        let properties: serde_json::Map<_, _> = serde_json::from_str(node).unwrap();
        let its = node_type(palette, name).label.as_ref().unwrap();
        assert_eq!(
            its.of(&properties).as_deref(),
            Some(label),
            "{name} {node}: {its:?}"
        );
    }
}

fn has_properties(palette: &Palette) {
    use model::palette::CredentialKind::{Password, Text};
    let broker = node_type(palette, "mqtt-broker");
    assert_eq!(broker.defaults["port"].value, Some(1883.into()));
    assert_eq!(broker.credentials["user"], Text);
    assert_eq!(broker.credentials["password"], Password);
    let mqtt_in = node_type(palette, "mqtt in");
    assert!(mqtt_in.defaults["broker"].is_required);
    let config = mqtt_in.defaults["broker"].config.as_deref();
    assert_eq!(config, Some("mqtt-broker"));
    let outputs = &node_type(palette, "function").defaults["outputs"];
    assert_eq!(outputs.value, Some(1.into()));
}
