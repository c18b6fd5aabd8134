//! Labels and tests put together from their parts.

use model::palette::{Label, Test};
use oxc_ast::ast::BinaryOperator;
use serde_json::Value;

pub(super) fn compared(operator: BinaryOperator, left: Label, right: Value) -> Test {
    let not = |test| Test::Not(Box::new(test));
    let number = right.as_f64();
    match (operator, number) {
        (BinaryOperator::Equality | BinaryOperator::StrictEquality, _) => Test::Equals(left, right),
        (BinaryOperator::Inequality | BinaryOperator::StrictInequality, _) => {
            not(Test::Equals(left, right))
        }
        (BinaryOperator::GreaterThan, Some(number)) => Test::Above(left, number),
        (BinaryOperator::LessThan, Some(number)) => Test::Below(left, number),
        (BinaryOperator::GreaterEqualThan, Some(number)) => not(Test::Below(left, number)),
        (BinaryOperator::LessEqualThan, Some(number)) => not(Test::Above(left, number)),
        _ => Test::Unknown,
    }
}

/// One after the other; texts side by side become one.
pub(super) fn joined(left: Label, right: Label) -> Label {
    let mut parts = match left {
        Label::Joined(parts) => parts,
        Label::Text(left) if left.is_empty() => Vec::new(),
        other => vec![other],
    };
    let right = match right {
        Label::Joined(parts) => parts,
        other => vec![other],
    };
    for part in right {
        match (parts.last_mut(), part) {
            (Some(Label::Text(left)), Label::Text(right)) => left.push_str(&right),
            (_, part) => parts.push(part),
        }
    }
    match <[Label; 1]>::try_from(parts) {
        Ok([alone]) => alone,
        Err(parts) => Label::Joined(parts),
    }
}

pub(super) fn first_of(left: Label, right: Label) -> Label {
    let mut parts = match left {
        Label::FirstOf(parts) => parts,
        other => vec![other],
    };
    match right {
        Label::FirstOf(more) => parts.extend(more),
        other => parts.push(other),
    }
    Label::FirstOf(parts)
}

/// What a copy of a label costs: its parts, and 16 bytes of text for one more.
pub(super) fn weight(label: &Label) -> usize {
    1 + match label {
        Label::Text(text) | Label::Property(text) | Label::Count(text) => text.len() / 16,
        Label::FirstOf(parts) | Label::Joined(parts) => parts.iter().map(weight).sum(),
        Label::Initial(of) => weight(of),
        Label::When {
            test,
            then,
            otherwise,
        } => weigh(test) + weight(then) + weight(otherwise),
        Label::Unknown => 0,
    }
}

fn weigh(test: &Test) -> usize {
    1 + match test {
        Test::Truthy(label)
        | Test::Equals(label, _)
        | Test::Above(label, _)
        | Test::Below(label, _)
        | Test::IsNumber(label)
        | Test::IsList(label) => weight(label),
        Test::Not(test) => weigh(test),
        Test::Both(one, other) | Test::Either(one, other) => weigh(one) + weigh(other),
        Test::Unknown => 0,
    }
}
