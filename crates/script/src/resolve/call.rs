//! What calls come to.

use oxc_ast::ast::{Argument, CallExpression, MemberExpression};

use super::{LIST_MAX, Resolver};
use crate::fold;
use crate::known::{is_loader, is_own_module};
use crate::value::{Path, Root, Value};

/// What stands before the brackets of a call.
pub(crate) struct Callee {
    /// What is called.
    pub(crate) path: Option<Path>,
    /// What the call comes to, if not to the same path.
    pub(crate) result: Option<Value>,
}

impl<'a> Resolver<'a, '_> {
    /// What is called, and what the call comes to.
    pub(crate) fn called(&self, call: &CallExpression<'a>) -> Callee {
        self.callee(call, 0)
    }

    pub(super) fn call(&self, call: &CallExpression<'a>, depth: usize) -> Value {
        let callee = self.callee(call, depth);
        match (callee.result, callee.path) {
            (Some(value), _) => value,
            (None, Some(path)) => Value::Path(path),
            (None, None) => Value::Unknown,
        }
    }

    /// What is called and what that gives, both from one look at what stands before the brackets: two
    /// looks at each link of `a().b().c()` would be as many as there are ways through it.
    fn callee(&self, call: &CallExpression<'a>, depth: usize) -> Callee {
        let callee = call.callee.get_inner_expression();
        let member = callee.as_member_expression();
        let value = match member.and_then(|it| Some((it, self.method(it, depth)?))) {
            Some((member, method)) => {
                let object = self.follow(member.object(), depth + 1);
                // Methods of texts and lists.
                if matches!(object, Value::Text(_) | Value::List(_)) {
                    let count = call.arguments.len().min(64);
                    let arguments = self.arguments(call, count, depth);
                    return Callee {
                        result: Some(fold::method(&object, &method, &arguments)),
                        path: object.member(&method).into_path(),
                    };
                }
                object.member(&method)
            }
            None => self.follow(callee, depth),
        };
        let path = value.into_path();
        let result = path
            .as_ref()
            .and_then(|path| self.result(call, path, depth));
        Callee { path, result }
    }

    fn arguments(&self, call: &CallExpression<'a>, count: usize, depth: usize) -> Vec<Value> {
        let all = call.arguments.iter().take(count);
        all.map(|one| {
            one.as_expression()
                .map_or(Value::Unknown, |one| self.follow(one, depth))
        })
        .collect()
    }

    /// What calling a path gives, if that is something else than the path.
    fn result(&self, call: &CallExpression<'a>, path: &Path, depth: usize) -> Option<Value> {
        let first = || {
            let first = call.arguments.first().and_then(Argument::as_expression);
            first.map_or(Value::Unknown, |one| self.follow(one, depth))
        };
        if fold::is_function(path) {
            let count = call.arguments.len().min(LIST_MAX);
            return fold::function(path, &self.arguments(call, count, depth));
        }
        if is_loader(path) {
            return Some(match first() {
                Value::Text(name) => Value::Path(Path::module(&name)),
                _ => Value::Path(Path::new(Root::Other)),
            });
        }
        match path.last() {
            // The same function again.
            "promisify" | "callbackify"
                if path.root_module() == Some("util") || path.root_global() == Some("util") =>
            {
                Some(first())
            }
            "promisify" if path.root == Root::Other => Some(first()),
            "bind" => {
                let mut path = path.clone();
                path.parts.pop();
                Some(Value::Path(path))
            }
            "resolve" if path.is("Promise", &["resolve"]) => Some(first()),
            // A module handed to functions by the settings (`functionGlobalContext`).
            "get" if path.is("global", &["get"]) => match first() {
                Value::Text(name) if is_own_module(&name) => Some(Value::Path(Path::module(&name))),
                _ => None,
            },
            _ => None,
        }
    }

    fn method(&self, member: &MemberExpression<'a>, depth: usize) -> Option<String> {
        match member {
            MemberExpression::StaticMemberExpression(member) => {
                Some(member.property.name.to_string())
            }
            MemberExpression::ComputedMemberExpression(member) => {
                self.follow(&member.expression, depth).printed()
            }
            MemberExpression::PrivateFieldExpression(_) => None,
        }
    }
}
