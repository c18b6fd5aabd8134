//! The workshop: starts Node-RED in its jail, keeps it running, and speaks its admin API.
//!
//! One [`Workshop`] for all instances. Each instance has a supervisor task that owns its state, a
//! storage bridge that Node-RED's storage module talks to, and a log reader.
#![forbid(unsafe_code)]

pub mod clearing;
pub mod identity;
pub mod palette;
pub mod rehearsal;
pub mod status;

mod admin;
mod board;
mod bridge;
mod client;
mod comms;
mod connect;
mod folder;
mod jail;
mod jailer;
mod log;
mod memory;
mod settings;
mod supervisor;
mod workshop;

pub use jailer::{Broker, Jailer, Run, jail_spec};
pub use workshop::{
    Baselines, Boxed, InstancePlan, RuntimeError, RuntimeEvent, Saved, Taken, Workshop,
};
