//! State: what stops, starts, changes its nature or is out of sight.

use model::flow::finding::Severity::{Note, Warning};

use super::{Example, Rule};

pub(crate) static DISABLED: Rule = Rule {
    name: "disabled",
    severity: Warning,
    what: "A node or a whole tab is switched off.",
    why: "What comes after it gets nothing: alarms and interlocks included.",
    fires: Example::change(r#"{"type": "tab"}"#, r#"{"type": "tab", "disabled": true}"#),
    quiet: Example::change(
        r#"{"type": "tab", "disabled": true}"#,
        r#"{"type": "tab", "disabled": true, "label": "off"}"#,
    ),
};

pub(crate) static ENABLED: Rule = Rule {
    name: "enabled",
    severity: Note,
    what: "A node or a whole tab is switched on.",
    why: "What rested until now runs, though nothing of it may look new.",
    fires: Example::change(
        r#"{"type": "tab", "disabled": true}"#,
        r#"{"type": "tab", "disabled": false}"#,
    ),
    quiet: Example::new(r#"{"type": "tab", "disabled": false}"#),
};

pub(crate) static TYPE_CHANGED: Rule = Rule {
    name: "type-changed",
    severity: Warning,
    what: "A node becomes another type under the same id.",
    why: "Wires and links to it stay, and lead to something else.",
    fires: Example::change(r#"{"type": "debug"}"#, r#"{"type": "function"}"#),
    quiet: Example::change(
        r#"{"type": "debug"}"#,
        r#"{"type": "debug", "name": "function"}"#,
    ),
};

pub(crate) static OFF_CANVAS: Rule = Rule {
    name: "off-canvas",
    severity: Warning,
    what: "A node or group stands outside the editor's canvas.",
    why: "Nobody who opens the flow sees it.",
    fires: Example::new(r#"{"type": "debug", "x": 90000, "y": 1}"#),
    quiet: Example::new(r#"{"type": "debug", "x": 7900, "y": 1}"#),
};

pub(crate) static RULES: [&Rule; 4] = [&DISABLED, &TYPE_CHANGED, &OFF_CANVAS, &ENABLED];
