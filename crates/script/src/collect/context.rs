//! Node-RED's context: which key of which store is read or written.

use oxc_ast::ast::Expression;
use oxc_span::Span;
use oxc_syntax::symbol::SymbolId;

use super::call::Called;
use super::{Collect, Setting, clip};
use crate::value::{Path, Value};
use crate::{Fact, Store, Style, Touch};

/// How many keys of one call are told one by one.
const KEYS_MAX: usize = 64;

impl<'a> Collect<'a, '_> {
    /// `flow.get("key")` and its kin.
    pub(super) fn context(&mut self, call: &Called<'a>) -> bool {
        let Some((store, touch)) = self.context_method(&call.path) else {
            return false;
        };
        let keys_at = usize::from(touch != Touch::List);
        let store_at = keys_at + usize::from(touch == Touch::Write);
        let is_function = |at: usize| call.arguments.get(at).is_some_and(|one| one.is_function());
        let style = if is_function(store_at) || is_function(store_at + 1) {
            Style::Callback
        } else {
            Style::Direct
        };
        let named = self.constant(call, store_at);
        let keys = match touch {
            Touch::List => vec![(None, None)],
            _ => self.keys(call.arguments.first().copied()),
        };
        for (key, inside) in keys {
            let named = named.clone().or(inside);
            self.tell_context((store, touch, style), key, named, call.span);
        }
        true
    }

    /// `RED.util.evaluateNodeProperty("key", "flow", node)` reads as typed inputs do.
    pub(super) fn evaluated(&mut self, call: &Called<'a>) {
        if !call.path.is("RED", &["util", "evaluateNodeProperty"]) {
            return;
        }
        let stores = match self.constant(call, 1).as_deref() {
            Some("flow") => vec![Store::Flow],
            Some("global") => vec![Store::Global],
            Some(_) => return,
            None => vec![Store::Flow, Store::Global],
        };
        let (key, named) = match self.constant(call, 0) {
            Some(key) => parted(&key),
            None => (None, None),
        };
        for store in stores {
            let how = (store, Touch::Read, Style::Direct);
            self.tell_context(how, key.clone(), named.clone(), call.span);
        }
    }

    /// A context, or a method of one, that is used for what is not a call of it: who has it can write.
    pub(super) fn handed_on(&mut self, path: &Path, span: Span) -> bool {
        let touched = match self.context_of(path) {
            // From a node's own the others are reached.
            Some(Store::Node) => vec![Store::Node, Store::Flow, Store::Global],
            Some(store) => vec![store],
            None => match self.context_method(path) {
                Some((store, touch)) => {
                    self.tell_context((store, touch, Style::Direct), None, None, span);
                    return true;
                }
                None => return false,
            },
        };
        for store in touched {
            self.tell_context((store, Touch::Write, Style::Direct), None, None, span);
        }
        true
    }

    /// Another name for a context is followed, and no use of it by itself.
    pub(super) fn alias(&mut self, symbol: Option<SymbolId>, init: &Expression<'a>) {
        let may_be = match init {
            Expression::StaticMemberExpression(member) => matches!(
                member.property.name.as_str(),
                "flow" | "global" | "context" | "get" | "set" | "keys"
            ),
            Expression::Identifier(_)
            | Expression::ComputedMemberExpression(_)
            | Expression::ChainExpression(_) => true,
            _ => false,
        };
        if may_be
            && let Some(path) = self.resolver.path(init)
            && self.is_context(&path)
            && self.resolver.is_alias(symbol, &path)
        {
            self.cover(init);
        }
    }

    pub(super) fn is_context(&self, path: &Path) -> bool {
        self.context_of(path).is_some() || self.context_method(path).is_some()
    }

    fn tell_context(
        &mut self,
        (store, touch, style): (Store, Touch, Style),
        key: Option<String>,
        named: Option<String>,
        span: Span,
    ) {
        let fact = Fact::Context {
            store,
            touch,
            key,
            named,
            style,
        };
        self.tell(fact, span);
    }

    /// The context a path leads to, and what its last part does there.
    fn context_method(&self, path: &Path) -> Option<(Store, Touch)> {
        let touch = match path.last() {
            "get" => Touch::Read,
            "set" => Touch::Write,
            "keys" => Touch::List,
            _ => return None,
        };
        let (_, owner) = path.parts.split_last()?;
        Some((self.context_named(path.root_global(), owner)?, touch))
    }

    /// The context a path is. What only happens to have that name is none.
    fn context_of(&self, path: &Path) -> Option<Store> {
        let store = self.context_named(path.root_global(), &path.parts)?;
        let is_sure = self.setting == Setting::Function
            && matches!(
                path.root_global(),
                Some("flow" | "global" | "context" | "node")
            );
        (is_sure || store != Store::Node).then_some(store)
    }

    fn context_named(&self, global: Option<&str>, parts: &[String]) -> Option<Store> {
        let is_function = self.setting == Setting::Function;
        match (global, parts) {
            (Some("flow"), []) if is_function => Some(Store::Flow),
            (Some("global"), []) if is_function => Some(Store::Global),
            (Some("context"), []) if is_function => Some(Store::Node),
            (global, [owners @ .., whose]) => {
                let is_of_context = match owners.last() {
                    Some(owner) => owner == "context",
                    None => global == Some("context"),
                };
                match whose.as_str() {
                    "flow" if is_of_context => Some(Store::Flow),
                    "global" if is_of_context => Some(Store::Global),
                    "context" => Some(Store::Node),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    /// The keys of a call, each with the store it names itself.
    fn keys(&self, argument: Option<&'a Expression<'a>>) -> Vec<(Option<String>, Option<String>)> {
        match argument.map(|one| self.resolver.value(one)) {
            Some(Value::List(list)) if list.len() <= KEYS_MAX => {
                let printed = list.iter().map(|key| key.printed().map(|key| clip(&key)));
                printed.map(|key| (key, None)).collect()
            }
            Some(value) => match value.printed() {
                Some(key) => vec![parted(&clip(&key))],
                None => vec![(None, None)],
            },
            None => vec![(None, None)],
        }
    }
}

/// A key, and the store in it: `#:(disk)::level` is `level` in `disk`.
fn parted(key: &str) -> (Option<String>, Option<String>) {
    let inner = key.strip_prefix("#:(");
    match inner.and_then(|inner| inner.split_once(")::")) {
        Some((store, key)) => (Some(key.to_owned()), Some(store.to_owned())),
        None => (Some(key.to_owned()), None),
    }
}
