//! What happens to control and to messages: loops without end, throws, what is sent on.

use oxc_ast::AstKind;
use oxc_ast::ast::{ArrayExpressionElement, Expression, ReturnStatement, Statement};
use oxc_span::GetSpan;

use super::{Collect, Setting, endless};
use crate::value::Value;
use crate::{Fact, Outputs};

impl<'a> Collect<'a, '_> {
    pub(super) fn flow_enter(&mut self, kind: AstKind<'a>) {
        match kind {
            AstKind::Function(_)
            | AstKind::ArrowFunctionExpression(_)
            | AstKind::StaticBlock(_) => self.functions += 1,
            AstKind::ReturnStatement(it) => self.returned(it),
            AstKind::ThrowStatement(it) => self.tell(Fact::Throw, it.span),
            _ => {}
        }
    }

    pub(super) fn flow_leave(&mut self, kind: AstKind<'a>) {
        if matches!(
            kind,
            AstKind::Function(_) | AstKind::ArrowFunctionExpression(_) | AstKind::StaticBlock(_)
        ) {
            self.functions = self.functions.saturating_sub(1);
        }
    }

    /// A loop whose own head never ends it; the loops in it are judged with it.
    pub(super) fn loops(&mut self, it: &Statement<'a>) {
        let Some(inner) = endless::loop_of(it) else {
            return;
        };
        if self.judged.contains(&inner.span()) || !endless::is_open(&self.resolver, inner) {
            return;
        }
        let found = endless::judge(&self.resolver, it);
        self.judged.extend(found.judged);
        for span in found.endless {
            self.tell(Fact::EndlessLoop, span);
        }
    }

    /// `return …` of a function node's own function sends messages.
    fn returned(&mut self, it: &'a ReturnStatement<'a>) {
        if self.setting != Setting::Function || self.functions != 2 {
            return;
        }
        let outputs = it
            .argument
            .as_ref()
            .map_or(Outputs::None, |value| self.outputs(value));
        self.tell(
            Fact::Send {
                api: "return".to_owned(),
                outputs,
            },
            it.span,
        );
    }

    /// Which outputs a sent value goes to.
    pub(super) fn outputs(&self, value: &Expression<'a>) -> Outputs {
        match value {
            Expression::ArrayExpression(list) => {
                let mut used = Vec::new();
                for (at, element) in list.elements.iter().enumerate() {
                    let at = u32::try_from(at).unwrap_or(u32::MAX);
                    match element {
                        ArrayExpressionElement::SpreadElement(_) => return Outputs::Unknown,
                        ArrayExpressionElement::Elision(_) => {}
                        other => match other.as_expression().map(|one| self.resolver.value(one)) {
                            Some(Value::Nothing) => {}
                            _ => used.push(at),
                        },
                    }
                }
                Outputs::Some(used)
            }
            Expression::ObjectExpression(_) => Outputs::First,
            Expression::ConditionalExpression(it) => {
                join(self.outputs(&it.consequent), self.outputs(&it.alternate))
            }
            other => match self.resolver.value(other) {
                Value::Nothing => Outputs::None,
                Value::Path(path) if path.is("msg", &[]) => Outputs::First,
                _ => Outputs::Unknown,
            },
        }
    }
}

fn join(one: Outputs, other: Outputs) -> Outputs {
    match (one, other) {
        (Outputs::None, other) | (other, Outputs::None) => other,
        (one, other) if one == other => one,
        (Outputs::Some(one), Outputs::Some(other)) => {
            let mut all = [one, other].concat();
            all.sort_unstable();
            all.dedup();
            Outputs::Some(all)
        }
        _ => Outputs::Unknown,
    }
}
