//! The file system the jail sees: an empty root into which the listed paths are placed.
//!
//! Every mount is first made detached, while the whole machine can still be seen, then the root is
//! swapped for an empty one and the mounts are put in place. Placing works with descriptors and
//! follows no link, because a writable folder may hold links that an earlier run of the jail planted.

mod layout;

pub(crate) use layout::{DEVICES, SYSTEM};

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags};
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree, unmount,
};

use crate::enforcement::Status;
use crate::kernel::{self, MountLimits};
use crate::libraries::Libraries;
use crate::spec::JailSpec;

use layout::Entry;

/// A folder in memory holds one file, folder or link for each so many bytes of its size.
const BYTES_A_FILE: u64 = 4096;

/// A path of the jail's file system that could not be made.
#[derive(Debug, thiserror::Error)]
#[error("could not show {path:?} in the jail: {source}")]
pub struct MountError {
    path: PathBuf,
    source: io::Error,
}

/// What is ready to be put at a path.
enum Ready {
    Mount { tree: OwnedFd, is_dir: bool },
    Dir,
    File(Vec<u8>),
    Link(PathBuf),
}

/// Makes the jail's file system and enters it. Needs a mount namespace of our own.
pub(crate) fn build(spec: &JailSpec, libraries: &Libraries) -> Result<Status, MountError> {
    let mut status = Status::Enforced;
    let mut ready = Vec::new();
    for (path, entry) in layout::of(spec, libraries) {
        match prepare(entry, spec.below.as_deref()) {
            Ok(item) => ready.push((path, item)),
            // A container that hides parts of /proc also forbids a new one. Node.js lives without.
            Err(_) if path == Path::new("/proc") => {
                status =
                    Status::Partial("there is no /proc, because the container forbids one".into());
                ready.push((path, Ready::Dir));
            }
            Err(source) => return Err(MountError { path, source }),
        }
    }
    let root = swap_root().map_err(|source| MountError {
        path: "/".into(),
        source,
    })?;
    for (path, item) in ready {
        place(root.as_fd(), &path, item).map_err(|source| MountError { path, source })?;
    }
    let seal = MountLimits {
        read_only: true,
        no_exec: true,
        ..MountLimits::default()
    };
    kernel::restrict_mount(root.as_fd(), seal).map_err(|source| MountError {
        path: "/".into(),
        source,
    })?;
    Ok(status)
}

/// Whether this process may do what [`build`] needs.
pub(crate) fn trial() -> io::Result<()> {
    let tree = clone_tree(Path::new("/dev/null"), MountLimits::default())?;
    drop(tree);
    swap_root().map(drop)
}

fn prepare(entry: Entry, below: Option<&Path>) -> io::Result<Ready> {
    Ok(match entry {
        Entry::Bind { source, limits } => match below.and_then(|it| within(it, &source)) {
            Some((base, rest)) => Ready::Mount {
                is_dir: true,
                tree: clone_folder(base, rest, limits)?,
            },
            None => Ready::Mount {
                is_dir: source.is_dir(),
                tree: clone_tree(&source, limits)?,
            },
        },
        Entry::Memory { bytes, owner } => Ready::Mount {
            tree: memory_folder(bytes, owner)?,
            is_dir: true,
        },
        Entry::Proc => {
            let tree = new_file_system("proc", &[])?;
            // Much of it sets things when written; nothing in the jail has to.
            let read_only = MountLimits {
                read_only: true,
                ..MountLimits::default()
            };
            kernel::restrict_mount(tree.as_fd(), read_only)?;
            Ready::Mount { tree, is_dir: true }
        }
        Entry::File(bytes) => Ready::File(bytes),
        Entry::Link(target) => Ready::Link(target),
    })
}

/// A detached copy of what is mounted at `source` and below, with its limits set before anybody can
/// see it.
fn clone_tree(source: &Path, limits: MountLimits) -> io::Result<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_RECURSIVE;
    let tree = open_tree(CWD, source, flags)?;
    kernel::restrict_mount(
        tree.as_fd(),
        MountLimits {
            recursive: true,
            ..limits
        },
    )?;
    Ok(tree)
}

/// The folder that guards the way to `source`, and the way.
fn within<'a>(below: &'a Path, source: &'a Path) -> Option<(&'a Path, &'a Path)> {
    Some((below, source.strip_prefix(below).ok()?))
}

