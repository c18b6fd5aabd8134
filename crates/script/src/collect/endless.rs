//! Loops without end: those that nothing which can be reached leaves.
//!
//! Control is followed through the statements of one function: what stands behind a `return`, in `if (false)` or in
//! a loop or function of its own is no way out, and what a `finally` overrules is none either. Each statement is
//! looked at once, however loops nest: a loop that was judged with the one round it is not judged again.

mod truth;

use std::collections::HashMap;

use oxc_ast::ast::{
    Expression, ForStatementInit, LabelIdentifier, LabeledStatement, Statement, SwitchStatement,
    TryStatement, VariableDeclaration, VariableDeclarationKind,
};
use oxc_span::Span;

use self::truth::{class_waits, truth, waits};
use crate::resolve::Resolver;

/// What was found in a loop and the loops in it.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Every loop that was judged.
    pub(super) judged: Vec<Span>,
    /// Those without end.
    pub(super) endless: Vec<Span>,
}

/// Judges the loops in a statement, itself included.
pub(super) fn judge<'a>(resolver: &Resolver<'a, '_>, it: &Statement<'a>) -> Found {
    let mut judge = Judge {
        resolver,
        targets: Vec::new(),
        labels: HashMap::new(),
        waiting: Vec::new(),
        breaks: None,
        continues: None,
        overruled: 0,
        caught: 0,
        found: Found::default(),
    };
    judge.statement(it);
    judge.found
}

/// The loop a statement is, be it behind labels.
pub(super) fn loop_of<'b, 'a>(mut it: &'b Statement<'a>) -> Option<&'b Statement<'a>> {
    while let Statement::LabeledStatement(inner) = it {
        it = &inner.body;
    }
    it.is_iteration_statement().then_some(it)
}

/// Whether nothing in the head of a loop ends it.
pub(super) fn is_open<'a>(resolver: &Resolver<'a, '_>, it: &Statement<'a>) -> bool {
    let test = match it {
        Statement::WhileStatement(it) => &it.test,
        Statement::DoWhileStatement(it) => &it.test,
        Statement::ForStatement(it) => match &it.test {
            Some(test) => test,
            None => return true,
        },
        _ => return false,
    };
    truth(resolver, test) == Some(true)
}

/// Something that can be left: a loop, a `switch`, a statement with a label.
#[derive(Debug, Default)]
struct Target {
    /// The outermost target that is left from within, this one or one round it.
    leaves: Option<usize>,
    /// `break` ends here.
    is_broken: bool,
}

/// The walk's state. Places are indices into `targets`.
struct Judge<'a, 'r, 's> {
    resolver: &'r Resolver<'a, 's>,
    targets: Vec<Target>,
    labels: HashMap<&'a str, usize>,
    /// Labels that stand right before the next statement.
    waiting: Vec<&'a str>,
    /// Where `break` and `continue` without a label lead.
    breaks: Option<usize>,
    continues: Option<usize>,
    /// What lies outside this target is not left: a `finally` leads elsewhere.
    overruled: usize,
    /// What is thrown gets no further out than this.
    caught: usize,
    found: Found,
}

impl<'a> Judge<'a, '_, '_> {
    fn statements<'b>(&mut self, all: impl IntoIterator<Item = &'b Statement<'a>>) -> bool
    where
        'a: 'b,
    {
        // Nothing behind what does not go on is reached.
        all.into_iter().all(|one| self.statement(one))
    }

