//! Secrets: those that change, and those that lie open.

use model::flow::finding::Severity::{Danger, Note, Warning};

use super::{Example, Rule};

pub(crate) static KNOWN: Rule = Rule {
    name: "secret-known",
    severity: Danger,
    what: "A text has the form of a secret: a private key, or a key or token of a known service.",
    why: "Everyone who can read or export the flow has it, and every copy of the flow keeps it.",
    fires: Example::new(
        r#"{"type": "function", "func": "const key = 'AKIA⟨2 × Q7XBZ3MK⟩';\nreturn {key};"}"#,
    ),
    quiet: Example::new(r#"{"type": "function", "func": "const key = 'AKIA';\nreturn {key};"}"#),
};

pub(crate) static IN_CLEAR: Rule = Rule {
    name: "secret-in-clear",
    severity: Warning,
    what: "A property, variable or address holds what its name or look says is a password, token or key.",
    why: "It lies open in the flow, for everyone who can read or export it.",
    fires: Example::new(
        r#"{"type": "tab", "env": [{"name": "API_TOKEN", "value": "x7Kp2mQ9", "type": "str"}]}"#,
    ),
    quiet: Example::new(
        r#"{"type": "tab", "env": [{"name": "API_TOKEN", "type": "cred"}, {"name": "PASSWORD", "value": "${PASSWORD}", "type": "str"}]}"#,
    ),
};

pub(crate) static TO_NEW_HOST: Rule = Rule {
    name: "credential-to-new-host",
    severity: Warning,
    what: "Credentials change, or stay, while the host they are sent to becomes another.",
    why: "The new host gets the secret.",
    fires: Example::change(
        r#"{"type": "mqtt-broker", "broker": "a.example"}"#,
        r#"{"type": "mqtt-broker", "broker": "b.example", "credentials": {"password": "p"}}"#,
    ),
    quiet: Example::new(
        r#"{"type": "mqtt-broker", "broker": "a.example", "credentials": {"password": "p"}}"#,
    ),
};

pub(crate) static CREDENTIAL: Rule = Rule {
    name: "credential",
    severity: Note,
    what: "Credentials are set, changed or removed.",
    why: "Their values are never shown: ask the proposer where they come from.",
    fires: Example::new(r#"{"type": "mqtt-broker", "credentials": {"password": "p"}}"#),
    quiet: Example::new(r#"{"type": "mqtt-broker", "credentials": {"password": "__PWRD__"}}"#),
};

pub(crate) static RULES: [&Rule; 4] = [&KNOWN, &IN_CLEAR, &TO_NEW_HOST, &CREDENTIAL];
