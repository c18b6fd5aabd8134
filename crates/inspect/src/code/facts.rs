//! What the facts of a piece of code mean to a reviewer.

use std::collections::HashSet;

use script::{Access, Dynamic, Escape, Fact, Facts, Kept, Load, Parsed, Store, Touch};

use crate::{
    hit::Hits,
    look::{list, quote},
    rule::{
        Rule,
        code::{
            BROKEN, CONTEXT, CREDENTIALS, DYNAMIC, ENDLESS, ENVIRONMENT, ESCAPE, HIDES, LOADS,
            MACHINE, NETWORK, PROCESS, UNREAD,
        },
        reach::TLS_OFF,
    },
};

/// Adds what `after` says and `before` did not. `first_line` is the line of the property on which
/// the code begins.
pub(super) fn tell(
    before: &Facts,
    after: &Facts,
    property: &str,
    first_line: u32,
    hits: &mut Hits,
) {
    let place = |line: u32| line.saturating_sub(1).saturating_add(first_line);
    match &after.parsed {
        Parsed::Ok => {}
        Parsed::Error { message, place: at } => {
            let message = format!(
                "Is not JavaScript that Node-RED can run: {}.",
                said(message)
            );
            hits.add(&BROKEN, message).at(property).line(place(at.line));
        }
        Parsed::Refused(why) => {
            let why = said(&why.to_string());
            let message = format!("Was not read: {why}. What it does is not known.");
            hits.add(&UNREAD, message).at(property);
        }
    }
    if after.is_cut {
        let message = "Is too much to be read to its end. What the rest of it does is not known.";
        hits.add(&UNREAD, message).at(property);
    }
    let known: HashSet<String> = before.uses.iter().map(|it| key(&it.fact)).collect();
    let mut contexts: Vec<(String, u32)> = Vec::new();
    let mut said_of_context = HashSet::new();
    for one in &after.uses {
        if known.contains(&key(&one.fact)) {
            continue;
        }
        let line = place(one.place.line);
        if let Fact::Context {
            store, touch, key, ..
        } = &one.fact
        {
            if let Some(said) = context(*store, *touch, key.as_deref())
                && said_of_context.insert(said.clone())
            {
                contexts.push((said, line));
            }
        } else if let Some((rule, message)) = meaning(&one.fact) {
            // Messages cut what they quote; the fact says it whole.
            let hit = hits.add(rule, message).at(property).line(line);
            hit.about(&key(&one.fact));
        }
    }
    if let Some((_, line)) = contexts.first() {
        let names: Vec<String> = contexts.iter().map(|(it, _)| it.clone()).collect();
        let message = format!("Shares context with others: {}.", list(&names));
        hits.add(&CONTEXT, message).at(property).line(*line);
    }
}

/// A fact as a key: the same wherever it stands.
fn key(fact: &Fact) -> String {
    serde_json::to_string(fact).unwrap_or_default()
}

fn said(message: &str) -> String {
    let kept = message.chars().filter(|c| !c.is_control()).take(200);
    kept.collect::<String>()
        .trim_end_matches(['.', ' '])
        .to_owned()
}

fn context(store: Store, touch: Touch, key: Option<&str>) -> Option<String> {
    let whose = match store {
        // Nobody else sees it.
        Store::Node => return None,
        Store::Flow => "flow",
        Store::Global => "global",
    };
    let does = match touch {
        Touch::Read | Touch::Call => "reads",
        Touch::Write => "sets",
        Touch::Delete => "removes",
        Touch::List => return Some(format!("lists the names in {whose}")),
    };
    let what = key.map_or_else(|| "names it works out".to_owned(), quote);
    Some(format!("{does} {whose} {what}"))
}

/// The rule a fact belongs to and the sentence for it; none for what is everyday.
fn meaning(fact: &Fact) -> Option<(&'static Rule, String)> {
    inside(fact).or_else(|| outside(fact))
}

fn or(it: Option<&String>, otherwise: &str) -> String {
    it.map_or_else(|| otherwise.to_owned(), |it| quote(it))
}

