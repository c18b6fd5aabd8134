//! No TCP listener, proven from outside.
//!
//! Landlock's port rules stand at `bind`, but `listen` on a socket that was never bound takes a free
//! port by itself, and `process.binding('tcp_wrap')` does just that from a function node. A filter
//! cannot tell a TCP socket from a Unix socket by its number. So every `listen` in the jail waits
//! for an answer from the jail's first process, which takes a copy of the very socket, looks at its
//! family, and listens on it itself when it is a Unix socket. Nothing is looked at twice, so there
//! is nothing to swap in between.

use std::fs;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags,
};
use rustix::process::{
    DumpableBehavior, Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open,
    set_dumpable_behavior,
};
use seccompiler::sock_filter;

use crate::enforcement::Status;
use crate::kernel::bare;
use crate::kernel::notify::{self, Answer, Question};
use crate::observed::{Observer, calls};

/// Whether this kernel can do it.
pub(crate) fn available() -> Status {
    let yama = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    if yama.trim().parse().unwrap_or(0) >= 2 {
        return Status::Missing(
            "kernel.yama.ptrace_scope is 2 or more, which keeps even a parent from looking at its \
             child's sockets; a TCP listener on a random port is then not prevented"
                .into(),
        );
    }
    if bare::seccomp_knows(libc::SECCOMP_RET_USER_NOTIF) {
        Status::Enforced
    } else {
        Status::Missing(
            "the kernel has no seccomp notifications; a TCP listener on a random port is then not \
             prevented (Linux 5.6)"
                .into(),
        )
    }
}

const LOAD_NUMBER: sock_filter = instruction(0x20, 0, 0, 0);

pub(crate) const fn instruction(code: u16, jt: u8, jf: u8, k: u32) -> sock_filter {
    sock_filter { code, jt, jf, k }
}

pub(crate) const fn answer_with(action: u32) -> sock_filter {
    instruction(0x06, 0, 0, action)
}

/// `if number == k` go on, else skip `past` instructions.
pub(crate) fn if_number_is(number: libc::c_long, past: u8) -> sock_filter {
    instruction(0x15, 0, past, u32::try_from(number).unwrap_or(u32::MAX))
}

/// The second table of system calls that `x86_64` kernels may have: the same calls under numbers
/// that a filter for the first table does not see.
const X32_TABLE: u32 = 0x4000_0000;

/// Which calls wait for an answer from the jail's first process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// None: the kernel cannot.
    Nothing,
    /// `listen`.
    Listen,
    /// `listen`, and whatever reaches out of an observed jail.
    Everything,
}

/// Foreign architectures never get here: the deny-list's filter kills them.
pub(crate) fn filter(asks: Asks) -> Vec<sock_filter> {
    let enosys = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
    let mut filter = vec![LOAD_NUMBER];
    if cfg!(target_arch = "x86_64") {
        filter.extend([instruction(0x35, 0, 1, X32_TABLE), answer_with(enosys)]);
    }
    // Its flags lie in memory, where a filter cannot look. ENOSYS makes libraries use `clone`.
    filter.extend([if_number_is(libc::SYS_clone3, 1), answer_with(enosys)]);
    let ask = answer_with(libc::SECCOMP_RET_USER_NOTIF);
    if asks != Asks::Nothing {
        filter.extend([if_number_is(libc::SYS_listen, 1), ask]);
    }
    if asks == Asks::Everything {
        filter.extend(calls::watched());
    }
    filter.push(answer_with(libc::SECCOMP_RET_ALLOW));
    filter
}

/// Restricts this process and all it will start, and hands the answering end to whoever holds the
/// other end of `channel`. `no_new_privs` is set already.
pub(crate) fn restrict(channel: BorrowedFd<'_>, asks: Asks) -> io::Result<()> {
    match asks {
        Asks::Nothing => seccompiler::apply_filter(&filter(asks)).map_err(io::Error::other),
        Asks::Listen => send(channel, notify::install(&filter(asks))?.as_fd()),
        Asks::Everything => offer(channel, &filter(asks)),
    }
}

/// Sending a descriptor is itself a watched call, so it is fetched from us instead: its number is
/// said, and we wait until it was taken.
fn offer(channel: BorrowedFd<'_>, filter: &[sock_filter]) -> io::Result<()> {
    // As the program will be in a moment; or nobody could take anything from us.
    set_dumpable_behavior(DumpableBehavior::Dumpable)?;
    let listener = notify::install(filter)?;
    rustix::io::write(channel, &listener.as_raw_fd().to_ne_bytes())?;
    let mut taken = [0];
    match rustix::io::read(channel, &mut taken)? {
        0 => Err(io::ErrorKind::BrokenPipe.into()),
        _ => Ok(()),
    }
}

/// Takes what [`offer`] offers. `None` when the other side went away.
pub(crate) fn fetch(channel: BorrowedFd<'_>, program: Pid) -> io::Result<Option<OwnedFd>> {
    let mut number = [0; 4];
    if rustix::io::read(channel, &mut number)? < number.len() {
        return Ok(None);
    }
    let process = pidfd_open(program, PidfdFlags::empty())?;
    let number = i32::from_ne_bytes(number);
    let listener = pidfd_getfd(process, number, PidfdGetfdFlags::empty())?;
    rustix::io::write(channel, b"t")?;
    Ok(Some(listener))
}

