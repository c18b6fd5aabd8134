//! Expressions that are constant, as values.

use std::{cell::Cell, collections::BTreeMap};

use oxc_ast::ast::{
    ArrayExpressionElement, Expression, ObjectExpression, ObjectPropertyKind, UnaryOperator,
};
use serde_json::{Map, Number, Value};

/// How far names and what is nested are followed.
const DEPTH_MAX: u8 = 24;

/// Steps that reading one script may cost: a value looked at, a property, 16 bytes of text. Without an
/// end to them `a = [b, b], b = [c, c], …` is as large as whoever writes it likes.
const STEPS_MAX: usize = 500_000;

/// The names of a script that are bound once, and what may still be spent on following them.
pub(super) struct Names<'a, 'n> {
    bound: &'n BTreeMap<&'a str, Option<&'a Expression<'a>>>,
    steps: Cell<usize>,
}

impl<'a, 'n> Names<'a, 'n> {
    pub(super) fn new(bound: &'n BTreeMap<&'a str, Option<&'a Expression<'a>>>) -> Self {
        let steps = Cell::new(STEPS_MAX);
        Self { bound, steps }
    }

    /// Counts steps; whether they were left.
    pub(super) fn spend(&self, steps: usize) -> bool {
        let left = self.steps.get().saturating_sub(steps);
        self.steps.set(left);
        left > 0
    }

    /// The expression behind parentheses and names.
    pub(super) fn resolve<'b>(&self, expression: &'b Expression<'a>) -> &'b Expression<'a>
    where
        'a: 'b,
    {
        let mut expression = expression;
        for _ in 0..DEPTH_MAX {
            expression = match expression {
                Expression::ParenthesizedExpression(inner) => &inner.expression,
                Expression::Identifier(name) => match self.bound.get(name.name.as_str()) {
                    Some(Some(value)) => value,
                    Some(None) | None => return expression,
                },
                _ => return expression,
            };
        }
        expression
    }

    /// The object an expression is.
    pub(super) fn object<'b>(
        &self,
        expression: &'b Expression<'a>,
    ) -> Option<&'b ObjectExpression<'a>>
    where
        'a: 'b,
    {
        match self.resolve(expression) {
            Expression::ObjectExpression(object) => Some(object),
            _ => None,
        }
    }

    /// The text an expression is.
    pub(super) fn text(&self, expression: &Expression<'a>) -> Option<String> {
        match self.value(expression)? {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    fn copy(&self, text: &str) -> Option<Value> {
        self.spend(text.len() / 16).then(|| text.into())
    }

    /// The value of an expression, if it is constant.
    pub(super) fn value(&self, expression: &Expression<'a>) -> Option<Value> {
        self.value_at(expression, DEPTH_MAX)
    }

    fn value_at(&self, expression: &Expression<'a>, depth: u8) -> Option<Value> {
        let depth = depth.checked_sub(1)?;
        if !self.spend(1) {
            return None;
        }
        Some(match self.resolve(expression) {
            Expression::BooleanLiteral(literal) => literal.value.into(),
            Expression::NullLiteral(_) => Value::Null,
            Expression::NumericLiteral(literal) => number(literal.value)?,
            Expression::StringLiteral(literal) => self.copy(&literal.value)?,
            Expression::TemplateLiteral(template) if template.expressions.is_empty() => {
                let text = template.quasis.first()?.value.cooked.as_ref()?;
                self.copy(text)?
            }
            Expression::UnaryExpression(unary) => {
                match (unary.operator, self.value_at(&unary.argument, depth)?) {
                    (UnaryOperator::UnaryNegation, Value::Number(it)) => number(-it.as_f64()?)?,
                    (UnaryOperator::LogicalNot, Value::Bool(is)) => (!is).into(),
                    // `!0` and `!1` are what minifiers write for true and false.
                    (UnaryOperator::LogicalNot, Value::Number(it)) => (it.as_f64()? == 0.0).into(),
                    _ => return None,
                }
            }
            Expression::ArrayExpression(array) => {
                let items = array.elements.iter().map(|item| match item {
                    ArrayExpressionElement::SpreadElement(_)
                    | ArrayExpressionElement::Elision(_) => None,
                    other => self.value_at(other.as_expression()?, depth),
                });
                Value::Array(items.collect::<Option<_>>()?)
            }
            Expression::ObjectExpression(object) => {
                let mut map = Map::new();
                for property in &object.properties {
                    let ObjectPropertyKind::ObjectProperty(property) = property else {
                        return None;
                    };
                    let key = property.key.static_name()?;
                    if !self.spend(1 + key.len() / 16) {
                        return None;
                    }
                    map.insert(key.into_owned(), self.value_at(&property.value, depth)?);
                }
                Value::Object(map)
            }
            _ => return None,
        })
    }
}

/// Whole numbers as whole numbers, as flows write them.
fn number(value: f64) -> Option<Value> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() < EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within 53 bits")]
        return Some(Value::from(value as i64));
    }
    Number::from_f64(value).map(Value::Number)
}
