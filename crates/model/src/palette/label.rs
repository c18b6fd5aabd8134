//! What a node is called, as data: the part of label functions that has no loops.

use serde_json::{Map, Value};

/// An expression over a node's own properties. It holds no code: reading one takes a time bounded
/// by its size, which whoever builds one limits.
#[derive(Debug, Clone, PartialEq)]
pub enum Label {
    /// This text.
    Text(String),
    /// A property of the node.
    Property(String),
    /// The first of these that is not empty.
    FirstOf(Vec<Label>),
    /// These, one after the other.
    Joined(Vec<Label>),
    /// How many items a property holds.
    Count(String),
    /// The first letter of this.
    Initial(Box<Label>),
    /// One or the other.
    When {
        /// What decides.
        test: Box<Test>,
        /// If it holds.
        then: Box<Label>,
        /// If it does not.
        otherwise: Box<Label>,
    },
    /// What the package computes in a way this language cannot say.
    Unknown,
}

/// Bytes of a property that are looked at. A label may name a property hundreds of times, and a
/// flow's property have megabytes: together they would be more than there is memory.
const PROPERTY_MAX: usize = 1_024;

/// What a [`Label::When`] asks.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Whether JavaScript takes it as true.
    Truthy(Label),
    /// Whether it is this value. `2` and `"2"` are the same, as most packages mean it.
    Equals(Label, Value),
    /// Whether it is a number greater than this one.
    Above(Label, f64),
    /// Whether it is a number less than this one.
    Below(Label, f64),
    /// Whether it is a number or text of one.
    IsNumber(Label),
    /// Whether it is a list.
    IsList(Label),
    /// The opposite.
    Not(Box<Test>),
    /// Both.
    Both(Box<Test>, Box<Test>),
    /// One of the two.
    Either(Box<Test>, Box<Test>),
    /// It cannot be said.
    Unknown,
}

impl Label {
    /// How many parts it has: the measure to limit.
    pub fn size(&self) -> usize {
        1 + match self {
            Self::FirstOf(parts) | Self::Joined(parts) => parts.iter().map(Self::size).sum(),
            Self::When {
                test,
                then,
                otherwise,
            } => test.size() + then.size() + otherwise.size(),
            Self::Initial(of) => of.size(),
            Self::Text(_) | Self::Property(_) | Self::Count(_) | Self::Unknown => 0,
        }
    }

    /// The text for a node with these properties; none when it cannot be said.
    pub fn of(&self, properties: &Map<String, Value>) -> Option<String> {
        self.value(properties).map(|value| text(&value))
    }

    fn value(&self, properties: &Map<String, Value>) -> Option<Value> {
        match self {
            Self::Text(text) => Some(Value::String(text.clone())),
            Self::Property(name) => {
                let value = properties.get(name);
                Some(value.map_or(Value::Null, |value| short(value, &mut { PROPERTY_MAX })))
            }
            Self::Count(name) => match properties.get(name)? {
                Value::Array(items) => Some(items.len().into()),
                _ => None,
            },
            Self::Initial(of) => {
                let whole = of.of(properties)?;
                Some(Value::String(whole.chars().take(1).collect()))
            }
            Self::FirstOf(parts) => {
                let mut last = None;
                for part in parts {
                    let value = part.value(properties)?;
                    if is_truthy(&value) {
                        return Some(value);
                    }
                    last = Some(value);
                }
                last
            }
            Self::Joined(parts) => {
                let parts = parts.iter().map(|part| part.of(properties));
                parts.collect::<Option<String>>().map(Value::String)
            }
            Self::When {
                test,
                then,
                otherwise,
            } => {
                let chosen = if test.holds(properties)? {
                    then
                } else {
                    otherwise
                };
                chosen.value(properties)
            }
            Self::Unknown => None,
        }
    }
}

impl Test {
    fn size(&self) -> usize {
        1 + match self {
            Self::Truthy(label)
            | Self::Equals(label, _)
            | Self::Above(label, _)
            | Self::Below(label, _)
            | Self::IsNumber(label)
            | Self::IsList(label) => label.size(),
            Self::Not(test) => test.size(),
            Self::Both(one, other) | Self::Either(one, other) => one.size() + other.size(),
            Self::Unknown => 0,
        }
    }