    /// Follows a statement; whether control goes on behind it.
    fn statement(&mut self, it: &Statement<'a>) -> bool {
        if !matches!(it, Statement::LabeledStatement(_)) && !it.is_iteration_statement() {
            self.waiting.clear();
        }
        match it {
            Statement::BlockStatement(it) => self.statements(&it.body),
            Statement::IfStatement(it) => {
                self.expression(&it.test);
                let truth = truth(self.resolver, &it.test);
                let then = truth != Some(false) && self.statement(&it.consequent);
                let otherwise = truth != Some(true)
                    && it.alternate.as_ref().is_none_or(|it| self.statement(it));
                then || otherwise
            }
            _ if it.is_iteration_statement() => self.iteration(it),
            Statement::SwitchStatement(it) => self.switch(it),
            Statement::LabeledStatement(it) => self.labeled(it),
            Statement::TryStatement(it) => self.attempt(it),
            Statement::WithStatement(it) => {
                self.expression(&it.object);
                self.statement(&it.body)
            }
            Statement::BreakStatement(it) => self.broken(it.label.as_ref()),
            Statement::ContinueStatement(it) => self.continued(it.label.as_ref()),
            Statement::ReturnStatement(it) => {
                it.argument.iter().for_each(|it| self.expression(it));
                self.leave(self.overruled);
                false
            }
            Statement::ThrowStatement(it) => {
                self.expression(&it.argument);
                self.leave(self.caught.max(self.overruled));
                false
            }
            Statement::ExpressionStatement(it) => {
                self.expression(&it.expression);
                true
            }
            Statement::VariableDeclaration(it) => {
                self.declaration(it);
                true
            }
            Statement::ClassDeclaration(it) => {
                if class_waits(self.resolver, it) {
                    self.leave(0);
                }
                true
            }
            _ => true,
        }
    }