fn send(channel: BorrowedFd<'_>, listener: BorrowedFd<'_>) -> io::Result<()> {
    let fds = [listener];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&fds));
    let word = [io::IoSlice::new(b"l")];
    rustix::net::sendmsg(channel, &word, &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// Waits for the answering end. `None` when the other side went away, or has no guard to offer.
pub(crate) fn receive(channel: BorrowedFd<'_>) -> io::Result<Option<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = RecvAncillaryBuffer::new(&mut space);
    let mut word = [0u8; 1];
    let mut parts = [io::IoSliceMut::new(&mut word)];
    rustix::net::recvmsg(channel, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
    let mut received = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    Ok(received.next().and_then(|mut fds| fds.next()))
}

/// Answers one waiting call.
pub(crate) fn answer_one(
    listener: BorrowedFd<'_>,
    observer: Option<&mut Observer>,
) -> io::Result<()> {
    let Some(question) = notify::receive(listener)? else {
        return Ok(());
    };
    let answer = match observer {
        Some(observer) => observer.answer(listener, &question),
        None => judge(listener, &question).into(),
    };
    notify::answer(listener, question.id, answer)
}

impl From<Result<(), Errno>> for Answer {
    fn from(judged: Result<(), Errno>) -> Self {
        judged.map_or_else(Self::Refused, |()| Self::Done)
    }
}

/// Listens for the caller, when it is a Unix socket.
pub(crate) fn judge(listener: BorrowedFd<'_>, question: &Question) -> Result<(), Errno> {
    let socket = socket_of(listener, question)?;
    let [_, backlog, ..] = question.args.map(low_half);
    if rustix::net::sockopt::socket_domain(&socket)? == AddressFamily::UNIX {
        rustix::net::listen(&socket, backlog)
    } else {
        Err(Errno::ACCESS)
    }
}

/// A copy of the very socket that the call's first argument names.
pub(crate) fn socket_of(listener: BorrowedFd<'_>, question: &Question) -> Result<OwnedFd, Errno> {
    let process = pidfd_open(leader_of(question.thread)?, PidfdFlags::empty())?;
    // The thread may have ended and its number been given away while we looked.
    if !notify::still_waits(listener, question.id) {
        return Err(Errno::SRCH);
    }
    pidfd_getfd(
        process,
        low_half(question.args[0]),
        PidfdGetfdFlags::empty(),
    )
}

/// The kernel takes `int`s and ignores the upper half of the registers.
#[expect(
    clippy::cast_possible_truncation,
    reason = "truncating is what the kernel does"
)]
pub(crate) fn low_half(register: u64) -> i32 {
    (register as u32).cast_signed()
}

/// The process a thread belongs to, which is what can be opened.
fn leader_of(thread: u32) -> Result<Pid, Errno> {
    let raw = |id: &str| id.trim().parse().ok().and_then(Pid::from_raw);
    let thread_itself = i32::try_from(thread).ok().and_then(Pid::from_raw);
    fs::read_to_string(format!("/proc/{thread}/status"))
        .ok()
        .and_then(|status| {
            status
                .lines()
                .find_map(|line| raw(line.strip_prefix("Tgid:")?))
        })
        .or(thread_itself)
        .ok_or(Errno::SRCH)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::tests::run;

    #[test]
    fn the_filter_asks_about_listen_and_closes_the_second_table() {
        let enosys = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
        let verdict = |filter: &[sock_filter], number| run(filter, number, [0; 6]);
        for (asks, listen) in [
            (Asks::Everything, libc::SECCOMP_RET_USER_NOTIF),
            (Asks::Listen, libc::SECCOMP_RET_USER_NOTIF),
            (Asks::Nothing, libc::SECCOMP_RET_ALLOW),
        ] {
            let filter = filter(asks);
            assert_eq!(verdict(&filter, libc::SYS_listen), listen);
            assert_eq!(verdict(&filter, libc::SYS_clone3), enosys);
            assert_eq!(verdict(&filter, libc::SYS_read), libc::SECCOMP_RET_ALLOW);
            if cfg!(target_arch = "x86_64") {
                assert_eq!(verdict(&filter, 0x4000_0000 | libc::SYS_mount), enosys);
            }
        }
    }

    #[test]
    fn a_worker_thread_belongs_to_its_process() {
        let me = rustix::process::getpid();
        let thread = rustix::thread::gettid()
            .as_raw_nonzero()
            .get()
            .unsigned_abs();
        assert_ne!(
            thread,
            me.as_raw_nonzero().get().unsigned_abs(),
            "tests run in threads"
        );
        assert_eq!(leader_of(thread).unwrap(), me);
    }

    #[test]
    fn arguments_are_read_as_the_kernel_reads_them() {
        assert_eq!(low_half(0xdead_beef_0000_0007), 7);
        assert_eq!(low_half(0xffff_ffff), -1);
    }
}
