//! The calls that have no safe wrapper in `std`, `rustix`, `landlock` or `seccompiler`.
//!
//! All unsafe code of Redkeep is in this file and in `kernel/`. Nothing here decides anything: each
//! function is one system call with types around it.
#![expect(
    unsafe_code,
    reason = "fork, signals, seccomp notification: no safe wrapper exists"
)]

pub(crate) mod bare;
pub(crate) mod notify;

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::process::Pid;
use rustix::thread::UnshareFlags;

/// Turns the C convention (-1 and errno) into a `Result`.
fn checked(code: libc::c_long) -> io::Result<libc::c_long> {
    if code < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(code)
    }
}

/// Which side of a fork one is on.
#[derive(Debug)]
pub(crate) enum Fork {
    /// The process that called; with its child.
    Parent(Pid),
    /// The new process.
    Child,
}

/// Copies this process.
///
/// Only ever called while the process has one thread, or (in the canary's negative test) with a
/// child that makes nothing but system calls and allocations, which glibc keeps usable.
pub(crate) fn fork() -> io::Result<Fork> {
    // SAFETY: `fork` takes no arguments; the child's memory is a copy, and no other thread of ours
    // can hold a lock in it (see above).
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Pid::from_raw(pid).map_or(Fork::Child, Fork::Parent))
}

/// Moves this process into new namespaces.
pub(crate) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    // SAFETY: only `CLONE_FILES` breaks what `std` relies on, and no caller passes it.
    Ok(unsafe { rustix::thread::unshare_unsafe(flags) }?)
}

/// Ends this process at once, without running destructors or flushing what the parent buffered.
pub(crate) fn exit_now(code: i32) -> ! {
    // SAFETY: `_exit` takes an integer and does not return.
    unsafe { libc::_exit(code) }
}

/// Closes every descriptor but stdin, stdout and stderr, whoever left them open.
pub(crate) fn close_inherited() -> io::Result<()> {
    // SAFETY: takes integers, and is called first of all, before this process opened anything.
    checked(unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, 0) }).map(drop)
}

/// Marks every descriptor but stdin, stdout and stderr to be closed when a program is executed.
/// Linux 5.11 or newer.
pub(crate) fn close_all_on_exec() -> io::Result<()> {
    let flag = libc::CLOSE_RANGE_CLOEXEC;
    // SAFETY: takes integers, and closes nothing now.
    checked(unsafe { libc::syscall(libc::SYS_close_range, 3, u32::MAX, flag) }).map(drop)
}

/// A descriptor that was left open for this process by whoever started it. Called once for each.
pub(crate) fn inherited(fd: i32) -> io::Result<OwnedFd> {
    // SAFETY: takes integers, and answers whether the descriptor is open.
    checked(libc::c_long::from(unsafe {
        libc::fcntl(fd, libc::F_GETFD)
    }))?;
    // SAFETY: it is open, and nobody else in this process owns it: `sockets::inherited` asks once, for
    // numbers its starter chose.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Attributes of a mount that can only be added here, never taken away. Every mount is nosuid.
#[derive(Debug, Clone, Copy, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "they are the kernel's independent flags"
)]
pub(crate) struct MountLimits {
    /// No writing.
    pub(crate) read_only: bool,
    /// No executing, and no mapping of code.
    pub(crate) no_exec: bool,
    /// Device files work. Only ever for the five harmless ones.
    pub(crate) devices: bool,
    /// For all mounts below, too.
    pub(crate) recursive: bool,
}

/// Sets nosuid and the given limits on the mount whose root `mount` is. Linux 5.12 or newer.
pub(crate) fn restrict_mount(mount: BorrowedFd<'_>, limits: MountLimits) -> io::Result<()> {
    let wanted = [
        (true, libc::MOUNT_ATTR_NOSUID),
        (!limits.devices, libc::MOUNT_ATTR_NODEV),
        (limits.read_only, libc::MOUNT_ATTR_RDONLY),
        (limits.no_exec, libc::MOUNT_ATTR_NOEXEC),
    ];
    let attr_set = wanted
        .iter()
        .filter(|(on, _)| *on)
        .fold(0, |set, (_, bit)| set | bit);
    let attributes = libc::mount_attr {
        attr_set,
        attr_clr: 0,
        propagation: 0,
        userns_fd: 0,
    };
    let flags = libc::AT_EMPTY_PATH
        | if limits.recursive {
            libc::AT_RECURSIVE
        } else {
            0
        };
    // SAFETY: the path is an empty constant and `attributes` a whole `mount_attr` that outlives the
    // call; the size given is that of the struct.
    let code = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    checked(code).map(drop)
}

