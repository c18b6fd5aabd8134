//! The rules of switch and change nodes.

use serde_json::Value;

use super::{Properties, Told, cut, is_set, typed};

fn rules(node: &Properties) -> impl Iterator<Item = &Properties> {
    let rules = node.get("rules").and_then(Value::as_array);
    rules.into_iter().flatten().filter_map(Value::as_object)
}

fn word<'r>(rule: &'r Properties, key: &str) -> &'r str {
    rule.get(key).and_then(Value::as_str).unwrap_or("")
}

/// "if msg.payload is greater than 80 → output 1".
pub(super) fn switch(node: &Properties, told: &mut Told) {
    let subject = typed::of(node, "property", "propertyType", "msg");
    let rules = rules(node).enumerate().filter_map(|(place, rule)| {
        let test = test(rule)?;
        let port = place + 1;
        Some(match word(rule, "t") {
            "else" => format!("otherwise \u{2192} output {port}"),
            "jsonata_exp" => format!("if {test} \u{2192} output {port}"),
            _ => format!("if {subject} {test} \u{2192} output {port}"),
        })
    });
    told.many.push(("Rule", rules.collect()));
    if let Some(all) = node.get("checkall") {
        let is_all = all == true || all == "true";
        let words = if is_all {
            "every rule that fits"
        } else {
            "the first rule that fits"
        };
        told.add("Sends by", words.to_owned());
    }
    if is_set(node, "repair") {
        told.add("Sequences", "are numbered anew".to_owned());
    }
}

fn test(rule: &Properties) -> Option<String> {
    let value = || typed::of(rule, "v", "vt", "str");
    let second = || typed::of(rule, "v2", "v2t", "str");
    Some(match word(rule, "t") {
        "eq" => format!("equals {}", value()),
        "neq" => format!("is not {}", value()),
        "lt" => format!("is less than {}", value()),
        "lte" => format!("is at most {}", value()),
        "gt" => format!("is greater than {}", value()),
        "gte" => format!("is at least {}", value()),
        "btwn" => format!("is between {} and {}", value(), second()),
        "cont" => format!("contains {}", value()),
        "hask" => format!("has the key {}", value()),
        "regex" => {
            let case = if is_set(rule, "case") {
                ", upper and lower case alike"
            } else {
                ""
            };
            format!("matches /{}/{case}", cut(word(rule, "v")))
        }
        "true" => "is true".to_owned(),
        "false" => "is false".to_owned(),
        "null" => "is null or missing".to_owned(),
        "nnull" => "is neither null nor missing".to_owned(),
        "empty" => "is empty".to_owned(),
        "nempty" => "is not empty".to_owned(),
        "istype" => {
            let kind = if word(rule, "vt").is_empty() {
                "v"
            } else {
                "vt"
            };
            format!("is of the type {}", cut(word(rule, kind)))
        }
        "head" => format!("is among the first {} of its sequence", value()),
        "tail" => format!("is among the last {} of its sequence", value()),
        "index" => format!("is from number {} to {} of its sequence", value(), second()),
        "jsonata_exp" => format!("{} is true", typed::words(rule.get("v"), "jsonata")),
        "else" => String::new(),
        _ => return None,
    })
}

/// "set msg.topic to “pump/3”".
pub(super) fn change(node: &Properties, told: &mut Told) {
    let rules = rules(node).filter_map(|rule| {
        let target = typed::of(rule, "p", "pt", "msg");
        Some(match word(rule, "t") {
            "set" => {
                let copy = if is_set(rule, "dc") {
                    " (a copy of it)"
                } else {
                    ""
                };
                format!(
                    "set {target} to {}{copy}",
                    typed::of(rule, "to", "tot", "str")
                )
            }
            "change" => format!(
                "in {target}, replace {} with {}",
                typed::of(rule, "from", "fromt", "str"),
                typed::of(rule, "to", "tot", "str")
            ),
            "delete" => format!("delete {target}"),
            "move" => format!("move {target} to {}", typed::of(rule, "to", "tot", "msg")),
            _ => return None,
        })
    });
    let rules: Vec<String> = rules.collect();
    if !rules.is_empty() {
        told.many.push(("Rule", rules));
    }
}
