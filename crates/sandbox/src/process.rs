//! Kernel calls for the rest of Redkeep, which may make none itself.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode};
use rustix::process::{
    DumpableBehavior, Pid, Resource, Rlimit, Signal, getrlimit, kill_process,
    set_dumpable_behavior, setrlimit,
};

use crate::spec::UserIds;

/// Whether this process has root's user id.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// The memory this machine has, or that is given to this container, in bytes.
pub fn machine_memory_bytes() -> u64 {
    let info = rustix::system::sysinfo();
    let machine = u64::from(info.mem_unit).saturating_mul(info.totalram);
    let given = fs::read_to_string("/sys/fs/cgroup/memory.max");
    let given = given.ok().and_then(|text| text.trim().parse().ok());
    machine.min(given.unwrap_or(u64::MAX))
}

/// Processes of one jail that are looked at.
const FAMILY_MAX: usize = 64;

/// How long `pid`, or a process that descends from it, was ready to run and had no processor: the
/// longest of them, each by its first thread (`/proc/PID/schedstat`, the second number). Nothing where
/// the kernel does not count it.
pub fn waited_for_processor(pid: u32) -> Duration {
    let mut family = vec![pid];
    let mut longest = 0;
    for place in 0..FAMILY_MAX {
        let Some(pid) = family.get(place).copied() else {
            break;
        };
        let of = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}"));
        let times = of("schedstat").unwrap_or_default();
        let waited = times.split_whitespace().nth(1).map(str::parse::<u64>);
        longest = waited.and_then(Result::ok).unwrap_or(0).max(longest);
        let children = of(&format!("task/{pid}/children")).unwrap_or_default();
        family.extend(children.split_whitespace().flat_map(str::parse::<u32>));
    }
    Duration::from_nanos(longest)
}

/// How many columns the terminal has that `output` is; none where it is something else.
pub fn terminal_columns(output: impl AsFd) -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(output).ok()?;
    Some(usize::from(size.ws_col)).filter(|columns| *columns > 0)
}

/// Makes the calling thread wait for all others: it goes on when nobody else has work. For good: a
/// thread cannot take its niceness back.
///
/// # Errors
/// When the kernel will not have it.
pub fn give_way() -> io::Result<()> {
    // Linux counts niceness for each thread, whatever POSIX says of the process.
    rustix::process::nice(19)?;
    Ok(())
}

/// This process's user id.
pub fn own_uid() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Who is at the other end of a Unix socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerCredentials {
    /// Its user.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
    /// Its process, as it was when it connected. The number may since belong to another.
    pub pid: u32,
}

/// Who connected to a Unix socket, by the kernel's word (`SO_PEERCRED`).
///
/// # Errors
/// When `socket` is not a connected Unix socket.
pub fn peer_credentials(socket: impl AsFd) -> io::Result<PeerCredentials> {
    let peer = rustix::net::sockopt::socket_peercred(socket)?;
    Ok(PeerCredentials {
        uid: peer.uid.as_raw(),
        gid: peer.gid.as_raw(),
        pid: peer.pid.as_raw_nonzero().get().unsigned_abs(),
    })
}

/// The socket that lies at `path`, to be connected to by [`SocketFile::path`]. A link in its place is
/// refused, and nothing that is put there later is reached: whoever may write the folder could have
/// what is said to one socket said to another.
///
/// # Errors
/// When there is none, or it is something else.
pub fn socket_file(path: &Path) -> io::Result<SocketFile> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_PATH | libc::O_NOFOLLOW)
        .open(path)?;
    if file.metadata()?.file_type().is_socket() {
        Ok(SocketFile(file))
    } else {
        Err(io::Error::other(
            "it is no socket; what lies there was put there by somebody else",
        ))
    }
}

/// A socket found on disk, held fast.
#[derive(Debug)]
pub struct SocketFile(File);

impl SocketFile {
    /// A path that leads to this very socket, as long as this value lives.
    pub fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.0.as_raw_fd()).into()
    }
}

/// Makes a directory only its owner can enter (0700), with its parents, and gives it to `owner`. One
/// that exists is narrowed to the same. A symbolic link in its place is refused.
///
/// # Errors
/// When it cannot be made, or is not a directory.
pub fn create_private_dir(path: &Path, owner: Option<UserIds>) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(parent)?;
    }
    match DirBuilder::new().mode(0o700).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            if !fs::symlink_metadata(path)?.is_dir() {
                return Err(error);
            }
        }
        other => other?,
    }
    // Held fast: whoever may write the folder above could put a link in its place meanwhile.
    let flags = libc::O_DIRECTORY | libc::O_NOFOLLOW;
    let held = OpenOptions::new()
        .read(true)
        .custom_flags(flags)
        .open(path)?;
    if let Some(ids) = owner {
        std::os::unix::fs::fchown(&held, Some(ids.uid), Some(ids.gid))?;
    }
    held.set_permissions(Permissions::from_mode(0o700))
}

