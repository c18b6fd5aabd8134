//! Extended headers: entries that say something about the entry after them.
//!
//! npm writes pax headers for long paths and large files. They are read here and not by the tar
//! crate because it would take a header of any length into memory, and because whatever could make
//! two readers see different files has to be refused, not resolved.

use std::io::Read;

use tar::{Entry, PaxExtensions};

use crate::unpack::{UnpackError, broken};

/// Bytes of one extended header. The longest path the kernel takes is 4096.
const HEADER_BYTES_MAX: u64 = 16 * 1024;

/// What extended headers say of the next entry.
#[derive(Debug, Default)]
pub(super) struct Overrides {
    pub(super) path: Option<Vec<u8>>,
    pub(super) size: Option<u64>,
}

impl Overrides {
    pub(super) fn is_empty(&self) -> bool {
        self.path.is_none() && self.size.is_none()
    }

    /// Takes in a pax header (POSIX.1-2001, type `x`).
    pub(super) fn read_pax<R: Read>(
        &mut self,
        entry: &mut Entry<'_, R>,
    ) -> Result<(), UnpackError> {
        for (key, value) in records(entry)? {
            match key.as_str() {
                "path" if self.path.is_none() => self.path = Some(value),
                "size" if self.size.is_none() => {
                    let size = std::str::from_utf8(&value)
                        .ok()
                        .and_then(|text| text.parse().ok());
                    self.size = Some(size.ok_or(UnpackError::Extension("its size is no number"))?);
                }
                "path" | "size" => return Err(UnpackError::Extension("it says one thing twice")),
                other => harmless(other)?,
            }
        }
        Ok(())
    }

    /// A global pax header (type `g`) may carry a comment, as those of `git archive` do, and
    /// nothing that would change the entries after it.
    pub(super) fn check_global<R: Read>(entry: &mut Entry<'_, R>) -> Result<(), UnpackError> {
        records(entry)?
            .iter()
            .try_for_each(|(key, _)| harmless(key))
    }

    /// Takes in GNU tar's long name (type `L`), which ends in a NUL.
    pub(super) fn read_gnu_long_name<R: Read>(
        &mut self,
        entry: &mut Entry<'_, R>,
    ) -> Result<(), UnpackError> {
        let mut name = content(entry)?;
        if name.last() == Some(&0) {
            name.pop();
        }
        if self.path.replace(name).is_some() {
            return Err(UnpackError::Extension("it says one thing twice"));
        }
        Ok(())
    }
}

/// Keys that change nothing we use. `linkpath`, `GNU.sparse.*` and whatever else changes an
/// entry's name, kind or content are not among them.
fn harmless(key: &str) -> Result<(), UnpackError> {
    let known = [
        "atime",
        "comment",
        "ctime",
        "gid",
        "gname",
        "hdrcharset",
        "mtime",
        "uid",
        "uname",
        "SCHILY.dev",
        "SCHILY.ino",
        "SCHILY.nlink",
        "LIBARCHIVE.creationtime",
    ];
    let vendors = ["NODETAR.", "SCHILY.xattr.", "LIBARCHIVE.xattr."];
    if known.contains(&key) || vendors.iter().any(|vendor| key.starts_with(vendor)) {
        Ok(())
    } else {
        Err(UnpackError::Extension("it holds a key npm never writes"))
    }
}

fn records<R: Read>(entry: &mut Entry<'_, R>) -> Result<Vec<(String, Vec<u8>)>, UnpackError> {
    let content = content(entry)?;
    if !content.ends_with(b"\n") || content.windows(2).any(|pair| pair == b"\n\n") {
        // The tar crate stops at an empty line; whatever stands behind it would go unread.
        return Err(UnpackError::Extension("it is malformed"));
    }
    PaxExtensions::new(&content)
        .map(|record| {
            let record = record.map_err(broken)?;
            let key = record
                .key()
                .map_err(|_| UnpackError::Extension("a key is not UTF-8"))?;
            Ok((key.to_owned(), record.value_bytes().to_owned()))
        })
        .collect()
}

fn content<R: Read>(entry: &mut Entry<'_, R>) -> Result<Vec<u8>, UnpackError> {
    if entry.size() > HEADER_BYTES_MAX {
        // A header is held in memory, so its claimed length must not decide how much.
        return Err(UnpackError::Extension("it is too long"));
    }
    let mut content = Vec::new();
    entry.read_to_end(&mut content).map_err(broken)?;
    if content.len() as u64 != entry.size() {
        return Err(broken(std::io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(content)
}
