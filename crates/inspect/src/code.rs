//! Code: function nodes, commands, scripts of pages, JSONata. The facts are `script`'s; what they
//! mean here is said once, in `facts`.

mod facts;
mod jsonata;
mod markup;

use std::collections::HashSet;

use model::flow::change::Language;
use script::{How, Lib, Part};
use serde_json::Value;

use self::markup::{handlers, scripts};
use crate::{
    hit::Hits,
    look::{Lines, Look, code, line_of, list, quote},
    rule::code::{COMMAND, FUNCTION, MODULES, PAGE_SCRIPT, UNREAD},
};

pub(crate) fn look(look: &Look<'_>, hits: &mut Hits) {
    command(look, hits);
    function(look, hits);
    modules(look, hits);
    page_script(look, hits);
    jsonata::look(look, hits);
}

/// Types whose purpose is to run commands or programs.
const RUNS_COMMANDS: [&str; 12] = [
    "exec",
    "bigexec",
    "exec-queue",
    "daemon",
    "pythonshell in",
    "python-function",
    "python3-function",
    "powershell",
    "bigssh",
    "ssh-exec",
    "systemd",
    "docker-exec",
];

/// Where such a node says what it runs.
const COMMAND_KEYS: [&str; 6] = ["command", "cmd", "pyfile", "func", "script", "args"];

fn command(look: &Look<'_>, hits: &mut Hits) {
    if !RUNS_COMMANDS.contains(&look.kind()) || !look.does_other() {
        return;
    }
    let key = COMMAND_KEYS
        .into_iter()
        .find(|key| !look.code(key).trim().is_empty());
    let what = key.map_or_else(|| "a command".to_owned(), |key| quote(&look.code(key)));
    let takes = match look.value("addpay") {
        None | Some(Value::Bool(false)) => "",
        Some(Value::String(text)) if text.is_empty() => "",
        Some(_) => " What the message says is put behind it.",
    };
    let message = format!("Runs {what} on the machine, with all rights of Node-RED.{takes}");
    hits.add(&COMMAND, message)
        .at(key.unwrap_or("command"))
        .about(&COMMAND_KEYS.map(|key| look.words(key)).join("\u{0}"));
}

/// The parts of a function node.
pub(crate) const CODE: [(&str, Part); 3] = [
    ("func", Part::Message),
    ("initialize", Part::Setup),
    ("finalize", Part::Close),
];

fn function(look: &Look<'_>, hits: &mut Hits) {
    for (key, part) in CODE {
        part_of_function(look, key, part, hits);
    }
    let others = look.change.properties.iter().filter(|property| {
        property.language == Language::JavaScript
            && !CODE.iter().any(|(key, _)| *key == property.key)
    });
    for property in others {
        let text = |value: &Option<Value>| crate::look::words(value.as_ref());
        let (before, after) = (text(&property.before), text(&property.after));
        if is_idle(&after) {
            continue;
        }
        let message = "JavaScript that runs inside Node-RED and can do whatever Node-RED can.";
        hits.add(&FUNCTION, message).at(&property.key).about(&after);
        let how = How::default();
        let (before, after) = (
            script::function(&before, &how),
            script::function(&after, &how),
        );
        facts::tell(&before, &after, &property.key, 1, hits);
    }
}

fn part_of_function(look: &Look<'_>, key: &str, part: Part, hits: &mut Hits) {
    let (code, old) = (look.code(key), look.old_code(key));
    let value = look.value(key);
    let is_function = look.kind() == "function";
    // What other types keep under these names need not be code; a text or a list of texts may be.
    let may_be = is_function || matches!(value, Some(Value::String(_) | Value::Array(_)));
    if !look.differs(key) || !may_be || is_idle(&code) || look.kind().contains("python") {
        return;
    }
    let how = |value| How {
        part,
        libs: libs(value),
    };
    let after = script::function(&code, &how(look.value("libs")));
    let before = script::function(&old, &how(look.was("libs")));
    let message = "JavaScript that runs inside Node-RED and can do whatever Node-RED can.";
    let hit = hits.add(&FUNCTION, message).at(key).about(&code);
    if let Some(line) = line_of(&code, first_difference(&old, &code)) {
        hit.line(line);
    }
    if is_function && !matches!(value, Some(Value::String(_))) {
        // Who reviews it sees a list; Node-RED makes a text of it and runs that.
        let message = "Is no text, and Node-RED runs what becomes of it as one: what stands here is not what runs.";
        hits.add(&UNREAD, message).at(key).about(&code);
    }
    facts::tell(&before, &after, key, 1, hits);
}

