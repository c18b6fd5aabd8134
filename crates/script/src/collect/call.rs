//! Calls: what is called, with what.

use oxc_ast::ast::{Argument, CallExpression, Expression, NewExpression, ObjectPropertyKind};
use oxc_span::Span;

use super::{Collect, Setting, clip};
use crate::bindings::key_name;
use crate::known::{self, Known, is_loader};
use crate::value::{Path, Root, Value};
use crate::{Access, Dynamic, Escape, Fact, Kept, Load, Touch};

/// A call, with its target as far as it is known.
pub(super) struct Called<'a> {
    pub(super) path: Path,
    pub(super) arguments: Vec<&'a Expression<'a>>,
    pub(super) span: Span,
}

impl<'a> Collect<'a, '_> {
    pub(super) fn call(&mut self, it: &'a CallExpression<'a>) {
        self.cover(&it.callee);
        // Texts hidden in calls: `atob("…")`, `["a", "b"].join("")`.
        let callee = self.resolver.called(it);
        if let Some(Value::Text(text)) = callee.result {
            self.folded(&text, it.span);
        }
        let Some(mut path) = callee.path else {
            return;
        };
        let arguments = arguments(&it.arguments);
        self.escape_call(&path, &arguments, it.span);
        let arguments = match path.last() {
            // `f.call(this, x)` is `f(x)`.
            "call" if path.parts.len() + usize::from(path.root != Root::Other) > 1 => {
                path.parts.pop();
                arguments.into_iter().skip(1).collect()
            }
            "apply" if path.parts.len() + usize::from(path.root != Root::Other) > 1 => {
                path.parts.pop();
                match arguments.get(1) {
                    Some(Expression::ArrayExpression(list)) => list
                        .elements
                        .iter()
                        .filter_map(|one| one.as_expression())
                        .collect(),
                    _ => Vec::new(),
                }
            }
            _ => arguments,
        };
        self.called(&Called {
            path,
            arguments,
            span: it.span,
        });
    }

    pub(super) fn made(&mut self, it: &'a NewExpression<'a>) {
        self.cover(&it.callee);
        let Some(path) = self.resolver.path(&it.callee) else {
            return;
        };
        self.called(&Called {
            path,
            arguments: arguments(&it.arguments),
            span: it.span,
        });
    }

    fn called(&mut self, call: &Called<'a>) {
        self.evaluated(call);
        let is_told = self.loader(call)
            || self.dynamic(call)
            || self.timer(call)
            || self.known(call)
            || self.node_red(call)
            || self.context(call);
        if !is_told {
            self.general(call);
        }
    }

    pub(super) fn constant(&self, call: &Called<'a>, at: usize) -> Option<String> {
        let value = self.resolver.value(call.arguments.get(at)?);
        value.printed().map(|text| clip(&text))
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers make it for this")]
    pub(super) fn load(&mut self, by: Load, module: Option<String>, span: Span) {
        let name = module
            .as_deref()
            .map(|name| name.strip_prefix("node:").unwrap_or(name));
        if let Some(name) = name.filter(|name| name.as_bytes().ends_with(b".node")) {
            let path = Some(name.to_owned());
            self.tell(
                Fact::Native {
                    api: "require".to_owned(),
                    path,
                },
                span,
            );
        }
        let module = name.map(str::to_owned);
        self.tell(Fact::Load { by, module }, span);
    }

    fn loader(&mut self, call: &Called<'a>) -> bool {
        let path = &call.path;
        let by = match (path.root_global(), path.root_module(), path.last()) {
            (Some("require"), _, "resolve") => Load::Resolve,
            (Some("process"), _, "binding" | "_linkedBinding" | "getBuiltinModule") => {
                Load::Binding
            }
            (Some("process"), _, "require") => Load::MainModule,
            (_, Some("module"), "createRequire") if path.parts.len() == 1 => Load::CreateRequire,
            (_, Some("module"), "register" | "_load" | "runMain") => Load::Loader,
            (Some("importScripts"), ..) => Load::Script,
            _ if is_loader(path) => Load::Require,
            // What `createRequire(…)` gave is called.
            _ => return false,
        };
        let module = self.constant(call, 0);
        self.load(by, module, call.span);
        true
    }

    fn escape_call(&mut self, path: &Path, arguments: &[&'a Expression<'a>], span: Span) {
        if path.last() == "constructor"
            && let Some(Value::Text(code)) = arguments.last().map(|one| self.resolver.value(one))
        {
            self.tell(
                Fact::Escape {
                    by: Escape::Constructor,
                    code: Some(clip(&code)),
                },
                span,
            );
        }
    }

    #[expect(clippy::match_same_arms, reason = "one line for each name")]
    fn dynamic(&mut self, call: &Called<'a>) -> bool {
        let path = &call.path;
        let by = match (path.root_global(), path.last()) {
            (Some("eval"), "") => Dynamic::Eval,
            (Some("Function"), "") => Dynamic::Function,
            (Some("document"), "write" | "writeln") => Dynamic::Html,
            (_, "insertAdjacentHTML" | "createContextualFragment") => Dynamic::Html,
            (_, "_compile") => Dynamic::Compile,
            (_, "execScript") => Dynamic::Eval,
            (Some("setTimeout" | "setInterval"), "") => {
                // A text, or what is surely not a function.
                match call
                    .arguments
                    .first()
                    .map(|first| self.resolver.value(first))
                {
                    Some(Value::Text(_)) => Dynamic::Timer,
                    _ => return false,
                }
            }
            _ => return false,
        };
        let code = match by {
            Dynamic::Function => call
                .arguments
                .len()
                .checked_sub(1)
                .and_then(|last| self.constant(call, last)),
            _ => self.constant(call, 0),
        };
        self.tell(Fact::Dynamic { by, code }, call.span);
        by != Dynamic::Timer
    }

    fn timer(&mut self, call: &Called<'a>) -> bool {
        let path = &call.path;
        let name = match (path.root_global(), path.root_module()) {
            (Some(name), None) if path.parts.is_empty() => name,
            (None, Some("timers" | "timers/promises")) => path.last(),
            _ => return false,
        };
        match name {
            "clearTimeout" => self.clears.insert("setTimeout"),
            "clearInterval" => self.clears.insert("setInterval"),
            "clearImmediate" => self.clears.insert("setImmediate"),
            "setTimeout" | "setInterval" | "setImmediate" => {
                let kept = if self.dropped == Some(call.span) {
                    Kept::Dropped
                } else {
                    Kept::NeverCleared
                };
                let delay_ms = match call
                    .arguments
                    .get(1)
                    .map(|delay| self.resolver.value(delay))
                {
                    #[expect(
                        clippy::cast_possible_truncation,
                        clippy::cast_sign_loss,
                        reason = "in range"
                    )]
                    Some(Value::Number(delay)) if (0.0..1e15).contains(&delay) => {
                        Some(delay as u64)
                    }
                    _ => None,
                };
                self.tell(
                    Fact::Timer {
                        api: name.to_owned(),
                        delay_ms,
                        kept,
                    },
                    call.span,
                );
                return true;
            }
            _ => return false,
        };
        true
    }

    fn known(&mut self, call: &Called<'a>) -> bool {
        let Some(known) = known::call(&call.path) else {
            return false;
        };
        let api = call.path.name();
        let first = self.constant(call, 0);
        let fact = match known {
            Known::File(access) => {
                let access = match (access, self.constant(call, 1)) {
                    (Access::Unknown, None) if call.arguments.len() < 2 => Access::Read,
                    (Access::Unknown, Some(flags)) if flags == "r" || flags == "rs" => Access::Read,
                    (Access::Unknown, Some(flags)) if flags.contains(['w', 'a', '+']) => {
                        Access::Write
                    }
                    (access, _) => access,
                };
                Fact::File {
                    api,
                    access,
                    path: first,
                }
            }
            Known::Network => {
                let (target, port) = self.target(call);
                Fact::Network { api, target, port }
            }
            Known::Listen => {
                let port = first.or_else(|| self.option(call, &["port", "path"]));
                Fact::Listen { api, port }
            }
            Known::Command => {
                let command = match call.arguments.get(1).map(|list| self.resolver.value(list)) {
                    Some(Value::List(list)) => first.map(|first| {
                        let words = list
                            .iter()
                            .map(|word| word.printed().unwrap_or_else(|| "…".into()));
                        clip(
                            &std::iter::once(first)
                                .chain(words)
                                .collect::<Vec<_>>()
                                .join(" "),
                        )
                    }),
                    _ => first,
                };
                Fact::Command { api, command }
            }
            Known::Vm => Fact::Dynamic {
                by: Dynamic::Vm,
                code: first,
            },
            Known::Worker => Fact::Worker { api, file: first },
            Known::Wasm => Fact::Wasm { api },
            Known::Native => Fact::Native { api, path: first },
        };
        self.tell(fact, call.span);
        true
    }

    /// Where a call to the network goes: an address, or options that say it.
    fn target(&self, call: &Called<'a>) -> (Option<String>, Option<String>) {
        let values: Vec<_> = call
            .arguments
            .iter()
            .take(4)
            .map(|one| self.resolver.value(one))
            .collect();
        if call.path.root_global() == Some("XMLHttpRequest") {
            return (values.get(1).and_then(Value::printed), None);
        }
        match values.as_slice() {
            // `net.connect(port, host)`
            [Value::Number(port), rest @ ..] => (
                rest.first().and_then(Value::text).map(clip),
                Some(port.to_string()),
            ),
            [Value::Text(text), ..] => (Some(clip(text)), None),
            _ => (
                self.option(
                    call,
                    &["url", "uri", "href", "host", "hostname", "baseURL", "path"],
                ),
                self.option(call, &["port"]),
            ),
        }
    }

    /// The first of these options that an argument written as an object sets to a constant.
    fn option(&self, call: &Called<'a>, names: &[&str]) -> Option<String> {
        let objects =
            call.arguments
                .iter()
                .filter_map(|one| match self.resolver.given_object(one) {
                    Some(Expression::ObjectExpression(object)) => Some(object),
                    _ => None,
                });
        let mut found = Vec::new();
        for object in objects.take(2) {
            for property in object.properties.iter().take(64) {
                if let ObjectPropertyKind::ObjectProperty(property) = property
                    && let Some(name) = key_name(&property.key)
                    && let Some(rank) = names.iter().position(|one| *one == name)
                    && let Some(value) = self.resolver.value(&property.value).printed()
                {
                    found.push((rank, clip(&value)));
                }
            }
        }
        found.into_iter().min().map(|(_, value)| value)
    }

    fn general(&mut self, call: &Called<'a>) {
        let path = &call.path;
        if self.setting == Setting::Page && known::is_browser(path) {
            self.tell(
                Fact::Browser {
                    api: path.name(),
                    touch: Touch::Call,
                },
                call.span,
            );
            return;
        }
        // `Object.assign(Object.prototype, …)`, `Object.defineProperty(Array.prototype, …)`
        if path.root_global() == Some("Object")
            && matches!(
                path.last(),
                "assign" | "defineProperty" | "defineProperties" | "setPrototypeOf"
            )
            && let Some(target) = call
                .arguments
                .first()
                .and_then(|one| self.resolver.path(one))
            && target.root_global().is_some_and(known::is_shared)
            && target.last() == "prototype"
        {
            self.tell(
                Fact::Pollutes {
                    target: target.name(),
                },
                call.span,
            );
            return;
        }
        if path.root_global() == Some("process") {
            self.tell(
                Fact::Process {
                    member: path.parts.first().cloned(),
                },
                call.span,
            );
        } else if !path.parts.is_empty() {
            self.credentials(path, call.span);
        }
    }
}

fn arguments<'a>(all: &'a [Argument<'a>]) -> Vec<&'a Expression<'a>> {
    all.iter().map_while(Argument::as_expression).collect()
}
