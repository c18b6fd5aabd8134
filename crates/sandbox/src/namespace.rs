//! Whether namespaces can be had, and entering them.
//!
//! Decide first, act after: a short-lived child tries everything the jail will need, so that a
//! kernel that allows `unshare` but not what follows (hardened distributions, containers) is found
//! out before anything is built.

use std::fs;
use std::io;

use rustix::mount::{MountPropagationFlags, mount_change};
use rustix::process::{DumpableBehavior, WaitOptions, set_dumpable_behavior, waitpid};
use rustix::thread::UnshareFlags;

use crate::enforcement::{Enforcement, Layer, Status};
use crate::kernel::{self, Fork, unshare};
use crate::mounts;
use crate::spec::Network;

/// How the namespaces are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Namespaces {
    /// None: Landlock, seccomp and the user remain.
    None,
    /// With root's rights.
    AsRoot,
    /// In a user namespace of one's own, as an ordinary user.
    AsUser,
}

impl Namespaces {
    /// Whether there are any.
    pub(crate) fn any(self) -> bool {
        self != Self::None
    }
}

/// All namespaces a jail uses except user and pid, which its first process is forked into.
fn inner(network: &Network) -> UnshareFlags {
    let always =
        UnshareFlags::NEWNS | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS | UnshareFlags::NEWCGROUP;
    if *network == Network::None {
        always | UnshareFlags::NEWNET
    } else {
        always
    }
}

/// Which namespaces this process can make; `wanted` is the spec's word.
///
/// # Errors
/// Why there can be none, for people.
pub(crate) fn available(wanted: bool) -> Result<Namespaces, String> {
    if !wanted {
        return Err("namespaces are switched off in the configuration".into());
    }
    let mode = if crate::process::is_root() {
        Namespaces::AsRoot
    } else {
        Namespaces::AsUser
    };
    attempt(mode).map(|()| mode)
}

/// What can go wrong in the trial, as the child's exit code.
const STEPS: [&str; 4] = [
    "the kernel does not let this user make a user namespace (see user.max_user_namespaces and \
     kernel.apparmor_restrict_unprivileged_userns)",
    "the kernel refused new namespaces (a container without CAP_SYS_ADMIN, or a hardened kernel)",
    "the kernel refused to mount inside a new namespace (AppArmor, or a container)",
    "the trial process could not be started or did not end by itself",
];

fn attempt(mode: Namespaces) -> Result<(), String> {
    let failed = |step: usize| Err(STEPS[step].to_owned());
    let child = match kernel::fork() {
        Ok(Fork::Child) => kernel::exit_now(trial(mode)),
        Ok(Fork::Parent(child)) => child,
        Err(_) => return failed(3),
    };
    match waitpid(Some(child), WaitOptions::empty()) {
        Ok(Some((_, status))) => match status.exit_status() {
            Some(0) => Ok(()),
            Some(step @ 1..=3) => failed(usize::try_from(step).unwrap_or(4) - 1),
            _ => failed(3),
        },
        _ => failed(3),
    }
}

fn trial(mode: Namespaces) -> i32 {
    // The caller may have made itself undumpable, which would hide our own uid_map from us.
    if set_dumpable_behavior(DumpableBehavior::Dumpable).is_err() {
        return 4;
    }
    if mode == Namespaces::AsUser && enter_user().is_err() {
        return 1;
    }
    let all = inner(&Network::None) | UnshareFlags::NEWPID;
    if unshare(all).is_err() {
        return 2;
    }
    let mounted = mount_change(
        "/",
        MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
    )
    .map_err(io::Error::from)
    .and_then(|()| mounts::trial());
    if mounted.is_err() { 3 } else { 0 }
}

/// Enters the user namespace (as an ordinary user) and makes the next fork the first process of a
/// new pid namespace.
pub(crate) fn enter_outer(mode: Namespaces) -> io::Result<()> {
    if mode == Namespaces::AsUser {
        enter_user()?;
    }
    if mode.any() {
        unshare(UnshareFlags::NEWPID)?;
    }
    Ok(())
}

/// Enters the rest, and cuts the mount table off from the outside.
pub(crate) fn enter_inner(mode: Namespaces, network: &Network) -> io::Result<()> {
    if mode.any() {
        unshare(inner(network))?;
        // Without this, mounts made here would appear outside.
        mount_change(
            "/",
            MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
        )?;
    }
    Ok(())
}

/// Enters an empty network and shared memory of one's own, for a process that is no jail.
pub(crate) fn enter_alone(mode: Namespaces) -> io::Result<()> {
    if mode == Namespaces::AsUser {
        enter_user()?;
    }
    unshare(UnshareFlags::NEWNET | UnshareFlags::NEWIPC | UnshareFlags::NEWUTS)
}

/// A user namespace in which we are who we are, and nobody else exists.
fn enter_user() -> io::Result<()> {
    let uid = rustix::process::getuid().as_raw();
    let gid = rustix::process::getgid().as_raw();
    unshare(UnshareFlags::NEWUSER)?;
    // Required before gid_map, so that a group that denies access cannot be dropped.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("{uid} {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("{gid} {gid} 1"))
}

/// Records the namespaces that will be entered.
pub(crate) fn record(report: &mut Enforcement, mode: Namespaces, network: &Network) {
    debug_assert!(mode.any());
    for layer in [
        Layer::MountNamespace,
        Layer::PidNamespace,
        Layer::IpcNamespace,
    ] {
        report.set(layer, Status::Enforced);
    }
    let asked = *network == Network::None;
    report.set(
        Layer::NetworkNamespace,
        if asked {
            Status::Enforced
        } else {
            Status::NotAsked
        },
    );
}

/// Records that there are none, and what that means.
pub(crate) fn missing(report: &mut Enforcement, why: &str) {
    let means = [
        (
            Layer::MountNamespace,
            "files are guarded by Landlock alone, Unix sockets of the same user can be reached, and \
             code dropped into a writable folder can be mapped",
        ),
        (
            Layer::PidNamespace,
            "other processes can be seen, and commands may outlive a crash",
        ),
        (
            Layer::IpcNamespace,
            "shared memory of the same user can be reached",
        ),
        (
            Layer::NetworkNamespace,
            "internet sockets are refused by the system call filter alone",
        ),
    ];
    for (layer, effect) in means {
        report.set(layer, Status::Missing(format!("{effect}: {why}")));
    }
}
