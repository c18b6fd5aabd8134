//! Texts put together from pieces, as JavaScript would put them together.
//!
//! Only what code uses to hide a name or an address: joining, reversing, cutting, character codes,
//! base64, hex and percent escapes.

use data_encoding::{BASE64_MIME_PERMISSIVE, BASE64URL_NOPAD, HEXLOWER_PERMISSIVE};

use crate::resolve::TEXT_MAX;
use crate::value::{Path, Root, Value};

/// `a + b + …`
pub(crate) fn sum(mut values: impl Iterator<Item = Value>) -> Value {
    let Some(mut sum) = values.next() else {
        return Value::Unknown;
    };
    for value in values {
        sum = match (sum, value) {
            (Value::Number(one), Value::Number(other)) => Value::Number(one + other),
            (Value::Text(mut text), value) => match value.printed() {
                Some(piece) if text.len() + piece.len() <= TEXT_MAX => {
                    text.push_str(&piece);
                    Value::Text(text)
                }
                _ => return Value::Unknown,
            },
            (one, Value::Text(text)) => match one.printed() {
                Some(piece) => Value::Text(piece + &text),
                None => return Value::Unknown,
            },
            _ => return Value::Unknown,
        };
    }
    sum
}

/// A method of a text or a list.
pub(crate) fn method(object: &Value, name: &str, arguments: &[Value]) -> Value {
    let first = arguments.first();
    let number = |at: usize| match arguments.get(at) {
        Some(Value::Number(number)) => Some(*number),
        _ => None,
    };
    let folded = match (object, name) {
        (Value::List(list), "join") => {
            let between = match first {
                None => Some(","),
                Some(value) => value.text(),
            };
            between.and_then(|between| join(list, between))
        }
        (Value::List(list), "reverse") => Some(Value::List(list.iter().rev().cloned().collect())),
        (Value::List(list), "concat") => Some(Value::List([list.as_slice(), arguments].concat())),
        (Value::Text(text), "split") => first.and_then(Value::text).map(|by| split(text, by)),
        (Value::Text(text), "concat") => Some(sum(
            std::iter::once(Value::Text(text.clone())).chain(arguments.iter().cloned())
        )),
        (Value::Text(text), "toString" | "valueOf" | "trim" | "normalize") => {
            Some(Value::Text(text.clone()))
        }
        (Value::Text(text), "toLowerCase") => Some(Value::Text(text.to_lowercase())),
        (Value::Text(text), "toUpperCase") => Some(Value::Text(text.to_uppercase())),
        (Value::Text(text), "charAt" | "at") => number(0).map(|at| cut(text, at, at + 1.0)),
        (Value::Text(text), "slice" | "substring") => {
            number(0).map(|from| cut(text, from, number(1).unwrap_or(f64::MAX)))
        }
        (Value::Text(text), "substr") => number(0).map(|from| {
            cut(
                text,
                from,
                number(1).map_or(f64::MAX, |length| from + length),
            )
        }),
        (Value::Text(text), "replace" | "replaceAll") => match (first, arguments.get(1)) {
            (Some(Value::Text(what)), Some(Value::Text(with)))
                if !what.is_empty() && with.len() <= what.len() =>
            {
                let times = if name == "replace" { 1 } else { usize::MAX };
                Some(Value::Text(text.replacen(what.as_str(), with, times)))
            }
            _ => None,
        },
        _ => None,
    };
    folded.unwrap_or(Value::Unknown)
}

/// Whether a path is a function that [`function`] knows.
pub(crate) fn is_function(path: &Path) -> bool {
    match &path.root {
        Root::Global(name) => match path
            .parts
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .as_slice()
        {
            [] => matches!(
                name.as_str(),
                "atob" | "unescape" | "decodeURIComponent" | "decodeURI" | "String"
            ),
            [one] => matches!(
                (name.as_str(), *one),
                ("String", "fromCharCode" | "fromCodePoint") | ("Buffer", "from")
            ),
            _ => false,
        },
        _ => false,
    }
}

