//! Hygiene: what works today and fails silently tomorrow.

use model::flow::finding::Severity::{Note, Warning};

use super::{Example, Rule};

pub(crate) static MISSING_TYPE: Rule = Rule {
    name: "missing-type",
    severity: Warning,
    what: "A node is of a type that is not installed.",
    why: "Node-RED starts no flow at all while a type is missing.",
    fires: Example::new(r#"{"type": "not-installed"}"#),
    quiet: Example::new(r#"{"type": "debug"}"#),
};

pub(crate) static WIRE_TO_NOTHING: Rule = Rule {
    name: "wire-to-nothing",
    severity: Note,
    what: "A wire leads to a node that does not exist.",
    why: "What is sent there goes nowhere, and the editor does not show it.",
    fires: Example::new(r#"{"type": "inject", "wires": [["gone"]]}"#),
    quiet: Example::new(
        r#"[{"type": "inject", "wires": [["there"]]}, {"id": "there", "type": "debug"}]"#,
    ),
};

pub(crate) static UNUSED_CONFIG: Rule = Rule {
    name: "unused-config",
    severity: Note,
    what: "A config node that comes or changes is used by no node, or one that stays loses its last user.",
    why: "It may still connect, and it keeps its credentials.",
    fires: Example::change(
        r#"[{"id": "b", "type": "mqtt-broker", "name": "old"}, {"id": "n", "type": "mqtt in", "broker": "b", "topic": "t"}]"#,
        r#"[{"id": "b", "type": "mqtt-broker", "name": "old"}]"#,
    ),
    quiet: Example::new(
        r#"[{"id": "b", "type": "mqtt-broker", "name": "live"}, {"type": "mqtt in", "broker": "b", "topic": "t"}]"#,
    ),
};

pub(crate) static UNCAUGHT: Rule = Rule {
    name: "uncaught",
    severity: Note,
    what: "A node that runs commands or asks over HTTP comes or changes, and no catch node hears its errors.",
    why: "When it fails, nothing happens, and only the log knows.",
    fires: Example::new(
        r#"[{"id": "t", "type": "tab"}, {"type": "http request", "url": "http://localhost/", "z": "t"}]"#,
    ),
    quiet: Example::new(
        r#"[{"id": "t", "type": "tab"}, {"type": "http request", "url": "http://localhost/", "z": "t"},
{"id": "c", "type": "catch", "scope": null, "z": "t"}]"#,
    ),
};

pub(crate) static UNANSWERED: Rule = Rule {
    name: "http-in-unanswered",
    severity: Warning,
    what: "An HTTP endpoint reaches no node that answers.",
    why: "Whoever asks waits until the connection times out, and each request stays open.",
    fires: Example::new(r#"{"type": "http in", "url": "/x", "method": "get", "wires": [[]]}"#),
    quiet: Example::new(
        r#"[{"type": "http in", "url": "/x", "method": "get", "wires": [["r"]]}, {"id": "r", "type": "http response"}]"#,
    ),
};

pub(crate) static SAME_ENDPOINT: Rule = Rule {
    name: "http-in-twice",
    severity: Warning,
    what: "Two HTTP endpoints have the same method and path.",
    why: "Only one of them is ever asked; which one depends on the order in the file.",
    fires: Example::new(
        r#"[{"id": "a", "type": "http in", "url": "/x", "method": "get"}, {"id": "b", "type": "http in", "url": "x", "method": "get"}]"#,
    ),
    quiet: Example::new(
        r#"[{"id": "a", "type": "http in", "url": "/x", "method": "get"}, {"id": "b", "type": "http in", "url": "/x", "method": "put"}]"#,
    ),
};

pub(crate) static RULES: [&Rule; 6] = [
    &MISSING_TYPE,
    &UNANSWERED,
    &SAME_ENDPOINT,
    &UNCAUGHT,
    &WIRE_TO_NOTHING,
    &UNUSED_CONFIG,
];
