//! Flows: reading them, what differs between two, and putting approved changes together.
//!
//! A flows file is a JSON array of nodes. Redkeep keeps one canonical text of it: the text that
//! Node-RED's own `JSON.stringify` would give, so that [`Flows::hash`] equals Node-RED's `rev` and
//! what is shown, approved and saved can be compared byte for byte.

mod canonical;
pub mod change;
pub mod compose;
pub mod credentials;
pub mod diff;
mod error;
pub mod finding;
mod parse;
pub mod recognised;
mod references;
mod scan;
mod wires;
pub mod words;

pub use error::FlowError;
pub use parse::{Flows, Limits, NodeRef, Submitted};
pub use references::referred;
pub use wires::Wires;
