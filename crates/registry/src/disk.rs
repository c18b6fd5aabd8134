//! Errors of the disk, as sentences that say what to do.

use std::{
    fmt, io,
    path::{Path, PathBuf},
};

/// Room a tree of Node.js and Node-RED takes with its tarballs while it is built, in MB (10⁶
/// bytes). Measured, and rounded up; used only to tell a person how much to free.
const ROOM_MB: u32 = 500;

/// Something the disk would not do.
#[derive(Debug)]
pub struct DiskError {
    doing: &'static str,
    path: PathBuf,
    source: io::Error,
}

impl DiskError {
    pub(crate) fn new(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self {
            doing,
            path: path.to_owned(),
            source,
        }
    }

    /// What the system said.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }
}

impl fmt::Display for DiskError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            doing,
            path,
            source,
        } = self;
        write!(f, "cannot {doing} {}: {source}", path.display())?;
        let folder = path.parent().unwrap_or(path).display();
        match source.kind() {
            io::ErrorKind::StorageFull => {
                write!(f, "; free about {ROOM_MB} MB in {folder} and start again")
            }
            io::ErrorKind::QuotaExceeded => {
                write!(
                    f,
                    "; raise this user's disk quota by about {ROOM_MB} MB or free that much"
                )
            }
            io::ErrorKind::PermissionDenied => {
                write!(f, "; let the user that runs Redkeep write in {folder}")
            }
            io::ErrorKind::ReadOnlyFilesystem => {
                write!(
                    f,
                    "; choose a --data-dir on a file system that can be written"
                )
            }
            _ => Ok(()),
        }
    }
}

impl std::error::Error for DiskError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// Adds to an I/O error what was being done to which file.
pub(crate) trait Doing<T> {
    fn doing(self, what: &'static str, path: &Path) -> Result<T, DiskError>;
}

impl<T> Doing<T> for io::Result<T> {
    fn doing(self, what: &'static str, path: &Path) -> Result<T, DiskError> {
        self.map_err(|source| DiskError::new(what, path, source))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_error_says_what_to_do() {
        let of = |kind: io::ErrorKind| {
            DiskError::new("write", Path::new("/data/trees/x"), kind.into()).to_string()
        };
        assert!(of(io::ErrorKind::StorageFull).contains("free about 500 MB in /data/trees"));
        assert!(of(io::ErrorKind::PermissionDenied).contains("write in /data/trees"));
        assert!(of(io::ErrorKind::ReadOnlyFilesystem).contains("--data-dir"));
    }
}
