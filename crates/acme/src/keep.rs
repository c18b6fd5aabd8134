//! Where accounts, orders and certificates are kept: whole or not at all.

use std::{
    fmt, fs, io,
    io::Write as _,
    os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _},
    path::{Path, PathBuf},
};

/// Bytes of a record; a chain of certificates with its key is a tenth of it.
const RECORD_MAX: u64 = 1 << 20;

/// Keeps records by name. They hold private keys: only whoever runs the engine may read them.
pub trait Keep: Send + Sync + fmt::Debug {
    /// The record, or none.
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>>;
    /// Replaces the record. After a crash there is the old one or the new one, never a part.
    fn save(&self, name: &str, bytes: &[u8]) -> io::Result<()>;
    /// Removes it, if it is there.
    fn remove(&self, name: &str) -> io::Result<()>;
}

/// A folder of mode 0700, each record a file of mode 0600.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Uses `dir`, made when it is missing.
    pub fn open(dir: &Path) -> io::Result<Self> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)?;
        Ok(Self(dir.to_owned()))
    }
}

impl Keep for Folder {
    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let path = self.0.join(name);
        match fs::metadata(&path) {
            Ok(found) if found.len() > RECORD_MAX => Err(io::Error::other(format!(
                "{} is too large to be ours",
                path.display()
            ))),
            Ok(_) => fs::read(path).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn save(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.0.join(name);
        let temporary = self.0.join(format!("{name}.new"));
        // Left by a crash: nothing of it is worth keeping.
        self.remove(&format!("{name}.new"))?;
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        fs::File::open(&self.0)?.sync_all()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.0.join(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn records_are_for_the_owner_alone_and_survive_a_half_written_one() {
        let dir = tempfile::tempdir().unwrap();
        let dir = dir.path().join("acme");
        let keep = Folder::open(&dir).unwrap();
        assert_eq!(keep.load("order").unwrap(), None);
        keep.save("order", b"one").unwrap();
        fs::write(dir.join("order.new"), b"tw").unwrap();
        assert_eq!(keep.load("order").unwrap().unwrap(), b"one");
        keep.save("order", b"two").unwrap();
        assert_eq!(keep.load("order").unwrap().unwrap(), b"two");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&dir), mode(&dir.join("order"))), (0o700, 0o600));
        keep.remove("order").unwrap();
        keep.remove("order").unwrap();
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
    }
}