/// What code does to the program it runs in.
#[expect(clippy::too_many_lines, reason = "one arm for each fact: a table")]
fn inside(fact: &Fact) -> Option<(&'static Rule, String)> {
    let found = match fact {
        // The node's own list of modules has a rule of its own.
        Fact::Load { by, module } if *by != Load::Lib => {
            let what = or(module.as_ref(), "a module it works out while it runs");
            (
                &LOADS,
                format!("Loads {what} past Node-RED's own list of modules."),
            )
        }
        Fact::Process { member } => {
            let member = member
                .as_ref()
                .map_or_else(String::new, |it| format!(".{it}"));
            let what = quote(&format!("process{member}"));
            (
                &PROCESS,
                format!("Touches Node.js' own {what}: it can end Node-RED or read what is in it."),
            )
        }
        Fact::Environment { api, key, touch } => {
            let does = if *touch == Touch::Read {
                "Reads"
            } else {
                "Changes"
            };
            let what = or(key.as_ref(), "variables it works out while it runs");
            let rule = if api.starts_with("process") {
                &PROCESS
            } else {
                &ENVIRONMENT
            };
            (
                rule,
                format!("{does} {what} of the environment ({}).", quote(api)),
            )
        }
        Fact::Escape { by, .. } => {
            let by = match by {
                Escape::Constructor => "an object's constructor",
                Escape::Prototype => "an object's prototype",
                Escape::Proto => "`__proto__`",
                Escape::Wrapper => "Node-RED's own objects in the sandbox",
                Escape::Caller => "the function that called it",
                Escape::Global => "the global object",
                Escape::Stack => "the stack trace of an error",
            };
            (
                &ESCAPE,
                format!(
                    "Reaches out of its sandbox by {by}: the usual way to commands and files of the machine."
                ),
            )
        }
        Fact::BreaksOut => (
            &ESCAPE,
            "Closes the function that Node-RED wraps round it and goes on outside.".to_owned(),
        ),
        Fact::Pollutes { target } => (
            &ESCAPE,
            format!("Writes to {}, which all code shares.", quote(target)),
        ),
        // What a page does to itself with markup is its purpose.
        Fact::Dynamic { by, code } if *by != Dynamic::Html => {
            let by = match by {
                Dynamic::Eval => "eval",
                Dynamic::Function => "a function constructor",
                Dynamic::Timer => "a timer that takes text",
                Dynamic::Vm => "Node.js' vm module",
                Dynamic::Compile | Dynamic::Html => "the module compiler",
            };
            let what = or(code.as_ref(), "text that is known only while it runs");
            (&DYNAMIC, format!("Makes code out of {what}, by {by}."))
        }
        Fact::Wasm { api } | Fact::Worker { api, .. } | Fact::Native { api, .. } => (
            &DYNAMIC,
            format!(
                "Runs code of another kind, which is not shown here, by {}.",
                quote(api)
            ),
        ),
        Fact::HiddenName { name } | Fact::ComputedName { name } => (
            &HIDES,
            format!(
                "Writes the name {} so that a search does not find it.",
                quote(name)
            ),
        ),
        Fact::Obfuscated { .. } => (
            &HIDES,
            "Looks as if it was not meant to be read.".to_owned(),
        ),
        Fact::Invisible { character } => (
            &HIDES,
            format!(
                "Holds the invisible character {character}, which can make code read otherwise than it runs."
            ),
        ),
        Fact::EndlessLoop => (
            &ENDLESS,
            "Has a loop with no way out: all of Node-RED would stand still.".to_owned(),
        ),
        // One that fires once ends by itself.
        Fact::Timer { api, kept, .. } if *kept != Kept::Cleared && api == "setInterval" => (
            &ENDLESS,
            "Starts a timer that it never stops: it goes on after the next deployment.".to_owned(),
        ),
        _ => return None,
    };
    Some(found)
}

/// What code does to the world.
fn outside(fact: &Fact) -> Option<(&'static Rule, String)> {
    let found = match fact {
        Fact::Network { api, target, port } => {
            let port = port
                .as_ref()
                .map_or_else(String::new, |it| format!(", port {}", quote(it)));
            let to = or(target.as_ref(), "an address it works out while it runs");
            (
                &NETWORK,
                format!(
                    "Talks to {to}{port} by {}: data can leave there.",
                    quote(api)
                ),
            )
        }
        Fact::Listen { api, port }
        | Fact::Route {
            api, path: port, ..
        } => {
            let on = or(port.as_ref(), "a port it works out while it runs");
            (
                &NETWORK,
                format!("Listens on {on} by {}: others can reach it.", quote(api)),
            )
        }
        Fact::Unverified { api } => {
            let api = quote(api);
            (
                &TLS_OFF,
                format!(
                    "Does not check who is at the other end ({api}): anyone on the way can read and change what is sent."
                ),
            )
        }
        Fact::File { api, access, path } => {
            let does = match access {
                Access::Read => "Reads",
                Access::Write => "Writes",
                Access::Delete => "Deletes",
                Access::Unknown => "Opens",
            };
            let what = or(path.as_ref(), "files it works out while it runs");
            (
                &MACHINE,
                format!("{does} {what} on the machine, by {}.", quote(api)),
            )
        }
        Fact::Command { api, command } => {
            let what = or(command.as_ref(), "a command it works out while it runs");
            (
                &MACHINE,
                format!(
                    "Runs {what} on the machine, by {}, with all rights of Node-RED.",
                    quote(api)
                ),
            )
        }
        Fact::Credentials { key, .. } => {
            let what = or(key.as_ref(), "something");
            (
                &CREDENTIALS,
                format!("Reads {what} of the credentials; from code it can go anywhere."),
            )
        }
        _ => return None,
    };
    Some(found)
}