/// Whether it is what the editor puts into a new function node, which does nothing.
fn is_idle(code: &str) -> bool {
    let says = |line: &&str| !line.trim().is_empty() && !line.trim().starts_with("//");
    // Every way JavaScript ends a line (ECMA-262, 12.3): what follows a lone CR is no comment.
    let ends = ['\n', '\r', '\u{2028}', '\u{2029}'];
    let mut lines = code.split(ends).filter(says);
    match (lines.next().map(str::trim), lines.next()) {
        (None, _) => true,
        (Some(line), None) => line == "return msg;",
        _ => false,
    }
}

/// The byte at which two texts begin to differ.
fn first_difference(before: &str, after: &str) -> usize {
    let pairs = before.bytes().zip(after.bytes());
    pairs.take_while(|(one, other)| one == other).count()
}

fn libs(value: Option<&Value>) -> Vec<Lib> {
    let libs = value.and_then(Value::as_array).into_iter().flatten();
    libs.map(|lib| Lib {
        name: code(lib.get("var")).into_owned(),
        module: code(lib.get("module")).into_owned(),
    })
    .filter(|lib| !lib.module.is_empty())
    .collect()
}

fn modules(look: &Look<'_>, hits: &mut Hits) {
    let modules = |value| libs(value).into_iter().map(|lib| lib.module);
    let before: HashSet<String> = modules(look.was("libs")).collect();
    let new = modules(look.value("libs")).filter(|module| !before.contains(module));
    let new: Vec<String> = new.collect();
    if new.is_empty() {
        return;
    }
    let names: Vec<String> = new.iter().map(|name| quote(name)).collect();
    let message = format!(
        "Loads {}: Node-RED would install it from outside, and its install scripts and code run \
         with all rights of Node-RED.",
        list(&names)
    );
    hits.add(&MODULES, message).at("libs").about_all(&new);
}

fn page_script(look: &Look<'_>, hits: &mut Hits) {
    if look.kind() == "function" {
        // There it is text that code puts together; what reaches a page stands in a template.
        return;
    }
    let (before, _) = look.texts();
    let old_scripts: HashSet<&str> = before
        .iter()
        .flat_map(|it| scripts(&it.value))
        .map(|(_, it)| it)
        .collect();
    let old_handlers: HashSet<&str> = before
        .iter()
        .flat_map(|it| handlers(&it.value))
        .map(|(_, it)| it)
        .collect();
    for text in look.new_texts() {
        let new: Vec<(usize, &str)> = scripts(&text.value)
            .into_iter()
            .filter(|(_, body)| !old_scripts.contains(body))
            .collect();
        let lines = Lines::of(&text.value);
        for (at, body) in &new {
            let none = script::Facts::default();
            let line = lines.at(*at).unwrap_or(1);
            facts::tell(&none, &script::page(body), &text.property, line, hits);
        }
        let first = new.first().map(|(at, _)| *at).or_else(|| {
            let mut found = handlers(&text.value).into_iter();
            found
                .find(|(_, handler)| !old_handlers.contains(handler))
                .map(|(at, _)| at)
        });
        if let Some(at) = first {
            let message =
                "Holds script for a page: it runs in the browser of whoever opens that page.";
            let hit = hits
                .add(&PAGE_SCRIPT, message)
                .at(&text.property)
                .about(&text.value);
            if let Some(line) = lines.at(at) {
                hit.line(line);
            }
        }
    }
}
