//! Stored JSON: one canonical text for one value.

use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::StoreError;

/// The JSON text of `value` with the keys of every object sorted, so that equal values have equal
/// texts and equal digests.
pub(crate) fn canonical(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).expect("our own types have string keys only");
    sorted(value).to_string()
}

fn sorted(value: Value) -> Value {
    match value {
        Value::Array(items) => Value::Array(items.into_iter().map(sorted).collect()),
        Value::Object(entries) => {
            let mut entries: Vec<_> = entries.into_iter().collect();
            entries.sort_by(|(left, _), (right, _)| left.cmp(right));
            let entries = entries.into_iter().map(|(key, value)| (key, sorted(value)));
            Value::Object(entries.collect::<Map<_, _>>())
        }
        other => other,
    }
}

/// Reads a stored text back.
pub(crate) fn read<T: DeserializeOwned>(what: &str, text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|error| StoreError::damaged(what, error))
}

/// Reads a stored word (an enum's serde name, an identifier) back.
pub(crate) fn read_word<T: DeserializeOwned>(what: &str, word: &str) -> Result<T, StoreError> {
    serde_json::from_value(Value::String(word.to_owned()))
        .map_err(|error| StoreError::damaged(what, error))
}

/// The word an enum without data is stored as.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn equal_values_have_equal_texts() {
        let left = json!({"b": [{"y": 1, "x": 2}], "a": null});
        let right = json!({"a": null, "b": [{"x": 2, "y": 1}]});
        assert_eq!(canonical(&left), canonical(&right));
        assert_eq!(canonical(&left), r#"{"a":null,"b":[{"x":2,"y":1}]}"#);
    }
}
