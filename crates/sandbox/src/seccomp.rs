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

/// Denied whatever the arguments, with their names.
const DENIED: &[(libc::c_long, &str)] = &[
    // Looking into and steering other processes.
    (libc::SYS_ptrace, "ptrace"),
    (libc::SYS_process_vm_readv, "process_vm_readv"),
    (libc::SYS_process_vm_writev, "process_vm_writev"),
    (libc::SYS_process_madvise, "process_madvise"),
    (libc::SYS_pidfd_getfd, "pidfd_getfd"),
    (libc::SYS_kcmp, "kcmp"),
    (libc::SYS_perf_event_open, "perf_event_open"),
    // Another view of the file system, or another root.
    (libc::SYS_mount, "mount"),
    (libc::SYS_umount2, "umount2"),
    (libc::SYS_open_tree, "open_tree"),
    (libc::SYS_move_mount, "move_mount"),
    (libc::SYS_fsopen, "fsopen"),
    (libc::SYS_fsconfig, "fsconfig"),
    (libc::SYS_fsmount, "fsmount"),
    (libc::SYS_fspick, "fspick"),
    (libc::SYS_mount_setattr, "mount_setattr"),
    (libc::SYS_pivot_root, "pivot_root"),
    (libc::SYS_chroot, "chroot"),
    (libc::SYS_setns, "setns"),
    (libc::SYS_unshare, "unshare"),
    // Files by ways that do not pass the path rules.
    (libc::SYS_open_by_handle_at, "open_by_handle_at"),
    (libc::SYS_name_to_handle_at, "name_to_handle_at"),
    (libc::SYS_memfd_create, "memfd_create"),
    (libc::SYS_memfd_secret, "memfd_secret"),
    (libc::SYS_execveat, "execveat"),
    (libc::SYS_fanotify_init, "fanotify_init"),
    (libc::SYS_fanotify_mark, "fanotify_mark"),
    // System calls that are made where no filter looks, or that widen the kernel's surface.
    (libc::SYS_io_uring_setup, "io_uring_setup"),
    (libc::SYS_io_uring_enter, "io_uring_enter"),
    (libc::SYS_io_uring_register, "io_uring_register"),
    (libc::SYS_bpf, "bpf"),
    (libc::SYS_userfaultfd, "userfaultfd"),
    (libc::SYS_keyctl, "keyctl"),
    (libc::SYS_add_key, "add_key"),
    (libc::SYS_request_key, "request_key"),
    // Memory that belongs to no process: no limit of a process counts it, and the kernel frees none
    // of it by ending one.
    (libc::SYS_shmget, "shmget"),
    (libc::SYS_msgget, "msgget"),
    (libc::SYS_semget, "semget"),
    (libc::SYS_mq_open, "mq_open"),
    // The machine itself.
    (libc::SYS_init_module, "init_module"),
    (libc::SYS_finit_module, "finit_module"),
    (libc::SYS_delete_module, "delete_module"),
    (libc::SYS_kexec_load, "kexec_load"),
    (libc::SYS_kexec_file_load, "kexec_file_load"),
    (libc::SYS_reboot, "reboot"),
    (libc::SYS_swapon, "swapon"),
    (libc::SYS_swapoff, "swapoff"),
    (libc::SYS_settimeofday, "settimeofday"),
    (libc::SYS_clock_settime, "clock_settime"),
    (libc::SYS_clock_adjtime, "clock_adjtime"),
    (libc::SYS_adjtimex, "adjtimex"),
    (libc::SYS_sethostname, "sethostname"),
    (libc::SYS_setdomainname, "setdomainname"),
    (libc::SYS_syslog, "syslog"),
    (libc::SYS_acct, "acct"),
    (libc::SYS_quotactl, "quotactl"),
    (libc::SYS_quotactl_fd, "quotactl_fd"),
    (libc::SYS_vhangup, "vhangup"),
    (libc::SYS_lookup_dcookie, "lookup_dcookie"),
    (libc::SYS_nfsservctl, "nfsservctl"),
];

#[cfg(target_arch = "x86_64")]
const DENIED_HERE: &[(libc::c_long, &str)] = &[
    (libc::SYS_iopl, "iopl"),
    (libc::SYS_ioperm, "ioperm"),
    (libc::SYS_modify_ldt, "modify_ldt"),
    (libc::SYS_uselib, "uselib"),
    (libc::SYS_ustat, "ustat"),
    (libc::SYS_sysfs, "sysfs"),
    (libc::SYS__sysctl, "sysctl"),
];
#[cfg(not(target_arch = "x86_64"))]
const DENIED_HERE: &[(libc::c_long, &str)] = &[];

/// `CLONE_NEW*`: each by itself makes a namespace, in which one is root again.
pub(crate) const NAMESPACE_FLAGS: [libc::c_int; 7] = [
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
const KIND_BITS: i32 = 0xf;

/// Internet sockets that are neither streams nor datagrams.
const OTHER_KINDS: [libc::c_int; 5] = [
    libc::SOCK_RAW,
    libc::SOCK_RDM,
    libc::SOCK_SEQPACKET,
    libc::SOCK_DCCP,
    SOCK_PACKET,
];

/// The protocols of datagrams: UDP, by default or by name, and echo requests.
const DATAGRAMS: [libc::c_int; 4] = [
    0,
    libc::IPPROTO_UDP,
    libc::IPPROTO_ICMP,
    libc::IPPROTO_ICMPV6,
];

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

/// Who refuses what is denied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum By {
    /// The filter, and nobody hears of it.
    Filter,
    /// The jail's first process, which tells it: a filter's own refusal comes before any question.
    /// It goes by the call's registers alone, as the filter would; when it is gone, the kernel
    /// refuses. What it is not asked about, the filter refuses.
    Observer,
}

