//! Code: what runs inside Node-RED or beside it.

use serde_json::Value;

use super::{
    Hit, Severity,
    look::{Look, list, quote},
};

/// Types whose purpose is to run commands or programs.
const RUNS_COMMANDS: [&str; 9] = [
    "exec",
    "bigexec",
    "exec-queue",
    "daemon",
    "pythonshell in",
    "python-function",
    "python3-function",
    "powershell",
    "bigssh",
];

pub(super) fn exec(look: &Look<'_>) -> Option<Hit> {
    if !RUNS_COMMANDS.contains(&look.kind()) || !look.does_other() {
        return None;
    }
    let command = look.text("command");
    let what = if command.is_empty() {
        "a command".to_owned()
    } else {
        quote(command)
    };
    let message = format!("Runs {what} on the machine, with all rights of Node-RED.");
    Some((Severity::Danger, message, Some("command")))
}

const CODE: [&str; 3] = ["func", "initialize", "finalize"];

pub(super) fn function(look: &Look<'_>) -> Option<Hit> {
    // What the editor puts into a new function node does nothing.
    let is_empty = |code: &str| matches!(code.trim(), "" | "return msg;") || is_comment(code);
    let key = CODE
        .into_iter()
        .find(|key| look.differs(key) && !is_empty(look.text(key)))?;
    let mut ways: Vec<String> = CODE
        .into_iter()
        .filter(|key| look.differs(key))
        .flat_map(|key| ways_out(look.text(key)))
        .map(str::to_owned)
        .collect();
    ways.dedup();
    let hit = if ways.is_empty() {
        let message = "JavaScript that runs inside Node-RED and can do whatever Node-RED can.";
        (Severity::Warning, message.to_owned(), Some(key))
    } else {
        let ways = list(&ways);
        let message = format!(
            "JavaScript that mentions {ways}: the usual ways out of a function node, to commands \
             and files of the machine."
        );
        (Severity::Danger, message, Some(key))
    };
    Some(hit)
}

fn is_comment(code: &str) -> bool {
    code.lines()
        .all(|line| line.trim().is_empty() || line.trim().starts_with("//"))
}

/// Words by which code reaches beyond a function node's context.
fn ways_out(code: &str) -> Vec<&'static str> {
    let words = [
        "constructor",
        "__proto__",
        "eval",
        "Function",
        "require",
        "import",
        "child_process",
        "globalThis",
        "process",
        "getPrototypeOf",
        "WebAssembly",
    ];
    let mut found: Vec<&str> = words
        .into_iter()
        .filter(|word| is_used(code, word))
        .collect();
    // An identifier written with escapes is one that someone did not want to be found.
    let hides = |pair: (usize, &str)| {
        let before = code[..pair.0].chars().next_back();
        let digits = |c: char| c.is_ascii_hexdigit() || matches!(c, '{' | '}');
        let after = code[pair.0 + 2..].trim_start_matches(digits);
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
        before.is_some_and(is_word) && after.starts_with(is_word)
    };
    if code
        .match_indices("\\u")
        .chain(code.match_indices("\\x"))
        .any(hides)
    {
        found.push("escaped letters");
    }
    found
}

/// Whether `word` stands in `code` as a word of its own; `process` and `import`, which also are
/// plain English, only where code could follow.
fn is_used(code: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_' || c == '$';
    code.match_indices(word).any(|(at, _)| {
        let before = code[..at].chars().next_back();
        let after = &code[at + word.len()..];
        if before.is_some_and(is_part) || after.starts_with(is_part) {
            return false;
        }
        let next = after.trim_start().chars().next();
        match word {
            "process" => next.is_none_or(|c| ".[(?)'\"`;,}".contains(c)),
            "import" | "require" | "Function" | "eval" => {
                next.is_none_or(|c| "(.['\"`)]".contains(c))
                    || before.is_some_and(|c| "'\"`".contains(c))
            }
            _ => true,
        }
    })
}

pub(super) fn modules(look: &Look<'_>) -> Option<Hit> {
    let modules = |value: Option<&Value>| -> Vec<String> {
        let libs = value.and_then(Value::as_array).into_iter().flatten();
        libs.filter_map(|lib| lib.get("module"))
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    };
    let before = modules(look.before.and_then(|all| all.get("libs")));
    let mut new = modules(look.value("libs"));
    new.retain(|module| !before.contains(module));
    if new.is_empty() {
        return None;
    }
    let names: Vec<String> = new.iter().map(|name| quote(name)).collect();
    let message = format!(
        "Loads {}: Node-RED would install it from outside, and its install scripts and code run \
         with all rights of Node-RED.",
        list(&names)
    );
    Some((Severity::Danger, message, Some("libs")))
}

/// Characters that make a text read otherwise than it runs (CVE-2021-42574, "Trojan Source").
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200b}'..='\u{200d}' | '\u{2060}')
}

pub(super) fn hidden_text(look: &Look<'_>) -> Option<Hit> {
    let (before, after) = look.texts();
    let hides = |text: &str| text.contains(is_hidden);
    after
        .into_iter()
        .find(|text| hides(text.text) && !before.contains(text))?;
    let message = "Holds invisible characters that can make code read otherwise than it runs.";
    Some((Severity::Danger, message.to_owned(), None))
}

pub(super) fn page_script(look: &Look<'_>) -> Option<Hit> {
    let (before, after) = look.texts();
    let has_script = |text: &str| {
        let text = text.to_ascii_lowercase();
        text.contains("<script") || text.contains("javascript:") || text.contains("onerror=")
    };
    after
        .into_iter()
        .find(|text| has_script(text.text) && !before.contains(text))?;
    let message = "Holds script for a page: it runs in the browser of whoever opens that page.";
    Some((Severity::Warning, message.to_owned(), None))
}

pub(super) fn jsonata(look: &Look<'_>) -> Option<Hit> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for (side, found) in [(look.before, &mut before), (look.after, &mut after)] {
        for (key, value) in side.into_iter().flatten() {
            if value == "jsonata" {
                let subject = key.strip_suffix("Type").or_else(|| key.strip_suffix('t'));
                let text = subject.and_then(|key| side.and_then(|all| all.get(key)));
                found.push(text.map(ToString::to_string).unwrap_or_default());
            }
            expressions(value, found);
        }
    }
    after
        .iter()
        .find(|expression| !before.contains(expression))?;
    let message = "A JSONata expression: a small program that sees the message, the context and \
                   the environment.";
    Some((Severity::Note, message.to_owned(), None))
}

/// The objects in `value` that hold a JSONata expression.
fn expressions(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            if object.values().any(|value| value == "jsonata") {
                found.push(value.to_string());
            }
            object.values().for_each(|value| expressions(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| expressions(item, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
