//! The texts of a source, and how they are written.

use std::collections::{HashMap, HashSet};

use oxc_ast::ast::{BinaryExpression, Expression, StringLiteral, TemplateLiteral};
use oxc_span::{GetSpan, Span};
use oxc_syntax::operator::BinaryOperator;

use super::Collect;
use crate::value::Value;
use crate::{Fact, Sign, Text};

/// How many texts of one source are kept, how long each, and how much together.
const TEXTS_MAX: usize = 100_000;
const TEXT_MAX: usize = 4 * 1024;
const ALL_MAX: usize = 16 * 1024 * 1024;
/// From how many on a way of writing is a habit.
const HABIT: usize = 5;

#[derive(Debug, Default)]
pub(super) struct Texts {
    names: HashMap<Span, String>,
    /// Sums that are part of a longer one.
    parts: HashSet<Span>,
    kept: usize,
    hex_names: HashSet<String>,
    escaped: usize,
}

impl Texts {
    /// The name an expression is given, if it can come to a text.
    pub(super) fn name(&mut self, value: &Expression<'_>, name: &str) {
        if matches!(
            value,
            Expression::StringLiteral(_)
                | Expression::TemplateLiteral(_)
                | Expression::BinaryExpression(_)
                | Expression::CallExpression(_)
                | Expression::ChainExpression(_)
        ) {
            self.names.insert(value.span(), super::clip(name));
        }
    }

    /// A declared name.
    pub(super) fn binding(&mut self, name: &str) {
        let digits = name.strip_prefix("_0x").or_else(|| name.strip_prefix("_$"));
        let is_hex = digits.is_some_and(|rest| {
            rest.len() >= 3 && rest.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        if is_hex && self.hex_names.len() < HABIT {
            self.hex_names.insert(name.to_owned());
        }
    }
}

impl<'a> Collect<'a, '_> {
    pub(super) fn string(&mut self, it: &StringLiteral<'a>) {
        let raw = it.raw.as_deref().unwrap_or_default();
        let escapes = if raw.contains('\\') {
            raw.matches("\\x").count() + raw.matches("\\u").count()
        } else {
            0
        };
        if escapes >= 4 && escapes * 5 > raw.len() {
            self.texts.escaped += 1;
            if self.texts.escaped == HABIT {
                self.tell(
                    Fact::Obfuscated {
                        sign: Sign::EscapedText,
                    },
                    it.span,
                );
            }
        }
        if is_packed(&it.value) {
            self.tell(
                Fact::Obfuscated {
                    sign: Sign::PackedText,
                },
                it.span,
            );
        }
        self.text(&it.value, it.span, false);
    }

    pub(super) fn template(&mut self, it: &TemplateLiteral<'a>) {
        // The constant pieces of a text that is not constant may still hold a host or a secret.
        if it.quasis.len() <= 64 {
            let pieces: Vec<_> = it
                .quasis
                .iter()
                .map(|one| one.value.cooked.as_deref().unwrap_or_default())
                .collect();
            self.text(&pieces.join("…"), it.span, false);
        } else {
            for quasi in &it.quasis {
                self.text(
                    quasi.value.cooked.as_deref().unwrap_or_default(),
                    quasi.span,
                    false,
                );
            }
        }
    }

    pub(super) fn sum(&mut self, it: &'a BinaryExpression<'a>) {
        if it.operator != BinaryOperator::Addition {
            return;
        }
        let is_part = self.texts.parts.remove(&it.span);
        if matches!(it.left, Expression::BinaryExpression(_)) {
            self.texts.parts.insert(it.left.span());
        }
        if is_part {
            return;
        }
        let mut pieces = vec![&it.right];
        let mut left = &it.left;
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
            .map(|piece| self.resolver.value(piece));
        if let Value::Text(text) = crate::fold::sum(values) {
            self.text(&text, it.span, true);
        }
    }

    /// A text that a call came to.
    pub(super) fn folded(&mut self, text: &str, span: Span) {
        self.text(text, span, true);
    }

    fn text(&mut self, text: &str, span: Span, is_folded: bool) {
        if text.is_empty() || span.start < self.own.start {
            return;
        }
        let name = self.texts.names.get(&span).cloned();
        if self.facts.strings.len() >= TEXTS_MAX || self.texts.kept >= ALL_MAX {
            self.facts.is_cut = true;
            return;
        }
        let mut end = text.len().min(TEXT_MAX);
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        let kept = text.get(..end).unwrap_or_default().to_owned();
        self.texts.kept += kept.len();
        let place = self.lines.place(span.start as usize, span.end as usize);
        self.facts.strings.push(Text {
            text: kept,
            place,
            name,
            is_folded,
        });
    }

    /// Signs that only show in the whole.
    pub(crate) fn habits(&mut self) {
        if self.texts.hex_names.len() >= HABIT {
            let span = Span::new(self.own.start, self.own.start);
            self.tell(
                Fact::Obfuscated {
                    sign: Sign::HexNames,
                },
                span,
            );
        }
    }
}

/// A long text of letters and digits as they come out of an encoder.
fn is_packed(text: &str) -> bool {
    if text.len() < 1_000 || text.starts_with("data:") {
        return false;
    }
    let sample: Vec<u8> = text.bytes().take(4_096).collect();
    let encoded = sample
        .iter()
        .filter(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=' | b'_' | b'-')
        })
        .count();
    let distinct = sample.iter().collect::<HashSet<_>>().len();
    encoded * 100 >= sample.len() * 98 && distinct >= 16
}
