//! What a change does that a reviewer should know before anything else.

use serde::{Deserialize, Serialize};

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

pub(super) fn examine(
    _change: &super::change::Change,
    _before: Option<&serde_json::Map<String, serde_json::Value>>,
    _after: Option<&serde_json::Map<String, serde_json::Value>>,
    _had_wires_in: bool,
) -> Vec<Finding> {
    Vec::new()
}
