//! System calls with integers and null pointers only, for the canary to try and for capabilities to
//! be asked about.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use super::checked;

/// A call the canary tries. None of them can touch this process's memory, whatever the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BareCall {
    /// `ptrace(PTRACE_SEIZE, pid)`: does not stop the other, and ends with the caller.
    PtraceSeize(i32),
    /// `keyctl(KEYCTL_GET_KEYRING_ID, session, create)`.
    Keyctl,
    /// `io_uring_setup(1, null)`: EFAULT when it is allowed at all.
    IoUringSetup,
    /// `bpf(BPF_MAP_CREATE, null, 0)`.
    Bpf,
    /// `userfaultfd(UFFD_USER_MODE_ONLY)`.
    Userfaultfd,
    /// `perf_event_open(null, …)`: EFAULT when it is allowed at all.
    PerfEventOpen,
    /// `clone(CLONE_NEWUSER | SIGCHLD)` by number; the child ends at once.
    CloneNewUser,
    /// `clone3(null, 0)`: must be ENOSYS, so that flags can be seen in `clone`.
    Clone3,
    /// `init_module(null, 0, null)`.
    InitModule,
    /// `kexec_load(0, 0, null, 0)`.
    KexecLoad,
    /// `personality(ADDR_NO_RANDOMIZE)`.
    Personality,
    /// `ioctl(0, TIOCSTI, null)`: ENOTTY or EFAULT when it is allowed at all.
    Tiocsti,
    /// A `getpid` by way of the x32 table of `x86_64` kernels.
    X32GetPid,
    /// `pidfd_getfd(-1, 0, 0)`: EBADF when it is allowed at all.
    PidfdGetfd,
    /// `process_vm_readv(pid, null, 0, null, 0, 0)`: 0 when it is allowed at all.
    ProcessVmReadv(i32),
}

/// Makes the call; the result is the kernel's.
pub(crate) fn call(call: BareCall) -> io::Result<i64> {
    let (number, args): (libc::c_long, [libc::c_long; 5]) = match call {
        BareCall::PtraceSeize(pid) => (libc::SYS_ptrace, [0x4206, pid.into(), 0, 0, 0]),
        BareCall::Keyctl => (libc::SYS_keyctl, [0, -3, 1, 0, 0]),
        BareCall::IoUringSetup => (libc::SYS_io_uring_setup, [1, 0, 0, 0, 0]),
        BareCall::Bpf => (libc::SYS_bpf, [0, 0, 0, 0, 0]),
        BareCall::Userfaultfd => (libc::SYS_userfaultfd, [1, 0, 0, 0, 0]),
        BareCall::PerfEventOpen => (libc::SYS_perf_event_open, [0, 0, -1, -1, 0]),
        BareCall::CloneNewUser => return clone_new_user(),
        BareCall::Clone3 => (libc::SYS_clone3, [0, 0, 0, 0, 0]),
        BareCall::InitModule => (libc::SYS_init_module, [0, 0, 0, 0, 0]),
        BareCall::KexecLoad => (libc::SYS_kexec_load, [0, 0, 0, 0, 0]),
        BareCall::Personality => (libc::SYS_personality, [0x0004_0000, 0, 0, 0, 0]),
        BareCall::Tiocsti => (libc::SYS_ioctl, [0, 0x5412, 0, 0, 0]),
        BareCall::X32GetPid => (libc::SYS_getpid | 0x4000_0000, [0; 5]),
        BareCall::PidfdGetfd => (libc::SYS_pidfd_getfd, [-1, 0, 0, 0, 0]),
        BareCall::ProcessVmReadv(pid) => (libc::SYS_process_vm_readv, [pid.into(), 0, 0, 0, 0]),
    };
    // SAFETY: every call above takes integers and null pointers; none writes to our memory.
    checked(unsafe { libc::syscall(number, args[0], args[1], args[2], args[3], args[4], 0) })
}

fn clone_new_user() -> io::Result<i64> {
    let flags = libc::c_long::from(libc::CLONE_NEWUSER | libc::SIGCHLD);
    // SAFETY: without `CLONE_VM` and with a null stack this is a fork into a new user namespace.
    let pid = checked(unsafe { libc::syscall(libc::SYS_clone, flags, 0, 0, 0, 0) })?;
    if pid == 0 {
        super::exit_now(0);
    }
    Ok(pid)
}

/// A memory file, executable when allowed: what Landlock cannot see.
pub(crate) fn memory_file() -> io::Result<OwnedFd> {
    // SAFETY: the name is a NUL-terminated constant.
    let fd = unsafe { libc::memfd_create(c"canary".as_ptr(), 0) };
    checked(fd.into())?;
    // SAFETY: the kernel has just made `fd`, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A socket by numbers that typed wrappers do not offer.
pub(crate) fn socket(family: i32, kind: i32, protocol: i32) -> io::Result<OwnedFd> {
    // SAFETY: `socket` takes integers.
    let fd = unsafe { libc::socket(family, kind, protocol) };
    checked(fd.into())?;
    // SAFETY: the kernel has just made `fd`, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether this kernel knows a seccomp action (`SECCOMP_GET_ACTION_AVAIL`).
pub(crate) fn seccomp_knows(action: u32) -> bool {
    // SAFETY: the operation reads one `u32`, which `action` is.
    let code = unsafe { libc::syscall(libc::SYS_seccomp, 2, 0, &raw const action) };
    code == 0
}

/// Landlock's version in this kernel (`LANDLOCK_CREATE_RULESET_VERSION`); the error is ENOSYS or
/// EOPNOTSUPP when there is none.
pub(crate) fn landlock_abi() -> io::Result<i64> {
    // SAFETY: with this flag the call takes a null pointer and a size of zero.
    checked(unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0, 0, 1) })
}

/// Maps the beginning of a file as code, and lets go of it.
pub(crate) fn map_code(file: &impl AsRawFd) -> io::Result<()> {
    const PAGE: usize = 4096;
    let protection = libc::PROT_READ | libc::PROT_EXEC;
    // SAFETY: the kernel chooses a free address, so nothing of ours is replaced.
    let map = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            PAGE,
            protection,
            libc::MAP_PRIVATE,
            file.as_raw_fd(),
            0,
        )
    };
    if map == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: `map` is the mapping just made, and nothing refers to it.
    checked(unsafe { libc::munmap(map, PAGE) }.into()).map(drop)
}
