//! What an expression comes to: through variables, aliases, members and texts put together from pieces.
//!
//! Bounded three ways, so that no source makes this slow: how deep one expression is followed, how long a
//! text gets, and how many steps a whole source may cost ([`Resolver::is_spent`]).

mod call;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use oxc_ast::ast::{
    Argument, ChainElement, ComputedMemberExpression, Expression, IdentifierReference,
    NewExpression,
};
use oxc_semantic::Scoping;
use oxc_syntax::operator::{BinaryOperator, UnaryOperator};
use oxc_syntax::symbol::SymbolId;

use crate::bindings::{Bindings, From, Given};
use crate::fold;
use crate::value::{self, Path, Root, Value};

/// How deep an expression is followed.
const DEPTH_MAX: usize = 48;
/// How long a text may get.
pub(crate) const TEXT_MAX: usize = 64 * 1024;
/// How many elements of a list are looked at.
const LIST_MAX: usize = 4_096;

/// Answers what expressions of one tree come to.
pub(crate) struct Resolver<'a, 's> {
    bindings: Bindings<'a>,
    scoping: &'s Scoping,
    /// Names the source is given from outside: `libs`, and what a wrapper declares.
    given: HashMap<String, Path>,
    /// Variables declared before this offset are the wrapper's, and mean what their name says.
    wrapper_end: u32,
    /// What variables were found to come to, by their numbers.
    known: RefCell<Vec<Option<Value>>>,
    fuel: Cell<usize>,
}

impl<'a, 's> Resolver<'a, 's> {
    pub(crate) fn new(
        bindings: Bindings<'a>,
        scoping: &'s Scoping,
        given: HashMap<String, Path>,
        wrapper_end: u32,
        bytes: usize,
    ) -> Self {
        let fuel = Cell::new(bytes.saturating_mul(64).saturating_add(1_000_000));
        Self {
            bindings,
            scoping,
            given,
            wrapper_end,
            known: RefCell::new(vec![None; scoping.symbols_len()]),
            fuel,
        }
    }

    /// Whether it ran out of steps, so that answers may be missing.
    pub(crate) fn is_spent(&self) -> bool {
        self.fuel.get() == 0
    }

    /// What an expression comes to.
    pub(crate) fn value(&self, expression: &Expression<'a>) -> Value {
        self.follow(expression, 0)
    }

    /// The path an expression comes to.
    pub(crate) fn path(&self, expression: &Expression<'a>) -> Option<Path> {
        match self.value(expression) {
            Value::Path(path) => Some(path),
            _ => None,
        }
    }

    /// What an argument comes to.
    pub(crate) fn argument(&self, argument: Option<&Argument<'a>>) -> Value {
        argument
            .and_then(Argument::as_expression)
            .map_or(Value::Unknown, |one| self.value(one))
    }

