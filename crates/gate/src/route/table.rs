//! Node-RED's admin routes, one row each (node-red 5.0.7 and 4.1.15, `@node-red/editor-api` and
//! the core nodes).

use http::Method;

use super::{Change, Class, Effect, Login, Own, Target, View, Write};

/// Which methods a row is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    /// GET and HEAD, which Express treats alike.
    Get,
    Post,
    Put,
    Delete,
    /// Every method.
    Any,
}

impl Verb {
    fn covers(self, method: &Method) -> bool {
        match self {
            Self::Get => *method == Method::GET || *method == Method::HEAD,
            Self::Post => *method == Method::POST,
            Self::Put => *method == Method::PUT,
            Self::Delete => *method == Method::DELETE,
            Self::Any => true,
        }
    }
}

/// What a row gives.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Is(fn() -> Class),
    /// Made of the segment at this place.
    Of(usize, fn(String) -> Class),
}

use Kind::{Is, Of};
use Verb::{Any, Delete, Get, Post, Put};

const PROJECTS: &str = "projects are kept by Redkeep, not by Node-RED";
const KEYS: &str = "Node-RED's SSH keys belong to its projects, which are not used here";
const STATE: &str = "stopping and starting the flows is done in the console";
const METHOD: &str = "this address does not take this method";

/// Pattern: `:` one segment, `@` a module (two segments when the first begins with `@`),
/// `*` one segment or more, `**` any number.
const TABLE: &[(Verb, &str, Kind)] = &[
    (Get, "", Is(|| Class::Page)),
    (Get, "comms", Is(|| Class::Comms)),
    (Get, "red/*", Is(|| Class::Asset)),
    (Get, "vendor/*", Is(|| Class::Asset)),
    (Get, "types/*", Is(|| Class::Asset)),
    (Get, "favicon.ico", Is(|| Class::Asset)),
    (Get, "theme", Is(|| Class::Read(View::Catalogue))),
    (Get, "theme/*", Is(|| Class::Asset)),
    (Get, "locales/editor", Is(|| Class::Read(View::EditorTexts))),
    (Get, "locales/*", Is(|| Class::Read(View::Catalogue))),
    (Get, "icons", Is(|| Class::Read(View::Catalogue))),
    (Get, "icons/*", Is(|| Class::Asset)),
    (Get, "resources/*", Is(|| Class::Asset)),
    (Get, "debug/view/*", Is(|| Class::Asset)),
    (Get, "settings", Is(|| Class::Read(View::Settings))),
    (Get, "settings/user", Is(|| Class::Read(View::Plain))),
    (
        Post,
        "settings/user",
        Is(|| Class::Write(Write::UserSettings)),
    ),
    (Any, "settings/user/keys/**", Is(|| Class::Never(KEYS))),
    (Get, "flows", Is(|| Class::Read(View::Plain))),
    (Post, "flows", Is(|| Class::Change(Change::Flows))),
    (Get, "flows/state", Is(|| Class::Read(View::Plain))),
    (Post, "flows/state", Is(|| Class::Never(STATE))),
    (Post, "flow", Is(|| Class::Change(Change::AddFlow))),
    (Get, "flow/:", Is(|| Class::Read(View::Plain))),
    (
        Put,
        "flow/:",
        Of(1, |id| Class::Change(Change::UpdateFlow(id))),
    ),
    (
        Delete,
        "flow/:",
        Of(1, |id| Class::Change(Change::RemoveFlow(id))),
    ),
    (Get, "nodes", Is(|| Class::Read(View::Catalogue))),
    (Post, "nodes", Is(|| Class::Change(Change::Palette))),
    (Get, "nodes/messages", Is(|| Class::Read(View::Catalogue))),
    (Get, "nodes/@/:/messages", Is(|| Class::Read(View::Plain))),
    (Get, "nodes/@", Is(|| Class::Read(View::Plain))),
    (Get, "nodes/@/:", Is(|| Class::Read(View::Plain))),
    (Put, "nodes/*", Is(|| Class::Change(Change::Palette))),
    (Delete, "nodes/*", Is(|| Class::Change(Change::Palette))),
    (Get, "plugins", Is(|| Class::Read(View::Plugins))),
    (Get, "plugins/messages", Is(|| Class::Read(View::Catalogue))),
    (Get, "plugins/@", Is(|| Class::Read(View::Plain))),
    (Get, "plugins/@/:", Is(|| Class::Read(View::Plain))),
    (Get, "context/global/**", Is(|| Class::Read(View::Context))),
    (Get, "context/flow/*", Is(|| Class::Read(View::Context))),
    (Get, "context/node/*", Is(|| Class::Read(View::Context))),
    (
        Delete,
        "context/global/*",
        Is(|| Class::Effect(Effect::Context)),
    ),
    (
        Delete,
        "context/flow/:/*",
        Is(|| Class::Effect(Effect::Context)),
    ),
    (
        Delete,
        "context/node/:/*",
        Is(|| Class::Effect(Effect::Context)),
    ),
    (
        Get,
        "credentials/:/:",
        Is(|| Class::Read(View::Credentials)),
    ),
    (Get, "library/:/**", Is(|| Class::Read(View::Plain))),
    (Post, "library/:/:/*", Is(|| Class::Write(Write::Library))),
    (Get, "diagnostics", Is(|| Class::Read(View::Diagnostics))),
    (Any, "projects/**", Is(|| Class::Never(PROJECTS))),
    (
        Post,
        "inject/:",
        Of(1, |id| Class::Effect(Effect::Inject(id))),
    ),
    (
        Post,
        "debug/enable",
        Is(|| Class::Effect(Effect::DebugMany)),
    ),
    (
        Post,
        "debug/disable",
        Is(|| Class::Effect(Effect::DebugMany)),
    ),
    (
        Post,
        "debug/:/enable",
        Of(1, |id| Class::Effect(Effect::Debug(id))),
    ),
    (
        Post,
        "debug/:/disable",
        Of(1, |id| Class::Effect(Effect::Debug(id))),
    ),
    (Get, "udp-ports/:", Is(|| Class::Read(View::Plain))),
    (Get, "auth/login", Is(|| Class::Login(Login::Describe))),
    (Post, "auth/revoke", Is(|| Class::Login(Login::Revoke))),
    (
        Any,
        "auth/**",
        Is(|| Class::Never("Node-RED's own login is not used here")),
    ),
    (Get, ".redkeep/enter", Is(|| Class::Own(Own::Enter))),
    (Get, ".redkeep/kiosk", Is(|| Class::Own(Own::Kiosk))),
    (Post, ".redkeep/leave", Is(|| Class::Own(Own::Leave))),
    (Get, ".redkeep/history.git/*", Is(|| Class::History)),
    (
        Any,
        ".redkeep/**",
        Is(|| Class::Never("there is no such page")),
    ),
    // Whatever else stands under Node-RED's own names stays Node-RED's, not an endpoint's.
    (Any, "flow/**", Is(|| Class::Never(METHOD))),
    (Any, "flows/**", Is(|| Class::Never(METHOD))),
    (Any, "nodes/**", Is(|| Class::Never(METHOD))),
    (Any, "plugins/**", Is(|| Class::Never(METHOD))),
    (Any, "settings/**", Is(|| Class::Never(METHOD))),
    (Any, "context/**", Is(|| Class::Never(METHOD))),
    (Any, "credentials/**", Is(|| Class::Never(METHOD))),
    (Any, "library/**", Is(|| Class::Never(METHOD))),
    (Any, "inject/**", Is(|| Class::Never(METHOD))),
    (Any, "debug/**", Is(|| Class::Never(METHOD))),
];

