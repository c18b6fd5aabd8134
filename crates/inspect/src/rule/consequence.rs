//! Consequence: which inputs reach which outputs, before and after.

use model::flow::finding::Severity::{Danger, Note, Warning};

use super::{Example, Rule};

pub(crate) static ALARM_LOST: Rule = Rule {
    name: "alarm-unreached",
    severity: Danger,
    what: "Nothing reaches an output any more that is called an alarm, or that tells people something.",
    why: "The alarm will not come, and nothing says so.",
    fires: Example::change(
        r#"[{"id": "in", "type": "mqtt in", "wires": [["f"]]}, {"id": "f", "type": "switch", "wires": [["al"]]},
{"id": "al", "type": "mqtt out", "name": "Alarm: level", "wires": []}]"#,
        r#"[{"id": "in", "type": "mqtt in", "wires": [["f"]]}, {"id": "f", "type": "switch", "wires": [[]]},
{"id": "al", "type": "mqtt out", "name": "Alarm: level", "wires": []}]"#,
    ),
    quiet: Example::change(
        r#"[{"id": "in", "type": "mqtt in", "wires": [["f", "al"]]}, {"id": "f", "type": "switch", "wires": [["al"]]},
{"id": "al", "type": "mqtt out", "name": "Alarm: level", "wires": []}]"#,
        r#"[{"id": "in", "type": "mqtt in", "wires": [["f", "al"]]}, {"id": "f", "type": "switch", "wires": [[]]},
{"id": "al", "type": "mqtt out", "name": "Alarm: level", "wires": []}]"#,
    ),
};

pub(crate) static OUTPUT_LOST: Rule = Rule {
    name: "output-unreached",
    severity: Warning,
    what: "Nothing reaches an output any more.",
    why: "What it did until now will not happen.",
    fires: Example::change(
        r#"[{"id": "in", "type": "inject", "wires": [["l"]]}, {"id": "l", "type": "link out", "mode": "link", "links": ["k"], "wires": []},
{"id": "k", "type": "link in", "links": ["l"], "wires": [["out"]]}, {"id": "out", "type": "mqtt out", "name": "Pump", "wires": []}]"#,
        r#"[{"id": "in", "type": "inject", "wires": [["l"]]}, {"id": "l", "type": "link out", "mode": "link", "links": [], "wires": []},
{"id": "k", "type": "link in", "links": [], "wires": [["out"]]}, {"id": "out", "type": "mqtt out", "name": "Pump", "wires": []}]"#,
    ),
    quiet: Example::change(
        r#"[{"id": "in", "type": "inject", "wires": [["d"]]}, {"id": "d", "type": "debug"}]"#,
        r#"[{"id": "in", "type": "inject", "wires": [[]]}, {"id": "d", "type": "debug"}]"#,
    ),
};

pub(crate) static NEW_WAY: Rule = Rule {
    name: "new-way",
    severity: Note,
    what: "An input reaches an output it did not reach before, over wires, links and subflows.",
    why: "The output now also depends on it.",
    fires: Example::change(
        r#"[{"id": "in", "type": "inject", "name": "Test", "wires": [[]]}, {"id": "out", "type": "mqtt out", "name": "Pump"}]"#,
        r#"[{"id": "in", "type": "inject", "name": "Test", "wires": [["out"]]}, {"id": "out", "type": "mqtt out", "name": "Pump"}]"#,
    ),
    quiet: Example::change(
        r#"[{"id": "in", "type": "inject", "name": "Test", "wires": [["out"]]}, {"id": "out", "type": "mqtt out", "name": "Pump"}]"#,
        r#"[{"id": "in", "type": "inject", "name": "Test", "wires": [["out", "d"]]}, {"id": "d", "type": "debug"}, {"id": "out", "type": "mqtt out", "name": "Pump"}]"#,
    ),
};

pub(crate) static WIRES_CUT: Rule = Rule {
    name: "wires-cut",
    severity: Note,
    what: "A node goes, and an output of another that was wired to it is wired to nothing now.",
    why: "What it sent there goes nowhere.",
    fires: Example::change(
        r#"[{"id": "a", "type": "inject", "wires": [["n"]]}, {"id": "n", "type": "change"}]"#,
        r#"[{"id": "a", "type": "inject", "wires": [["n"]]}]"#,
    ),
    quiet: Example::change(
        r#"[{"id": "a", "type": "inject", "wires": [["n"]]}, {"id": "n", "type": "change"}, {"id": "m", "type": "change"}]"#,
        r#"[{"id": "a", "type": "inject", "wires": [["m"]]}, {"id": "m", "type": "change"}]"#,
    ),
};

