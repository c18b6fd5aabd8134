//! The language of the house: what an instance, a baseline, a deployment, a flow and a person are.
//!
//! Pure: no I/O, no async, no clock of its own. Every other crate speaks in these words, and the
//! rules that need no outside world (who may do what, which state follows which, what differs
//! between two flows) live here, where they can be tested as tables.
#![forbid(unsafe_code)]

pub mod access;
pub mod audit;
pub mod baseline;
pub mod clock;
pub mod deployment;
pub mod flow;
pub mod hsts;
pub mod id;
pub mod instance;
pub mod letter;
pub mod mail;
pub mod palette;
pub mod principal;
pub mod rehearsal;
pub mod risk;
pub mod rules;
pub mod touch;
