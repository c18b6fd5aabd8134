//! Secrets: those that change, and those that lie open.

use serde_json::{Map, Value};

use super::{Hit, Severity, look::Look, reach};

pub(super) fn credential(look: &Look<'_>) -> Option<Hit> {
    if look.change.credentials.is_empty() {
        return None;
    }
    // A new node brings its own; a node that keeps its secret and gets another host gives it away.
    if look.before.is_some() && !reach::new_hosts(look).is_empty() {
        let message = "Credentials change along with the host they are sent to.";
        return Some((Severity::Warning, message.to_owned(), None));
    }
    let message = "Touches credentials; their values are never shown.";
    Some((Severity::Note, message.to_owned(), None))
}

pub(super) fn in_clear(look: &Look<'_>) -> Option<Hit> {
    let before: Vec<String> = look.before.into_iter().flat_map(open_secrets).collect();
    let after = look.after.into_iter().flat_map(open_secrets);
    let new = after.into_iter().find(|secret| !before.contains(secret))?;
    let name = new
        .split('\u{0}')
        .next()
        .unwrap_or_default()
        .chars()
        .take(60)
        .collect::<String>();
    let message = format!(
        "\u{201c}{name}\u{201d} looks like a secret and lies open in the flow, for everyone who can \
         read or export it; keep it as a credential."
    );
    Some((Severity::Warning, message, None))
}

/// What looks like a secret, as its name, a zero and its value (to be compared, never shown).
fn open_secrets(all: &Map<String, Value>) -> Vec<String> {
    let mut found = Vec::new();
    for (key, value) in all {
        if let Some(text) = value
            .as_str()
            .filter(|text| is_open(text) && is_secret(key))
        {
            found.push(format!("{key}\u{0}{text}"));
        }
        collect_urls(key, value, &mut found);
    }
    let variables = all
        .get("env")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    for variable in variables {
        let word = |key: &str| variable.get(key).and_then(Value::as_str).unwrap_or("");
        let is_elsewhere = matches!(word("type"), "cred" | "env");
        if !is_elsewhere && is_secret(word("name")) && is_open(word("value")) {
            found.push(format!("{}\u{0}{}", word("name"), word("value")));
        }
    }
    found
}

fn is_secret(name: &str) -> bool {
    let name: String = name.to_ascii_lowercase().replace(['_', '-', ' '], "");
    let ends = [
        "password",
        "passwd",
        "pwd",
        "passphrase",
        "secret",
        "token",
        "apikey",
        "accesskey",
        "privatekey",
        "credential",
        "credentials",
    ];
    ends.into_iter().any(|end| name.ends_with(end)) || name == "pass"
}

/// Whether a value is itself the secret, and not the name of a variable that holds it.
fn is_open(value: &str) -> bool {
    let value = value.trim();
    let is_reference =
        value.starts_with("${") || value.starts_with("$(") || value.starts_with("{{");
    !value.is_empty() && !is_reference && value != "__PWRD__"
}

/// Addresses that carry a password: `scheme://user:password@host`.
fn collect_urls(key: &str, value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => {
            for (at, _) in text.match_indices("://") {
                let end = |c: char| c.is_whitespace() || "/?#\"'`<>".contains(c);
                let authority = text[at + 3..].split(end).next().unwrap_or("");
                let user = authority.rsplit_once('@').map(|(user, _)| user);
                if user
                    .and_then(|user| user.split_once(':'))
                    .is_some_and(|(_, open)| is_open(open))
                {
                    found.push(format!("{key}\u{0}{authority}"));
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_urls(key, item, found)),
        Value::Object(object) => {
            object
                .iter()
                .for_each(|(key, value)| collect_urls(key, value, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
