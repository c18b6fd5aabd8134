//! Label functions, translated into [`Label`]s.
//!
//! Most are `return this.name || "x"`; others choose by a few properties. Conditions, texts put
//! together and variables are followed; where a function does more (a loop, another function), the
//! branch that needs it is [`Label::Unknown`]. Translating is bounded by a budget of parts.

mod parts;

use std::collections::BTreeMap;

use model::palette::{Label, Test};
use oxc_ast::ast::UnaryOperator;
use oxc_ast::ast::{
    ArrowFunctionBody, AssignmentOperator, AssignmentTarget, BinaryOperator, BindingPattern,
    CallExpression, Expression, LogicalOperator, ObjectExpression, ObjectPropertyKind, Statement,
};
use serde_json::Value;

use self::parts::{compared, first_of, joined, weight};
use super::{Messages, definition::text, fold::Names};

/// Expressions and statements looked at for one function at most.
const PARTS_MAX: usize = 600;

/// Parts the result has at most.
const SIZE_MAX: usize = 2_000;

/// How deeply what is looked at may be nested.
const DEPTH_MAX: u8 = 60;

/// What `value` (a text or a function) says.
pub(super) fn read<'a>(
    value: &Expression<'a>,
    names: &Names<'a, '_>,
    messages: Messages<'_>,
) -> Label {
    let mut reader = Reader {
        names,
        messages,
        parts: PARTS_MAX,
    };
    let locals = Locals::default();
    let label = match value {
        Expression::FunctionExpression(function) => {
            let statements = function
                .body
                .as_ref()
                .map(|body| body.statements.as_slice());
            reader.run(&first(statements.unwrap_or_default()), locals, DEPTH_MAX)
        }
        Expression::ArrowFunctionExpression(arrow) => match &arrow.body {
            ArrowFunctionBody::FunctionBody(body) => {
                reader.run(&first(&body.statements), locals, DEPTH_MAX)
            }
            body => match body.as_expression() {
                Some(value) => reader.label(value, &locals, DEPTH_MAX),
                None => Label::Unknown,
            },
        },
        other => match names.text(other) {
            Some(constant) => text(&constant),
            None => Label::Unknown,
        },
    };
    bounded(label)
}

/// What has grown too large is not known.
fn bounded(label: Label) -> Label {
    if label.size() > SIZE_MAX {
        return Label::Unknown;
    }
    label
}

/// What local variables hold.
#[derive(Clone, Default)]
struct Locals<'b> {
    labels: BTreeMap<&'b str, Label>,
    /// Other names for `this`.
    this: Option<&'b str>,
}

struct Reader<'a, 'r> {
    names: &'r Names<'a, 'r>,
    messages: Messages<'r>,
    parts: usize,
}

