//! What is set: globals, prototypes, settings that say a lot.

use oxc_ast::ast::{AssignmentExpression, AssignmentTarget, Expression, ObjectProperty};
use oxc_span::Span;
use oxc_syntax::operator::AssignmentOperator;

use super::{Collect, Setting, clip};
use crate::bindings::key_name;
use crate::value::{Path, Root, Value};
use crate::{Escape, Fact, Touch, known};

impl<'a> Collect<'a, '_> {
    pub(super) fn assignment(&mut self, it: &'a AssignmentExpression<'a>) {
        match &it.left {
            AssignmentTarget::AssignmentTargetIdentifier(name) => {
                self.covered.insert(name.span);
                self.alias(self.resolver.symbol(name), &it.right);
                if let Expression::StringLiteral(_) = &it.right {
                    self.texts.name(&it.right, &name.name);
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
    #[expect(clippy::needless_pass_by_value, reason = "callers make it for this")]
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
            self.texts.name(right, name);
            self.setting_of(name, right, span);
        }
        let is_shared = base.root_global().is_some_and(known::is_shared);
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
                .is_some_and(|path| path.root_global().is_some())
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
        match path.root_global() {
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

    pub(super) fn property(&mut self, it: &'a ObjectProperty<'a>) {
        let Some(name) = key_name(&it.key) else {
            return;
        };
        self.texts.name(&it.value, &name);
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
}
