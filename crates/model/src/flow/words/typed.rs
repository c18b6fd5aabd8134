//! Typed values, as the editor's typed inputs write them: a value and the word for what it is.

use serde_json::Value;

use super::{Properties, cut, quoted};

/// `value` of `kind` in words: `payload`, `msg` → "msg.payload".
pub(super) fn words(value: Option<&Value>, kind: &str) -> String {
    let text = match value {
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
        None => String::new(),
    };
    match kind {
        "msg" | "flow" | "global" => format!("{kind}.{}", cut(&text)),
        "num" | "bool" | "json" => cut(&text),
        "date" => match text.as_str() {
            "" | "object" | "iso" => "the time".to_owned(),
            format => format!("the time as {}", quoted(format)),
        },
        "env" => format!("the environment variable {}", cut(&text)),
        "jsonata" => format!("the JSONata {}", quoted(&text)),
        "re" => format!("/{}/", cut(&text)),
        "bin" => format!("the bytes {}", cut(&text)),
        "prev" => "the value before".to_owned(),
        "pay" => "the message as it came".to_owned(),
        "payl" => "the newest message".to_owned(),
        "nul" => "nothing".to_owned(),
        _ => quoted(&text),
    }
}

/// The same of the members `value` and `kind` of an object; `otherwise` where no kind is given.
pub(super) fn of(node: &Properties, value: &str, kind: &str, otherwise: &str) -> String {
    let kind = node.get(kind).and_then(Value::as_str).unwrap_or(otherwise);
    words(node.get(value), kind)
}
