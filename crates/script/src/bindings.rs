//! Which expression each variable was given.

use std::collections::HashMap;

use oxc_ast::AstKind;
use oxc_ast::ast::{
    Argument, AssignmentExpression, AssignmentTarget, AssignmentTargetMaybeDefault,
    AssignmentTargetProperty, BindingPattern, CallExpression, Expression, ForStatementLeft,
    FormalParameters, IdentifierReference, ImportDeclaration, ImportDeclarationSpecifier,
    PropertyKey, SimpleAssignmentTarget,
};
use oxc_ast_visit::Visit;
use oxc_semantic::Scoping;
use oxc_syntax::symbol::SymbolId;

use crate::value::Path;

/// How many givings of one variable are kept.
const GIVEN_MAX: usize = 4;

/// Something a variable was given: a member (of a member …) of an expression, or a path.
#[derive(Debug, Clone)]
pub(crate) struct Given<'a> {
    pub(crate) from: From<'a>,
    /// Names taken out of it by destructuring.
    pub(crate) members: Vec<String>,
}

#[derive(Debug, Clone)]
pub(crate) enum From<'a> {
    Expression(&'a Expression<'a>),
    Path(Path),
    /// Something that can't be known, or one assignment too many.
    Unknown,
}

/// All variables' values.
pub(crate) struct Bindings<'a> {
    /// By the variables' numbers.
    given: Vec<Vec<Given<'a>>>,
    /// How many of a variable's writings were understood; its declarations are none.
    written: HashMap<SymbolId, usize>,
}

impl<'a> Bindings<'a> {
    pub(crate) fn new(scoping: &Scoping) -> Self {
        let mut given = Vec::new();
        given.resize_with(scoping.symbols_len(), Vec::new);
        Self {
            given,
            written: HashMap::new(),
        }
    }

    pub(crate) fn of(&self, symbol: SymbolId) -> &[Given<'a>] {
        self.given.get(symbol.index()).map_or(&[], Vec::as_slice)
    }

    fn give(&mut self, symbol: Option<SymbolId>, from: From<'a>, members: Vec<String>) {
        let Some(all) = symbol.and_then(|symbol| self.given.get_mut(symbol.index())) else {
            return;
        };
        if all.len() < GIVEN_MAX {
            all.push(Given { from, members });
        } else if let Some(last) = all.last_mut() {
            last.from = From::Unknown;
        }
    }

    /// Gives a variable something where the source writes to it.
    fn write(&mut self, symbol: Option<SymbolId>, from: From<'a>, members: Vec<String>) {
        if let Some(symbol) = symbol {
            *self.written.entry(symbol).or_default() += 1;
        }
        self.give(symbol, from, members);
    }

    /// Takes a pattern apart. Patterns nest no deeper than brackets do.
    fn take(&mut self, pattern: &BindingPattern<'_>, from: &From<'a>, members: &[String]) {
        match pattern {
            BindingPattern::BindingIdentifier(name) => {
                self.give(name.symbol_id.get(), from.clone(), members.to_vec());
            }
            BindingPattern::AssignmentPattern(inner) => self.take(&inner.left, from, members),
            // Beyond that no name is worth its price.
            _ if members.len() >= 6 => {}
            BindingPattern::ObjectPattern(object) => {
                for property in &object.properties {
                    let Some(name) = key_name(&property.key) else {
                        continue;
                    };
                    let members = [members, &[name]].concat();
                    self.take(&property.value, from, &members);
                }
            }
            BindingPattern::ArrayPattern(array) => {
                for (at, element) in array.elements.iter().enumerate() {
                    let Some(element) = element else { continue };
                    let members = [members, &[at.to_string()]].concat();
                    self.take(element, from, &members);
                }
            }
        }
    }

    fn first_parameter(&mut self, function: &Expression<'_>, path: Path) {
        if let Some(first) = parameters(function).and_then(|all| all.items.first()) {
            self.take(&first.pattern, &From::Path(path), &[]);
        }
    }
}

/// A key that is written out.
pub(crate) fn key_name(key: &PropertyKey<'_>) -> Option<String> {
    match key {
        PropertyKey::StaticIdentifier(name) => Some(name.name.to_string()),
        PropertyKey::StringLiteral(text) => Some(text.value.to_string()),
        PropertyKey::NumericLiteral(number) => Some(number.value.to_string()),
        _ => None,
    }
}

fn parameters<'b, 'a>(function: &'b Expression<'a>) -> Option<&'b FormalParameters<'a>> {
    match function {
        Expression::FunctionExpression(function) => Some(&function.params),
        Expression::ArrowFunctionExpression(function) => Some(&function.params),
        _ => None,
    }
}

/// Gathers the bindings of a tree. It sees the tree through `enter_node`, because only there its parts
/// live as long as the tree.
pub(crate) struct Gather<'a, 's> {
    pub(crate) bindings: Bindings<'a>,
    pub(crate) scoping: &'s Scoping,
}

