//! Giving what root wrote to the user that works with it from now on, and closing what that user
//! must not reach through: names are followed by descriptors, and no link ever.

use std::ffi::CStr;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{
    AtFlags, Dir, FileType, Gid, Mode, OFlags, ResolveFlags, Uid, chownat, fchmod, fchown, fstat,
    openat, openat2, statat,
};
use rustix::io::Errno;

use crate::spec::UserIds;

/// Deepest tree handed over. Only root's own folders are entered, so this stops mistakes.
const DEPTH_MAX: usize = 128;

/// Gives the folder `name` in `at`, and what root (or a user in `from`) owns below it, to `owner`.
/// What others own there is theirs: it is left alone and not entered. The folder itself is last: until
/// then nobody else can put anything into it, and one that is `owner`'s is done. So each step can be
/// the last; done again, the rest follows.
///
/// # Errors
/// When a link or a file lies in its place, or without root's rights.
pub fn hand_over_tree(at: impl AsFd, name: &str, owner: UserIds, from: &[u32]) -> io::Result<()> {
    match open_dir(at.as_fd(), name) {
        Ok(folder) => give_folder(&folder, owner, from, 0),
        Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn open_dir(at: BorrowedFd<'_>, name: impl rustix::path::Arg) -> Result<OwnedFd, Errno> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(at, name, flags, Mode::empty())
}

fn give_folder(folder: &OwnedFd, owner: UserIds, from: &[u32], depth: usize) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    if !is_from(fstat(folder)?.st_uid, from) {
        return Ok(());
    }
    if depth > DEPTH_MAX {
        return Err(io::Error::other("its folders are nested too deep"));
    }
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name: &CStr = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let found = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
        if !is_from(found.st_uid, from) {
            continue;
        }
        if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
            give_folder(&open_dir(folder.as_fd(), name)?, owner, from, depth + 1)?;
        } else {
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            chownat(folder, name, Some(uid), Some(gid), flags)?;
        }
    }
    Ok(fchown(folder, Some(uid), Some(gid))?)
}

fn is_from(uid: u32, from: &[u32]) -> bool {
    uid == 0 || from.contains(&uid)
}

/// The folder `path` below `base`, by a way without links: whoever may write a folder on it cannot
/// lead elsewhere.
///
/// # Errors
/// When there is none, or the way has a link in it, or leaves `base`.
pub fn open_below(base: impl AsFd, path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    Ok(openat2(base, path, flags, Mode::empty(), resolve)?)
}

/// Gives one folder to `owner`, with this mode, if it belongs to a user in `from` or already is theirs.
///
/// # Errors
/// When it belongs to anybody else, root included: nobody could have meant that.
pub fn give_folder_to(
    folder: impl AsFd,
    owner: UserIds,
    mode: u32,
    from: &[u32],
) -> io::Result<()> {
    let found = fstat(&folder)?.st_uid;
    if found != owner.uid && !from.contains(&found) {
        return Err(io::Error::other(format!("it belongs to user {found}")));
    }
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    fchown(&folder, Some(uid), Some(gid))?;
    // After the owner, whose change takes some bits away.
    Ok(fchmod(&folder, Mode::from_raw_mode(mode))?)
}
