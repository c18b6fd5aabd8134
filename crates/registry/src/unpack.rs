//! A verified tarball becomes a folder.
//!
//! The hash says that these are the bytes that were locked, not that they mean well. So only what
//! an npm tarball needs is accepted: files and folders with plain names, within limits. The tar
//! format is read strictly, because two readers that disagree about an archive are how a reviewed
//! archive and an installed one come to differ.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{self, Read, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::Path,
};

use flate2::bufread::GzDecoder;
use tar::{Archive, Entry, EntryType};

use crate::{
    disk::{DiskError, Doing as _},
    tarball::Verified,
    unpack::{
        metered::Metered,
        names::{Kind, Names},
        pax::Overrides,
    },
};

mod metered;
mod names;
mod pax;

/// What a tarball may hold.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Entries, of any type.
    pub entries_max: usize,
    /// Bytes of the tar archive, unpacked.
    pub bytes_max: u64,
    /// Bytes of one file.
    pub file_bytes_max: u64,
    /// Bytes of a path, without its first component.
    pub path_bytes_max: usize,
    /// Unpacked bytes per tarball byte, once more than [`Limits::RATIO_FREE_BYTES`] came out.
    pub ratio_max: u64,
}

impl Limits {
    /// Small archives of repetitive text compress very well and harm nobody.
    pub const RATIO_FREE_BYTES: u64 = 4 * 1024 * 1024;
}

impl Default for Limits {
    /// About three times what the largest package we lock (Node.js) needs.
    fn default() -> Self {
        Self {
            entries_max: 20_000,
            bytes_max: 600_000_000,
            file_bytes_max: 400_000_000,
            path_bytes_max: 400,
            ratio_max: 100,
        }
    }
}

/// A file that was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// Its path in the folder, with `/`.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// Whether it may be executed.
    pub executable: bool,
    /// BLAKE3 of its content, as read from the archive (not read back from the disk).
    pub blake3: blake3::Hash,
}

