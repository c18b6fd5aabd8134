//! The walk over a tree that writes down what is true of it, each node once.

mod call;
mod context;
mod endless;
mod escape;
mod message;
mod node_red;
mod text;
mod write;

use std::collections::HashSet;

use oxc_ast::AstKind;
use oxc_ast::ast::{BindingPattern, Expression, IdentifierReference, Statement, UnaryExpression};
use oxc_ast_visit::{Visit, walk};
use oxc_span::{GetSpan, Span};
use oxc_syntax::operator::UnaryOperator;

use crate::bindings::key_name;
use crate::place::Lines;
use crate::resolve::Resolver;
use crate::value::{Path, Root, Value};
use crate::{Escape, Fact, Facts, Kept, Load, Touch, Use, known};

/// How many uses of one source are written down.
const USES_MAX: usize = 20_000;

/// What kind of code is read, as far as names mean different things in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setting {
    /// A function node: Node-RED's objects are there by name.
    Function,
    /// A file for Node.js.
    File,
    /// A script or handler of a page.
    Page,
}

/// The walk's state.
pub(crate) struct Collect<'a, 's> {
    pub(crate) resolver: Resolver<'a, 's>,
    pub(crate) lines: &'s Lines<'s>,
    pub(crate) setting: Setting,
    /// The text that was parsed, and the part of it that is the author's.
    pub(crate) source: &'a str,
    pub(crate) own: std::ops::Range<u32>,
    pub(crate) facts: Facts,
    /// Parts of a longer chain, told by the whole.
    covered: HashSet<Span>,
    /// The expression that is a statement, whose value nobody keeps: the last one that was entered.
    dropped: Option<Span>,
    /// How many functions the walk is in, the file itself counted.
    functions: usize,
    /// Loops that were judged with one round them.
    judged: HashSet<Span>,
    texts: text::Texts,
    clears: HashSet<&'static str>,
}

impl<'a, 's> Collect<'a, 's> {
    pub(crate) fn new(
        resolver: Resolver<'a, 's>,
        lines: &'s Lines<'s>,
        setting: Setting,
        source: &'a str,
        own: std::ops::Range<u32>,
    ) -> Self {
        Self {
            resolver,
            lines,
            setting,
            source,
            own,
            facts: Facts::default(),
            covered: HashSet::new(),
            dropped: None,
            functions: 1,
            judged: HashSet::new(),
            texts: text::Texts::default(),
            clears: HashSet::new(),
        }
    }

    /// What was found, in the order of the source.
    pub(crate) fn finish(mut self) -> Facts {
        for one in &mut self.facts.uses {
            if let Fact::Timer {
                api,
                kept: kept @ Kept::NeverCleared,
                ..
            } = &mut one.fact
                && self.clears.iter().any(|clear| api.ends_with(clear))
            {
                *kept = Kept::Cleared;
            }
        }
        self.facts.is_cut |= self.resolver.is_spent();
        self.facts
            .uses
            .sort_by_key(|one| (one.place.start, std::cmp::Reverse(one.place.end)));
        self.facts
    }

    fn tell(&mut self, fact: Fact, span: Span) {
        if !self.own.contains(&span.start) && span.start != self.own.end {
            return;
        }
        if self.facts.uses.len() >= USES_MAX {
            self.facts.is_cut = true;
            return;
        }
        let place = self.lines.place(span.start as usize, span.end as usize);
        let snippet = self.lines.snippet(place);
        self.facts.uses.push(Use {
            fact,
            place,
            snippet,
        });
    }

    /// A member expression: `object.name`, with what it is worth on its own and as the end of a chain.
    fn member(&mut self, object: &'a Expression<'a>, name: Option<&str>, span: Span) {
        let is_covered = self.covered.remove(&span);
        self.cover(object);
        // Most members are links of a chain, and say nothing by their name.
        if is_covered && name.is_some_and(|name| !escape::is_telling(name)) {
            return;
        }
        let path = match (self.resolver.value(object), name) {
            (Value::Path(path), Some(name)) => path.member(name),
            (_, Some(name)) => Path::new(Root::Other).member(name),
            (Value::Path(path), None) => path,
            _ => return,
        };
        self.escape(&path, span);
        if !is_covered {
            self.read(&path, span, Touch::Read);
        }
    }

