//! What of the jail is really there, in words for people.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{landlock_rules, listen_guard, namespace};

/// One layer of the jail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Layer {
    /// A user that owns nothing else.
    User,
    /// A file system of its own, in which only the listed paths exist.
    MountNamespace,
    /// Other processes are invisible, and all of the jail dies as one.
    PidNamespace,
    /// No shared memory or message queues with others; host name of its own.
    IpcNamespace,
    /// An empty network, when the policy lets nothing out.
    NetworkNamespace,
    /// Landlock: files, TCP ports, signals, abstract sockets.
    Landlock,
    /// Dangerous system calls refused.
    Seccomp,
    /// Every `listen` is answered from outside: Unix sockets only.
    ListenGuard,
    /// Programs started cannot gain rights.
    NoNewPrivileges,
    /// No root rights of any kind.
    Capabilities,
    /// Limits per process and user.
    ResourceLimits,
    /// Limits for the jail as a whole.
    Cgroup,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::User => "own user",
            Self::MountNamespace => "own file system",
            Self::PidNamespace => "own process table",
            Self::IpcNamespace => "own shared memory and host name",
            Self::NetworkNamespace => "empty network",
            Self::Landlock => "Landlock",
            Self::Seccomp => "system call filter",
            Self::ListenGuard => "listen guard",
            Self::NoNewPrivileges => "no new privileges",
            Self::Capabilities => "no capabilities",
            Self::ResourceLimits => "resource limits",
            Self::Cgroup => "memory and process limits for the whole jail",
        })
    }
}

/// How much of a layer is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "status", content = "why")]
pub enum Status {
    /// All of it.
    Enforced,
    /// Some of it; what is lacking, and why.
    Partial(String),
    /// None of it, and why.
    Missing(String),
    /// The spec does not ask for it.
    NotAsked,
}

impl Status {
    /// Whether the layer is there, if perhaps not whole.
    pub fn is_there(&self) -> bool {
        matches!(self, Self::Enforced | Self::Partial(_))
    }
}

/// Every layer of one jail and how much of it is there.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Enforcement {
    /// The layers.
    pub layers: BTreeMap<Layer, Status>,
    /// Landlock's version in this kernel; 0 when there is none.
    pub landlock_abi: u8,
}

impl Enforcement {
    pub(crate) fn set(&mut self, layer: Layer, status: Status) {
        self.layers.insert(layer, status);
    }

    /// One layer's status; missing when it was never looked at.
    pub fn of(&self, layer: Layer) -> Status {
        self.layers
            .get(&layer)
            .cloned()
            .unwrap_or_else(|| Status::Missing("it was never set up".into()))
    }

    /// Whether every layer that was asked for is there in full.
    pub fn is_complete(&self) -> bool {
        self.shortfalls().is_empty()
    }

    /// What is not there in full, one sentence each, for `redkeep check` and `status`.
    pub fn shortfalls(&self) -> Vec<String> {
        self.layers
            .iter()
            .filter_map(|(layer, status)| match status {
                Status::Enforced | Status::NotAsked => None,
                Status::Partial(why) => Some(format!("{layer}: only in part; {why}")),
                Status::Missing(why) => Some(format!("{layer}: missing; {why}")),
            })
            .collect()
    }
}

/// What this kernel and this user can give, without building a jail. Forks a short-lived child that
/// tries namespaces and mounts, so call it before other threads exist or accept the cost of a fork.
pub fn probe() -> Enforcement {
    let mut found = Enforcement::default();
    match namespace::available(true) {
        Ok(_) => {
            for layer in [
                Layer::MountNamespace,
                Layer::PidNamespace,
                Layer::IpcNamespace,
            ] {
                found.set(layer, Status::Enforced);
            }
            found.set(Layer::NetworkNamespace, Status::Enforced);
        }
        Err(why) => namespace::missing(&mut found, &why),
    }
    let user = if crate::process::is_root() {
        Status::Enforced
    } else {
        Status::Partial(crate::privileges::SAME_USER.into())
    };
    found.set(Layer::User, user);
    let (abi, landlock) = landlock_rules::available();
    found.landlock_abi = abi;
    found.set(Layer::Landlock, landlock);
    found.set(Layer::Seccomp, crate::seccomp::available());
    found.set(Layer::ListenGuard, listen_guard::available());
    found.set(Layer::NoNewPrivileges, Status::Enforced);
    found.set(Layer::Capabilities, Status::Enforced);
    found.set(Layer::Cgroup, crate::cgroup::available());
    found
}