    fn iteration(&mut self, it: &Statement<'a>) -> bool {
        match it {
            Statement::WhileStatement(it) => {
                self.expression(&it.test);
                let truth = truth(self.resolver, &it.test);
                self.looped(it.span, truth, &it.body, |_| ())
            }
            Statement::DoWhileStatement(it) => {
                let truth = truth(self.resolver, &it.test);
                let is_once = truth == Some(false);
                let head = if is_once { None } else { truth };
                self.looped(it.span, head, &it.body, |judge| judge.expression(&it.test))
            }
            Statement::ForStatement(it) => {
                match &it.init {
                    Some(ForStatementInit::VariableDeclaration(it)) => self.declaration(it),
                    Some(init) => init
                        .as_expression()
                        .into_iter()
                        .for_each(|it| self.expression(it)),
                    None => {}
                }
                let truth = match &it.test {
                    Some(test) => {
                        self.expression(test);
                        truth(self.resolver, test)
                    }
                    None => Some(true),
                };
                self.looped(it.span, truth, &it.body, |judge| {
                    it.update.iter().for_each(|it| judge.expression(it));
                })
            }
            Statement::ForInStatement(it) => {
                self.expression(&it.right);
                self.looped(it.span, None, &it.body, |_| ())
            }
            Statement::ForOfStatement(it) => {
                self.expression(&it.right);
                if it.r#await {
                    self.leave(0);
                }
                self.looped(it.span, None, &it.body, |_| ())
            }
            _ => true,
        }
    }

    /// A statement with a label.
    fn labeled(&mut self, it: &LabeledStatement<'a>) -> bool {
        let name = it.label.name.as_str();
        self.waiting.push(name);
        if matches!(it.body, Statement::LabeledStatement(_)) || it.body.is_iteration_statement() {
            return self.statement(&it.body);
        }
        let labels = std::mem::take(&mut self.waiting);
        let (on, left) = self.within(&labels, |judge| judge.statement(&it.body));
        on || left.is_broken
    }

    /// A loop whose head is always true, always false, or open; `behind` is what runs after the body.
    fn looped(
        &mut self,
        span: Span,
        head: Option<bool>,
        body: &Statement<'a>,
        behind: impl FnOnce(&mut Self),
    ) -> bool {
        let labels = std::mem::take(&mut self.waiting);
        if head == Some(false) {
            return true;
        }
        self.found.judged.push(span);
        let at = self.targets.len();
        let outer = (self.breaks.replace(at), self.continues.replace(at));
        let ((), left) = self.within(&labels, |judge| {
            judge.statement(body);
            behind(judge);
        });
        (self.breaks, self.continues) = outer;
        if head == Some(true) && left.leaves.is_none() {
            self.found.endless.push(span);
        }
        head != Some(true) || left.is_broken
    }

    fn switch(&mut self, it: &SwitchStatement<'a>) -> bool {
        self.expression(&it.discriminant);
        let outer = self.breaks.replace(self.targets.len());
        let (on, left) = self.within(&[], |judge| {
            let mut on = true;
            for case in &it.cases {
                case.test.iter().for_each(|it| judge.expression(it));
                on = judge.statements(&case.consequent);
            }
            on
        });
        self.breaks = outer;
        let has_default = it.cases.iter().any(|case| case.test.is_none());
        on || left.is_broken || !has_default
    }

    /// `finally` has the last word: if it does not go on, nothing in `try` and `catch` leaves anything.
    fn attempt(&mut self, it: &TryStatement<'a>) -> bool {
        let ends = it
            .finalizer
            .as_ref()
            .is_none_or(|it| self.statements(&it.body));
        let outer = (self.overruled, self.caught);
        if !ends {
            self.overruled = self.targets.len();
        }
        if it.handler.is_some() {
            self.caught = self.targets.len();
        }
        let block = self.statements(&it.block.body);
        self.caught = outer.1;
        let handler = it
            .handler
            .as_ref()
            .is_some_and(|it| self.statements(&it.body.body));
        self.overruled = outer.0;
        ends && (block || handler)
    }

    /// Runs `inner` within a target that has these labels; what it gave, and how the target was left.
    fn within<R>(&mut self, labels: &[&'a str], inner: impl FnOnce(&mut Self) -> R) -> (R, Target) {
        let at = self.targets.len();
        let outer: Vec<_> = labels
            .iter()
            .map(|name| (*name, self.labels.insert(name, at)))
            .collect();
        self.targets.push(Target::default());
        let result = inner(self);
        let left = self.targets.pop().unwrap_or_default();
        for (name, before) in outer.into_iter().rev() {
            match before {
                Some(before) => self.labels.insert(name, before),
                None => self.labels.remove(name),
            };
        }
        if let Some(to) = left.leaves.filter(|to| *to < at) {
            self.leave(to);
        }
        (result, left)
    }

    /// Leaves all targets from the innermost out to this one.
    fn leave(&mut self, to: usize) {
        let inner = self.targets.len().checked_sub(1);
        if let (Some(inner), Some(target)) = (inner, self.targets.last_mut())
            && to <= inner
        {
            target.leaves = Some(target.leaves.map_or(to, |before| before.min(to)));
        }
    }

    fn broken(&mut self, label: Option<&LabelIdentifier<'a>>) -> bool {
        let to = match label {
            Some(label) => self.labels.get(label.name.as_str()).copied(),
            None => self.breaks,
        };
        if let Some(to) = to
            && to >= self.overruled
            && let Some(target) = self.targets.get_mut(to)
        {
            target.is_broken = true;
        }
        self.leave(to.unwrap_or_default().max(self.overruled));
        false
    }

    fn continued(&mut self, label: Option<&LabelIdentifier<'a>>) -> bool {
        let to = match label {
            Some(label) => self.labels.get(label.name.as_str()).copied(),
            None => self.continues,
        };
        // The loop that goes on is not left, those in it are.
        let to = to.map_or(0, |to| to + 1);
        self.leave(to.max(self.overruled));
        false
    }

    fn declaration(&mut self, it: &VariableDeclaration<'a>) {
        if it.kind == VariableDeclarationKind::AwaitUsing {
            self.leave(0);
        }
        for one in &it.declarations {
            one.init.iter().for_each(|it| self.expression(it));
        }
    }

    /// Waiting hands control back, so that what waits can be stopped.
    fn expression(&mut self, it: &Expression<'a>) {
        if waits(self.resolver, it) {
            self.leave(0);
        }
    }
}
