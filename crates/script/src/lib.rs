//! Reading JavaScript and a node's HTML as data.
//!
//! Nothing is run, and everything read is hostile: the parser has no guard against deep nesting and
//! would end the process, so sources are measured before they are parsed, and parsed on a thread
//! whose stack is big enough for what passes.
#![forbid(unsafe_code)]

pub mod editor;