    /// What belongs to a longer chain is told by the whole.
    fn cover(&mut self, object: &Expression<'a>) {
        if matches!(object, Expression::Identifier(_)) || object.is_member_expression() {
            self.covered.insert(object.span());
        }
        if let Expression::ChainExpression(chain) = object {
            self.covered.insert(chain.expression.span());
        }
    }

    fn name(&mut self, name: &IdentifierReference<'a>) {
        self.hidden(&name.name, name.span);
        let is_covered = self.covered.remove(&name.span);
        let Some(path) = self.resolver.global(name) else {
            return;
        };
        self.wrapper(&path, name.span);
        if !is_covered {
            self.read(&path, name.span, Touch::Read);
        }
    }

    /// Something is read (or set, or removed) by name.
    #[expect(clippy::too_many_lines, reason = "a table: one arm for each name")]
    pub(crate) fn read(&mut self, path: &Path, span: Span, touch: Touch) {
        let part = |at: usize| path.parts.get(at).cloned();
        match path.root_global() {
            Some("process") if path.part(0) == "env" => {
                let api = "process.env".to_owned();
                self.tell(
                    Fact::Environment {
                        api,
                        key: part(1),
                        touch,
                    },
                    span,
                );
            }
            Some("process") => self.tell(Fact::Process { member: part(0) }, span),
            Some("require") if path.parts.is_empty() => {
                self.tell(
                    Fact::Load {
                        by: Load::Passed,
                        module: None,
                    },
                    span,
                );
            }
            Some("require") => {
                let by = match path.part(0) {
                    "main" => Load::MainModule,
                    "resolve" => Load::Resolve,
                    _ => Load::Loader,
                };
                self.tell(Fact::Load { by, module: None }, span);
            }
            Some("module") if matches!(path.part(0), "parent" | "children" | "paths") => {
                self.tell(
                    Fact::Load {
                        by: Load::MainModule,
                        module: None,
                    },
                    span,
                );
            }
            Some("eval") => {
                self.tell(
                    Fact::Dynamic {
                        by: crate::Dynamic::Eval,
                        code: None,
                    },
                    span,
                );
            }
            Some("Function") if path.parts.is_empty() && touch == Touch::Read => {
                self.tell(
                    Fact::Dynamic {
                        by: crate::Dynamic::Function,
                        code: None,
                    },
                    span,
                );
            }
            Some("RED") if !path.parts.is_empty() => {
                self.tell(
                    Fact::Red {
                        api: path.name(),
                        argument: None,
                        touch,
                    },
                    span,
                );
            }
            Some("global") if self.setting == Setting::File && path.part(0) == "process" => {
                self.tell(Fact::Process { member: part(1) }, span);
            }
            Some("global") if self.setting == Setting::Function && path.part(0) == "process" => {
                self.tell(
                    Fact::Escape {
                        by: Escape::Global,
                        code: None,
                    },
                    span,
                );
            }
            _ if touch == Touch::Read && self.handed_on(path, span) => {}
            _ if known::is_browser(path) && self.setting == Setting::Page => {
                self.tell(
                    Fact::Browser {
                        api: path.name(),
                        touch,
                    },
                    span,
                );
            }
            _ => self.credentials(path, span),
        }
    }

    fn credentials(&mut self, path: &Path, span: Span) {
        let at = path.parts.iter().position(|part| part == "credentials");
        if let Some(at) = at
            && path.root_module().is_none()
            && self.setting != Setting::Page
        {
            let key = path.parts.get(at + 1).cloned();
            self.tell(
                Fact::Credentials {
                    api: path.name(),
                    key,
                },
                span,
            );
        }
    }

