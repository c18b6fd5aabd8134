//! What stands on a node: what the package says, else what Node-RED's own nodes say.

use super::Labels;
use model::{flow::NodeRef, palette::NodeType};
use serde_json::{Map, Value};

/// The label the editor would show.
pub(super) fn of(
    node: NodeRef<'_>,
    all: &Map<String, Value>,
    template: Option<&str>,
    node_type: Option<&NodeType>,
    labels: Labels,
) -> String {
    let word = |key: &str| {
        let text = all.get(key).and_then(Value::as_str).map(str::trim);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    if node.kind() == "group" {
        return word("name").unwrap_or_default();
    }
    if labels == Labels::Named {
        let named = word("name").or_else(|| word("label"));
        let named = named.or(template.map(str::to_owned));
        return named.unwrap_or_else(|| node.kind().to_owned());
    }
    let said = node_type.and_then(|it| it.label.as_ref()?.of(all));
    if let Some(said) = said.filter(|said| !said.trim().is_empty()) {
        return said;
    }
    if let Some(name) = word("name").or_else(|| word("label")) {
        return name;
    }
    core(node.kind(), all)
        .or(template.map(str::to_owned))
        .unwrap_or_else(|| node.kind().to_owned())
}

/// What Node-RED's own nodes fall back on, where their functions do more than can be translated or
/// nothing is known of the packages.
fn core(kind: &str, all: &Map<String, Value>) -> Option<String> {
    let word = |key: &str| {
        let text = all.get(key).and_then(Value::as_str).map(str::trim);
        text.filter(|text| !text.is_empty()).map(str::to_owned)
    };
    match kind {
        "inject" => {
            let payload = match word("payloadType").as_deref() {
                Some("date") | None => Some("timestamp".to_owned()),
                _ => word("payload"),
            };
            let repeats = word("repeat").is_some_and(|it| it != "0") || word("crontab").is_some();
            let once = all.get("once") == Some(&Value::Bool(true));
            let sign = match (repeats, once) {
                (true, _) => " ↻",
                (false, true) => " ¹",
                (false, false) => "",
            };
            payload.map(|payload| payload + sign)
        }
        "debug" => Some(match word("complete").filter(|it| it != "false") {
            Some(whole) if whole == "true" => "msg".to_owned(),
            Some(part) => format!("msg.{part}"),
            None => "msg.payload".to_owned(),
        }),
        "change" => rules(all),
        "mqtt in" | "mqtt out" => word("topic").or(Some("mqtt".to_owned())),
        "http in" => word("url").map(|url| {
            let method = word("method").unwrap_or_else(|| "get".to_owned());
            format!("[{method}] {url}")
        }),
        "http response" => Some("http".to_owned()),
        "file" | "file in" => word("filename"),
        "exec" => word("command").or(Some("exec".to_owned())),
        "rbe" => Some("filter".to_owned()),
        _ => None,
    }
}

/// A change node is called by its one rule, or by how many it has.
fn rules(all: &Map<String, Value>) -> Option<String> {
    let rules = all.get("rules")?.as_array()?;
    let [rule] = rules.as_slice() else {
        return Some(format!("change: {} rules", rules.len()));
    };
    let text = |key: &str| rule.get(key).and_then(Value::as_str);
    let verb = match text("t")? {
        "set" => "set",
        "change" => "change",
        "delete" => "delete",
        "move" => "move",
        _ => return None,
    };
    let scope = text("pt").unwrap_or("msg");
    Some(format!("{verb} {scope}.{}", text("p")?))
}
