//! What is always true or false, and what waits.

use oxc_ast::ast::{
    ArrowFunctionExpression, AwaitExpression, Class, ConditionalExpression, Expression, Function,
    LogicalExpression, StaticBlock, YieldExpression,
};
use oxc_ast_visit::{Visit, walk};
use oxc_syntax::operator::{BinaryOperator, LogicalOperator, UnaryOperator};
use oxc_syntax::scope::ScopeFlags;

use crate::resolve::Resolver;
use crate::value::Value;

/// How far an expression of `&&`, `||` and `!` is followed.
const DEPTH_MAX: u8 = 8;

/// Whether an expression is true each time, or false each time.
pub(in crate::collect) fn truth<'a>(
    resolver: &Resolver<'a, '_>,
    it: &Expression<'a>,
) -> Option<bool> {
    truth_at(resolver, it, DEPTH_MAX)
}

fn truth_at<'a>(resolver: &Resolver<'a, '_>, it: &Expression<'a>, depth: u8) -> Option<bool> {
    let depth = depth.checked_sub(1)?;
    match it {
        Expression::LogicalExpression(it) if it.operator != LogicalOperator::Coalesce => {
            let decides = it.operator == LogicalOperator::Or;
            let left = truth_at(resolver, &it.left, depth);
            if left == Some(decides) {
                return left;
            }
            let right = truth_at(resolver, &it.right, depth);
            let is_decided = left == Some(!decides) || right == Some(decides);
            is_decided.then_some(right).flatten()
        }
        Expression::UnaryExpression(it) if it.operator == UnaryOperator::LogicalNot => {
            truth_at(resolver, &it.argument, depth).map(|is| !is)
        }
        Expression::SequenceExpression(it) => truth_at(resolver, it.expressions.last()?, depth),
        Expression::BinaryExpression(it)
            if it.operator.is_compare() || it.operator.is_equality() =>
        {
            let left = constant(resolver, &it.left, depth)?;
            compared(it.operator, &left, &constant(resolver, &it.right, depth)?)
        }
        Expression::ObjectExpression(_)
        | Expression::ArrayExpression(_)
        | Expression::FunctionExpression(_)
        | Expression::ArrowFunctionExpression(_)
        | Expression::ClassExpression(_)
        | Expression::RegExpLiteral(_)
        | Expression::NewExpression(_) => Some(true),
        it => match constant(resolver, it, depth)? {
            Value::Flag(flag) => Some(flag),
            Value::Number(number) => Some(number != 0.0 && !number.is_nan()),
            Value::Text(text) => Some(!text.is_empty()),
            Value::Nothing => Some(false),
            Value::List(_) | Value::Path(_) | Value::Unknown => None,
        },
    }
}

/// What an expression is each time. Members and calls are left open: `list.length` changes with the list.
fn constant<'a>(resolver: &Resolver<'a, '_>, it: &Expression<'a>, depth: u8) -> Option<Value> {
    is_constant(resolver, it, depth).then(|| resolver.value(it))
}

fn is_constant<'a>(resolver: &Resolver<'a, '_>, it: &Expression<'a>, depth: u8) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    match it {
        Expression::StringLiteral(_)
        | Expression::NumericLiteral(_)
        | Expression::BooleanLiteral(_)
        | Expression::NullLiteral(_) => true,
        Expression::TemplateLiteral(it) => it.expressions.is_empty(),
        Expression::UnaryExpression(it) => is_constant(resolver, &it.argument, depth),
        Expression::BinaryExpression(it) => {
            is_constant(resolver, &it.left, depth) && is_constant(resolver, &it.right, depth)
        }
        Expression::Identifier(name) if name.name == "undefined" => true,
        Expression::Identifier(name) => resolver
            .only_given(name)
            .is_some_and(|given| is_constant(resolver, given, depth)),
        _ => false,
    }
}

/// Two constants of a kind, compared.
fn compared(operator: BinaryOperator, left: &Value, right: &Value) -> Option<bool> {
    let order = match (left, right) {
        (Value::Number(left), Value::Number(right)) => left.partial_cmp(right)?,
        (Value::Text(left), Value::Text(right)) if left == right => std::cmp::Ordering::Equal,
        _ => return None,
    };
    Some(match operator {
        BinaryOperator::Equality | BinaryOperator::StrictEquality => order.is_eq(),
        BinaryOperator::Inequality | BinaryOperator::StrictInequality => order.is_ne(),
        BinaryOperator::LessThan => order.is_lt(),
        BinaryOperator::LessEqualThan => order.is_le(),
        BinaryOperator::GreaterThan => order.is_gt(),
        BinaryOperator::GreaterEqualThan => order.is_ge(),
        _ => return None,
    })
}

/// Whether reading an expression may hand control back: `await` and `yield`, where they are reached.
pub(super) fn waits<'a>(resolver: &Resolver<'a, '_>, it: &Expression<'a>) -> bool {
    let mut waits = Waits {
        resolver,
        is_found: false,
    };
    waits.visit_expression(it);
    waits.is_found
}

/// The same for a class, whose heritage and computed names are read where it stands.
pub(super) fn class_waits<'a>(resolver: &Resolver<'a, '_>, it: &Class<'a>) -> bool {
    let mut waits = Waits {
        resolver,
        is_found: false,
    };
    waits.visit_class(it);
    waits.is_found
}

struct Waits<'a, 'r, 's> {
    resolver: &'r Resolver<'a, 's>,
    is_found: bool,
}

/// What is there at once: others get no turn while it is awaited.
fn is_there<'a>(resolver: &Resolver<'a, '_>, it: &Expression<'a>) -> bool {
    match it {
        Expression::CallExpression(call) => resolver
            .path(&call.callee)
            .is_some_and(|path| path.is("Promise", &["resolve"])),
        it => is_constant(resolver, it, DEPTH_MAX),
    }
}

impl<'a> Visit<'a> for Waits<'a, '_, '_> {
    // What a function does, it does when it is called.
    fn visit_function(&mut self, _: &Function<'a>, _: ScopeFlags) {}
    fn visit_arrow_function_expression(&mut self, _: &ArrowFunctionExpression<'a>) {}
    fn visit_static_block(&mut self, _: &StaticBlock<'a>) {}

    fn visit_await_expression(&mut self, it: &AwaitExpression<'a>) {
        self.is_found |= !is_there(self.resolver, &it.argument);
        walk::walk_await_expression(self, it);
    }

    fn visit_yield_expression(&mut self, _: &YieldExpression<'a>) {
        self.is_found = true;
    }

    fn visit_logical_expression(&mut self, it: &LogicalExpression<'a>) {
        self.visit_expression(&it.left);
        let skips = match it.operator {
            LogicalOperator::And => Some(false),
            LogicalOperator::Or => Some(true),
            LogicalOperator::Coalesce => None,
        };
        if skips.is_none() || truth(self.resolver, &it.left) != skips {
            self.visit_expression(&it.right);
        }
    }

    fn visit_conditional_expression(&mut self, it: &ConditionalExpression<'a>) {
        self.visit_expression(&it.test);
        let truth = truth(self.resolver, &it.test);
        if truth != Some(false) {
            self.visit_expression(&it.consequent);
        }
        if truth != Some(true) {
            self.visit_expression(&it.alternate);
        }
    }
}