/// The same of a folder that no link leads to.
fn clone_folder(base: &Path, rest: &Path, limits: MountLimits) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let base = rustix::fs::open(base, flags, Mode::empty())?;
    let folder = crate::handover::open_below(base, rest)?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE
        | OpenTreeFlags::OPEN_TREE_CLOEXEC
        | OpenTreeFlags::AT_EMPTY_PATH
        | OpenTreeFlags::AT_RECURSIVE;
    let tree = open_tree(folder, "", flags)?;
    let recursive = MountLimits {
        recursive: true,
        ..limits
    };
    kernel::restrict_mount(tree.as_fd(), recursive)?;
    Ok(tree)
}

fn memory_folder(bytes: u64, owner: Option<(u32, u32)>) -> io::Result<OwnedFd> {
    let size = bytes.to_string();
    // An empty file takes the kernel's memory and none of `size`: a million of them, a gigabyte.
    let files = (bytes / BYTES_A_FILE).max(1).to_string();
    let mut options = vec![("size", size.as_str()), ("nr_inodes", files.as_str())];
    let ids = owner.map(|(uid, gid)| (uid.to_string(), gid.to_string()));
    match &ids {
        Some((uid, gid)) => options.extend([("mode", "0700"), ("uid", uid), ("gid", gid)]),
        None => options.push(("mode", "1777")),
    }
    new_file_system("tmpfs", &options)
}

fn new_file_system(kind: &str, options: &[(&str, &str)]) -> io::Result<OwnedFd> {
    let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
    for (name, value) in options {
        fsconfig_set_string(context.as_fd(), *name, *value)?;
    }
    fsconfig_create(context.as_fd())?;
    let limits = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    Ok(fsmount(
        context.as_fd(),
        FsMountFlags::FSMOUNT_CLOEXEC,
        limits,
    )?)
}

/// Replaces the root by an empty one and lets go of the old, with everything mounted in it.
fn swap_root() -> io::Result<OwnedFd> {
    let root = new_file_system("tmpfs", &[("mode", "0755"), ("size", "4m")])?;
    // Any directory will do to hang it up for a moment; this one always exists.
    let hook = "/proc";
    move_mount(
        root.as_fd(),
        "",
        CWD,
        hook,
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )?;
    rustix::process::fchdir(&root)?;
    rustix::process::pivot_root(".", ".")?;
    // The old root now lies on top of the new one; what is detached is the old.
    unmount(".", UnmountFlags::DETACH)?;
    rustix::process::chdir("/")?;
    Ok(root)
}

fn place(root: BorrowedFd<'_>, path: &Path, item: Ready) -> io::Result<()> {
    let names: Vec<&OsStr> = path
        .components()
        .filter_map(|part| {
            if let Component::Normal(name) = part {
                Some(name)
            } else {
                None
            }
        })
        .collect();
    let Some((last, parents)) = names.split_last() else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let mut at = rustix::io::fcntl_dupfd_cloexec(root, 3)?;
    for name in parents {
        at = step_into(at.as_fd(), name)?;
    }
    match item {
        Ready::Dir => step_into(at.as_fd(), last).map(drop),
        Ready::Link(target) => Ok(rustix::fs::symlinkat(target, &at, *last)?),
        Ready::File(bytes) => {
            let file = create_file(at.as_fd(), last)?;
            io::Write::write_all(&mut std::fs::File::from(file), &bytes)
        }
        Ready::Mount { tree, is_dir } => {
            let target = if is_dir {
                step_into(at.as_fd(), last)?
            } else {
                open_or_create(at.as_fd(), last)?
            };
            let both_empty =
                MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
            Ok(move_mount(
                tree.as_fd(),
                "",
                target.as_fd(),
                "",
                both_empty,
            )?)
        }
    }
}

/// Opens the directory `name`, making it if there is none. A link is refused, not followed: it may
/// have been planted to make us create things outside.
fn step_into(at: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match rustix::fs::openat(at, name, flags, Mode::empty()) {
        Err(rustix::io::Errno::NOENT) => {
            rustix::fs::mkdirat(at, name, Mode::from_raw_mode(0o755))?;
            Ok(rustix::fs::openat(at, name, flags, Mode::empty())?)
        }
        other => Ok(other?),
    }
}

fn create_file(at: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, name, flags, Mode::from_raw_mode(0o644))
}

fn open_or_create(at: BorrowedFd<'_>, name: &OsStr) -> io::Result<OwnedFd> {
    match create_file(at, name) {
        Ok(_) | Err(rustix::io::Errno::EXIST) => {}
        Err(errno) => return Err(errno.into()),
    }
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let target = rustix::fs::openat(at, name, flags, Mode::empty())?;
    match FileType::from_raw_mode(rustix::fs::fstat(&target)?.st_mode) {
        FileType::Symlink | FileType::Directory => Err(io::ErrorKind::AlreadyExists.into()),
        _ => Ok(target),
    }
}
