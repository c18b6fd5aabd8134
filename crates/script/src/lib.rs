//! Reading JavaScript and a node's HTML as data.
//!
//! Nothing is run, and everything read is hostile: the parser has no guard against deep nesting and
//! would end the process, so sources are measured before they are parsed (`measure`), and parsed on
//! a thread whose stack is big enough for what passes (`reader`, `room`).
//!
//! What comes out are [`Facts`]: what the code mentions, where. How bad that is, is for others to say.
//! A fact is a lower bound: JavaScript can always hide from a reader, and what hides is itself a fact
//! ([`Fact::Escape`], [`Fact::Dynamic`], [`Fact::HiddenName`], [`Fact::ComputedName`],
//! [`Facts::is_complete`]).
#![forbid(unsafe_code)]

mod bindings;
mod collect;
pub mod editor;
mod examine;
mod fact;
mod facts;
mod fold;
mod known;
mod measure;
mod place;
mod reader;
mod resolve;
mod room;
mod signs;
mod value;

pub use fact::{
    Access, Api, Dynamic, Escape, Fact, Kept, Level, Load, Outputs, Sign, Store, Style, Touch,
};
pub use facts::{Comment, Facts, How, Lib, Parsed, Part, Place, Refused, Text, Use};
pub use room::with_room;

/// What the code of a function node says, read as Node-RED would run it: as the body of a function in
/// a sandbox that has `msg`, `node`, `flow`, `global`, `env` and the node's `libs`.
///
/// Places count from the beginning of `code`.
pub fn function(code: &str, how: &How) -> Facts {
    examine::function(code, how)
}

/// What a file says: a `CommonJS` file if it can be read as one, else a module, else a script.
pub fn file(source: &str) -> Facts {
    examine::file(source)
}

/// What a script of a page says: an inline `<script>`; modules too.
pub fn page(source: &str) -> Facts {
    examine::page(source)
}

/// What an inline handler (`onclick="…"`, `javascript:…`) says: a function body that knows `event`.
pub fn handler(code: &str) -> Facts {
    examine::handler(code)
}
