//! Files opened and compared: not again while the kernel says that they are the ones of before.

use std::{
    fs::{File, Metadata},
    io::{self, Seek as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
    sync::{Mutex, PoisonError},
};

/// An open file, at its beginning.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    pub(super) size: u64,
}

/// Which file, and when anything about it changed last. The time of a change cannot be set by whoever
/// changes it, unlike that of a modification.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    changed: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.len(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Opens the file and, unless it is the one of `seen`, has `is_good` read it. None if it is not.
pub(super) fn compared(
    path: &Path,
    seen: &Mutex<Option<Stamp>>,
    is_good: impl FnOnce(&mut File) -> io::Result<bool>,
) -> io::Result<Option<Opened>> {
    let mut file = File::open(path)?;
    let metadata = file.metadata()?;
    let stamp = Stamp::of(&metadata);
    let before = *seen.lock().unwrap_or_else(PoisonError::into_inner);
    if before != Some(stamp) {
        let is_good = metadata.is_file() && is_good(&mut file)?;
        // Changed while it was read: nobody knows what was compared.
        if !is_good || Stamp::of(&file.metadata()?) != stamp {
            return Ok(None);
        }
        file.rewind()?;
        *seen.lock().unwrap_or_else(PoisonError::into_inner) = Some(stamp);
    }
    let size = stamp.size;
    Ok(Some(Opened { file, size }))
}