/// Restricts this process and all it will start. `no_new_privs` is set already.
pub(crate) fn restrict(network: &Network, by: By) -> io::Result<()> {
    let program = compile(network, by).map_err(io::Error::other)?;
    seccompiler::apply_filter(&program).map_err(io::Error::other)
}

fn compile(network: &Network, by: By) -> Result<BpfProgram, seccompiler::BackendError> {
    let eperm = SeccompAction::Errno(libc::EPERM.unsigned_abs());
    let arch = TargetArch::try_from(std::env::consts::ARCH)?;
    let mut rules = rules(network)?;
    if by == By::Observer {
        rules.retain(|number, _| !OBSERVED.contains(number) && name_of(*number).is_none());
    }
    SeccompFilter::new(rules, SeccompAction::Allow, eperm, arch)?.try_into()
}

/// What a process that only answers on sockets it has needs no more: new sockets, other programs,
/// other processes. `clone3` hides its flags from any filter; the C library then uses `clone`.
const NOT_FOR_LANES: &[libc::c_long] = &[
    libc::SYS_clone3,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_kill,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
];

/// Restricts this process to the sockets it has. They say that there is no such call, as an older
/// kernel would, so that libraries take their other ways.
pub(crate) fn restrict_to_lanes() -> io::Result<()> {
    let compile = || -> Result<BpfProgram, seccompiler::BackendError> {
        let rules = NOT_FOR_LANES
            .iter()
            .map(|number| (*number, Vec::new()))
            .collect();
        let enosys = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
        let arch = TargetArch::try_from(std::env::consts::ARCH)?;
        SeccompFilter::new(rules, SeccompAction::Allow, enosys, arch)?.try_into()
    };
    let program = compile().map_err(io::Error::other)?;
    seccompiler::apply_filter(&program).map_err(io::Error::other)
}

/// Calls denied by their arguments that an observer judges.
const OBSERVED: [libc::c_long; 5] = [
    libc::SYS_clone,
    libc::SYS_socket,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
];

/// All calls denied whatever their arguments.
pub(crate) fn denied() -> impl Iterator<Item = libc::c_long> {
    DENIED.iter().chain(DENIED_HERE).map(|(number, _)| *number)
}

/// The name of a call that is denied whatever its arguments.
pub(crate) fn name_of(number: libc::c_long) -> Option<&'static str> {
    let mut all = DENIED.iter().chain(DENIED_HERE);
    all.find(|(denied, _)| *denied == number)
        .map(|(_, name)| *name)
}

/// What [`rules`] say of a `socket`, for an observer to say.
pub(crate) fn refuses_socket(network: &Network, family: i32, kind: i32, protocol: i32) -> bool {
    match family {
        libc::AF_UNIX => false,
        libc::AF_NETLINK => protocol != libc::NETLINK_ROUTE,
        libc::AF_INET | libc::AF_INET6 if *network == Network::None => true,
        libc::AF_INET | libc::AF_INET6 => match kind & KIND_BITS {
            libc::SOCK_STREAM => ![0, libc::IPPROTO_TCP].contains(&protocol),
            libc::SOCK_DGRAM => {
                matches!(network, Network::Ports(_)) || !DATAGRAMS.contains(&protocol)
            }
            kind => OTHER_KINDS.contains(&kind),
        },
        _ => true,
    }
}

fn rules(network: &Network) -> Result<Rules, seccompiler::BackendError> {
    let mut rules: Rules = denied().map(|number| (number, Vec::new())).collect();
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
    // A pair of any other family has the kernel load the family's module, only to refuse the pair.
    let others = vec![rule([ne(0, bits(libc::AF_UNIX))?])?];
    rules.insert(libc::SYS_socketpair, others);
    // Puts another protocol in the place of TCP, one that Landlock's port rules do not know.
    let another = rule([eq(1, bits(libc::SOL_TCP))?, eq(2, bits(libc::TCP_ULP))?])?;
    rules.insert(libc::SYS_setsockopt, vec![another]);
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
        for kind in OTHER_KINDS {
            denied.push(rule([eq(0, family)?, is_kind(kind)?])?);
        }
        // A stream that is not plain TCP (Multipath TCP, SCTP, SMC) passes Landlock's port rules.
        denied.push(rule([
            eq(0, family)?,
            is_kind(libc::SOCK_STREAM)?,
            ne(2, 0)?,
            ne(2, bits(libc::IPPROTO_TCP))?,
        ])?);
        let mut datagrams = vec![eq(0, family)?, is_kind(libc::SOCK_DGRAM)?];
        if *network == Network::Any {
            // Tunnels (L2TP) and others nobody needs: each is a module the kernel would load.
            let listed = DATAGRAMS.map(|protocol| ne(2, bits(protocol)));
            datagrams.extend(listed.into_iter().collect::<Result<Vec<_>, _>>()?);
        }
        denied.push(SeccompRule::new(datagrams)?);
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
    let op = SeccompCmpOp::MaskedEq(bits(KIND_BITS));
    SeccompCondition::new(1, SeccompCmpArgLen::Dword, op, bits(kind))
}

fn bits(value: libc::c_int) -> u64 {
    u64::from(value.cast_unsigned())
}

#[cfg(test)]
pub(crate) mod tests;