/// Such a function's value. A buffer is taken for the text in it.
pub(crate) fn function(path: &Path, arguments: &[Value]) -> Option<Value> {
    let first = arguments.first()?;
    match (path.root_global()?, path.last()) {
        ("String", "fromCharCode" | "fromCodePoint") => {
            let units: Option<Vec<u16>> = arguments
                .iter()
                .map(|one| match one {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "in range"
                    )]
                    Value::Number(number) if (0.0..65_536.0).contains(number) => {
                        Some(*number as u16)
                    }
                    _ => None,
                })
                .collect();
            Some(Value::Text(String::from_utf16_lossy(&units?)))
        }
        ("String", "") => first.printed().map(Value::Text),
        ("atob", _) => base64(first.text()?),
        ("Buffer", "from") => match (first, arguments.get(1).and_then(Value::text)) {
            (Value::Text(text), Some("base64" | "base64url")) => base64(text),
            (Value::Text(text), Some("hex")) => {
                let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
                Some(Value::Text(String::from_utf8_lossy(&bytes).into_owned()))
            }
            (Value::Text(text), None | Some("utf8" | "utf-8" | "ascii" | "latin1")) => {
                Some(Value::Text(text.clone()))
            }
            (Value::List(list), _) => {
                let bytes: Option<Vec<u8>> = list
                    .iter()
                    .map(|one| match one {
                        #[expect(
                            clippy::cast_possible_truncation,
                            clippy::cast_sign_loss,
                            reason = "in range"
                        )]
                        Value::Number(number) if (0.0..256.0).contains(number) => {
                            Some(*number as u8)
                        }
                        _ => None,
                    })
                    .collect();
                Some(Value::Text(String::from_utf8_lossy(&bytes?).into_owned()))
            }
            _ => None,
        },
        ("unescape" | "decodeURIComponent" | "decodeURI", _) => {
            Some(Value::Text(percent(first.text()?)))
        }
        _ => None,
    }
}

fn base64(text: &str) -> Option<Value> {
    let bytes = BASE64_MIME_PERMISSIVE
        .decode(text.as_bytes())
        .ok()
        .or_else(|| {
            BASE64URL_NOPAD
                .decode(text.trim_end_matches('=').as_bytes())
                .ok()
        })?;
    Some(Value::Text(String::from_utf8_lossy(&bytes).into_owned()))
}

fn percent(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = bytes
            .get(at + 1..at + 3)
            .and_then(|pair| std::str::from_utf8(pair).ok());
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(one) if *byte == b'%' => {
                decoded.push(one);
                at += 3;
            }
            _ => {
                decoded.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn join(list: &[Value], between: &str) -> Option<Value> {
    let mut text = String::new();
    for (at, one) in list.iter().enumerate() {
        if at > 0 {
            text.push_str(between);
        }
        text.push_str(&one.printed()?);
        if text.len() > TEXT_MAX {
            return None;
        }
    }
    Some(Value::Text(text))
}

fn split(text: &str, by: &str) -> Value {
    let one = |piece: &str| Value::Text(piece.to_owned());
    Value::List(match by {
        "" => text
            .chars()
            .take(4_096)
            .map(|letter| Value::Text(letter.to_string()))
            .collect(),
        _ => text.split(by).take(4_096).map(one).collect(),
    })
}

/// The part of a text between two places, counted from the end when negative.
fn cut(text: &str, from: f64, to: f64) -> Value {
    let length = text.chars().count();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "clamped to the length"
    )]
    let place = |at: f64| {
        let at = if at < 0.0 { at + length as f64 } else { at };
        at.clamp(0.0, length as f64) as usize
    };
    let (from, to) = (place(from), place(to));
    Value::Text(
        text.chars()
            .skip(from)
            .take(to.saturating_sub(from))
            .collect(),
    )
}
