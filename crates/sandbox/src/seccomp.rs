//! The system calls no Node-RED needs and an attacker would like.
//!
//! A deny-list: what is denied fails with EPERM, so that a program that merely asks goes on. It
//! closes what the other layers cannot see, such as executing a memory file, which Landlock always
//! permits, or opening TCP by ways its port rules do not cover (Multipath TCP, fast open).

use std::collections::BTreeMap;
use std::io;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use crate::enforcement::Status;
use crate::kernel::bare;
use crate::spec::Network;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

/// Denied whatever the arguments.
const DENIED: &[i64] = &[
    // Looking into and steering other processes.
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_perf_event_open,
    // Another view of the file system, or another root.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    // Files by ways that do not pass the path rules.
    libc::SYS_open_by_handle_at,
    libc::SYS_name_to_handle_at,
    libc::SYS_memfd_create,
    libc::SYS_memfd_secret,
    libc::SYS_execveat,
    libc::SYS_fanotify_init,
    libc::SYS_fanotify_mark,
    // System calls that are made where no filter looks, or that widen the kernel's surface.
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    // The machine itself.
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_quotactl_fd,
    libc::SYS_vhangup,
    libc::SYS_lookup_dcookie,
    libc::SYS_nfsservctl,
];

#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[i64] = &[
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
    libc::SYS__sysctl,
];
#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[i64] = &[];

/// `CLONE_NEW*`: each by itself makes a namespace, in which one is root again.
const NAMESPACE_FLAGS: [libc::c_int; 7] = [
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// Obsolete, but the kernel still takes it.
const SOCK_PACKET: libc::c_int = 10;

/// Socket type without the flags that share its argument.
const TYPE_MASK: u64 = 0xf;

/// Whether this kernel and processor have it.
pub(crate) fn available() -> Status {
    if TargetArch::try_from(std::env::consts::ARCH).is_err() {
        return Status::Missing("it is written for x86_64 and aarch64 processors".into());
    }
    if bare::seccomp_knows(libc::SECCOMP_RET_ERRNO) {
        Status::Enforced
    } else {
        Status::Missing("the kernel has no seccomp filters".into())
    }
}

/// Restricts this process and all it will start. `no_new_privs` is set already.
pub(crate) fn restrict(network: &Network) -> io::Result<()> {
    let program = compile(network).map_err(io::Error::other)?;
    seccompiler::apply_filter(&program).map_err(io::Error::other)
}

fn compile(network: &Network) -> Result<BpfProgram, seccompiler::BackendError> {
    let eperm = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    SeccompFilter::new(rules(network)?, SeccompAction::Allow, eperm, arch)?.try_into()
}

fn rules(network: &Network) -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = DENIED
        .iter()
        .chain(DENIED_HERE)
        .map(|number| (*number, Vec::new()))
        .collect();
    let namespaces = NAMESPACE_FLAGS
        .into_iter()
        .map(|flag| rule([has(0, bits(flag))?]))
        .collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_clone, namespaces);
    // Asking (0xffffffff) is harmless; switching off address randomisation is not.
    rules.insert(libc::SYS_personality, vec![rule([ne(0, 0xffff_ffff)?])?]);
    // Typing into the terminal of whoever started us.
    rules.insert(
        libc::SYS_ioctl,
        vec![
            rule([eq(1, libc::TIOCSTI)?])?,
            rule([eq(1, libc::TIOCLINUX)?])?,
        ],
    );
    // TCP fast open connects without `connect`, where Landlock does not look.
    let fast_open = bits(libc::MSG_FASTOPEN);
    rules.insert(libc::SYS_sendto, vec![rule([has(3, fast_open)?])?]);
    rules.insert(libc::SYS_sendmsg, vec![rule([has(2, fast_open)?])?]);
    rules.insert(libc::SYS_sendmmsg, vec![rule([has(3, fast_open)?])?]);
    rules.insert(libc::SYS_socket, sockets(network)?);
    Ok(rules)
}

/// Which sockets are denied.
fn sockets(network: &Network) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    let known = [
        libc::AF_UNIX,
        libc::AF_INET,
        libc::AF_INET6,
        libc::AF_NETLINK,
    ];
    let unknown: Vec<_> = known
        .into_iter()
        .map(|family| ne(0, bits(family)))
        .collect();
    let mut denied = vec![
        SeccompRule::new(unknown.into_iter().collect::<Result<_, _>>()?)?,
        // Of netlink only routes: `os.networkInterfaces()`.
        rule([
            eq(0, bits(libc::AF_NETLINK))?,
            ne(2, bits(libc::NETLINK_ROUTE))?,
        ])?,
    ];
    for family in [libc::AF_INET, libc::AF_INET6].map(bits) {
        if *network == Network::None {
            denied.push(rule([eq(0, family)?])?);
            continue;
        }
        for kind in [
            libc::SOCK_RAW,
            libc::SOCK_RDM,
            libc::SOCK_SEQPACKET,
            libc::SOCK_DCCP,
            SOCK_PACKET,
        ] {
            denied.push(rule([eq(0, family)?, is_kind(kind)?])?);
        }
        // A stream that is not plain TCP (Multipath TCP, SCTP, SMC) passes Landlock's port rules.
        denied.push(rule([
            eq(0, family)?,
            is_kind(libc::SOCK_STREAM)?,
            ne(2, 0)?,
            ne(2, bits(libc::IPPROTO_TCP))?,
        ])?);
        if matches!(network, Network::Ports(_)) {
            denied.push(rule([eq(0, family)?, is_kind(libc::SOCK_DGRAM)?])?);
        }
    }
    Ok(denied)
}

type Condition = Result<SeccompCondition, seccompiler::BackendError>;

fn rule<const N: usize>(
    all_of: [SeccompCondition; N],
) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(all_of.into())
}

// Every argument looked at is a 32-bit integer to the kernel, which ignores the upper half; so must
// the comparison, or setting a bit up there would slip past it.

fn eq(arg: u8, value: u64) -> Condition {
    SeccompCondition::new(arg, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn ne(arg: u8, value: u64) -> Condition {
    SeccompCondition::new(arg, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, value)
}

fn has(arg: u8, flag: u64) -> Condition {
    SeccompCondition::new(
        arg,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(flag),
        flag,
    )
}

fn is_kind(kind: libc::c_int) -> Condition {
    let op = SeccompCmpOp::MaskedEq(TYPE_MASK);
    SeccompCondition::new(1, SeccompCmpArgLen::Dword, op, bits(kind))
}

fn bits(value: libc::c_int) -> u64 {
    u64::from(value.cast_unsigned())
}

#[cfg(test)]
pub(crate) mod tests;
