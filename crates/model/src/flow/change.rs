//! The changes a deployment holds: one decision each.

use serde::{Deserialize, Deserializer, Serialize};

use super::{NodeRef, finding::Finding, recognised::Recognised, words::Said};

/// A change's name within its deployment: the aspect, a colon, the node's id. The same pair of
/// flows always gives the same names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ChangeId(pub String);

impl ChangeId {
    /// The name of the change of `aspect` to `node` (empty for [`Aspect::Order`]).
    pub fn new(aspect: Aspect, node: &str) -> Self {
        Self(format!("{}:{node}", aspect.word()))
    }
}

impl std::fmt::Display for ChangeId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a change is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Aspect {
    /// The node is new.
    Added,
    /// The node is gone.
    Removed,
    /// Properties, place (tab, group) or credentials differ.
    Changed,
    /// Its wires differ.
    Wired,
    /// Only where it is drawn differs: `x`, `y`, `w`, `h`.
    Layout,
    /// The order of the file's entries differs (tabs, or nodes within it).
    Order,
}

impl Aspect {
    /// The word for it, as in a change's name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Removed => "removed",
            Self::Changed => "changed",
            Self::Wired => "wired",
            Self::Layout => "layout",
            Self::Order => "order",
        }
    }
}

/// What kind of thing the node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Subject {
    /// A tab (Node-RED calls it a flow).
    Tab,
    /// A subflow's template.
    Subflow,
    /// A group.
    Group,
    /// A config node.
    Config,
    /// A node on a tab or in a subflow.
    Node,
    /// The file's order; has no node.
    File,
}

impl Subject {
    /// What `node` is: by its type, and a node without a place on the canvas is a config node.
    pub fn of(node: NodeRef<'_>) -> Self {
        match node.kind() {
            "tab" => Self::Tab,
            "subflow" => Self::Subflow,
            "group" => Self::Group,
            _ if node.is_placed() => Self::Node,
            _ => Self::Config,
        }
    }
}

/// One change: one line of the review, one decision.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Its name.
    pub id: ChangeId,
    /// What it is about.
    pub aspect: Aspect,
    /// What kind of thing it touches.
    pub subject: Subject,
    /// The node's id (empty for [`Aspect::Order`]).
    pub node: String,
    /// The node's type, as in the flows file.
    pub node_type: String,
    /// What people call it: its name or label, else its type.
    pub label: String,
    /// The tab or subflow it is on, after the change (before, for a removed node). None for tabs,
    /// subflows and global config nodes.
    pub tab: Option<String>,
    /// Properties that differ, in the order of the proposal; for an added or removed node, all.
    /// Empty for [`Aspect::Wired`].
    pub properties: Vec<PropertyChange>,
    /// Wires that come or go.
    pub wires: Vec<WireChange>,
    /// Credentials that are set, changed or removed. Never their values.
    pub credentials: Vec<CredentialNote>,
    /// For config nodes and subflows: ids of the nodes that use it, after the change.
    pub used_by: Vec<String>,
    /// What it is seen to be beyond its own node: re-created, a copy, wrapped up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recognised: Option<Recognised>,
    /// What it does, in words, as far as words are known for the node's type.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub said: Vec<Said>,
    /// What a reviewer should know about it.
    pub findings: Vec<Finding>,
}

/// One property that differs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PropertyChange {
    /// The key in the node's object.
    pub key: String,
    /// The value before; none when the key is new. A `null` is a value: no value is left out.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "there"
    )]
    pub before: Option<serde_json::Value>,
    /// The value after; none when the key is gone.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "there"
    )]
    pub after: Option<serde_json::Value>,
    /// How to show it.
    pub language: Language,
}

fn there<'de, D: Deserializer<'de>>(value: D) -> Result<Option<serde_json::Value>, D::Error> {
    serde_json::Value::deserialize(value).map(Some)
}

/// How a value is best shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    /// A short value on one line.
    Plain,
    /// JavaScript.
    JavaScript,
    /// JSON text or structure.
    Json,
    /// HTML or a template.
    Html,
    /// CSS.
    Css,
    /// SQL.
    Sql,
    /// Markdown.
    Markdown,
    /// YAML.
    Yaml,
    /// `JSONata`.
    Jsonata,
    /// Text of several lines.
    Text,
}

/// A wire that comes or goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WireChange {
    /// Whether it comes (true) or goes.
    pub added: bool,
    /// From which node.
    pub from: String,
    /// From which output, counted from 0.
    pub port: usize,
    /// To which node.
    pub to: String,
}

/// A credential that is set, changed or removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CredentialNote {
    /// The field, such as `password`.
    pub field: String,
    /// What happens to it.
    pub action: CredentialAction,
}

/// What happens to a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CredentialAction {
    /// There was none.
    Set,
    /// There was another value.
    Changed,
    /// It goes.
    Removed,
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn a_null_is_not_the_same_as_nothing() {
        for (before, after) in [
            (None, Some(Value::Null)),
            (Some(Value::Null), Some(json!(1))),
        ] {
            let property = PropertyChange {
                key: "timeout".into(),
                before,
                after,
                language: Language::Plain,
            };
            let text = serde_json::to_string(&property).unwrap();
            assert_eq!(
                serde_json::from_str::<PropertyChange>(&text).unwrap(),
                property,
                "{text}"
            );
        }
    }
}