/// The class of one of Node-RED's own routes; none for every other path.
pub fn admin(method: &Method, is_upgrade: bool, target: &Target) -> Option<Class> {
    let segments = target.segments();
    if is_upgrade && !is(segments, &["comms"]) {
        // An upgrade never reaches an admin route; a WebSocket listener must not borrow its name.
        let known = TABLE
            .iter()
            .any(|(_, pattern, _)| !pattern.is_empty() && fits(pattern, segments));
        return known.then_some(Class::Never(METHOD));
    }
    let mut known = false;
    for (verb, pattern, kind) in TABLE {
        if !fits(pattern, segments) {
            continue;
        }
        // POST / and the like are nobody's but an http-in node's.
        known |= !pattern.is_empty();
        if verb.covers(method) {
            return Some(match kind {
                Is(class) => class(),
                Of(place, class) => class(segments[*place].clone()),
            });
        }
    }
    known.then_some(Class::Never(METHOD))
}

fn is(segments: &[String], literals: &[&str]) -> bool {
    segments
        .iter()
        .map(String::as_str)
        .eq(literals.iter().copied())
}

fn fits(pattern: &str, segments: &[String]) -> bool {
    fits_from((!pattern.is_empty()).then_some(pattern), segments)
}

/// Walks the pattern in place: this runs for every row of the table at every request.
fn fits_from(pattern: Option<&str>, segments: &[String]) -> bool {
    let Some(pattern) = pattern else {
        return segments.is_empty();
    };
    let (first, rest) = match pattern.split_once('/') {
        Some((first, rest)) => (first, Some(rest)),
        None => (pattern, None),
    };
    match first {
        "**" => true,
        "*" => !segments.is_empty(),
        ":" => !segments.is_empty() && fits_from(rest, &segments[1..]),
        "@" => {
            let scoped = segments
                .first()
                .is_some_and(|segment| segment.starts_with('@'));
            let take = if scoped { 2 } else { 1 };
            segments.len() >= take && fits_from(rest, &segments[take..])
        }
        literal => {
            let same = segments
                .first()
                .is_some_and(|segment| segment.eq_ignore_ascii_case(literal));
            same && fits_from(rest, &segments[1..])
        }
    }
}

#[cfg(test)]
mod tests;
