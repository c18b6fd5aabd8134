//! Gaining rights, leaving the jail, and reaching the kernel's wider surface.

use std::io;

use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use rustix::process::{Resource, Uid, getrlimit};
use rustix::thread::{CapabilitySet, UnshareFlags};

use super::{NO_CALL, Probe, SECCOMP};
use crate::canary::Guard;
use crate::enforcement::Layer;
use crate::kernel::{
    self,
    bare::{self, BareCall},
};
use crate::spec::JailSpec;

const MOUNTING: &[Guard] = &[
    Guard::Layer(Layer::Seccomp),
    Guard::Layer(Layer::Capabilities),
];
const RIGHTS: &[Guard] = &[Guard::Layer(Layer::Capabilities)];
const PRIVILEGES: &[Guard] = &[Guard::Layer(Layer::NoNewPrivileges)];
const LIMITS: &[Guard] = &[Guard::Layer(Layer::ResourceLimits)];

/// Calls with nothing but numbers.
const BARE: [(&str, BareCall); 12] = [
    ("use kernel keyrings", BareCall::Keyctl),
    ("use io_uring", BareCall::IoUringSetup),
    ("load BPF programs", BareCall::Bpf),
    ("handle page faults", BareCall::Userfaultfd),
    ("measure other programs", BareCall::PerfEventOpen),
    (
        "start a process in a new user namespace",
        BareCall::CloneNewUser,
    ),
    (
        "start processes by a call that cannot be filtered",
        BareCall::Clone3,
    ),
    ("load a kernel module", BareCall::InitModule),
    ("load another kernel", BareCall::KexecLoad),
    ("switch off address randomisation", BareCall::Personality),
    ("type into a terminal", BareCall::Tiocsti),
    ("make calls by the x32 table", BareCall::X32GetPid),
];

pub(super) fn probes(spec: &JailSpec) -> Vec<Probe> {
    let target = spec.runtime_dir.clone();
    let mut probes = vec![
        Probe::new("mount a file system", MOUNTING, NO_CALL, move || {
            mount("none", &target, "tmpfs", MountFlags::empty(), None)?;
            Ok(unmount(&target, UnmountFlags::DETACH)?)
        }),
        Probe::new("enter a new user namespace", SECCOMP, NO_CALL, || {
            kernel::unshare(UnshareFlags::NEWUSER)
        }),
        Probe::new("become root", RIGHTS, &[Errno::PERM, Errno::INVAL], || {
            let root = Uid::ROOT;
            Ok(rustix::thread::set_thread_res_uid(root, root, root)?)
        }),
        Probe::new(
            "hold or regain capabilities",
            RIGHTS,
            &[Errno::PERM],
            hold_capabilities,
        ),
        Probe::new(
            "gain rights by a set-user-ID program",
            PRIVILEGES,
            &[Errno::PERM],
            || {
                if rustix::thread::no_new_privs()? {
                    Err(Errno::PERM.into())
                } else {
                    Ok(())
                }
            },
        ),
        Probe::new("write a core dump", LIMITS, &[Errno::PERM], || {
            let none = getrlimit(Resource::Core).maximum == Some(0);
            if none {
                Err(Errno::PERM.into())
            } else {
                Ok(())
            }
        }),
    ];
    probes.extend(BARE.map(|(what, call)| {
        Probe::new(what, SECCOMP, NO_CALL, move || bare::call(call).map(drop))
    }));
    probes
}

fn hold_capabilities() -> io::Result<()> {
    let held = rustix::thread::capabilities(None)?;
    let any_held = !(held.permitted | held.effective | held.inheritable).is_empty();
    let any_bound = (0..u64::BITS).any(|bit| {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        rustix::thread::capability_is_in_bounding_set(capability).unwrap_or(false)
    });
    // With no_new_privs the bounding set is out of reach, but nothing need be left in it either.
    let out_of_reach = rustix::thread::no_new_privs()?;
    if any_held || (any_bound && !out_of_reach) {
        Ok(())
    } else {
        Err(Errno::PERM.into())
    }
}