/// Sets a file's or directory's permission bits.
///
/// # Errors
/// When it does not exist or is somebody else's.
pub fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    fs::set_permissions(path, Permissions::from_mode(mode))
}

/// Gives a file or directory to a user; a symbolic link is not followed.
///
/// # Errors
/// When it does not exist, or without root's rights.
pub fn give_to(path: &Path, owner: UserIds) -> io::Result<()> {
    std::os::unix::fs::lchown(path, Some(owner.uid), Some(owner.gid))
}

/// From here on, new files and sockets of this process are its owner's alone.
pub fn use_private_umask() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// From here on, new files and sockets of this process are its owner's and its group's: for a user
/// whose group is nobody else's, in a folder that hands another group down.
pub fn use_group_umask() {
    rustix::process::umask(Mode::RWXO);
}

/// Keeps keys out of core dumps, and other processes of the same user from tracing this one or
/// reading its memory.
///
/// # Errors
/// Never on a healthy kernel.
pub fn disable_core_dumps_and_tracing() -> io::Result<()> {
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )?)
}

/// How many connections may wait at a listening socket to be accepted.
///
/// # Errors
/// When it does not listen.
pub fn set_backlog(listener: impl AsFd, connections: i32) -> io::Result<()> {
    Ok(rustix::net::listen(listener, connections)?)
}

/// Raises the number of files this process may open to what it is allowed; the new number.
///
/// # Errors
/// Never on a healthy kernel.
pub fn raise_nofile() -> io::Result<u64> {
    let limit = getrlimit(Resource::Nofile);
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        },
    )?;
    Ok(limit.maximum.unwrap_or(u64::MAX))
}

/// Sends SIGTERM to a process. The caller must not have waited for it yet, or its number may be
/// another's by now.
///
/// # Errors
/// When there is no such process, or it is another user's.
pub fn ask_to_stop(pid: u32) -> io::Result<()> {
    let pid = Pid::from_raw(pid.cast_signed()).ok_or(io::ErrorKind::InvalidInput)?;
    Ok(kill_process(pid, Signal::TERM)?)
}

/// A file to lock against other processes. Held as long as this value and all that was inherited of it
/// live, or until it is let go of.
#[derive(Debug)]
pub struct FileLock {
    file: File,
}

impl FileLock {
    /// Opens the file, making it if need be; it is not held yet.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)?;
        Ok(Self { file })
    }

    /// Takes the lock; whether it is held now. Held by this process, it is held by those it came from or
    /// went to by inheritance too, and stays so until all are gone.
    ///
    /// # Errors
    /// When the file system cannot lock.
    pub fn hold(&self) -> io::Result<bool> {
        match rustix::fs::flock(&self.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(true),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Lets go of it, for all who inherited it.
    ///
    /// # Errors
    /// Never on a healthy kernel.
    pub fn let_go(&self) -> io::Result<()> {
        Ok(rustix::fs::flock(&self.file, FlockOperation::Unlock)?)
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    /// The same lock under the highest number so far: the kernel closes files in their order, so that
    /// when this process dies, what was opened before is free by the time the lock is.
    ///
    /// # Errors
    /// When this process may open no more files.
    pub fn let_go_last(self) -> io::Result<Self> {
        Ok(Self {
            file: self.file.try_clone()?,
        })
    }
}

/// Locks a file against other processes, making it if need be. `None` when another holds it: a
/// second copy is running. The kernel lets go when the holder dies, so nothing stale remains.
///
/// # Errors
/// When the file cannot be opened or its file system cannot lock.
pub fn lock_file(path: &Path) -> io::Result<Option<FileLock>> {
    let lock = FileLock::open(path)?;
    Ok(lock.hold()?.then_some(lock))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_socket_tells_who_is_at_its_other_end() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let peer = peer_credentials(&ours).unwrap();
        assert_eq!((peer.uid, peer.pid), (own_uid(), std::process::id()));
        assert!(peer_credentials(File::open("/dev/null").unwrap()).is_err());
    }

    #[test]
    fn a_lock_is_held_once_and_ends_with_its_holder() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let held = lock_file(&path).unwrap();
        assert!(held.is_some());
        assert!(lock_file(&path).unwrap().is_none());
        drop(held);
        assert!(lock_file(&path).unwrap().is_some());
    }

    #[test]
    fn a_private_dir_is_narrowed_and_a_link_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b");
        create_private_dir(&path, None).unwrap();
        set_mode(&path, 0o777).unwrap();
        create_private_dir(&path, None).unwrap();
        assert_eq!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o700
        );
        let link = dir.path().join("link");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(create_private_dir(&link, None).is_err());
    }
}
