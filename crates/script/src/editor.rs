//! What a node's HTML registers in the editor, read as data.
//!
//! A package's editor part calls `RED.nodes.registerType('name', {…})`. The calls are found in the
//! parsed scripts, and of the object what is constant is kept: literals, and names bound to them.
//! Nothing is run.

mod definition;
mod fold;
pub mod icon;
mod label;
mod scripts;
pub mod settings;

use std::collections::BTreeMap;

use model::palette::NodeType;
use oxc_ast::{
    AstKind,
    ast::{AssignmentTarget, BindingPattern, CallExpression, Expression},
};
use oxc_ast_visit::Visit;

use crate::{
    Refused,
    reader::{self, Kind},
};

/// A node's HTML has at most this many bytes; real ones have some 100 KB.
pub const HTML_MAX_BYTES: usize = 2 * 1024 * 1024;

/// Types registered by one file at most.
const TYPES_MAX: usize = 500;

/// Scripts of one file that are looked into for types at most: each is parsed on a thread of its own.
const SCRIPTS_MAX: usize = 100;

/// Why a node's HTML could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EditorError {
    /// It is too long.
    #[error("it has {bytes} bytes; at most {HTML_MAX_BYTES} are read")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// A script of it cannot be read safely.
    #[error("a script in it: {0}")]
    Refused(#[from] Refused),
    /// It is not HTML.
    #[error("it cannot be read as HTML")]
    NotHtml,
}

/// The catalogue of a package's texts: from a key to the text.
pub type Messages<'a> = &'a (dyn Fn(&str) -> Option<String> + Sync);

/// The node types `html` registers, in order. A script that does not parse registers none. The
/// module is not filled in.
pub fn node_types(
    html: &str,
    messages: Messages<'_>,
) -> Result<Vec<(String, NodeType)>, EditorError> {
    if html.len() > HTML_MAX_BYTES {
        return Err(EditorError::TooLong { bytes: html.len() });
    }
    let mut types = Vec::new();
    // Most scripts of most packages are something else; parsing those is for others.
    let mut scripts = scripts::read(html)?;
    scripts.retain(|script| script.contains("registerType"));
    for script in scripts.iter().take(SCRIPTS_MAX) {
        if types.len() < TYPES_MAX {
            types.extend(registered(script, messages)?);
        }
    }
    types.truncate(TYPES_MAX);
    Ok(types)
}

fn registered(
    script: &str,
    messages: Messages<'_>,
) -> Result<Vec<(String, NodeType)>, EditorError> {
    let types = reader::read(script, &[Kind::Script, Kind::Module], |tree| {
        let mut calls = Calls::default();
        calls.visit_program(tree.program);
        let mut bindings = Bindings::default();
        bindings.visit_program(tree.program);
        let (found, scope) = (calls.found, fold::Names::new(&bindings.names));
        let types = found.into_iter().filter_map(|call| {
            let mut arguments = call.arguments.iter();
            let name = scope.text(arguments.next()?.as_expression()?)?;
            let object = scope.object(arguments.next()?.as_expression()?)?;
            Some((name, definition::read(object, &scope, messages)))
        });
        types.collect()
    });
    Ok(types?)
}

/// The calls of `registerType`.
#[derive(Default)]
struct Calls<'a> {
    found: Vec<&'a CallExpression<'a>>,
}

/// Every name that is bound to a value once.
#[derive(Default)]
struct Bindings<'a> {
    /// None: bound more than once, so nobody knows to what.
    names: BTreeMap<&'a str, Option<&'a Expression<'a>>>,
}

impl<'a> Visit<'a> for Calls<'a> {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        if let AstKind::CallExpression(call) = kind
            && self.found.len() < TYPES_MAX
            && is_register_type(call)
        {
            self.found.push(call);
        }
    }
}

impl<'a> Visit<'a> for Bindings<'a> {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        match kind {
            AstKind::VariableDeclarator(declarator) => {
                if let (BindingPattern::BindingIdentifier(name), Some(value)) =
                    (&declarator.id, &declarator.init)
                {
                    let bound = self.names.entry(name.name.as_str());
                    bound.and_modify(|it| *it = None).or_insert(Some(value));
                }
            }
            AstKind::AssignmentExpression(assignment) => {
                if let AssignmentTarget::AssignmentTargetIdentifier(name) = &assignment.left {
                    self.names.insert(name.name.as_str(), None);
                }
            }
            _ => {}
        }
    }
}

fn is_register_type(call: &CallExpression<'_>) -> bool {
    let Expression::StaticMemberExpression(member) = &call.callee else {
        return false;
    };
    member.property.name == "registerType"
}

#[cfg(test)]
mod tests;
