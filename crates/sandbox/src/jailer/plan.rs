//! Everything that is decided before anything is done.

use std::io::{self, Read};
use std::path::Path;

use super::JailError;
use crate::canary::Surroundings;
use crate::enforcement::{Enforcement, Layer, Status};
use crate::libraries::{self, Libraries};
use crate::listen_guard::Asks;
use crate::namespace::{self, Namespaces};
use crate::spec::{JailSpec, Network, SPEC_BYTES_MAX};
use crate::{landlock_rules, listen_guard, privileges, seccomp};

/// What the innermost process does once it is confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Becomes the program of the spec.
    Program,
    /// Tries what must be denied.
    Canary,
}

/// What is asked for, what can be had, and what came of it so far.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) task: Task,
    pub(super) spec: JailSpec,
    pub(super) libraries: Libraries,
    pub(super) namespaces: Namespaces,
    /// Filled on the way down, each process adding what it achieved.
    pub(super) report: Enforcement,
    /// For the canary.
    pub(super) around: Surroundings,
}

impl Plan {
    /// Weighs the spec against what this kernel and this user can give.
    pub(super) fn make(task: Task, mut spec: JailSpec) -> Result<Self, JailError> {
        spec.validate()?;
        let mut report = Enforcement::default();
        privileges::decide_user(&spec, &mut report)?;
        let namespaces = match namespace::available(spec.namespaces) {
            Ok(namespaces) => {
                namespace::record(&mut report, namespaces, &spec.network);
                namespaces
            }
            Err(why) => {
                refuse_without_namespaces(&spec, &why)?;
                namespace::missing(&mut report, &why);
                Namespaces::None
            }
        };
        report.set(Layer::Seccomp, seccomp::available());
        report.set(Layer::ListenGuard, listen_guard::available());
        if spec.observed {
            refuse_unless_observable(&report)?;
        }
        if task == Task::Canary {
            spec.hidden_pids.push(std::process::id());
        }
        let (libraries, around) = (libraries::find(), Surroundings::default());
        Ok(Self {
            task,
            spec,
            libraries,
            namespaces,
            report,
            around,
        })
    }

    /// Which calls the jail's first process answers.
    pub(super) fn asks(&self) -> Asks {
        match self.report.of(Layer::ListenGuard) {
            Status::Enforced if self.spec.observed => Asks::Everything,
            Status::Enforced => Asks::Listen,
            _ => Asks::Nothing,
        }
    }

    /// Which sockets may be made. An observed program makes them, in a network where they lead
    /// nowhere, so that it can be seen where it wants to go.
    pub(super) fn sockets(&self) -> &Network {
        if self.spec.observed {
            &Network::Any
        } else {
            &self.spec.network
        }
    }
}

/// Observing takes the place of one layer (no internet sockets at all), so all the others must be
/// there in full.
fn refuse_unless_observable(report: &Enforcement) -> Result<(), JailError> {
    let needed = [
        Layer::MountNamespace,
        Layer::PidNamespace,
        Layer::NetworkNamespace,
        Layer::Seccomp,
        Layer::ListenGuard,
    ];
    // It alone keeps the folder of sockets, which is on the machine's disk, from holding anything else.
    if !landlock_rules::available().1.is_there() {
        return Err(JailError::NotObservable(Layer::Landlock));
    }
    match needed
        .into_iter()
        .find(|layer| report.of(*layer) != Status::Enforced)
    {
        Some(lacking) => Err(JailError::NotObservable(lacking)),
        None => Ok(()),
    }
}

/// Reads the spec's line from stdin, and not a byte more: the rest is the lifeline.
pub(super) fn read_spec() -> Result<JailSpec, JailError> {
    let mut line = Vec::new();
    for byte in io::stdin().lock().bytes() {
        match byte.map_err(JailError::NoSpec)? {
            b'\n' => return Ok(serde_json::from_slice(&line)?),
            _ if line.len() >= SPEC_BYTES_MAX => break,
            byte => line.push(byte),
        }
    }
    Err(JailError::NoSpec(io::ErrorKind::UnexpectedEof.into()))
}

/// What cannot be had without a mount namespace, so that asking for it must not go unheard.
fn refuse_without_namespaces(spec: &JailSpec, why: &str) -> Result<(), JailError> {
    let (_, landlock) = landlock_rules::available();
    if !landlock.is_there() {
        return Err(JailError::NoWall(why.to_owned()));
    }
    if let (Some(_), Some(dir)) = (spec.limits.work_bytes, spec.writable.first()) {
        return Err(JailError::NeedsMountNamespace(dir.clone(), why.to_owned()));
    }
    // Landlock knows no exceptions below a path that may be written.
    let writable = |path: &Path| spec.writable_dirs().any(|dir| path.starts_with(dir));
    let impossible = |path: &Path, host: &Path| path != host || writable(path);
    match spec
        .read_only
        .iter()
        .find(|shown| impossible(shown.inside(), &shown.host))
    {
        Some(shown) => Err(JailError::NeedsMountNamespace(
            shown.inside().to_owned(),
            why.to_owned(),
        )),
        None => Ok(()),
    }
}