    fn holds(&self, properties: &Map<String, Value>) -> Option<bool> {
        Some(match self {
            Self::Truthy(label) => is_truthy(&label.value(properties)?),
            Self::Equals(label, to) => {
                let value = label.value(properties)?;
                &value == to || (!value.is_null() && text(&value) == text(to))
            }
            Self::Above(label, than) => {
                number(&label.value(properties)?).is_some_and(|it| it > *than)
            }
            Self::Below(label, than) => {
                number(&label.value(properties)?).is_some_and(|it| it < *than)
            }
            Self::IsNumber(label) => number(&label.value(properties)?).is_some(),
            Self::IsList(label) => label.value(properties)?.is_array(),
            Self::Not(test) => !test.holds(properties)?,
            Self::Both(one, other) => one.holds(properties)? && other.holds(properties)?,
            Self::Either(one, other) => one.holds(properties)? || other.holds(properties)?,
            Self::Unknown => return None,
        })
    }
}

/// As much of `value` as is looked at: what `left` allows, in bytes.
fn short(value: &Value, left: &mut usize) -> Value {
    match value {
        Value::String(text) => {
            let end = text.floor_char_boundary(*left);
            *left -= end;
            Value::String(text.get(..end).unwrap_or_default().to_owned())
        }
        Value::Array(items) => {
            let mut kept = Vec::new();
            for item in items {
                let Some(rest) = left.checked_sub(8) else {
                    break;
                };
                *left = rest;
                kept.push(short(item, left));
            }
            Value::Array(kept)
        }
        // All that is asked of one is whether it is there.
        Value::Object(_) => Value::Object(Map::new()),
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}

fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is) => *is,
        Value::Number(number) => number.as_f64().is_some_and(|it| it != 0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(_) | Value::Object(_) => true,
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        // JavaScript takes an empty text for 0.
        Value::String(text) if text.trim().is_empty() => Some(0.0),
        Value::String(text) => text.trim().parse().ok(),
        Value::Bool(is) => Some(f64::from(u8::from(*is))),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// As JavaScript writes it in a text, but for what is not there: a label is for people.
fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let items: Vec<_> = items.iter().map(text).collect();
            items.join(",")
        }
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::Object(_) => "[object Object]".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Label, Test};

    fn property(name: &str) -> Label {
        Label::Property(name.to_owned())
    }

    fn of(label: &Label, node: &serde_json::Value) -> Option<String> {
        label.of(node.as_object().unwrap())
    }

    #[test]
    fn the_name_or_something_else() {
        let label = Label::FirstOf(vec![
            property("name"),
            property("topic"),
            Label::Text("mqtt".to_owned()),
        ]);
        for (node, is) in [
            (json!({"name": "Pump", "topic": "a/b"}), "Pump"),
            (json!({"name": "", "topic": "a/b"}), "a/b"),
            (json!({"topic": 0}), "mqtt"),
        ] {
            assert_eq!(of(&label, &node).as_deref(), Some(is));
        }
    }

    /// A package that names a property hundreds of times, and a flow that makes it enormous.
    #[test]
    fn what_is_enormous_is_looked_at_in_part() {
        let label = Label::Joined(vec![property("x"); 100]);
        let nested = (0..60).fold(json!("é".repeat(5_000)), |inner, _| json!([inner, "y"]));
        for value in [
            json!("é".repeat(1_000_000)),
            json!(vec!["é".repeat(2_000); 10_000]),
            nested,
        ] {
            let told = of(&label, &json!({ "x": value })).unwrap();
            assert!(told.len() <= 100 * super::PROPERTY_MAX, "{}", told.len());
        }
        let all = of(&property("x"), &json!({"x": [[1, 2], "three", null]}));
        assert_eq!(all.as_deref(), Some("1,2,three,"));
    }

    #[test]
    fn conditions_as_javascript_has_them() {
        let label = Label::When {
            test: Box::new(Test::Equals(property("mode"), json!("custom"))),
            then: Box::new(Label::Joined(vec![
                Label::Text("join ".to_owned()),
                property("count"),
            ])),
            otherwise: Box::new(Label::Unknown),
        };
        let node = json!({"mode": "custom", "count": 3});
        assert_eq!(of(&label, &node).as_deref(), Some("join 3"));
        assert_eq!(of(&label, &json!({"mode": "auto"})), None, "not a guess");
        for (value, is) in [(json!("5"), true), (json!(5), true), (json!("x"), false)] {
            let test = Test::Both(
                Box::new(Test::IsNumber(property("n"))),
                Box::new(Test::Above(property("n"), 1.0)),
            );
            assert_eq!(
                test.holds(json!({"n": value}).as_object().unwrap()),
                Some(is)
            );
        }
    }
}
