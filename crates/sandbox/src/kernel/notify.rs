//! Seccomp user notification: installing a filter with a listener, and answering it.

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use seccompiler::sock_filter;

use super::checked;

/// A system call that waits for an answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    /// Its id, valid until answered or until the caller is gone.
    pub(crate) id: u64,
    /// The calling thread, in the reader's pid namespace.
    pub(crate) thread: u32,
    /// The call's number.
    pub(crate) number: libc::c_long,
    /// The call's arguments.
    pub(crate) args: [u64; 6],
}

/// What a waiting call comes back with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 0, without the kernel having done anything.
    Done,
    /// This error, without the kernel having done anything.
    Refused(rustix::io::Errno),
    /// What the kernel says. Only for calls that the other layers judge: the arguments may be other
    /// ones by now. Linux 5.5 or newer.
    Continue,
}

/// `SECCOMP_USER_NOTIF_FLAG_CONTINUE`.
const CONTINUE: u32 = 1;

#[repr(C)]
struct Program {
    len: libc::c_ushort,
    filter: *const sock_filter,
}

/// Installs `filter` on this thread and returns the descriptor at which `SECCOMP_RET_USER_NOTIF`
/// calls arrive (close-on-exec). `no_new_privs` must be set. Linux 5.0 or newer.
pub(crate) fn install(filter: &[sock_filter]) -> io::Result<OwnedFd> {
    let len = libc::c_ushort::try_from(filter.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let program = Program {
        len,
        filter: filter.as_ptr(),
    };
    // SAFETY: `program` describes `filter` exactly; the kernel copies both before returning.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_NEW_LISTENER,
            &raw const program,
        )
    };
    let fd = i32::try_from(checked(fd)?).map_err(|_| io::ErrorKind::InvalidData)?;
    // SAFETY: the kernel has just made `fd`, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Takes the next waiting call. `None` when its caller is gone already.
pub(crate) fn receive(listener: BorrowedFd<'_>) -> io::Result<Option<Question>> {
    // SAFETY: the struct is integers only, and the kernel demands that it be zeroed.
    let mut raw: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the request writes one `seccomp_notif`, which `raw` is.
    let code = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_RECV as _,
            &raw mut raw,
        )
    };
    match checked(code.into()) {
        Ok(_) => Ok(Some(Question {
            id: raw.id,
            thread: raw.pid,
            number: raw.data.nr.into(),
            args: raw.data.args,
        })),
        Err(error) if error.raw_os_error() == Some(libc::ENOENT) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the caller still waits, so that what was looked up about it is about it and not about a
/// later process with its id.
pub(crate) fn still_waits(listener: BorrowedFd<'_>, id: u64) -> bool {
    // SAFETY: the request reads one `u64`, which `id` is.
    let code = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_ID_VALID as _,
            &raw const id,
        )
    };
    code == 0
}

/// Answers a waiting call.
pub(crate) fn answer(listener: BorrowedFd<'_>, id: u64, answer: Answer) -> io::Result<()> {
    let (error, flags) = match answer {
        Answer::Done => (0, 0),
        Answer::Refused(errno) => (-errno.raw_os_error(), 0),
        Answer::Continue => (0, CONTINUE),
    };
    let mut response = libc::seccomp_notif_resp {
        id,
        val: 0,
        error,
        flags,
    };
    // SAFETY: the request reads one `seccomp_notif_resp`, which `response` is.
    let code = unsafe {
        libc::ioctl(
            listener.as_raw_fd(),
            libc::SECCOMP_IOCTL_NOTIF_SEND as _,
            &raw mut response,
        )
    };
    match checked(code.into()) {
        Err(error) if error.raw_os_error() != Some(libc::ENOENT) => Err(error),
        _ => Ok(()),
    }
}