    fn unary(&mut self, it: &'a UnaryExpression<'a>) {
        // `typeof require` asks, and takes nothing.
        if it.operator == UnaryOperator::Typeof {
            self.cover(&it.argument);
        }
        if it.operator == UnaryOperator::Delete
            && let Some(path) = self.resolver.path(&it.argument)
        {
            self.cover(&it.argument);
            self.read(&path, it.span, Touch::Delete);
        }
    }

    fn declared(&mut self, id: &BindingPattern<'a>, init: Option<&'a Expression<'a>>) {
        if let (BindingPattern::BindingIdentifier(name), Some(init)) = (id, init) {
            self.texts.name(init, &name.name);
            self.alias(name.symbol_id.get(), init);
        }
        // `const { env } = process`: what is taken is told, not the whole.
        if let (BindingPattern::ObjectPattern(object), Some(init)) = (id, init)
            && let Some(path) = self.resolver.path(init)
            && path.root_global().is_some()
        {
            for property in &object.properties {
                if let Some(name) = key_name(&property.key) {
                    let path = path.clone().member(&name);
                    self.escape(&path, property.span);
                    if let BindingPattern::BindingIdentifier(name) = &property.value
                        && self.is_context(&path)
                        && self.resolver.is_alias(name.symbol_id.get(), &path)
                    {
                        continue;
                    }
                    self.read(&path, property.span, Touch::Read);
                }
            }
            if object.rest.is_none() {
                self.cover(init);
            }
        }
    }
}

/// A text of readable length.
pub(crate) fn clip(text: &str) -> String {
    if text.len() <= 1_000 {
        return text.to_owned();
    }
    text.chars().take(1_000).collect()
}

impl<'a> Visit<'a> for Collect<'a, '_> {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        match kind {
            AstKind::IdentifierReference(it) => self.name(it),
            AstKind::IdentifierName(it) => self.hidden(&it.name, it.span),
            AstKind::BindingIdentifier(it) => {
                self.hidden(&it.name, it.span);
                self.texts.binding(&it.name);
            }
            AstKind::StaticMemberExpression(it) => {
                self.member(&it.object, Some(&it.property.name), it.span);
            }
            AstKind::ComputedMemberExpression(it) => {
                let key = self.resolver.value(&it.expression).printed();
                self.computed(&it.expression, key.as_deref());
                self.member(&it.object, key.as_deref(), it.span);
            }
            AstKind::CallExpression(it) => self.call(it),
            AstKind::NewExpression(it) => self.made(it),
            AstKind::ImportExpression(it) => {
                let module = self.resolver.value(&it.source).text().map(clip);
                self.load(Load::DynamicImport, module, it.span);
            }
            AstKind::ImportDeclaration(it) => {
                self.load(Load::Import, Some(clip(&it.source.value)), it.span);
            }
            AstKind::ExportAllDeclaration(it) => {
                self.load(Load::Import, Some(clip(&it.source.value)), it.span);
            }
            AstKind::AssignmentExpression(it) => self.assignment(it),
            AstKind::ObjectProperty(it) => self.property(it),
            AstKind::UnaryExpression(it) => self.unary(it),
            AstKind::VariableDeclarator(it) => self.declared(&it.id, it.init.as_ref()),
            AstKind::StringLiteral(it) => self.string(it),
            AstKind::TemplateLiteral(it) => self.template(it),
            AstKind::BinaryExpression(it) => self.sum(it),
            AstKind::ExpressionStatement(it) => {
                self.dropped = Some(it.expression.span());
            }
            kind => self.flow_enter(kind),
        }
    }

    fn visit_statement(&mut self, it: &Statement<'a>) {
        self.loops(it);
        walk::walk_statement(self, it);
    }

    fn leave_node(&mut self, kind: AstKind<'a>) {
        self.flow_leave(kind);
    }
}
