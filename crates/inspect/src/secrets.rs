//! Secrets: those that change, and those that lie open. What is found is never repeated: a finding
//! says where it stands, not what it is.

mod form;

use std::collections::HashSet;

use model::flow::change::Subject;
use script::Facts;
use serde_json::{Map, Value};

use self::form::{is_open, is_random, is_secret_name, known, open_urls};
use crate::{
    hit::Hits,
    look::{Lines, Look, quote},
    reach::hosts::new_hosts,
    rule::{
        Rule,
        secrets::{CREDENTIAL, IN_CLEAR, KNOWN, TO_NEW_HOST},
    },
};

pub(crate) fn look(look: &Look<'_>, hits: &mut Hits) {
    credential(look, hits);
    let before: HashSet<String> = open(look.before.as_ref())
        .into_iter()
        .map(|it| it.secret)
        .collect();
    for found in open(look.after.as_ref()) {
        if before.contains(&found.secret) {
            continue;
        }
        let place = proper_place(look, &found.property);
        let message = format!(
            "{} lies open in the flow, for everyone who can read or export it. {place}",
            found.what
        );
        // The digest of the secret: another one in the same place is another matter.
        let hit = hits
            .add(found.rule, message)
            .at(&found.property)
            .about(&found.secret);
        if let Some(line) = found.line {
            hit.line(line);
        }
    }
}

fn credential(look: &Look<'_>, hits: &mut Hits) {
    if look.change.credentials.is_empty() {
        return;
    }
    // A new node brings its own; a node that keeps its secret and gets another host gives it away.
    let hosts = new_hosts(look);
    if look.before.is_some() && !hosts.is_empty() {
        let message = "Credentials change along with the host they are sent to.";
        hits.add(&TO_NEW_HOST, message).about_all(&hosts);
    } else {
        let notes = look.change.credentials.iter();
        let fields: Vec<&str> = notes.map(|note| note.field.as_str()).collect();
        let message = "Touches credentials; their values are never shown.";
        hits.add(&CREDENTIAL, message).about_all(&fields);
    }
}

/// Where such a thing belongs.
fn proper_place(look: &Look<'_>, property: &str) -> String {
    match look.change.subject {
        Subject::Tab | Subject::Subflow | Subject::Group => {
            "Give the variable the type \u{201c}credential\u{201d}: Redkeep seals it.".to_owned()
        }
        _ if property == "env" => {
            "Give the variable the type \u{201c}credential\u{201d} in the subflow: Redkeep seals it.".to_owned()
        }
        _ if look.kind() == "function" => {
            "Keep it as a variable of type \u{201c}credential\u{201d} on the tab, and read it with env.get().".to_owned()
        }
        _ => "Use the node's own credential field, or put it into a variable of type \
              \u{201c}credential\u{201d} on the tab and write ${NAME} here."
            .to_owned(),
    }
}

/// A secret that lies open. `Debug` is not derived: it must not be printed.
struct Open {
    rule: &'static Rule,
    what: String,
    property: String,
    line: Option<u32>,
    secret: String,
}

/// What looks like a secret in a node.
fn open(all: Option<&Map<String, Value>>) -> Vec<Open> {
    let mut found = Vec::new();
    let Some(all) = all else {
        return found;
    };
    let is_function = all.get("type").is_some_and(|it| it == "function");
    for (key, value) in all {
        if !matches!(key.as_str(), "id" | "type" | "z" | "g" | "wires" | "links") {
            let is_code = is_function && matches!(key.as_str(), "func" | "initialize" | "finalize");
            within(key, key, value, is_code, &mut found);
        }
    }
    // The same secret is told once, by the surest rule.
    found.sort_by_key(|it| std::cmp::Reverse(it.rule.severity));
    let mut seen = HashSet::new();
    found.retain(|it| seen.insert(it.secret.clone()));
    found
}

fn within(property: &str, key: &str, value: &Value, is_code: bool, found: &mut Vec<Open>) {
    match value {
        Value::String(text) => text_in(property, key, text, is_code, found),
        Value::Array(items) => items
            .iter()
            .for_each(|item| within(property, key, item, false, found)),
        Value::Object(object) => {
            variable(property, object, found);
            for (key, value) in object {
                within(property, key, value, false, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A variable of a tab or subflow, a header, a typed property: its name stands beside its value.
fn variable(property: &str, object: &Map<String, Value>, found: &mut Vec<Open>) {
    let word = |keys: [&str; 4]| {
        let found = keys.into_iter().find_map(|key| object.get(key)?.as_str());
        found.unwrap_or("")
    };
    let name = word(["name", "p", "keyValue", "key"]);
    let value = word(["value", "to", "valueValue", "v"]);
    let kind = word(["type", "tot", "valueType", "vt"]);
    let is_elsewhere = matches!(kind, "cred" | "env" | "msg" | "flow" | "global" | "jsonata");
    if !is_elsewhere && is_secret_name(name) && is_open(value) {
        found.push(Open {
            rule: &IN_CLEAR,
            what: format!("What {} holds looks like a secret and", quote(name)),
            property: property.to_owned(),
            line: None,
            secret: value.to_owned(),
        });
    }
}

fn text_in(property: &str, key: &str, text: &str, is_code: bool, found: &mut Vec<Open>) {
    let lines = Lines::of(text);
    let mut push = |rule, what: String, line, secret: &str| {
        found.push(Open {
            rule,
            what,
            property: property.to_owned(),
            line,
            secret: secret.to_owned(),
        });
    };
    for (at, what, secret) in known(text) {
        push(
            &KNOWN,
            format!("What looks like {what}"),
            lines.at(at),
            secret,
        );
    }
    for (at, secret) in open_urls(text) {
        push(
            &IN_CLEAR,
            "A password in an address".to_owned(),
            lines.at(at),
            secret,
        );
    }
    if is_code {
        let facts: Facts = script::function(text, &script::How::default());
        for constant in &facts.strings {
            let name = constant.name.as_deref().unwrap_or("");
            let is_named =
                is_secret_name(name) && is_open(&constant.text) && !constant.text.contains(' ');
            if is_named || is_random(&constant.text) {
                let what = if is_named {
                    format!("What {} is given looks like a secret and", quote(name))
                } else {
                    "A random-looking text".to_owned()
                };
                push(&IN_CLEAR, what, Some(constant.place.line), &constant.text);
            }
        }
    } else if is_secret_name(key) && is_open(text) && !text.contains('\n') {
        push(
            &IN_CLEAR,
            format!("What {} holds looks like a secret and", quote(key)),
            None,
            text,
        );
    } else if is_random(text) {
        push(&IN_CLEAR, "A random-looking text".to_owned(), None, text);
    }
}
