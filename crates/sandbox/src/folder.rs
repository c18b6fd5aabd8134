//! A directory that is held by its descriptor: its files are reached by their names in it, whoever
//! owns the directories above, and no link in their place is followed.

use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Gid, Mode, OFlags, Uid, fchown, openat, renameat, unlinkat};

use crate::spec::UserIds;

/// A directory of one owner.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    path: PathBuf,
}

impl Folder {
    /// Opens a directory, making it (mode 0700, with its parents) when it is missing. A link in its
    /// place is refused.
    ///
    /// # Errors
    /// When it cannot be made or opened, or is something else.
    pub fn open(path: &Path) -> io::Result<Self> {
        if !path.is_dir() {
            crate::process::create_private_dir(path, None)?;
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(CWD, path, flags, Mode::empty())?;
        Ok(Self {
            fd,
            path: path.to_owned(),
        })
    }

    /// Where a file of it lies, for messages.
    pub fn path_of(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where it lay when it was opened, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its permission bits.
    ///
    /// # Errors
    /// Never on a healthy file system.
    pub fn mode(&self) -> io::Result<u32> {
        Ok(self.metadata()?.permissions().mode() & 0o7777)
    }

    fn metadata(&self) -> io::Result<std::fs::Metadata> {
        File::from(self.fd.try_clone()?).metadata()
    }

    /// A file's permission bits.
    ///
    /// # Errors
    /// When there is none.
    pub fn mode_of(&self, name: &str) -> io::Result<u32> {
        Ok(self.file(name)?.metadata()?.permissions().mode() & 0o7777)
    }

    /// Whether a file is there.
    pub fn has(&self, name: &str) -> bool {
        self.file(name).is_ok()
    }

    fn file(&self, name: &str) -> io::Result<File> {
        // Without waiting: a pipe in its place would hold us up for good.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        Ok(openat(&self.fd, name, flags, Mode::empty())?.into())
    }

    /// A file's content into `into`, never more than its capacity: what is read is a secret, and
    /// growing would leave a copy behind.
    ///
    /// # Errors
    /// When there is none, or it does not fit.
    pub fn read_into(&self, name: &str, into: &mut Vec<u8>) -> io::Result<()> {
        let room = into.capacity() - into.len();
        let file = self.file(name)?;
        if file.metadata()?.len() > room as u64 {
            return Err(io::Error::other(format!("it is longer than {room} bytes")));
        }
        file.take(room as u64).read_to_end(into).map(drop)
    }

    /// Writes a file of mode 0600, whole or not at all, and waits until it is on the disk.
    ///
    /// # Errors
    /// When the disk is full or the directory somebody else's.
    pub fn write_whole(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let draft = format!("{name}.new");
        self.remove(&draft)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut file: File = openat(&self.fd, &draft, flags, Mode::RUSR | Mode::WUSR)?.into();
        file.write_all(bytes)?;
        file.sync_all()?;
        self.rename(&draft, name)
    }

    /// Gives a file another name, in the place of what may have it, and waits until that is on the
    /// disk.
    ///
    /// # Errors
    /// When there is none.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        renameat(&self.fd, from, &self.fd, to)?;
        File::from(self.fd.try_clone()?).sync_all()
    }

    /// Removes a file, if it is there.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.fd, name, AtFlags::empty()) {
            Ok(()) | Err(rustix::io::Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Gives the directory and those of `files` that are there to `owner`. Files first: until the
    /// directory is given away, nobody else can put anything into it. Each step can be the last
    /// before the power fails; done again, the rest follows.
    ///
    /// Only what belongs to root, to `owner`, to the directory's owner or to that of the directory above
    /// is taken: a link put here by somebody who once was `owner` must not give them another's file.
    /// Nothing of another user of ours: who parses what others say must not plant a key.
    ///
    /// # Errors
    /// When something else lies in a file's place, or without root's rights.
    pub fn hand_over(&self, files: &[&str], owner: UserIds) -> io::Result<()> {
        let above = self.path.parent().unwrap_or(Path::new("/"));
        let all = [std::fs::metadata(above)?.uid(), self.metadata()?.uid()];
        let known =
            |uid| uid == 0 || uid == owner.uid || all.contains(&uid) && !crate::users::is_ours(uid);
        if !known(self.metadata()?.uid()) {
            let what = self.path.display();
            return Err(io::Error::other(format!(
                "{what} belongs to another user of Redkeep; put the real folder in its place"
            )));
        }
        for name in files {
            let file = match self.file(name) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other?,
            };
            let found = file.metadata()?;
            let is_plain = found.is_file() && found.nlink() == 1 && known(found.uid());
            if !is_plain {
                let what = self.path_of(name).display().to_string();
                return Err(io::Error::other(format!(
                    "{what} is a link or belongs to another user; put the real file in its place"
                )));
            }
            give(file.as_fd(), owner)?;
        }
        give(self.fd.as_fd(), owner)
    }

    /// Narrows the directory to its owner.
    ///
    /// # Errors
    /// When it is somebody else's.
    pub fn make_private(&self) -> io::Result<()> {
        File::from(self.fd.try_clone()?).set_permissions(Permissions::from_mode(0o700))
    }
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn give(file: BorrowedFd<'_>, owner: UserIds) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    Ok(fchown(file, Some(uid), Some(gid))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_whole_private_and_no_longer_than_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(&dir.path().join("a")).unwrap();
        assert_eq!(folder.mode().unwrap(), 0o700);
        std::fs::write(folder.path_of("x.new"), b"half").unwrap();
        folder.write_whole("x", b"secret").unwrap();
        assert_eq!(folder.mode_of("x").unwrap(), 0o600);
        assert!(!folder.has("x.new"));
        let mut read = Vec::with_capacity(6);
        folder.read_into("x", &mut read).unwrap();
        assert_eq!(read, b"secret");
        assert!(folder.read_into("x", &mut Vec::with_capacity(5)).is_err());
    }

    #[test]
    fn links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(&dir.path().join("a")).unwrap();
        let outside = dir.path().join("outside");
        std::fs::write(&outside, b"x").unwrap();
        std::os::unix::fs::symlink(&outside, folder.path_of("link")).unwrap();
        assert!(!folder.has("link"));
        std::os::unix::fs::symlink(dir.path().join("a"), dir.path().join("b")).unwrap();
        assert!(Folder::open(&dir.path().join("b")).is_err());
        // What a former owner linked here is not handed to them.
        std::fs::hard_link(&outside, folder.path_of("hard")).unwrap();
        let owner = UserIds {
            uid: crate::process::own_uid(),
            gid: rustix::process::getegid().as_raw(),
        };
        assert!(folder.hand_over(&["hard"], owner).is_err());
        assert!(folder.hand_over(&["missing"], owner).is_ok());
    }
}
