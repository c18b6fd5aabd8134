//! What a change does that a reviewer should know before anything else.
//!
//! A finding is a hint, not a verdict: it says where to look first. What has no finding is reviewed
//! all the same, and code can always be written so that no rule sees what it does.

mod code;
mod look;
mod reach;
mod secrets;
mod state;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use self::look::Look;
use super::change::{Aspect, Change};

/// How much attention a finding asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Look twice.
    Warning,
    /// Can run code or commands, or opens a way in or out.
    Danger,
}

/// One thing worth knowing about a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's name, such as `exec-command`.
    pub rule: String,
    /// How much attention it asks for.
    pub severity: Severity,
    /// One sentence: what, and why it matters.
    pub message: String,
    /// The property it was found in, if in one.
    pub property: Option<String>,
}

/// What a rule found: how grave, in one sentence, in which property.
type Hit = (Severity, String, Option<&'static str>);

/// One rule: a name and a look at a change.
struct Rule {
    name: &'static str,
    look: fn(&Look<'_>) -> Option<Hit>,
}

/// What is looked for in a node that comes or changes.
const CONTENT: [Rule; 17] = [
    Rule {
        name: "exec-command",
        look: code::exec,
    },
    Rule {
        name: "function-code",
        look: code::function,
    },
    Rule {
        name: "function-modules",
        look: code::modules,
    },
    Rule {
        name: "hidden-text",
        look: code::hidden_text,
    },
    Rule {
        name: "page-script",
        look: code::page_script,
    },
    Rule {
        name: "jsonata",
        look: code::jsonata,
    },
    Rule {
        name: "tls-verification-off",
        look: reach::tls_off,
    },
    Rule {
        name: "new-host",
        look: reach::new_host,
    },
    Rule {
        name: "host-from-message",
        look: reach::host_from_message,
    },
    Rule {
        name: "new-listener",
        look: reach::new_listener,
    },
    Rule {
        name: "file-access",
        look: reach::file_access,
    },
    Rule {
        name: "credential",
        look: secrets::credential,
    },
    Rule {
        name: "secret-in-clear",
        look: secrets::in_clear,
    },
    Rule {
        name: "type-changed",
        look: state::type_changed,
    },
    Rule {
        name: "disabled",
        look: state::disabled,
    },
    Rule {
        name: "enabled",
        look: state::enabled,
    },
    Rule {
        name: "off-canvas",
        look: state::off_canvas,
    },
];

/// What is looked for in a node that goes.
const REMOVAL: [Rule; 1] = [Rule {
    name: "wires-cut",
    look: state::wires_cut,
}];

/// What is looked for in a node that is only moved.
const LAYOUT: [Rule; 1] = [Rule {
    name: "off-canvas",
    look: state::off_canvas,
}];

/// What a reviewer should know about `change`, the gravest first. `before` and `after` are the
/// node's properties; `had_wires_in` tells whether a removed node was wired to.
pub(super) fn examine(
    change: &Change,
    before: Option<&Map<String, Value>>,
    after: Option<&Map<String, Value>>,
    had_wires_in: bool,
) -> Vec<Finding> {
    let rules: &[Rule] = match change.aspect {
        Aspect::Added | Aspect::Changed => &CONTENT,
        Aspect::Removed => &REMOVAL,
        Aspect::Layout => &LAYOUT,
        Aspect::Wired | Aspect::Order => &[],
    };
    let look = Look {
        change,
        before,
        after,
        had_wires_in,
    };
    let finding = |rule: &Rule| {
        let (severity, message, property) = (rule.look)(&look)?;
        let property = property.map(str::to_owned);
        Some(Finding {
            rule: rule.name.to_owned(),
            severity,
            message,
            property,
        })
    };
    let mut findings: Vec<Finding> = rules.iter().filter_map(finding).collect();
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    findings
}

#[cfg(test)]
mod tests;