/// Why a tarball is refused.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// The archive has more entries than [`Limits::entries_max`].
    #[error("more than {0} entries")]
    TooManyEntries(usize),
    /// The archive is larger than [`Limits::bytes_max`].
    #[error("more than {0} bytes unpacked")]
    TooLarge(u64),
    /// The archive grows like a decompression bomb.
    #[error("it grows more than {0} times when unpacked")]
    Ratio(u64),
    /// One file is too large.
    #[error("{path:?} has more than {max} bytes")]
    FileTooLarge {
        /// The file.
        path: String,
        /// The limit.
        max: u64,
    },
    /// A path that is absolute, climbs, is too long, or holds what a path must not.
    #[error("the path {path:?} is refused: {why}")]
    Path {
        /// The path as far as it can be shown.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A path that is there already, in this or another case, or as something else.
    #[error("{path:?} clashes with {earlier:?}")]
    Clash {
        /// The later path.
        path: String,
        /// The earlier one.
        earlier: String,
    },
    /// A link, a device, or another thing that is neither file nor folder.
    #[error("{path:?} is a {what}, and only files and folders are accepted")]
    Type {
        /// The entry.
        path: String,
        /// What it is.
        what: String,
    },
    /// An extended header that changes what the archive says in ways npm never does.
    #[error("an extended header is refused: {0}")]
    Extension(&'static str),
    /// Something follows the archive's end.
    #[error("there are bytes after the archive's end")]
    Trailing,
    /// It is not a whole gzip-compressed tar archive.
    #[error("it is not a whole archive: {0}")]
    Broken(io::Error),
    /// The disk would not take it.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// Unpacks into `folder`, which must not exist yet: so no link that lies about could be followed.
/// The first component of every path (npm's `package/`) is dropped. Files get mode 0444, or 0555
/// if the archive says they may be executed; folders stay writable until the tree is sealed.
///
/// On an error the folder is left half full; it is the caller's to remove.
pub fn unpack(
    tarball: &Verified,
    folder: &Path,
    limits: &Limits,
) -> Result<Vec<Unpacked>, UnpackError> {
    fs::create_dir(folder).doing("create", folder)?;
    let compressed = tarball.bytes();
    let decoder = GzDecoder::new(compressed);
    let mut archive = Archive::new(Metered::new(decoder, compressed.len() as u64, limits));
    let mut unpacking = Unpacking {
        folder,
        limits,
        names: Names::default(),
        overrides: Overrides::default(),
        files: Vec::new(),
    };
    let entries = archive.entries().map_err(broken)?.raw(true);
    for (count, entry) in entries.enumerate() {
        if count >= limits.entries_max {
            return Err(UnpackError::TooManyEntries(limits.entries_max));
        }
        unpacking.entry(entry.map_err(broken)?)?;
    }
    let Unpacking {
        files, overrides, ..
    } = unpacking;
    if !overrides.is_empty() {
        return Err(UnpackError::Extension("it belongs to no entry"));
    }
    end(archive.into_inner())?;
    Ok(files)
}

/// After the archive there may be zero padding and nothing else, and the gzip stream must end
/// where the tarball ends with its checksum right: what a lenient reader would take for more
/// entries, or never look at, is refused.
fn end(mut rest: Metered<GzDecoder<&[u8]>>) -> Result<(), UnpackError> {
    let mut buffer = [0; 8192];
    loop {
        match rest.read(&mut buffer).map_err(broken)? {
            0 => break,
            count if buffer.iter().take(count).any(|byte| *byte != 0) => {
                return Err(UnpackError::Trailing);
            }
            _ => {}
        }
    }
    if rest.into_inner().into_inner().is_empty() {
        Ok(())
    } else {
        Err(UnpackError::Trailing)
    }
}

/// The limits of [`Metered`] come through the tar reader as I/O errors; they are told apart here.
fn broken(error: io::Error) -> UnpackError {
    match error.downcast::<UnpackError>() {
        Ok(limit) => limit,
        Err(error) => UnpackError::Broken(error),
    }
}

struct Unpacking<'a> {
    folder: &'a Path,
    limits: &'a Limits,
    names: Names,
    overrides: Overrides,
    files: Vec<Unpacked>,
}

impl Unpacking<'_> {
    fn entry<R: Read>(&mut self, mut entry: Entry<'_, R>) -> Result<(), UnpackError> {
        match entry.header().entry_type() {
            EntryType::XHeader => return self.overrides.read_pax(&mut entry),
            EntryType::XGlobalHeader => return Overrides::check_global(&mut entry),
            EntryType::GNULongName => return self.overrides.read_gnu_long_name(&mut entry),
            _ => {}
        }
        let overrides = std::mem::take(&mut self.overrides);
        let name = overrides
            .path
            .unwrap_or_else(|| entry.path_bytes().into_owned());
        if overrides.size.is_some_and(|size| size != entry.size()) {
            // Readers disagree on which of two sizes counts, and with it on what the next entry is.
            return Err(UnpackError::Extension("its size is not the entry's"));
        }
        match entry.header().entry_type() {
            EntryType::Regular => self.file(&name, &mut entry),
            EntryType::Directory if entry.size() == 0 => self.directory(&name),
            other => Err(UnpackError::Type {
                path: String::from_utf8_lossy(&name).chars().take(200).collect(),
                what: names::type_word(other),
            }),
        }
    }

    fn directory(&mut self, name: &[u8]) -> Result<(), UnpackError> {
        match names::stripped(name, Kind::Folder, self.limits)? {
            None => Ok(()),
            Some(path) => self.folders(path),
        }
    }

    fn file<R: Read>(&mut self, name: &[u8], entry: &mut Entry<'_, R>) -> Result<(), UnpackError> {
        let Some(path) = names::stripped(name, Kind::File, self.limits)? else {
            let path = String::from_utf8_lossy(name).into_owned();
            return Err(UnpackError::Path {
                path,
                why: "it has no folder to drop",
            });
        };
        if entry.size() > self.limits.file_bytes_max {
            let max = self.limits.file_bytes_max;
            return Err(UnpackError::FileTooLarge {
                path: path.to_owned(),
                max,
            });
        }
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.folders(parent)?;
        }
        self.names.take(path, Kind::File)?;
        let executable = entry.header().mode().map_err(broken)? & 0o111 != 0;
        let target = self.folder.join(path);
        let (size, blake3) = write_file(&target, entry, executable)?;
        self.files.push(Unpacked {
            path: path.to_owned(),
            size,
            executable,
            blake3,
        });
        Ok(())
    }

    /// Makes `path` and the folders above it. A folder may be named any number of times.
    fn folders(&mut self, path: &str) -> Result<(), UnpackError> {
        let ends = path
            .match_indices('/')
            .map(|(at, _)| at)
            .chain([path.len()]);
        for end in ends {
            let Some(folder) = path.get(..end) else {
                continue;
            };
            if self.names.take(folder, Kind::Folder)? {
                let folder = self.folder.join(folder);
                fs::create_dir(&folder).doing("create", &folder)?;
            }
        }
        Ok(())
    }
}

/// Writes a new file, never over or through something that is there.
fn write_file<R: Read>(
    target: &Path,
    entry: &mut Entry<'_, R>,
    executable: bool,
) -> Result<(u64, blake3::Hash), UnpackError> {
    let mut file: File = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(target)
        .doing("create", target)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 64 * 1024];
    let mut size = 0_u64;
    loop {
        let count = entry.read(&mut buffer).map_err(broken)?;
        let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else {
            break;
        };
        hasher.update(chunk);
        file.write_all(chunk).doing("write", target)?;
        size += count as u64;
    }
    if size != entry.size() {
        return Err(UnpackError::Broken(io::ErrorKind::UnexpectedEof.into()));
    }
    // Set on the open file, because the process' umask would take bits away at creation.
    let mode = if executable { 0o555 } else { 0o444 };
    file.set_permissions(Permissions::from_mode(mode))
        .doing("set the mode of", target)?;
    Ok((size, hasher.finalize()))
}

#[cfg(test)]
mod tests;
