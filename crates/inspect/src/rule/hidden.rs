//! Hidden things: what makes a change look other than it is.

use model::flow::finding::Severity::{Danger, Warning};

use super::{Example, Rule};

pub(crate) static HIDDEN_TEXT: Rule = Rule {
    name: "hidden-text",
    severity: Danger,
    what: "A text holds invisible characters, or characters that change the direction of writing.",
    why: "It can read otherwise than it runs (\u{201c}Trojan Source\u{201d}, CVE-2021-42574).",
    fires: Example::new(r#"{"type": "function", "func": "// \u202e x\nreturn msg;"}"#),
    quiet: Example::new(r#"{"type": "function", "func": "// größer · 温度\nreturn msg;"}"#),
};

pub(crate) static LOOK_ALIKE: Rule = Rule {
    name: "look-alike",
    severity: Danger,
    what: "A name, address or word of code mixes letters of scripts that look alike, or a new value only looks like the old one.",
    why: "It is taken for the other: `рump` with a Cyrillic letter is not `pump`.",
    fires: Example::new(r#"{"type": "mqtt-broker", "broker": "br\u043eker.example"}"#),
    quiet: Example::new(r#"{"type": "inject", "name": "\u043d\u0430\u0441\u043e\u0441 1 (pump)"}"#),
};

pub(crate) static ODD_KEY: Rule = Rule {
    name: "odd-key",
    severity: Warning,
    what: "A property's name holds control or invisible characters, or spaces at its ends.",
    why: "It looks like another property, or like none.",
    fires: Example::new(r#"{"type": "inject", "repeat\u0007": "5"}"#),
    quiet: Example::new(r#"{"type": "inject", "repeat": "5"}"#),
};

pub(crate) static ENORMOUS: Rule = Rule {
    name: "enormous-value",
    severity: Warning,
    what: "A property grows beyond 64 kB.",
    why: "Nobody reads it to its end.",
    fires: Example::new(r#"{"type": "template", "template": "⟨70000 × a⟩"}"#),
    quiet: Example::change(
        r#"{"type": "template", "template": "⟨70000 × a⟩"}"#,
        r#"{"type": "template", "template": "⟨70000 × a⟩", "field": "x"}"#,
    ),
};

pub(crate) static MARKUP_NAME: Rule = Rule {
    name: "markup-in-name",
    severity: Warning,
    what: "A name or label holds markup.",
    why: "Names are shown on pages and dashboards; a page that does not escape them runs what is in them.",
    fires: Example::new(r#"{"type": "inject", "name": "<svg onload=alert(1)>"}"#),
    quiet: Example::new(r#"{"type": "inject", "name": "level < 3 & > 1"}"#),
};

pub(crate) static SUBFLOW_CYCLE: Rule = Rule {
    name: "subflow-cycle",
    severity: Danger,
    what: "A subflow holds itself, directly or through others.",
    why: "Node-RED cannot start it, and may end in the attempt.",
    fires: Example::new(
        r#"[{"id": "s", "type": "subflow", "name": "S", "in": [], "out": []}, {"type": "subflow:s", "z": "s"}]"#,
    ),
    quiet: Example::new(
        r#"[{"id": "s", "type": "subflow", "name": "S", "in": [], "out": []}, {"type": "subflow:s"}]"#,
    ),
};

pub(crate) static RULES: [&Rule; 6] = [
    &HIDDEN_TEXT,
    &LOOK_ALIKE,
    &SUBFLOW_CYCLE,
    &ODD_KEY,
    &ENORMOUS,
    &MARKUP_NAME,
];
