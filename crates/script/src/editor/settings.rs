//! What a Node-RED's settings file says of its users (`adminAuth`), read as data. Nothing is run.

use std::collections::BTreeMap;

use oxc_ast::{
    AstKind,
    ast::{Expression, MemberExpression, ObjectExpression, ObjectPropertyKind},
};
use oxc_ast_visit::Visit;
use serde_json::Value;

use super::{Bindings, fold::Names};
use crate::{
    Refused,
    reader::{self, Kind},
};

/// Bytes of a settings file; real ones have some 30 KB.
pub const SETTINGS_MAX_BYTES: usize = 1024 * 1024;
/// Users that are read.
const USERS_MAX: usize = 1000;

/// A user as `adminAuth` names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsUser {
    /// The name; none: it is worked out when the file runs.
    pub name: Option<String>,
    /// The bcrypt hash; none: it is worked out when the file runs (a variable of the environment).
    pub hash: Option<String>,
    /// The permissions, such as `*`, `read` or `flows.read`.
    pub permissions: Vec<String>,
}

/// What it says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AdminAuth {
    /// `credentials`, or another strategy.
    pub kind: Option<String>,
    /// The users.
    pub users: Vec<SettingsUser>,
    /// Users that are made by a function, or in another way that only running the file would tell.
    pub has_more: bool,
    /// What whoever is not logged in may; none: nothing.
    pub default: Option<Vec<String>>,
}

/// Why a settings file could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// It is too long.
    #[error("it has {bytes} bytes; at most {SETTINGS_MAX_BYTES} are read")]
    TooLong {
        /// How long it is.
        bytes: usize,
    },
    /// It cannot be read safely.
    #[error("{0}")]
    Refused(#[from] Refused),
    /// It is no JavaScript.
    #[error("it is not JavaScript: {0}")]
    NotJavaScript(String),
    /// Nobody is named in it.
    #[error("there is no adminAuth in it with anything that can be read")]
    NoAdminAuth,
}

/// What `source`, a `settings.js`, says of users. The last `adminAuth` counts, as it would when it runs.
pub fn admin_auth(source: &str) -> Result<AdminAuth, SettingsError> {
    if source.len() > SETTINGS_MAX_BYTES {
        let bytes = source.len();
        return Err(SettingsError::TooLong { bytes });
    }
    let found = reader::read(source, &[Kind::CommonJs, Kind::Module], |tree| {
        if let Some((why, ..)) = &tree.error {
            return Err(SettingsError::NotJavaScript(why.clone()));
        }
        let mut bindings = Bindings::default();
        bindings.visit_program(tree.program);
        let names = Names::new(&bindings.names);
        let mut search = Search::default();
        search.visit_program(tree.program);
        let object = search.found.and_then(|it| names.object(it));
        object.map_or(Err(SettingsError::NoAdminAuth), |it| Ok(read(it, &names)))
    });
    found?
}

/// Finds `adminAuth: …` in an object, and `….adminAuth = …`.
#[derive(Default)]
struct Search<'a> {
    found: Option<&'a Expression<'a>>,
}

impl<'a> Visit<'a> for Search<'a> {
    fn enter_node(&mut self, kind: AstKind<'a>) {
        match kind {
            AstKind::ObjectProperty(property)
                if property.key.static_name().as_deref() == Some("adminAuth") =>
            {
                self.found = Some(&property.value);
            }
            AstKind::AssignmentExpression(assignment) => {
                let member = assignment.left.as_member_expression();
                let name = member.and_then(MemberExpression::static_property_name);
                if name == Some("adminAuth") {
                    self.found = Some(&assignment.right);
                }
            }
            _ => {}
        }
    }
}

