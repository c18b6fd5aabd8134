//! Where messages begin and where they do something: by a node's type, and where the type is not
//! known, by its wires.

use std::{collections::HashMap, sync::LazyLock};

use crate::graph::Graph;

/// Types that start messages although their name does not say so, or although they are fed.
static INPUTS: [&str; 28] = [
    "inject",
    "catch",
    "status",
    "complete",
    "watch",
    "tail",
    "cronplus",
    "bigtimer",
    "http in",
    "modbus-read",
    "opcua-event",
    "ui_button",
    "ui_slider",
    "ui_switch",
    "ui_text_input",
    "ui_numeric",
    "ui_dropdown",
    "ui_form",
    "ui_control",
    "ui-button",
    "ui-slider",
    "ui-switch",
    "ui-text-input",
    "ui-number-input",
    "ui-dropdown",
    "ui-form",
    "ui-control",
    "telegram receiver",
];

/// Types that do something in the world although their name does not say so, or although they send
/// on what comes of it.
static OUTPUTS: [&str; 30] = [
    "exec",
    "http request",
    "http response",
    "tcp request",
    "file",
    "e-mail",
    "mysql",
    "MSSQL",
    "postgresql",
    "postgres",
    "sqlite",
    "influxdb batch",
    "modbus-write",
    "modbus-flex-write",
    "OpcUa-Client",
    "telegram sender",
    "pushover",
    "twilio out",
    "slack",
    "ui_text",
    "ui_gauge",
    "ui_chart",
    "ui_toast",
    "ui_led",
    "ui-text",
    "ui-gauge",
    "ui-chart",
    "ui-notification",
    "play audio",
    "notification",
];

/// Types that only pass messages on, or only show them to who edits.
static BETWEEN: [&str; 27] = [
    "debug",
    "comment",
    "junction",
    "function",
    "change",
    "switch",
    "template",
    "delay",
    "trigger",
    "range",
    "rbe",
    "filter",
    "split",
    "join",
    "sort",
    "batch",
    "csv",
    "html",
    "json",
    "xml",
    "yaml",
    "link in",
    "link out",
    "link call",
    "file in",
    "unknown",
    "ui_template",
];

/// What the lists above say of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Input,
    Output,
    Between,
}

/// The lists by type: every node of a flow is asked for, several times.
static ROLES: LazyLock<HashMap<&str, Role>> = LazyLock::new(|| {
    let lists: [(&[&'static str], Role); 3] = [
        (&INPUTS, Role::Input),
        (&OUTPUTS, Role::Output),
        (&BETWEEN, Role::Between),
    ];
    let each =
        |(list, role): (&'static [&'static str], Role)| list.iter().map(move |kind| (*kind, role));
    lists.into_iter().flat_map(each).collect()
});

fn role(kind: &str) -> Option<Role> {
    if kind.starts_with("subflow:") {
        return Some(Role::Between);
    }
    ROLES.get(kind).copied()
}

/// Whether messages begin at a vertex.
pub(super) fn is_input(graph: &Graph<'_>, vertex: u32) -> bool {
    let Some(node) = graph.node(vertex) else {
        return false;
    };
    let kind = node.kind();
    if !node.is_placed() || !graph.is_live(vertex) || is_frame(kind) {
        return false;
    }
    match role(kind) {
        Some(Role::Input) => true,
        Some(Role::Between) => false,
        Some(Role::Output) | None => {
            kind.ends_with(" in") || (!graph.is_fed(vertex) && node.wires().next().is_some())
        }
    }
}

/// Whether messages do something at a vertex.
pub(super) fn is_output(graph: &Graph<'_>, vertex: u32) -> bool {
    let Some(node) = graph.node(vertex) else {
        return false;
    };
    let kind = node.kind();
    if !node.is_placed() || !graph.is_live(vertex) || is_frame(kind) {
        return false;
    }
    match role(kind) {
        Some(Role::Output) => true,
        Some(Role::Input | Role::Between) => false,
        None => kind.ends_with(" out") || (!kind.ends_with(" in") && node.wires().next().is_none()),
    }
}

fn is_frame(kind: &str) -> bool {
    matches!(kind, "tab" | "subflow" | "group")
}

/// Whether an output is there to tell people, or is called an alarm.
pub(super) fn is_alarm(graph: &Graph<'_>, id: &str) -> bool {
    let place = graph.place(id);
    let Some((node, label)) = place.and_then(|it| Some((graph.node(it)?, graph.label(it)?))) else {
        return false;
    };
    let words = [
        "alarm",
        "alert",
        "warn",
        "notif",
        "emergency",
        "interlock",
        "shutdown",
        "trip",
        "estop",
        "störung",
        "notaus",
    ];
    let tells = [
        "e-mail",
        "telegram sender",
        "pushover",
        "twilio out",
        "slack",
    ];
    let label = label.to_lowercase();
    let begins = |part: &str| words.iter().any(|word| part.starts_with(word));
    tells.contains(&node.kind()) || label.split(|c: char| !c.is_alphanumeric()).any(begins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_type_stands_on_one_list() {
        let listed = INPUTS.len() + OUTPUTS.len() + BETWEEN.len();
        assert_eq!(ROLES.len(), listed);
    }
}
