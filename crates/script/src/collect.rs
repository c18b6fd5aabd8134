//! The walk over a tree that writes down what is true of it, each node once.

mod call;
mod escape;
mod message;
mod text;

use std::collections::HashSet;

use oxc_ast::AstKind;
use oxc_ast::ast::{
    AssignmentExpression, AssignmentTarget, BindingPattern, Expression, IdentifierReference,
    ObjectProperty, UnaryExpression,
};
use oxc_ast_visit::Visit;
use oxc_span::{GetSpan, Span};
use oxc_syntax::operator::{AssignmentOperator, UnaryOperator};

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
    /// Expressions whose value nobody keeps.
    dropped: HashSet<Span>,
    functions: Vec<message::Function>,
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
            dropped: HashSet::new(),
            functions: vec![message::Function::default()],
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
    fn member(&mut self, object: &'a Expression<'a>, name: Option<String>, span: Span) {
        let is_covered = self.covered.remove(&span);
        self.cover(object);
        let path = match (self.resolver.value(object), &name) {
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
    pub(crate) fn read(&mut self, path: &Path, span: Span, touch: Touch) {
        let part = |at: usize| path.parts.get(at).cloned();
        match path.from_global() {
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
            && path.from_module().is_none()
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

    fn assignment(&mut self, it: &'a AssignmentExpression<'a>) {
        match &it.left {
            AssignmentTarget::AssignmentTargetIdentifier(name) => {
                self.covered.insert(name.span);
                if let Expression::StringLiteral(_) = &it.right {
                    self.texts.name(it.right.span(), &name.name);
                }
                if it.operator == AssignmentOperator::Assign
                    && let Some(path) = self.resolver.global(name)
                    && name.span.start >= self.own.start
                    && !matches!(name.name.as_str(), "msg" | "node" | "exports" | "module")
                {
                    self.tell(
                        Fact::Global {
                            name: name.name.to_string(),
                        },
                        name.span,
                    );
                    if known::is_shared(&path.name()) || path.is("fetch", &[]) {
                        self.tell(
                            Fact::Pollutes {
                                target: path.name(),
                            },
                            name.span,
                        );
                    }
                }
            }
            AssignmentTarget::StaticMemberExpression(member) => {
                let name = member.property.name.to_string();
                self.covered.insert(member.span);
                self.written(&member.object, Some(name), member.span, &it.right);
            }
            AssignmentTarget::ComputedMemberExpression(member) => {
                let key = self.resolver.value(&member.expression).printed();
                self.covered.insert(member.span);
                self.written(&member.object, key, member.span, &it.right);
            }
            _ => {}
        }
    }

    /// `object.name = right`
    fn written(
        &mut self,
        object: &'a Expression<'a>,
        name: Option<String>,
        span: Span,
        right: &'a Expression<'a>,
    ) {
        let base = self
            .resolver
            .path(object)
            .unwrap_or_else(|| Path::new(Root::Other));
        let path = match &name {
            Some(name) => base.clone().member(name),
            None => base.clone(),
        };
        if let Some(name) = &name {
            self.texts.name(right.span(), name);
            self.setting_of(name, right, span);
        }
        let is_shared = base.from_global().is_some_and(known::is_shared);
        let reaches = |part: &str| path.parts.iter().any(|one| one == part);
        // `Thing.prototype.x` of one's own is no one else's business; `Object.prototype.x` is.
        if reaches("__proto__") || (is_shared && (reaches("prototype") || base.parts.is_empty())) {
            self.tell(
                Fact::Pollutes {
                    target: path.name(),
                },
                span,
            );
        }
        let is_page_global = matches!(object, Expression::Identifier(it)
            if matches!(it.name.as_str(), "globalThis" | "window" | "self")
            || (it.name == "global" && self.setting == Setting::File));
        if is_page_global
            && self
                .resolver
                .path(object)
                .is_some_and(|path| path.from_global().is_some())
        {
            self.tell(
                Fact::Pollutes {
                    target: path.name(),
                },
                span,
            );
        }
        if path.is("Error", &["prepareStackTrace"]) {
            self.tell(
                Fact::Escape {
                    by: Escape::Stack,
                    code: None,
                },
                span,
            );
        }
        if matches!(path.last(), "innerHTML" | "outerHTML" | "srcdoc")
            && self.setting == Setting::Page
        {
            let code = self.resolver.value(right).text().map(clip);
            self.tell(
                Fact::Dynamic {
                    by: crate::Dynamic::Html,
                    code,
                },
                span,
            );
        }
        match path.from_global() {
            Some("module" | "exports") if path.part(0) != "paths" => {}
            _ => self.read(&path, span, Touch::Write),
        }
    }

    /// Settings that say a lot on their own, wherever they stand.
    fn setting_of(&mut self, name: &str, value: &'a Expression<'a>, span: Span) {
        let is_off = match name {
            "rejectUnauthorized" | "strictSSL" => {
                matches!(
                    self.resolver.value(value),
                    Value::Flag(false) | Value::Number(0.0)
                )
            }
            "NODE_TLS_REJECT_UNAUTHORIZED" => self
                .resolver
                .value(value)
                .printed()
                .is_some_and(|value| value == "0"),
            "checkServerIdentity" => value.is_function(),
            _ => false,
        };
        if is_off {
            self.tell(
                Fact::Unverified {
                    api: name.to_owned(),
                },
                span,
            );
        }
    }

    fn property(&mut self, it: &'a ObjectProperty<'a>) {
        let Some(name) = key_name(&it.key) else {
            return;
        };
        self.texts.name(it.value.span(), &name);
        self.setting_of(&name, &it.value, it.span);
        if name == "__proto__" && !it.computed {
            self.tell(
                Fact::Escape {
                    by: Escape::Proto,
                    code: None,
                },
                it.span,
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
            self.texts.name(init.span(), &name.name);
        }
        // `const { env } = process`: what is taken is told, not the whole.
        if let (BindingPattern::ObjectPattern(object), Some(init)) = (id, init)
            && let Some(path) = self.resolver.path(init)
            && path.from_global().is_some()
        {
            for property in &object.properties {
                if let Some(name) = key_name(&property.key) {
                    let path = path.clone().member(&name);
                    self.escape(&path, property.span);
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
                self.member(&it.object, Some(it.property.name.to_string()), it.span);
            }
            AstKind::ComputedMemberExpression(it) => {
                let key = self.resolver.value(&it.expression).printed();
                self.computed(&it.expression, key.as_deref());
                self.member(&it.object, key, it.span);
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
                self.dropped.insert(it.expression.span());
            }
            kind => self.flow_enter(kind),
        }
    }

    fn leave_node(&mut self, kind: AstKind<'a>) {
        self.flow_leave(kind);
    }
}
