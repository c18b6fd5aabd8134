//! Names in archives: what is refused, and what was there already.

use std::collections::HashMap;

use tar::EntryType;

use crate::unpack::{Limits, UnpackError};

/// What a path stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    Folder,
}

/// `name` without its first component; nothing if it has no second one.
pub(super) fn stripped<'a>(
    name: &'a [u8],
    kind: Kind,
    limits: &Limits,
) -> Result<Option<&'a str>, UnpackError> {
    let refuse = |why| {
        let path = String::from_utf8_lossy(name).chars().take(200).collect();
        Err(UnpackError::Path { path, why })
    };
    let Ok(text) = std::str::from_utf8(name) else {
        return refuse("it is not UTF-8");
    };
    if text.chars().any(char::is_control) {
        // Control characters forge log lines and terminal output, and NUL ends paths early.
        return refuse("it holds control characters");
    }
    if text.contains('\\') {
        return refuse("it holds a backslash, which is a separator elsewhere");
    }
    if text.starts_with('/') {
        return refuse("it is absolute");
    }
    let text = match kind {
        Kind::Folder => text.strip_suffix('/').unwrap_or(text),
        Kind::File => text,
    };
    for component in text.split('/') {
        match component {
            "" | "." => return refuse("it has an empty component"),
            ".." => return refuse("it climbs out of its folder"),
            long if long.len() > 255 => return refuse("a component is longer than 255 bytes"),
            _ => {}
        }
    }
    let Some((_, path)) = text.split_once('/') else {
        return Ok(None);
    };
    if path.len() > limits.path_bytes_max {
        return refuse("it is too long");
    }
    Ok(Some(path))
}

/// Every path taken so far, by its lower-case form: on a file system that ignores case (or in a
/// reviewer's eyes) `Index.js` and `index.js` are one.
#[derive(Debug, Default)]
pub(super) struct Names(HashMap<String, (String, Kind)>);

impl Names {
    /// Notes `path`. True if it is new; false if it is a folder noted before. All else clashes.
    pub(super) fn take(&mut self, path: &str, kind: Kind) -> Result<bool, UnpackError> {
        match self.0.get(&path.to_lowercase()) {
            None => {
                self.0.insert(path.to_lowercase(), (path.to_owned(), kind));
                Ok(true)
            }
            Some((earlier, Kind::Folder)) if kind == Kind::Folder && earlier == path => Ok(false),
            Some((earlier, _)) => Err(UnpackError::Clash {
                path: path.to_owned(),
                earlier: earlier.clone(),
            }),
        }
    }
}

/// What to call an entry that is refused.
pub(super) fn type_word(kind: EntryType) -> String {
    match kind {
        EntryType::Link => "hard link".to_owned(),
        EntryType::Symlink => "symbolic link".to_owned(),
        EntryType::Char | EntryType::Block => "device".to_owned(),
        EntryType::Fifo => "pipe".to_owned(),
        EntryType::Directory => "folder with content of its own".to_owned(),
        other => format!("tar entry of type {:?}", char::from(other.as_byte())),
    }
}