impl<'a> Visit<'a> for Gather<'a, '_> {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        match kind {
            AstKind::VariableDeclarator(it) => {
                if let Some(init) = &it.init {
                    self.bindings.take(&it.id, &From::Expression(init), &[]);
                }
            }
            AstKind::AssignmentExpression(it) => self.assigned(it),
            AstKind::CallExpression(it) => self.called(it),
            AstKind::ImportDeclaration(it) => self.imported(it),
            AstKind::UpdateExpression(it) => {
                if let SimpleAssignmentTarget::AssignmentTargetIdentifier(name) = &it.argument {
                    let symbol = self.symbol(name);
                    self.bindings.write(symbol, From::Unknown, Vec::new());
                }
            }
            AstKind::ForInStatement(it) => self.looped(&it.left),
            AstKind::ForOfStatement(it) => self.looped(&it.left),
            AstKind::ExportDefaultDeclaration(it) => {
                if let Some(function) = it.declaration.as_expression() {
                    self.bindings.first_parameter(function, Path::global("RED"));
                }
            }
            _ => {}
        }
    }
}

impl<'a> Gather<'a, '_> {
    fn symbol(&self, name: &IdentifierReference<'_>) -> Option<SymbolId> {
        self.scoping
            .get_reference(name.reference_id.get()?)
            .symbol_id()
    }

    /// A variable that is written to in a way that is not followed (`[a] = b`) may hold anything: else
    /// `let m = "path"; [m] = ["fs"]` would pass for `"path"`.
    pub(crate) fn finish(mut self) -> Bindings<'a> {
        let written = std::mem::take(&mut self.bindings.written);
        for (symbol, given) in self.scoping.symbol_ids().zip(&mut self.bindings.given) {
            let writes = self.scoping.get_resolved_references(symbol);
            let writes = writes.filter(|one| one.is_write()).count();
            if !given.is_empty() && writes > written.get(&symbol).copied().unwrap_or_default() {
                given.push(Given {
                    from: From::Unknown,
                    members: Vec::new(),
                });
            }
        }
        self.bindings
    }

    fn looped(&mut self, left: &ForStatementLeft<'_>) {
        match left {
            ForStatementLeft::AssignmentTargetIdentifier(name) => {
                let symbol = self.symbol(name);
                self.bindings.write(symbol, From::Unknown, Vec::new());
            }
            ForStatementLeft::VariableDeclaration(declared) => {
                for one in &declared.declarations {
                    self.bindings.take(&one.id, &From::Unknown, &[]);
                }
            }
            // Others are found by their references.
            _ => {}
        }
    }

    fn assigned(&mut self, it: &'a AssignmentExpression<'a>) {
        match &it.left {
            AssignmentTarget::AssignmentTargetIdentifier(name) => {
                let symbol = self.symbol(name);
                let from = if it.operator.is_assign() || it.operator.is_logical() {
                    From::Expression(&it.right)
                } else {
                    From::Unknown
                };
                self.bindings.write(symbol, from, Vec::new());
            }
            // Node-RED hands itself to what a node's file exports, whatever name that gives it.
            AssignmentTarget::StaticMemberExpression(member)
                if member.property.name == "exports" && member.object.is_specific_id("module") =>
            {
                self.bindings
                    .first_parameter(&it.right, Path::global("RED"));
            }
            AssignmentTarget::ObjectAssignmentTarget(object) => {
                for property in &object.properties {
                    self.picked(property, &it.right);
                }
            }
            _ => {}
        }
    }

    /// `({a, b: c} = d)`
    fn picked(&mut self, property: &AssignmentTargetProperty<'_>, right: &'a Expression<'a>) {
        let (symbol, member) = match property {
            AssignmentTargetProperty::AssignmentTargetPropertyIdentifier(it) => {
                (self.symbol(&it.binding), Some(it.binding.name.to_string()))
            }
            AssignmentTargetProperty::AssignmentTargetPropertyProperty(it) => match &it.binding {
                AssignmentTargetMaybeDefault::AssignmentTargetIdentifier(name) => {
                    (self.symbol(name), key_name(&it.name))
                }
                _ => return,
            },
        };
        if let Some(member) = member {
            self.bindings
                .write(symbol, From::Expression(right), vec![member]);
        }
    }

    /// `(function (fs) { … })(require("fs"))` and `import("fs").then((fs) => …)`.
    fn called(&mut self, it: &'a CallExpression<'a>) {
        if let Some(parameters) = parameters(&it.callee) {
            for (parameter, argument) in parameters.items.iter().zip(&it.arguments) {
                if let Some(argument) = argument.as_expression() {
                    self.bindings
                        .take(&parameter.pattern, &From::Expression(argument), &[]);
                }
            }
        }
        if let Expression::StaticMemberExpression(member) = &it.callee
            && member.property.name == "then"
            && let Expression::ImportExpression(_) = &member.object
            && let Some(then) = it.arguments.first().and_then(Argument::as_expression)
            && let Some(first) = parameters(then).and_then(|all| all.items.first())
        {
            self.bindings
                .take(&first.pattern, &From::Expression(&member.object), &[]);
        }
    }

    fn imported(&mut self, it: &'a ImportDeclaration<'a>) {
        let module = || From::Path(Path::module(&it.source.value));
        for specifier in it.specifiers.iter().flatten() {
            let (local, members) = match specifier {
                ImportDeclarationSpecifier::ImportSpecifier(one) => {
                    let name = one.imported.name().to_string();
                    (
                        &one.local,
                        if name == "default" {
                            vec![]
                        } else {
                            vec![name]
                        },
                    )
                }
                ImportDeclarationSpecifier::ImportDefaultSpecifier(one) => (&one.local, vec![]),
                ImportDeclarationSpecifier::ImportNamespaceSpecifier(one) => (&one.local, vec![]),
            };
            self.bindings.give(local.symbol_id.get(), module(), members);
        }
    }
}
