//! Becoming somebody without rights, for good.

use std::io;

use rustix::process::{Gid, Pid, Signal, Uid, set_parent_process_death_signal};
use rustix::thread::{CapabilitySet, CapabilitySets};

use crate::enforcement::{Enforcement, Layer, Status};
use crate::jailer::JailError;
use crate::namespace::Namespaces;
use crate::spec::{JailSpec, UserIds};

/// What running as an ordinary user means.
pub(crate) const SAME_USER: &str = "the jail runs as the user that started Redkeep, with its groups, so only the other layers keep it from that \
     user's files; start Redkeep as root to give it a user of its own";

/// Whether the user asked for can be had; recorded before anything is built.
pub(crate) fn decide_user(spec: &JailSpec, report: &mut Enforcement) -> Result<(), JailError> {
    match (crate::process::is_root(), spec.become_user) {
        (true, Some(_)) => report.set(Layer::User, Status::Enforced),
        (true, None) => return Err(JailError::RootNeedsUser),
        (false, Some(ids)) if ids.uid != crate::process::own_uid() => {
            return Err(JailError::CannotBecome(ids.uid));
        }
        (false, _) => report.set(Layer::User, Status::Partial(SAME_USER.into())),
    }
    Ok(())
}

/// Becomes the jail's user with no capabilities and no way to gain any. The order matters: the
/// bounding set can only be emptied while `CAP_SETPCAP` is held, groups only before the user.
pub(crate) fn drop_all(
    spec: &JailSpec,
    namespaces: Namespaces,
    report: &mut Enforcement,
) -> io::Result<()> {
    drop_to(spec.become_user, namespaces, report)
}

/// Becomes `user`, where that is asked for and one is root, with no capabilities.
pub(crate) fn drop_to(
    user: Option<UserIds>,
    namespaces: Namespaces,
    report: &mut Enforcement,
) -> io::Result<()> {
    let bounding = empty_bounding_set();
    rustix::thread::clear_ambient_capability_set()?;
    if let Some(ids) = user.filter(|_| crate::process::is_root()) {
        rustix::thread::set_thread_groups(&[])?;
        let gid = Gid::from_raw(ids.gid);
        rustix::thread::set_thread_res_gid(gid, gid, gid)?;
        let uid = Uid::from_raw(ids.uid);
        rustix::thread::set_thread_res_uid(uid, uid, uid)?;
    }
    rustix::thread::set_capabilities(
        None,
        CapabilitySets {
            effective: CapabilitySet::empty(),
            permitted: CapabilitySet::empty(),
            inheritable: CapabilitySet::empty(),
        },
    )?;
    rustix::thread::set_no_new_privs(true)?;
    report.set(Layer::NoNewPrivileges, Status::Enforced);
    let bounding = match (bounding, namespaces) {
        (Ok(()), _) => Status::Enforced,
        // An ordinary user holds no capabilities and, with no_new_privs, can gain none.
        (Err(_), Namespaces::None) if user.is_none() => Status::Enforced,
        (Err(error), _) => Status::Partial(format!("the bounding set is not empty ({error})")),
    };
    report.set(Layer::Capabilities, bounding);
    verify_dropped()
}

fn empty_bounding_set() -> io::Result<()> {
    for bit in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << bit);
        match rustix::thread::capability_is_in_bounding_set(capability) {
            Ok(true) => rustix::thread::remove_capability_from_bounding_set(capability)?,
            Ok(false) => {}
            // Past the last capability this kernel knows.
            Err(_) => break,
        }
    }
    Ok(())
}

/// Trust, but look: the kernel's answer is what counts.
fn verify_dropped() -> io::Result<()> {
    let left = rustix::thread::capabilities(None)?;
    let none = CapabilitySet::empty();
    if left.permitted == none && left.effective == none && left.inheritable == none {
        Ok(())
    } else {
        Err(io::Error::other(
            "capabilities are left after dropping them",
        ))
    }
}

/// Makes the kernel kill this process when its parent ends. Credentials must not change afterwards:
/// the kernel forgets this when they do.
///
/// `parent_lives` is asked after the arrangement, for a parent that ended before it.
pub(crate) fn die_with_parent(parent_lives: impl FnOnce() -> bool) -> io::Result<()> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    if parent_lives() {
        Ok(())
    } else {
        Err(io::Error::other(
            "the process that started the jail is gone",
        ))
    }
}

/// Adopts what the jail's first process leaves behind when there is no pid namespace.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(Pid::INIT))?)
}
