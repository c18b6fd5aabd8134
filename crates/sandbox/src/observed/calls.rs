//! Which system calls reach out of the jail, and how the filter picks them out.

use seccompiler::sock_filter;

use super::Change;
use crate::listen_guard::{answer_with, if_number_is, instruction};
use crate::seccomp;

/// Where in a call a path stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PathAt {
    /// The argument with the folder a relative path starts from; none: the working directory.
    pub(super) dir: Option<usize>,
    /// The argument with the path.
    pub(super) path: usize,
}

/// A call that takes paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FileCall {
    number: libc::c_long,
    /// What it does to the file.
    pub(super) how: Change,
    /// The file.
    pub(super) at: PathAt,
    /// What is renamed, or linked to.
    pub(super) from: Option<Source>,
}

/// The other file of a call that takes two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// It is there.
    File(PathAt),
    /// The argument with a symbolic link's text.
    Text(usize),
}

const fn call(number: libc::c_long, how: Change, at: PathAt) -> FileCall {
    FileCall {
        number,
        how,
        at,
        from: None,
    }
}

const fn two(number: libc::c_long, how: Change, from: PathAt, at: PathAt) -> FileCall {
    FileCall {
        number,
        how,
        at,
        from: Some(Source::File(from)),
    }
}

const fn symlink(number: libc::c_long, text: usize, at: PathAt) -> FileCall {
    FileCall {
        number,
        how: Change::Make,
        at,
        from: Some(Source::Text(text)),
    }
}

const fn at(dir: usize, path: usize) -> PathAt {
    PathAt {
        dir: Some(dir),
        path,
    }
}

/// Relative to the working directory.
const fn here(path: usize) -> PathAt {
    PathAt { dir: None, path }
}

/// The same number everywhere.
const FCHMODAT2: libc::c_long = 452;

/// Calls that open and change files.
const FILES: &[FileCall] = &[
    call(libc::SYS_openat, Change::Open, at(0, 1)),
    call(libc::SYS_openat2, Change::Open, at(0, 1)),
    call(libc::SYS_truncate, Change::Open, here(0)),
    call(libc::SYS_mkdirat, Change::Make, at(0, 1)),
    call(libc::SYS_mknodat, Change::Make, at(0, 1)),
    symlink(libc::SYS_symlinkat, 0, at(1, 2)),
    two(libc::SYS_linkat, Change::Make, at(0, 1), at(2, 3)),
    call(libc::SYS_unlinkat, Change::Remove, at(0, 1)),
    two(libc::SYS_renameat2, Change::Rename, at(0, 1), at(2, 3)),
    two(libc::SYS_renameat, Change::Rename, at(0, 1), at(2, 3)),
    call(libc::SYS_fchmodat, Change::Mark, at(0, 1)),
    call(FCHMODAT2, Change::Mark, at(0, 1)),
    call(libc::SYS_fchownat, Change::Mark, at(0, 1)),
    call(libc::SYS_utimensat, Change::Mark, at(0, 1)),
    call(libc::SYS_setxattr, Change::Mark, here(0)),
    call(libc::SYS_lsetxattr, Change::Mark, here(0)),
    call(libc::SYS_removexattr, Change::Mark, here(0)),
    call(libc::SYS_lremovexattr, Change::Mark, here(0)),
];

#[cfg(target_arch = "x86_64")]
const FILES_HERE: &[FileCall] = &[
    call(libc::SYS_open, Change::Open, here(0)),
    call(libc::SYS_creat, Change::Open, here(0)),
    call(libc::SYS_mkdir, Change::Make, here(0)),
    call(libc::SYS_mknod, Change::Make, here(0)),
    symlink(libc::SYS_symlink, 0, here(1)),
    two(libc::SYS_link, Change::Make, here(0), here(1)),
    call(libc::SYS_unlink, Change::Remove, here(0)),
    call(libc::SYS_rmdir, Change::Remove, here(0)),
    two(libc::SYS_rename, Change::Rename, here(0), here(1)),
    call(libc::SYS_chmod, Change::Mark, here(0)),
    call(libc::SYS_chown, Change::Mark, here(0)),
    call(libc::SYS_lchown, Change::Mark, here(0)),
    call(libc::SYS_utime, Change::Mark, here(0)),
    call(libc::SYS_utimes, Change::Mark, here(0)),
    call(libc::SYS_futimesat, Change::Mark, at(0, 1)),
];
#[cfg(not(target_arch = "x86_64"))]
const FILES_HERE: &[FileCall] = &[];

/// Calls that reach hosts, sockets and programs.
const OTHERS: [libc::c_long; 7] = [
    libc::SYS_connect,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_bind,
    libc::SYS_socket,
    libc::SYS_execve,
];

/// What the call with this number does to files, if it does.
pub(super) fn file_call(number: libc::c_long) -> Option<&'static FileCall> {
    FILES
        .iter()
        .chain(FILES_HERE)
        .find(|call| call.number == number)
}

/// Opening without one of these only reads.
pub(super) const WRITES: libc::c_int =
    libc::O_WRONLY | libc::O_RDWR | libc::O_CREAT | libc::O_TRUNC;

/// The instructions that ask about all of them. The call's number is loaded before, and after.
pub(crate) fn watched() -> Vec<sock_filter> {
    let files = FILES.iter().chain(FILES_HERE).map(|call| call.number);
    let ask = || answer_with(libc::SECCOMP_RET_USER_NOTIF);
    let mut filter = Vec::new();
    for number in files.chain(OTHERS).chain(seccomp::denied()) {
        filter.extend([if_number_is(number, 1), ask()]);
    }
    let namespaces = seccomp::NAMESPACE_FLAGS.iter().fold(0, |all, it| all | it);
    filter.extend([
        if_number_is(libc::SYS_clone, 4),
        // The lower half of the first argument.
        instruction(0x20, 0, 0, 16),
        // Any of the flags, or past the question.
        instruction(0x45, 0, 1, namespaces.cast_unsigned()),
        ask(),
        answer_with(libc::SECCOMP_RET_ALLOW),
    ]);
    filter
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seccomp::tests::run;

    #[test]
    fn what_reaches_out_is_asked_about_and_reading_and_threads_are_not() {
        let mut filter = vec![instruction(0x20, 0, 0, 0)];
        filter.extend(watched());
        filter.push(answer_with(libc::SECCOMP_RET_ALLOW));
        let (ask, allow) = (libc::SECCOMP_RET_USER_NOTIF, libc::SECCOMP_RET_ALLOW);
        let files = FILES.iter().chain(FILES_HERE).map(|call| call.number);
        for number in OTHERS.into_iter().chain(files).chain(seccomp::denied()) {
            assert_eq!(run(&filter, number, [0; 6]), ask, "{number}");
        }
        let clone = |flags: libc::c_int| {
            let flags = u64::from(flags.cast_unsigned());
            run(&filter, libc::SYS_clone, [flags, 0, 0, 0, 0, 0])
        };
        for flag in seccomp::NAMESPACE_FLAGS {
            assert_eq!(clone(flag | libc::SIGCHLD), ask);
        }
        assert_eq!(clone(libc::CLONE_VM | libc::CLONE_THREAD), allow);
        assert_eq!(run(&filter, libc::SYS_read, [0; 6]), allow);
    }
}
