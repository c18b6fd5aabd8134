//! The palette of an instance: what its packages say of their node types, as plain data.
//!
//! Packages are hostile: colours are numbers here, icons names, and a label function is a [`Label`],
//! a small language without loops. Nothing in it is code, and whoever shows a text still escapes it.

mod colour;
mod icon;
mod label;

use std::collections::BTreeMap;

use serde_json::Value;

pub use colour::Colour;
pub use icon::{Icon, Outline, Stroke};
pub use label::{Label, Test};

/// What is known of the node types of an instance.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Palette {
    /// By the type's name as flows write it, such as `mqtt in`.
    pub types: BTreeMap<String, NodeType>,
    /// Icons by package and file name, such as `node-red/inject.svg`.
    pub icons: BTreeMap<String, Icon>,
}

impl Palette {
    /// What is known of a type.
    pub fn get(&self, node_type: &str) -> Option<&NodeType> {
        self.types.get(node_type)
    }

    /// The icon called `name` by a node type of `module`, and its whole name: the package's own,
    /// else Node-RED's.
    pub fn icon(&self, module: &str, name: &str) -> Option<(&str, &Icon)> {
        // Node-RED itself gives the SVG where one of its former PNG files is asked for.
        let stem = name.strip_suffix(".png").unwrap_or(name);
        let names = [
            name.to_owned(),
            format!("{module}/{name}"),
            format!("node-red/{name}"),
            format!("node-red/{stem}.svg"),
        ];
        let found = names.iter().find_map(|name| self.icons.get_key_value(name));
        found.map(|(name, icon)| (name.as_str(), icon))
    }
}

/// One node type, as its package registers it in the editor.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeType {
    /// The package it comes from: `node-red` for Node-RED's own nodes.
    pub module: String,
    /// The package's version.
    pub version: Option<String>,
    /// Where the editor's palette lists it.
    pub category: String,
    /// The node's colour.
    pub colour: Option<Colour>,
    /// Input ports, 0 or 1, where the node's own properties do not say.
    pub inputs: u32,
    /// Output ports, where the node's own properties do not say.
    pub outputs: u32,
    /// The icon's file name, such as `inject.svg` or `font-awesome/fa-bolt`.
    pub icon: Option<Label>,
    /// What stands on the node.
    pub label: Option<Label>,
    /// The class of what stands on it: most write a name a person gave in italics.
    pub label_style: Option<Label>,
    /// What stands on it in the palette.
    pub palette_label: Option<Label>,
    /// On which side the icon is.
    pub align: Align,
    /// Whether it has a button at its side, as inject and debug have.
    pub has_button: bool,
    /// Whether it is a config node: on no canvas.
    pub is_config: bool,
    /// Its properties.
    pub defaults: BTreeMap<String, Property>,
    /// Its credentials.
    pub credentials: BTreeMap<String, CredentialKind>,
}

/// The side of a node its icon is on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Align {
    /// Left, the usual.
    #[default]
    Left,
    /// Right, as outputs have it.
    Right,
}

/// One property of a node type.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Property {
    /// What the editor fills in; none when the package computes it.
    pub value: Option<Value>,
    /// Whether it must be set.
    pub is_required: bool,
    /// The config node type it names a node of.
    pub config: Option<String>,
}

/// What kind of secret a credential is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// Shown while it is typed and given back to the editor: a user name.
    Text,
    /// Never given back to the editor.
    Password,
}
