//! What happens to control and to messages: loops without end, throws, what is sent on.

use oxc_ast::AstKind;
use oxc_ast::ast::{ArrayExpressionElement, Expression, ReturnStatement};
use oxc_span::Span;

use super::{Collect, Setting};
use crate::value::Value;
use crate::{Fact, Outputs};

/// A function the walk is in, with the loops open in it.
#[derive(Debug, Default)]
pub(crate) struct Function {
    loops: Vec<Loop>,
}

/// Something `break` leaves.
#[derive(Debug)]
struct Loop {
    span: Span,
    /// Nothing in its own head ends it.
    is_endless: bool,
    has_exit: bool,
    /// It was left together with all loops round it.
    is_left: bool,
}

impl<'a> Collect<'a, '_> {
    pub(super) fn flow_enter(&mut self, kind: AstKind<'a>) {
        match kind {
            AstKind::Function(_)
            | AstKind::ArrowFunctionExpression(_)
            | AstKind::StaticBlock(_) => {
                self.functions.push(Function::default());
            }
            AstKind::WhileStatement(it) => {
                let is_endless = self.is_true(&it.test);
                self.open(it.span, is_endless);
            }
            AstKind::DoWhileStatement(it) => {
                let is_endless = self.is_true(&it.test);
                self.open(it.span, is_endless);
            }
            AstKind::ForStatement(it) => {
                let is_endless = it.test.as_ref().is_none_or(|test| self.is_true(test));
                self.open(it.span, is_endless);
            }
            AstKind::ForInStatement(it) => self.open(it.span, false),
            AstKind::ForOfStatement(it) => self.open(it.span, false),
            AstKind::SwitchStatement(it) => self.open(it.span, false),
            AstKind::BreakStatement(it) => self.exit(it.label.is_some()),
            AstKind::ContinueStatement(it) if it.label.is_some() => self.exit(true),
            AstKind::ReturnStatement(it) => {
                self.exit(true);
                self.returned(it);
            }
            AstKind::ThrowStatement(it) => {
                self.exit(true);
                self.tell(Fact::Throw, it.span);
            }
            AstKind::AwaitExpression(_) | AstKind::YieldExpression(_) => self.exit(true),
            _ => {}
        }
    }

    pub(super) fn flow_leave(&mut self, kind: AstKind<'a>) {
        match kind {
            AstKind::Function(_)
            | AstKind::ArrowFunctionExpression(_)
            | AstKind::StaticBlock(_) => {
                self.functions.pop();
            }
            AstKind::WhileStatement(_)
            | AstKind::DoWhileStatement(_)
            | AstKind::ForStatement(_)
            | AstKind::ForInStatement(_)
            | AstKind::ForOfStatement(_)
            | AstKind::SwitchStatement(_) => {
                let closed = self
                    .functions
                    .last_mut()
                    .and_then(|function| function.loops.pop());
                if let Some(closed) = closed
                    && closed.is_endless
                    && !closed.has_exit
                {
                    self.tell(Fact::EndlessLoop, closed.span);
                }
            }
            _ => {}
        }
    }

    fn is_true(&self, test: &Expression<'a>) -> bool {
        match self.resolver.value(test) {
            Value::Flag(flag) => flag,
            Value::Number(number) => number != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::List(_) => true,
            _ => false,
        }
    }

    fn open(&mut self, span: Span, is_endless: bool) {
        if let Some(function) = self.functions.last_mut() {
            function.loops.push(Loop {
                span,
                is_endless,
                has_exit: false,
                is_left: false,
            });
        }
    }

    /// Leaves the innermost loop, or all of them; those round one that was left so before are marked
    /// already.
    fn exit(&mut self, leaves_all: bool) {
        let Some(function) = self.functions.last_mut() else {
            return;
        };
        if leaves_all {
            for one in function
                .loops
                .iter_mut()
                .rev()
                .take_while(|one| !one.is_left)
            {
                one.has_exit = true;
                one.is_left = true;
            }
        } else if let Some(one) = function.loops.last_mut() {
            one.has_exit = true;
        }
    }

    /// `return …` of a function node's own function sends messages.
    fn returned(&mut self, it: &'a ReturnStatement<'a>) {
        if self.setting != Setting::Function || self.functions.len() != 2 {
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