impl<'a> Reader<'a, '_> {
    /// Counts one part; whether there may be another.
    fn spend(&mut self) -> bool {
        match self.parts.checked_sub(1) {
            Some(left) => {
                self.parts = left;
                self.names.spend(1)
            }
            None => false,
        }
    }

    /// A copy, as far as copies may still be made: `a && b && c` and a name read twice double what they say.
    fn copy(&self, label: &Label) -> Label {
        if self.names.spend(weight(label)) {
            label.clone()
        } else {
            Label::Unknown
        }
    }

    /// The same for all that is known in one branch.
    fn copies<'b>(&self, locals: &Locals<'b>) -> Option<Locals<'b>> {
        let whole = locals.labels.values().map(weight).sum();
        self.names.spend(whole).then(|| locals.clone())
    }

    /// What the statements return.
    fn run<'b>(
        &mut self,
        statements: &[&'b Statement<'a>],
        mut locals: Locals<'b>,
        depth: u8,
    ) -> Label {
        let Some(deeper) = depth.checked_sub(1) else {
            return Label::Unknown;
        };
        let mut rest = statements.iter();
        while let Some(statement) = rest.next() {
            if !self.spend() {
                return Label::Unknown;
            }
            // What follows is part of both branches.
            let then = |inner: &[&'b Statement<'a>]| -> Vec<&'b Statement<'a>> {
                let all = inner.iter().copied().chain(rest.clone().copied());
                all.take(PARTS_MAX).collect()
            };
            match statement {
                Statement::ReturnStatement(returned) => {
                    return match &returned.argument {
                        Some(value) => self.label(value, &locals, deeper),
                        None => text(""),
                    };
                }
                Statement::IfStatement(it) => {
                    let test = self.test(&it.test, &locals, deeper);
                    let yes = then(&[&it.consequent]);
                    let no = match &it.alternate {
                        Some(statement) => then(&[statement]),
                        None => then(&[]),
                    };
                    let Some(copied) = self.copies(&locals) else {
                        return Label::Unknown;
                    };
                    return bounded(Label::When {
                        test: Box::new(test),
                        then: Box::new(self.run(&yes, copied, deeper)),
                        otherwise: Box::new(self.run(&no, locals, deeper)),
                    });
                }
                Statement::BlockStatement(block) => {
                    let inner = first(&block.body);
                    return self.run(&then(&inner), locals, deeper);
                }
                Statement::TryStatement(it) => {
                    let inner = first(&it.block.body);
                    return self.run(&then(&inner), locals, deeper);
                }
                Statement::VariableDeclaration(declaration) => {
                    for declarator in &declaration.declarations {
                        if let BindingPattern::BindingIdentifier(name) = &declarator.id {
                            let name = name.name.as_str();
                            if matches!(&declarator.init, Some(Expression::ThisExpression(_))) {
                                locals.this = Some(name);
                            }
                            let value = match &declarator.init {
                                Some(value) => self.label(value, &locals, deeper),
                                None => text(""),
                            };
                            locals.labels.insert(name, value);
                        }
                    }
                }
                Statement::ExpressionStatement(it) => {
                    if !self.assign(&it.expression, &mut locals, deeper) {
                        return Label::Unknown;
                    }
                }
                Statement::FunctionDeclaration(_) | Statement::EmptyStatement(_) => {}
                _ => return Label::Unknown,
            }
        }
        text("")
    }

    /// Follows an assignment to a local variable; false for whatever else has an effect.
    fn assign<'b>(
        &mut self,
        expression: &'b Expression<'a>,
        locals: &mut Locals<'b>,
        depth: u8,
    ) -> bool {
        let Expression::AssignmentExpression(it) = expression else {
            // Calls whose answer nobody uses.
            return matches!(expression, Expression::CallExpression(_));
        };
        let AssignmentTarget::AssignmentTargetIdentifier(name) = &it.left else {
            return false;
        };
        let name = name.name.as_str();
        let value = self.label(&it.right, locals, depth);
        let value = match it.operator {
            AssignmentOperator::Assign => value,
            AssignmentOperator::Addition => {
                let former = locals.labels.get(name);
                let former = former.map_or(Label::Unknown, |former| self.copy(former));
                joined(former, value)
            }
            _ => return false,
        };
        if value.size() > SIZE_MAX {
            return false;
        }
        locals.labels.insert(name, value);
        true
    }

    fn label<'b>(&mut self, value: &'b Expression<'a>, locals: &Locals<'b>, depth: u8) -> Label {
        bounded(self.read(value, locals, depth))
    }

    fn read<'b>(&mut self, value: &'b Expression<'a>, locals: &Locals<'b>, depth: u8) -> Label {
        let (true, Some(deeper)) = (self.spend(), depth.checked_sub(1)) else {
            return Label::Unknown;
        };
        match value {
            Expression::ParenthesizedExpression(inner) => {
                self.label(&inner.expression, locals, deeper)
            }
            Expression::NullLiteral(_) => text(""),
            Expression::BooleanLiteral(literal) if !literal.value => text(""),
            Expression::TemplateLiteral(template) => {
                let mut whole = text("");
                for (at, quasi) in template.quasis.iter().enumerate() {
                    let cooked = quasi.value.cooked.as_ref().map_or("", |it| it.as_str());
                    whole = joined(whole, text(cooked));
                    if let Some(value) = template.expressions.get(at) {
                        whole = joined(whole, self.label(value, locals, deeper));
                    }
                }
                whole
            }
            Expression::StaticMemberExpression(member) => {
                let name = member.property.name.as_str();
                if is_this(&member.object, locals) {
                    return Label::Property(name.to_owned());
                }
                match self.label(&member.object, locals, deeper) {
                    Label::Property(list) if name == "length" => Label::Count(list),
                    _ => Label::Unknown,
                }
            }
            Expression::ComputedMemberExpression(member) if is_this(&member.object, locals) => {
                match self.names.text(&member.expression) {
                    Some(name) => Label::Property(name),
                    None => Label::Unknown,
                }
            }
            Expression::LogicalExpression(it) => {
                let left = self.label(&it.left, locals, deeper);
                let right = self.label(&it.right, locals, deeper);
                match it.operator {
                    LogicalOperator::Or | LogicalOperator::Coalesce => first_of(left, right),
                    LogicalOperator::And => Label::When {
                        test: Box::new(Test::Truthy(self.copy(&left))),
                        then: Box::new(right),
                        otherwise: Box::new(left),
                    },
                }
            }
            Expression::BinaryExpression(it) if it.operator == BinaryOperator::Addition => {
                let left = self.label(&it.left, locals, deeper);
                joined(left, self.label(&it.right, locals, deeper))
            }
            Expression::ConditionalExpression(it) => Label::When {
                test: Box::new(self.test(&it.test, locals, deeper)),
                then: Box::new(self.label(&it.consequent, locals, deeper)),
                otherwise: Box::new(self.label(&it.alternate, locals, deeper)),
            },
            Expression::Identifier(name) => match locals.labels.get(name.name.as_str()) {
                Some(label) => self.copy(label),
                None => self.constant(value),
            },
            Expression::CallExpression(call) => self.call(call, locals, deeper),
            other => self.constant(other),
        }
    }

    fn constant(&self, value: &Expression<'a>) -> Label {
        match self.names.value(value) {
            Some(Value::String(constant)) => text(&constant),
            Some(Value::Number(number)) => text(&number.to_string()),
            _ => Label::Unknown,
        }
    }

    /// `this._("key", {…})`, `RED._("key")`, `String(x)`, `x.toString()`, `x.trim()`, `x.charAt(0)`.
    fn call<'b>(&mut self, call: &'b CallExpression<'a>, locals: &Locals<'b>, depth: u8) -> Label {
        let first = call.arguments.first().and_then(|it| it.as_expression());
        match &call.callee {
            Expression::Identifier(name) if name.name == "String" => match first {
                Some(value) => self.label(value, locals, depth),
                None => text(""),
            },
            Expression::StaticMemberExpression(member) => match member.property.name.as_str() {
                "_" => {
                    let found = first
                        .and_then(|key| self.names.text(key))
                        .and_then(|key| (self.messages)(&key));
                    let Some(found) = found else {
                        return Label::Unknown;
                    };
                    let values = call.arguments.get(1).and_then(|it| it.as_expression());
                    let values = values.and_then(|it| self.names.object(it));
                    self.message(&found, values, locals, depth)
                }
                "charAt" if first.and_then(|at| self.names.value(at)) == Some(0.into()) => {
                    Label::Initial(Box::new(self.label(&member.object, locals, depth)))
                }
                "toString" | "trim" => self.label(&member.object, locals, depth),
                _ => Label::Unknown,
            },
            _ => Label::Unknown,
        }
    }

    /// A text of the catalogue with its `__places__` filled.
    fn message<'b>(
        &mut self,
        message: &str,
        values: Option<&'b ObjectExpression<'a>>,
        locals: &Locals<'b>,
        depth: u8,
    ) -> Label {
        let mut whole = text("");
        for (at, piece) in message.split("__").enumerate() {
            if !self.spend() {
                return Label::Unknown;
            }
            if at % 2 == 0 {
                whole = joined(whole, text(piece));
                continue;
            }
            let properties = values.iter().flat_map(|it| it.properties.iter());
            let value = properties.into_iter().find_map(|property| match property {
                ObjectPropertyKind::ObjectProperty(it) if self.names.spend(1) => {
                    (it.key.static_name()? == piece).then_some(&it.value)
                }
                _ => None,
            });
            let part = match value {
                Some(value) => self.label(value, locals, depth),
                None => Label::Unknown,
            };
            whole = joined(whole, part);
        }
        whole
    }

    fn test<'b>(&mut self, test: &'b Expression<'a>, locals: &Locals<'b>, depth: u8) -> Test {
        let (true, Some(deeper)) = (self.spend(), depth.checked_sub(1)) else {
            return Test::Unknown;
        };
        match test {
            Expression::ParenthesizedExpression(inner) => {
                self.test(&inner.expression, locals, deeper)
            }
            Expression::UnaryExpression(it) if it.operator == UnaryOperator::LogicalNot => {
                Test::Not(Box::new(self.test(&it.argument, locals, deeper)))
            }
            Expression::LogicalExpression(it) => {
                let left = Box::new(self.test(&it.left, locals, deeper));
                let right = Box::new(self.test(&it.right, locals, deeper));
                match it.operator {
                    LogicalOperator::And => Test::Both(left, right),
                    LogicalOperator::Or | LogicalOperator::Coalesce => Test::Either(left, right),
                }
            }
            Expression::BinaryExpression(it) => {
                let left = self.label(&it.left, locals, deeper);
                match self.names.value(&it.right) {
                    Some(right) => compared(it.operator, left, right),
                    None => Test::Unknown,
                }
            }
            Expression::CallExpression(call) => {
                let Some(first) = call.arguments.first().and_then(|it| it.as_expression()) else {
                    return Test::Unknown;
                };
                match &call.callee {
                    Expression::Identifier(name) if name.name == "isNaN" => {
                        Test::Not(Box::new(Test::IsNumber(self.number(first, locals, deeper))))
                    }
                    Expression::StaticMemberExpression(it) if it.property.name == "isArray" => {
                        Test::IsList(self.label(first, locals, deeper))
                    }
                    _ => Test::Truthy(self.call(call, locals, deeper)),
                }
            }
            other => Test::Truthy(self.label(other, locals, deeper)),
        }
    }

    /// `Number(x)` is x, where only its being a number is asked for.
    fn number<'b>(&mut self, value: &'b Expression<'a>, locals: &Locals<'b>, depth: u8) -> Label {
        if let Expression::CallExpression(call) = value
            && let Expression::Identifier(name) = &call.callee
            && name.name == "Number"
            && let Some(inner) = call.arguments.first().and_then(|it| it.as_expression())
        {
            return self.label(inner, locals, depth);
        }
        self.label(value, locals, depth)
    }
}

fn is_this(value: &Expression<'_>, locals: &Locals<'_>) -> bool {
    match value {
        Expression::ThisExpression(_) => true,
        Expression::Identifier(name) => locals.this == Some(name.name.as_str()),
        _ => false,
    }
}

/// As many statements as can be looked at.
fn first<'b, 'a>(statements: &'b [Statement<'a>]) -> Vec<&'b Statement<'a>> {
    statements.iter().take(PARTS_MAX).collect()
}
