//! Ways out of a scope or a sandbox, and names that hide.

use oxc_ast::ast::Expression;
use oxc_span::{GetSpan, Span};

use super::{Collect, Setting};
use crate::value::Path;
use crate::{Escape, Fact};

impl<'a> Collect<'a, '_> {
    /// What a member's name gives away by itself.
    pub(super) fn escape(&mut self, path: &Path, span: Span) {
        let by = match path.last() {
            "constructor" if path.owner() == "constructor" => Escape::Constructor,
            // In a page or a file `x.constructor.name` is ordinary; in the sandbox the objects come from outside.
            "constructor" if self.setting == Setting::Function => Escape::Constructor,
            "__proto__" | "__defineGetter__" | "__defineSetter__" | "__lookupGetter__" => {
                Escape::Proto
            }
            "callee" | "caller" => Escape::Caller,
            "prepareStackTrace" | "captureStackTrace" | "getThis" | "getFunction"
                if self.setting == Setting::Function =>
            {
                Escape::Stack
            }
            "getPrototypeOf" | "setPrototypeOf"
                if matches!(path.root_global(), Some("Object" | "Reflect")) =>
            {
                Escape::Prototype
            }
            _ => return,
        };
        self.tell(Fact::Escape { by, code: None }, span);
    }

    /// Node-RED's own objects, which the wrapper hands into the sandbox.
    pub(super) fn wrapper(&mut self, path: &Path, span: Span) {
        let is_inner = matches!(
            path.root_global(),
            Some("__node__" | "__send__" | "__done__" | "__initSend__" | "__msgid__")
        );
        if is_inner && path.parts.is_empty() && self.setting == Setting::Function {
            self.tell(
                Fact::Escape {
                    by: Escape::Wrapper,
                    code: None,
                },
                span,
            );
        }
    }

    /// A name that is not written as it reads.
    pub(super) fn hidden(&mut self, name: &str, span: Span) {
        let written = self
            .source
            .get(span.start as usize..span.end as usize)
            .unwrap_or_default();
        if written.len() != name.len() && written.contains('\\') {
            self.tell(
                Fact::HiddenName {
                    name: super::clip(name),
                },
                span,
            );
        }
    }

    /// A member's name put together from pieces.
    pub(super) fn computed(&mut self, key: &Expression<'a>, name: Option<&str>) {
        let Some(name) = name else { return };
        let is_hidden = match key {
            Expression::StringLiteral(text) => {
                text.raw.as_deref().is_some_and(|raw| raw.contains('\\')) && is_word(name)
            }
            Expression::TemplateLiteral(text) => !text.expressions.is_empty(),
            Expression::BinaryExpression(_)
            | Expression::CallExpression(_)
            | Expression::ComputedMemberExpression(_) => is_word(name),
            _ => false,
        };
        if is_hidden {
            self.tell(
                Fact::ComputedName {
                    name: super::clip(name),
                },
                key.span(),
            );
        }
    }
}

/// Whether a member's name can give something away by itself: those of [`Collect::escape`].
pub(super) fn is_telling(name: &str) -> bool {
    matches!(
        name,
        "constructor"
            | "__proto__"
            | "__defineGetter__"
            | "__defineSetter__"
            | "__lookupGetter__"
            | "callee"
            | "caller"
            | "prepareStackTrace"
            | "captureStackTrace"
            | "getThis"
            | "getFunction"
            | "getPrototypeOf"
            | "setPrototypeOf"
    )
}

fn is_word(name: &str) -> bool {
    name.starts_with(|one: char| one.is_alphabetic() || one == '_' || one == '$')
}
