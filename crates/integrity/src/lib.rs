//! The night watch: what lies on disk and what runs, against the baseline.
//!
//! Each instance has one file people may look at and copy, `flows.json`: the baseline's flows as
//! Node-RED would keep them. Nothing reads it to run; but a change to it is what somebody wants
//! to run, so it is found, handed on as a proposal (origin `disk`), and the file is put back.
//!
//! What Node-RED says it runs is compared too ([`MemoryWatch`]): told and recorded, never put back
//! by itself, because a restart stops a plant and is a person's decision.
#![forbid(unsafe_code)]

mod flow_file;
mod memory;

pub use flow_file::{Drift, FlowFile, WatchError};
pub use memory::{Difference, Looked, MemoryWatch};
