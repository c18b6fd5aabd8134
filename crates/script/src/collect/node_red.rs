//! Calls of what Node-RED gives: environment, messages, its own interface.

use oxc_ast::ast::Expression;

use super::call::Called;
use super::{Collect, Setting};
use crate::bindings::key_name;
use crate::value::Root;
use crate::{Fact, Level, Touch};

impl<'a> Collect<'a, '_> {
    /// Node-RED's `env`, `node` and `RED`.
    pub(super) fn node_red(&mut self, call: &Called<'a>) -> bool {
        let path = &call.path;
        let parts: Vec<_> = path.parts.iter().map(String::as_str).collect();
        let api = path.name();
        let is_node = path.root_global() == Some("node")
            || path.root == Root::This
            || path.root == Root::Other;
        let fact = match (path.root_global(), parts.as_slice()) {
            (Some("env"), ["get"]) if self.setting == Setting::Function => {
                let key = self.constant(call, 0);
                Fact::Environment {
                    api: "env".to_owned(),
                    key,
                    touch: Touch::Read,
                }
            }
            (Some("RED"), ["nodes", "registerType"]) => {
                let names = call
                    .arguments
                    .get(2)
                    .and_then(|one| self.resolver.given_object(one));
                let has_credentials = matches!(names, Some(Expression::ObjectExpression(object))
                    if object.properties.iter().any(|one| one.as_property().and_then(|one| key_name(&one.key)).as_deref() == Some("credentials")));
                Fact::NodeType {
                    name: self.constant(call, 0),
                    has_credentials,
                }
            }
            (
                Some("RED"),
                [
                    "nodes",
                    "getCredentials" | "addCredentials" | "deleteCredentials",
                ],
            ) => Fact::Credentials { api, key: None },
            (Some("RED"), ["httpAdmin" | "httpNode", method]) => self.route(call, method),
            (Some("RED"), [_, ..]) => Fact::Red {
                api,
                argument: self.constant(call, 0),
                touch: Touch::Call,
            },
            (_, ["send"]) if is_node => {
                let outputs = call
                    .arguments
                    .first()
                    .map_or(crate::Outputs::None, |one| self.outputs(one));
                Fact::Send { api, outputs }
            }
            (_, ["done"]) if is_node => Fact::Done,
            (_, [level @ ("error" | "warn" | "log" | "debug" | "trace" | "status")]) if is_node => {
                Fact::Report {
                    level: loudness(level),
                    api,
                }
            }
            (Some("console"), [_]) => Fact::Report {
                level: Level::Console,
                api,
            },
            _ => return false,
        };
        self.tell(fact, call.span);
        true
    }

    fn route(&self, call: &Called<'a>, method: &str) -> Fact {
        let permission = call.arguments.iter().find_map(|one| match one {
            Expression::CallExpression(check) => {
                let path = self.resolver.path(&check.callee)?;
                (path.last() == "needsPermission").then(|| {
                    self.resolver
                        .argument(check.arguments.first())
                        .printed()
                        .unwrap_or_default()
                })
            }
            one => self
                .resolver
                .path(one)
                .and_then(|path| (path.last() == "needsPermission").then(String::new)),
        });
        Fact::Route {
            api: format!("RED.{}", call.path.part(0)),
            method: method.to_owned(),
            path: self.constant(call, 0),
            permission,
        }
    }
}

fn loudness(level: &str) -> Level {
    match level {
        "error" => Level::Error,
        "warn" => Level::Warn,
        "status" => Level::Status,
        _ => Level::Log,
    }
}
