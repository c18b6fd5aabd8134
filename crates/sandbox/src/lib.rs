//! The wall: the jail an unmodified Node-RED runs in.
//!
//! Node-RED and everything in it is hostile by assumption, so nothing here trusts what it says. The
//! jail is made of layers that do not depend on each other: a user of its own, a mount namespace
//! that shows only what was listed, a pid namespace that dies as one, Landlock, a seccomp filter,
//! no capabilities, limits. What a kernel or a missing root right cannot give is written into the
//! [`Enforcement`] report in plain words, and never passed over.
//!
//! Where to read first: [`jailer`] is the pipeline, from asking to executing, on one screen;
//! [`spec::JailSpec`] is what can be asked for; [`command::JailCommand`] is how `runtime` asks;
//! [`canary`] tries, from inside, everything that must be denied.
//!
//! **Invariant:** unsafe code is in `kernel.rs` and `kernel/` and nowhere else; each block does one thing and
//! says why it is sound. **Invariant:** the jailer is single-threaded from its first line to
//! `execve`, because namespaces, credentials and filters are properties of a thread.

pub mod apart;
pub mod broker;
pub mod canary;
pub mod command;
pub mod courier;
pub mod enforcement;
pub mod folder;
pub mod handover;
pub mod held;
pub mod jailer;
pub mod memory;
pub mod observed;
pub mod process;
pub mod sockets;
pub mod spec;
pub mod users;

mod cgroup;
mod init;
mod kernel;
mod landlock_rules;
mod libraries;
mod listen_guard;
mod mounts;
mod namespace;
mod outside;
mod privileges;
mod rlimits;
mod seccomp;

pub use canary::{CanaryReport, Finding, Outcome};
pub use command::{JailCommand, JailReport};
pub use enforcement::{Enforcement, Layer, Status, probe};
pub use jailer::JailError;
pub use rlimits::RESERVED_BYTES;
pub use spec::{JailSpec, Limits, Network, ReadOnlyPath, UserIds};
