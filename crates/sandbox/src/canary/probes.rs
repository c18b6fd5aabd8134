//! The things that must be denied.
//!
//! Each probe undoes what it did, should it succeed: the same probes run without a jail in the tests,
//! to prove that they can fail.

mod calls;
mod execution;
mod files;
mod network;
mod processes;

use std::io;

use rustix::io::Errno;

use super::{Guard, Surroundings};
use crate::enforcement::{Enforcement, Layer};
use crate::spec::JailSpec;

/// One thing to try.
pub(super) struct Probe {
    /// For people: the sentence "it must not be possible to …" goes on with this.
    pub(super) what: String,
    /// The layers of which any one denies it.
    pub(super) denied_by: &'static [Guard],
    /// The errors that mean "denied"; any other means that it got past the wall.
    pub(super) denials: &'static [Errno],
    /// Why there is nothing to try.
    pub(super) not_applicable: Option<&'static str>,
    /// Tries it.
    pub(super) attempt: Box<dyn Fn() -> io::Result<()>>,
}

/// How an attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Attempt {
    Succeeded,
    Denied(Errno),
    /// It failed for a reason that is not the wall's.
    Failed(Errno),
    NotApplicable(&'static str),
    Lost,
}

/// What denies access to files.
const FILES: &[Guard] = &[Guard::Layer(Layer::MountNamespace), Guard::LandlockSince(1)];
/// Errors that deny access to a path, or its existence.
const NO_PATH: &[Errno] = &[
    Errno::ACCESS,
    Errno::PERM,
    Errno::NOENT,
    Errno::NOTDIR,
    Errno::ROFS,
];
/// Errors of a filtered or absent system call.
const NO_CALL: &[Errno] = &[Errno::PERM, Errno::NOSYS];
const SECCOMP: &[Guard] = &[Guard::Layer(Layer::Seccomp)];

impl Probe {
    fn new(
        what: impl Into<String>,
        denied_by: &'static [Guard],
        denials: &'static [Errno],
        attempt: impl Fn() -> io::Result<()> + 'static,
    ) -> Self {
        let attempt = Box::new(attempt);
        Self {
            what: what.into(),
            denied_by,
            denials,
            not_applicable: None,
            attempt,
        }
    }

    /// Skips the probe, saying why, when there is a reason.
    fn unless(mut self, reason: Option<&'static str>) -> Self {
        self.not_applicable = self.not_applicable.or(reason);
        self
    }
}

/// All of them, for this spec.
pub(super) fn all(spec: &JailSpec, enforced: &Enforcement, around: &Surroundings) -> Vec<Probe> {
    let mut probes = files::probes(spec);
    probes.extend(execution::probes(spec, around));
    probes.extend(network::probes(spec, around));
    probes.extend(processes::probes(spec, enforced));
    probes.extend(calls::probes(spec));
    probes
}
