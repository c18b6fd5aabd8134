//! Which system calls reach out of the jail, and how the filter picks them out.

use seccompiler::sock_filter;

use super::Change;
use crate::listen_guard::{answer_with, if_number_is, instruction};

/// When a call is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    /// One of these bits is set in this argument.
    Bits(u32, u32),
}

/// Where in a call a path stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PathAt {
    /// The argument with the folder a relative path starts from; none: the working directory.
    pub(super) dir: Option<usize>,
    /// The argument with the path.
    pub(super) path: usize,
}

/// What a call that changes files does.
pub(super) type FileCall = (libc::c_long, Change, PathAt);

const fn at(dir: usize, path: usize) -> PathAt {
    PathAt {
        dir: Some(dir),
        path,
    }
}

/// Calls that change files.
const FILES: &[FileCall] = &[
    (libc::SYS_openat, Change::Open, at(0, 1)),
    (libc::SYS_openat2, Change::Open, at(0, 1)),
    (libc::SYS_truncate, Change::Open, HERE),
    (libc::SYS_mkdirat, Change::Make, at(0, 1)),
    (libc::SYS_mknodat, Change::Make, at(0, 1)),
    (libc::SYS_symlinkat, Change::Make, at(1, 2)),
    (libc::SYS_linkat, Change::Make, at(2, 3)),
    (libc::SYS_unlinkat, Change::Remove, at(0, 1)),
    (libc::SYS_renameat2, Change::Rename, at(2, 3)),
];

const HERE: PathAt = PathAt { dir: None, path: 0 };

#[cfg(target_arch = "x86_64")]
const FILES_HERE: &[FileCall] = &[
    (libc::SYS_open, Change::Open, HERE),
    (libc::SYS_creat, Change::Open, HERE),
    (libc::SYS_mkdir, Change::Make, HERE),
    (libc::SYS_mknod, Change::Make, HERE),
    (
        libc::SYS_symlink,
        Change::Make,
        PathAt { dir: None, path: 1 },
    ),
    (libc::SYS_link, Change::Make, PathAt { dir: None, path: 1 }),
    (libc::SYS_unlink, Change::Remove, HERE),
    (libc::SYS_rmdir, Change::Remove, HERE),
    (
        libc::SYS_rename,
        Change::Rename,
        PathAt { dir: None, path: 1 },
    ),
    (libc::SYS_renameat, Change::Rename, at(2, 3)),
];
#[cfg(not(target_arch = "x86_64"))]
const FILES_HERE: &[FileCall] = &[(libc::SYS_renameat, Change::Rename, at(2, 3))];

/// Calls that reach hosts, sockets and programs.
const OTHERS: [libc::c_long; 6] = [
    libc::SYS_connect,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_bind,
    libc::SYS_execve,
];

/// What the call with this number does to files, if it does.
pub(super) fn file_call(number: libc::c_long) -> Option<&'static FileCall> {
    FILES
        .iter()
        .chain(FILES_HERE)
        .find(|(call, ..)| *call == number)
}

/// Opening without one of these only reads.
const WRITES: libc::c_int = libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC;

fn when(number: libc::c_long) -> When {
    let writes = WRITES.cast_unsigned();
    match number {
        libc::SYS_openat => When::Bits(2, writes),
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => When::Bits(1, writes),
        _ => When::Always,
    }
}

/// The instructions that ask about all of them. The call's number is loaded before, and after.
pub(crate) fn watched() -> Vec<sock_filter> {
    let numbers = FILES.iter().chain(FILES_HERE).map(|(number, ..)| *number);
    let ask = || answer_with(libc::SECCOMP_RET_USER_NOTIF);
    let mut filter = Vec::new();
    for number in numbers.chain(OTHERS) {
        match when(number) {
            When::Always => filter.extend([if_number_is(number, 1), ask()]),
            When::Bits(arg, mask) => filter.extend([
                if_number_is(number, 4),
                instruction(0x20, 0, 0, 16 + 8 * arg),
                // Any of the bits, or past the question.
                instruction(0x45, 0, 1, mask),
                ask(),
                answer_with(libc::SECCOMP_RET_ALLOW),
            ]),
        }
    }
    filter
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::tests::run;

    #[test]
    fn what_reaches_out_is_asked_about_and_reading_is_not() {
        let mut filter = vec![instruction(0x20, 0, 0, 0)];
        filter.extend(watched());
        filter.push(answer_with(libc::SECCOMP_RET_ALLOW));
        let (ask, allow) = (libc::SECCOMP_RET_USER_NOTIF, libc::SECCOMP_RET_ALLOW);
        for number in OTHERS.iter().chain(FILES.iter().map(|(number, ..)| number)) {
            let every_bit = [u64::from(u32::MAX); 6];
            assert_eq!(run(&filter, *number, every_bit), ask, "{number}");
        }
        let open = |flags: libc::c_int| {
            let flags = u64::from(flags.cast_unsigned());
            run(&filter, libc::SYS_openat, [0, 0, flags, 0, 0, 0])
        };
        assert_eq!(open(libc::O_RDONLY | libc::O_CLOEXEC), allow);
        assert_eq!(open(libc::O_WRONLY), ask);
        assert_eq!(open(libc::O_RDONLY | libc::O_CREAT), ask);
        assert_eq!(run(&filter, libc::SYS_read, [0; 6]), allow);
    }
}
