//! The object given to `registerType`, as a node type.

use model::palette::{Align, Colour, CredentialKind, Label, NodeType, Property};
use oxc_ast::ast::{Expression, ObjectExpression, ObjectPropertyKind};
use serde_json::Value;

use super::{Messages, fold::Names, label};

/// Properties of one object at most.
const PROPERTIES_MAX: usize = 2_000;

/// How many objects may be spread into one another.
const SPREAD_MAX: u8 = 8;

pub(super) fn read<'a>(
    object: &ObjectExpression<'a>,
    names: &Names<'a, '_>,
    messages: Messages<'_>,
) -> NodeType {
    let mut node_type = NodeType::default();
    let label = |value: &Expression<'a>| Some(label::read(names.resolve(value), names, messages));
    for (key, value) in properties(object, names) {
        match key.as_str() {
            "category" => node_type.category = names.text(value).unwrap_or_default(),
            "color" => {
                let text = names.text(value);
                node_type.colour = text.and_then(|text| Colour::read(&text));
            }
            "inputs" => node_type.inputs = count(names.value(value)),
            "outputs" => node_type.outputs = count(names.value(value)),
            "icon" => node_type.icon = label(value),
            "label" => node_type.label = label(value),
            "labelStyle" => node_type.label_style = label(value),
            "paletteLabel" => node_type.palette_label = label(value),
            "align" if names.text(value).as_deref() == Some("right") => {
                node_type.align = Align::Right;
            }
            "button" => node_type.has_button = names.object(value).is_some(),
            "defaults" => {
                let defaults = names.object(value).map(|it| properties(it, names));
                for (key, value) in defaults.unwrap_or_default() {
                    node_type.defaults.insert(key, property(value, names));
                }
            }
            "credentials" => {
                let credentials = names.object(value).map(|it| properties(it, names));
                for (key, value) in credentials.unwrap_or_default() {
                    node_type.credentials.insert(key, credential(value, names));
                }
            }
            _ => {}
        }
    }
    node_type.is_config = node_type.category == "config";
    node_type
}

/// The properties of an object and of the objects spread into it; the last of a name counts.
fn properties<'a, 'b>(
    object: &'b ObjectExpression<'a>,
    names: &Names<'a, '_>,
) -> Vec<(String, &'b Expression<'a>)> {
    let mut found = Vec::new();
    collect(object, names, SPREAD_MAX, &mut found);
    found
}

fn collect<'a, 'b>(
    object: &'b ObjectExpression<'a>,
    names: &Names<'a, '_>,
    depth: u8,
    found: &mut Vec<(String, &'b Expression<'a>)>,
) {
    let Some(depth) = depth.checked_sub(1) else {
        return;
    };
    for property in &object.properties {
        if found.len() >= PROPERTIES_MAX || !names.spend(1) {
            return;
        }
        match property {
            ObjectPropertyKind::ObjectProperty(property) => {
                if let Some(key) = property.key.static_name()
                    && names.spend(key.len() / 16)
                {
                    found.push((key.into_owned(), &property.value));
                }
            }
            ObjectPropertyKind::SpreadProperty(spread) => {
                if let Some(object) = names.object(&spread.argument) {
                    collect(object, names, depth, found);
                }
            }
        }
    }
}

fn property<'a>(value: &Expression<'a>, names: &Names<'a, '_>) -> Property {
    let mut property = Property::default();
    let Some(object) = names.object(value) else {
        return property;
    };
    for (key, value) in properties(object, names) {
        match key.as_str() {
            "value" => property.value = names.value(value),
            "required" => property.is_required = names.value(value) == Some(Value::Bool(true)),
            "type" => property.config = names.text(value),
            _ => {}
        }
    }
    property
}

fn credential<'a>(value: &Expression<'a>, names: &Names<'a, '_>) -> CredentialKind {
    let object = names.object(value).map(|it| properties(it, names));
    let kind = object
        .unwrap_or_default()
        .into_iter()
        .find_map(|(key, value)| {
            let is_type = key == "type";
            is_type.then(|| names.text(value))?
        });
    // What is not said to be shown is a secret.
    match kind.as_deref() {
        Some("text") => CredentialKind::Text,
        _ => CredentialKind::Password,
    }
}

/// Ports: a number, and none for what is computed.
fn count(value: Option<Value>) -> u32 {
    const PORTS_MAX: u64 = 1_000;
    let count = value.and_then(|it| it.as_u64()).unwrap_or_default();
    u32::try_from(count.min(PORTS_MAX)).unwrap_or_default()
}

/// A label that is a text, not an empty one.
pub(super) fn text(text: &str) -> Label {
    Label::Text(text.to_owned())
}