fn read<'a>(object: &ObjectExpression<'a>, names: &Names<'a, '_>) -> AdminAuth {
    let mut found = AdminAuth::default();
    for (key, value) in properties(object) {
        match key.as_str() {
            "type" => found.kind = names.text(value),
            "users" => users(value, names, &mut found),
            "default" => {
                let object = names.object(value);
                let permissions = object.and_then(|it| {
                    let mut all = properties(it).into_iter();
                    all.find(|(key, _)| key == "permissions")
                });
                found.default = permissions.map(|(_, value)| texts(names.value(value)));
            }
            _ => {}
        }
    }
    found
}

fn users<'a>(value: &Expression<'a>, names: &Names<'a, '_>, found: &mut AdminAuth) {
    let Expression::ArrayExpression(array) = names.resolve(value) else {
        found.has_more = true;
        return;
    };
    for item in &array.elements {
        let object = item.as_expression().and_then(|it| names.object(it));
        let Some(object) = object.filter(|_| found.users.len() < USERS_MAX) else {
            found.has_more = true;
            continue;
        };
        let all: BTreeMap<_, _> = properties(object).into_iter().collect();
        let text = |key: &str| all.get(key).and_then(|it| names.text(it));
        let permissions = all.get("permissions").and_then(|it| names.value(it));
        found.users.push(SettingsUser {
            name: text("username"),
            hash: text("password"),
            permissions: texts(permissions),
        });
    }
}

fn properties<'a, 'b>(object: &'b ObjectExpression<'a>) -> Vec<(String, &'b Expression<'a>)> {
    let mut found = Vec::new();
    for property in &object.properties {
        if let ObjectPropertyKind::ObjectProperty(property) = property
            && let Some(key) = property.key.static_name()
        {
            found.push((key.into_owned(), &property.value));
        }
    }
    found
}

/// One text or several.
fn texts(value: Option<Value>) -> Vec<String> {
    match value {
        Some(Value::String(text)) => vec![text],
        Some(Value::Array(items)) => {
            let texts = items.into_iter().filter_map(|it| match it {
                Value::String(text) => Some(text),
                _ => None,
            });
            texts.collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_read_and_nothing_is_run() {
        let source = r#"
            // module.exports = { adminAuth: { users: [{ username: "commented" }] } };
            const fs = require("fs");
            const full = "*";
            fs.rmSync("/", { recursive: true });
            module.exports = {
                uiPort: process.env.PORT || 1880,
                adminAuth: {
                    type: "credentials",
                    users: [
                        { username: "admin", password: "$2b$08$abc", permissions: full },
                        { username: "guest", password: process.env.HASH, permissions: ["flows.read"] },
                        loadMore(),
                    ],
                    default: { permissions: "read" },
                },
            };"#;
        let found = admin_auth(source).unwrap();
        assert_eq!(found.kind.as_deref(), Some("credentials"));
        assert_eq!(found.default, Some(vec!["read".to_owned()]));
        assert!(found.has_more, "a call among the users is somebody unknown");
        assert_eq!(found.users.len(), 2);
        assert_eq!(found.users[0].hash.as_deref(), Some("$2b$08$abc"));
        assert_eq!(found.users[0].permissions, ["*"]);
        assert_eq!(
            (found.users[1].name.as_deref(), &found.users[1].hash),
            (Some("guest"), &None)
        );
        assert_eq!(found.users[1].permissions, ["flows.read"]);
    }

    #[test]
    fn what_is_not_there_is_said() {
        assert_eq!(
            admin_auth("module.exports = {}"),
            Err(SettingsError::NoAdminAuth)
        );
        assert!(matches!(
            admin_auth("module.exports = {"),
            Err(SettingsError::NotJavaScript(_))
        ));
        let long = " ".repeat(SETTINGS_MAX_BYTES + 1);
        assert!(matches!(
            admin_auth(&long),
            Err(SettingsError::TooLong { .. })
        ));
        let by_function = "module.exports = { adminAuth: { users: async name => find(name) } }";
        let found = admin_auth(by_function).unwrap();
        assert!(found.has_more && found.users.is_empty());
    }
}