pub(crate) static CONTEXT_UNSET: Rule = Rule {
    name: "context-unset",
    severity: Warning,
    what: "Nothing sets a name in flow or global context any more that other nodes read.",
    why: "They go on with what was set last, or with nothing, and no wire shows it.",
    fires: Example::change(
        r#"[{"id": "a", "type": "change", "rules": [{"t": "set", "p": "limit", "pt": "global", "to": "5", "tot": "num"}], "wires": []},
{"id": "b", "type": "function", "name": "Guard", "func": "return msg.payload > global.get('limit') ? msg : null;", "wires": []}]"#,
        r#"[{"id": "b", "type": "function", "name": "Guard", "func": "return msg.payload > global.get('limit') ? msg : null;", "wires": []}]"#,
    ),
    quiet: Example::change(
        r#"[{"id": "a", "type": "change", "rules": [{"t": "set", "p": "limit", "pt": "global", "to": "5", "tot": "num"}], "wires": []},
{"id": "b", "type": "function", "name": "Guard", "func": "global.set('limit', 7); return msg.payload > global.get('limit') ? msg : null;", "wires": []}]"#,
        r#"[{"id": "b", "type": "function", "name": "Guard", "func": "global.set('limit', 7); return msg.payload > global.get('limit') ? msg : null;", "wires": []}]"#,
    ),
};

pub(crate) static CONTEXT_WAY: Rule = Rule {
    name: "context-way",
    severity: Note,
    what: "A node sets a name in flow or global context that others read, or reads one that others set.",
    why: "They depend on each other, and no wire shows it. A name that code works out may be any.",
    fires: Example::change(
        r#"[{"id": "a", "type": "inject", "payload": "1", "payloadType": "num", "wires": []},
{"id": "b", "type": "switch", "name": "Guard", "property": "limit", "propertyType": "global", "rules": [], "wires": []}]"#,
        r#"[{"id": "a", "type": "change", "rules": [{"t": "set", "p": "limit.high", "pt": "global", "to": "5", "tot": "num"}], "wires": []},
{"id": "b", "type": "switch", "name": "Guard", "property": "limit", "propertyType": "global", "rules": [], "wires": []}]"#,
    ),
    quiet: Example::new(
        r#"[{"id": "a", "type": "change", "rules": [{"t": "set", "p": "limit", "pt": "global", "to": "5", "tot": "num"}], "wires": []},
{"id": "b", "type": "switch", "property": "limit", "propertyType": "msg", "rules": [], "wires": []}]"#,
    ),
};

pub(crate) static WAYS_UNTOLD: Rule = Rule {
    name: "ways-untold",
    severity: Warning,
    what: "The flow is too large and too tangled for the ways through a change to be followed.",
    why: "Which inputs reach which outputs through it is not known; nobody ties flows so by hand.",
    fires: Example::change(
        r#"[{"id": "h", "type": "x", "wires": [[⟨300000 × "h",⟩"h"]]},
{"id": "a", "type": "x", "p": 1, "wires": [["h"]]}, {"id": "b", "type": "x", "p": 1, "wires": [["h"]]}, {"id": "c", "type": "x", "p": 1, "wires": [["h"]]}, {"id": "d", "type": "x", "p": 1, "wires": [["h"]]}, {"id": "e", "type": "x", "p": 1, "wires": [["h"]]}, {"id": "f", "type": "x", "p": 1, "wires": [["h"]]}, {"id": "g", "type": "x", "p": 1, "wires": [["h"]]}]"#,
        r#"[{"id": "h", "type": "x", "wires": [[⟨300000 × "h",⟩"h"]]},
{"id": "a", "type": "x", "p": 2, "wires": [["h"]]}, {"id": "b", "type": "x", "p": 2, "wires": [["h"]]}, {"id": "c", "type": "x", "p": 2, "wires": [["h"]]}, {"id": "d", "type": "x", "p": 2, "wires": [["h"]]}, {"id": "e", "type": "x", "p": 2, "wires": [["h"]]}, {"id": "f", "type": "x", "p": 2, "wires": [["h"]]}, {"id": "g", "type": "x", "p": 2, "wires": [["h"]]}]"#,
    ),
    quiet: Example::change(
        r#"[{"id": "h", "type": "x", "wires": [[⟨300000 × "h",⟩"h"]]},
{"id": "a", "type": "x", "p": 1, "wires": [["h"]]}]"#,
        r#"[{"id": "h", "type": "x", "wires": [[⟨300000 × "h",⟩"h"]]},
{"id": "a", "type": "x", "p": 2, "wires": [["h"]]}]"#,
    ),
};

pub(crate) static RULES: [&Rule; 7] = [
    &ALARM_LOST,
    &OUTPUT_LOST,
    &CONTEXT_UNSET,
    &WAYS_UNTOLD,
    &CONTEXT_WAY,
    &NEW_WAY,
    &WIRES_CUT,
];