/// Switches on the loopback device of the network namespace this process is in.
pub(crate) fn loopback_up(socket: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: `ifreq` is integers and arrays of them, for which zero is a value.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed();
    }
    let up = libc::c_short::try_from(libc::IFF_UP).map_err(|_| io::ErrorKind::InvalidInput)?;
    request.ifr_ifru.ifru_flags = up;
    // SAFETY: the request reads one `ifreq`, which `request` is.
    let code = unsafe {
        libc::ioctl(
            socket.as_raw_fd(),
            libc::SIOCSIFFLAGS as _,
            &raw const request,
        )
    };
    checked(code.into()).map(drop)
}

/// What the processes this one has buried, and those they had buried, took of the machine: the
/// largest memory of one of them in KiB, and processor time in microseconds.
pub(crate) fn usage_of_the_dead() -> io::Result<(i64, i64)> {
    // SAFETY: the struct is integers only.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the call writes one `rusage`, which `usage` is.
    let code = unsafe { libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage) };
    checked(code.into())?;
    let micros = |time: libc::timeval| time.tv_sec * 1_000_000 + time.tv_usec;
    Ok((
        usage.ru_maxrss,
        micros(usage.ru_utime) + micros(usage.ru_stime),
    ))
}

/// The signals a jail's processes wait for, delivered through a descriptor instead of handlers.
#[derive(Debug)]
pub(crate) struct Signals {
    fd: OwnedFd,
}

/// Asked for: the child changed, or somebody wants us to end.
const AWAITED: [libc::c_int; 5] = [
    libc::SIGCHLD,
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGHUP,
    libc::SIGQUIT,
];

impl Signals {
    /// Blocks the awaited signals and opens the descriptor they arrive at.
    pub(crate) fn block() -> io::Result<Self> {
        let set = signal_set(&AWAITED)?;
        set_mask(libc::SIG_BLOCK, &set)?;
        // SAFETY: `set` is initialised; -1 asks for a new descriptor.
        let fd =
            unsafe { libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK) };
        checked(fd.into())?;
        // SAFETY: the kernel has just made `fd`, and nobody else knows it.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Ok(Self { fd })
    }

    /// The next signal waiting, if any.
    pub(crate) fn next(&self) -> io::Result<Option<rustix::process::Signal>> {
        let mut record = [0u8; size_of::<libc::signalfd_siginfo>()];
        match rustix::io::read(&self.fd, &mut record) {
            Ok(_) => {
                let (number, _) = record.split_first_chunk().expect("a record is 128 bytes");
                let number = i32::try_from(u32::from_ne_bytes(*number)).unwrap_or(0);
                Ok(rustix::process::Signal::from_named_raw(number))
            }
            Err(rustix::io::Errno::AGAIN) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

impl std::os::fd::AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Gives the allocator's free pages back; whether there were any.
pub(crate) fn trim_heap() -> bool {
    #[cfg(target_env = "gnu")]
    // SAFETY: the call takes a number, and touches free memory alone, under the allocator's own locks.
    return unsafe { libc::malloc_trim(0) != 0 };
    #[cfg(not(target_env = "gnu"))]
    false
}

/// Unblocks every signal, for the program about to be executed.
pub(crate) fn unblock_signals() -> io::Result<()> {
    let none = signal_set(&[])?;
    set_mask(libc::SIG_SETMASK, &none)
}

fn signal_set(signals: &[libc::c_int]) -> io::Result<libc::sigset_t> {
    // SAFETY: `sigset_t` is an array of integers, for which zero is a value.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    for signal in signals {
        // SAFETY: `set` is a valid set; a wrong number is refused with EINVAL.
        checked(unsafe { libc::sigaddset(&raw mut set, *signal) }.into())?;
    }
    Ok(set)
}

fn set_mask(how: libc::c_int, set: &libc::sigset_t) -> io::Result<()> {
    // SAFETY: `set` is initialised; the old mask is not asked for.
    checked(unsafe { libc::sigprocmask(how, set, std::ptr::null_mut()) }.into()).map(drop)
}