    /// The expression itself, or the one the variable it names was given.
    pub(crate) fn given_object<'b>(
        &'b self,
        expression: &'b Expression<'a>,
    ) -> Option<&'b Expression<'a>> {
        match expression {
            Expression::Identifier(name) => self.only_given(name),
            _ => Some(expression),
        }
    }

    /// The expression a variable was given, if it was given one only.
    pub(crate) fn only_given(&self, name: &IdentifierReference<'_>) -> Option<&'a Expression<'a>> {
        match self.bindings.of(self.symbol(name)?) {
            [
                Given {
                    from: From::Expression(given),
                    members,
                },
            ] if members.is_empty() => Some(given),
            _ => None,
        }
    }

    /// The global a name means, if it means one.
    pub(crate) fn global(&self, name: &IdentifierReference<'_>) -> Option<Path> {
        match self.symbol(name) {
            None => Some(
                self.given
                    .get(name.name.as_str())
                    .cloned()
                    .unwrap_or_else(|| Path::global(&name.name)),
            ),
            Some(symbol) if self.scoping.symbol_span(symbol).start < self.wrapper_end => {
                Some(Path::global(&name.name))
            }
            Some(_) => None,
        }
    }

    pub(crate) fn symbol(&self, name: &IdentifierReference<'_>) -> Option<SymbolId> {
        name.reference_id
            .get()
            .and_then(|id| self.scoping.get_reference(id).symbol_id())
    }

    fn spend(&self, steps: usize) -> bool {
        self.fuel.set(self.fuel.get().saturating_sub(steps));
        self.fuel.get() > 0
    }

    #[expect(
        clippy::too_many_lines,
        reason = "one line for each kind of expression"
    )]
    fn follow(&self, expression: &Expression<'a>, depth: usize) -> Value {
        let depth = depth + 1;
        if depth > DEPTH_MAX || !self.spend(1) {
            return Value::Unknown;
        }
        let value = match expression {
            Expression::StringLiteral(text) if text.value.len() <= TEXT_MAX => {
                Value::Text(text.value.to_string())
            }
            Expression::NumericLiteral(number) => Value::Number(number.value),
            Expression::BooleanLiteral(flag) => Value::Flag(flag.value),
            Expression::NullLiteral(_) => Value::Nothing,
            Expression::Identifier(name) => self.name(name, depth),
            Expression::ThisExpression(_) => Value::Path(Path::new(Root::This)),
            Expression::StaticMemberExpression(member) => {
                self.member(&member.object, &member.property.name, depth)
            }
            Expression::ComputedMemberExpression(member) => self.computed(member, depth),
            Expression::ChainExpression(chain) => match &chain.expression {
                ChainElement::CallExpression(call) => self.call(call, depth),
                ChainElement::StaticMemberExpression(member) => {
                    self.member(&member.object, &member.property.name, depth)
                }
                ChainElement::ComputedMemberExpression(member) => self.computed(member, depth),
                _ => Value::Unknown,
            },
            Expression::CallExpression(call) => self.call(call, depth),
            Expression::NewExpression(made) => self.made(made, depth),
            Expression::ImportExpression(import) => match self.follow(&import.source, depth) {
                Value::Text(name) => Value::Path(Path::module(&name)),
                _ => Value::Unknown,
            },
            Expression::TemplateLiteral(_) | Expression::BinaryExpression(_) => {
                self.joined(expression, depth)
            }
            Expression::ArrayExpression(list) if list.elements.len() <= LIST_MAX => Value::List(
                list.elements
                    .iter()
                    .map(|one| {
                        one.as_expression()
                            .map_or(Value::Unknown, |one| self.follow(one, depth))
                    })
                    .collect(),
            ),
            Expression::AwaitExpression(it) => self.follow(&it.argument, depth),
            Expression::AssignmentExpression(it) => self.follow(&it.right, depth),
            Expression::SequenceExpression(it) => it
                .expressions
                .last()
                .map_or(Value::Unknown, |last| self.follow(last, depth)),
            Expression::LogicalExpression(it) => self.either(&it.left, &it.right, depth),
            Expression::ConditionalExpression(it) => {
                self.either(&it.consequent, &it.alternate, depth)
            }
            Expression::UnaryExpression(it) => {
                match (it.operator, self.follow(&it.argument, depth)) {
                    (UnaryOperator::UnaryNegation, Value::Number(number)) => Value::Number(-number),
                    (UnaryOperator::UnaryPlus, Value::Number(number)) => Value::Number(number),
                    (UnaryOperator::LogicalNot, Value::Number(number)) => {
                        Value::Flag(number == 0.0)
                    }
                    (UnaryOperator::LogicalNot, Value::Flag(flag)) => Value::Flag(!flag),
                    (UnaryOperator::Void, _) => Value::Nothing,
                    _ => Value::Unknown,
                }
            }
            _ => Value::Unknown,
        };
        // Copying is part of the price; what grows by being copied again and again stays unknown.
        let weight = value.weight();
        if weight <= TEXT_MAX && self.spend(weight / 8) {
            value
        } else {
            Value::Unknown
        }
    }

    /// Of two possible values the one that is a way to something, else the one that is known. A text is
    /// only known when both are the same.
    fn either(&self, one: &Expression<'a>, other: &Expression<'a>, depth: usize) -> Value {
        match (self.follow(one, depth), self.follow(other, depth)) {
            (Value::Path(path), other) if path.root == Root::Other => match other {
                Value::Path(other) => Value::Path(other),
                _ => Value::Path(path),
            },
            (Value::Path(path), _) | (_, Value::Path(path)) => Value::Path(path),
            (one, other) if one == other => one,
            _ => Value::Unknown,
        }
    }

    fn name(&self, name: &IdentifierReference<'_>, depth: usize) -> Value {
        if let Some(path) = self.global(name) {
            return match path.root_global() {
                Some("undefined") if path.parts.is_empty() => Value::Nothing,
                _ => Value::Path(path),
            };
        }
        self.symbol(name)
            .map_or(Value::Unknown, |symbol| self.variable(symbol, depth))
    }

    /// Whether a variable comes to this path, whenever it is read.
    pub(crate) fn is_alias(&self, symbol: Option<SymbolId>, path: &Path) -> bool {
        symbol.is_some_and(|symbol| {
            self.bindings.of(symbol).len() == 1
                && matches!(self.variable(symbol, 0), Value::Path(known) if known == *path)
        })
    }

    fn variable(&self, symbol: SymbolId, depth: usize) -> Value {
        if let Some(Some(known)) = self.known.borrow().get(symbol.index()) {
            return known.clone();
        }
        // Against `a = b, b = a`.
        self.keep(symbol, Some(Value::Unknown));
        let given = self.bindings.of(symbol);
        let mut values = given.iter().map(|one| self.given(one, depth));
        let value = match given.len() {
            1 => values.next().unwrap_or(Value::Unknown),
            _ => values
                .find(|value| matches!(value, Value::Path(_)))
                .unwrap_or(Value::Unknown),
        };
        // Found out near the limit of depth, "unknown" holds for here only.
        let is_final = depth < DEPTH_MAX / 2 || value != Value::Unknown;
        self.keep(symbol, is_final.then(|| value.clone()));
        value
    }

    fn keep(&self, symbol: SymbolId, value: Option<Value>) {
        if let Some(place) = self.known.borrow_mut().get_mut(symbol.index()) {
            *place = value;
        }
    }

    fn given(&self, given: &Given<'a>, depth: usize) -> Value {
        let value = match &given.from {
            From::Expression(expression) => self.follow(expression, depth),
            From::Path(path) => Value::Path(path.clone()),
            From::Unknown => Value::Unknown,
        };
        given
            .members
            .iter()
            .fold(value, |value, name| value.member(name))
    }

    fn member(&self, object: &Expression<'a>, name: &str, depth: usize) -> Value {
        self.follow(object, depth).member(name)
    }

    fn computed(&self, member: &ComputedMemberExpression<'a>, depth: usize) -> Value {
        let key = self.follow(&member.expression, depth);
        let object = self.follow(&member.object, depth);
        match (object, key) {
            (Value::List(list), Value::Number(number)) => value::index(&list, number),
            (object, key) => match key.printed() {
                Some(name) => object.member(&name),
                None => Value::Path(Path::new(Root::Other)),
            },
        }
    }

    /// `"a" + b + …` and templates.
    fn joined(&self, expression: &Expression<'a>, depth: usize) -> Value {
        match expression {
            Expression::TemplateLiteral(template) => {
                let mut text = String::new();
                for (at, quasi) in template.quasis.iter().enumerate() {
                    text.push_str(quasi.value.cooked.as_deref().unwrap_or_default());
                    if let Some(expression) = template.expressions.get(at) {
                        let Some(piece) = self.follow(expression, depth).printed() else {
                            return Value::Unknown;
                        };
                        text.push_str(&piece);
                    }
                    if text.len() > TEXT_MAX || !self.spend(1) {
                        return Value::Unknown;
                    }
                }
                Value::Text(text)
            }
            Expression::BinaryExpression(binary) if binary.operator == BinaryOperator::Addition => {
                // Long sums lean to the left; going down them here keeps the stack flat.
                let mut pieces = vec![&binary.right];
                let mut left = &binary.left;
                while let Expression::BinaryExpression(inner) = left
                    && inner.operator == BinaryOperator::Addition
                {
                    pieces.push(&inner.right);
                    left = &inner.left;
                }
                pieces.push(left);
                let values = pieces
                    .into_iter()
                    .rev()
                    .map(|piece| self.follow(piece, depth));
                fold::sum(values)
            }
            _ => Value::Unknown,
        }
    }

    fn made(&self, made: &NewExpression<'a>, depth: usize) -> Value {
        self.follow(&made.callee, depth)
    }
}
