//! Compressed copies on disk: `<BLAKE3 of the file>.<quality>.br`.
//!
//! A copy is believed when it unpacks to the file the tree's manifest names, and not before: the
//! cache needs no index that somebody could change along with it, and whoever writes into it can
//! make the gate compress again, and no more.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::{self, Read as _, Write as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

use super::{Item, open, open::Opened};
use crate::press::{press, unpress};

/// As small as it gets; made at leisure.
const BEST: i32 = 11;
/// Nearly as small at a fiftieth of the time; made while a browser waits.
const QUICK: i32 = 5;
/// How a file's name begins while it is written.
const PARTIAL: &str = ".partial-";

/// The folder of copies.
#[derive(Debug)]
pub(super) struct Stock {
    folder: PathBuf,
    /// How many copies were begun.
    pub(super) made: AtomicU64,
}

impl Stock {
    pub(super) fn open(folder: &Path) -> io::Result<Self> {
        fs::create_dir_all(folder)?;
        Ok(Self {
            folder: folder.to_owned(),
            made: AtomicU64::new(0),
        })
    }

    /// The best copy there is. One that is not good is removed.
    pub(super) fn find(&self, item: &Item) -> Option<Opened> {
        [BEST, QUICK].into_iter().find_map(|quality| {
            let path = self.path(item, quality);
            let compared = open::compared(&path, &item.pressed, |file| is_of(file, item));
            match compared {
                Ok(Some(opened)) => return Some(opened),
                Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
                Ok(None) => {
                    tracing::warn!(path = item.path, "a compressed copy was not of its file");
                }
                Err(error) => tracing::warn!(%error, path = item.path, "a compressed copy"),
            }
            if let Err(error) = fs::remove_file(&path) {
                tracing::warn!(%error, "a bad compressed copy stays");
            }
            None
        })
    }

    /// Makes a copy fast.
    pub(super) fn hurry(&self, item: &Item, root: &Path) -> io::Result<()> {
        self.make(item, root, QUICK)
    }

    /// Makes the best copy, if there is none.
    pub(super) fn fill(&self, item: &Item, root: &Path) -> io::Result<()> {
        if !self.path(item, BEST).try_exists()? {
            self.make(item, root, BEST)?;
        }
        match fs::remove_file(self.path(item, QUICK)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn make(&self, item: &Item, root: &Path, quality: i32) -> io::Result<()> {
        let mut text = Vec::new();
        item.plain(root)?.file.read_to_end(&mut text)?;
        let pressed = press(&text, quality)?;
        drop(text);
        // Two shelves may make the same copy.
        let (process, made) = (std::process::id(), &self.made);
        let number = made.fetch_add(1, Ordering::Relaxed);
        let name = format!("{PARTIAL}{process}-{number}-{}", item.digest);
        let partial = self.folder.join(name);
        let mut file = File::create_new(&partial)?;
        let written = file
            .write_all(&pressed)
            .and_then(|()| fs::rename(&partial, self.path(item, quality)));
        if written.is_err() {
            // A full disk is not left full of ours.
            fs::remove_file(&partial)?;
        }
        written
    }

    fn path(&self, item: &Item, quality: i32) -> PathBuf {
        self.folder.join(format!("{}.{quality}.br", item.digest))
    }
}

/// Whether this copy unpacks to that file.
fn is_of(file: &mut File, item: &Item) -> io::Result<bool> {
    // A copy that is larger than the file is none of ours.
    let mut pressed = Vec::new();
    file.take(item.size).read_to_end(&mut pressed)?;
    let mut hasher = blake3::Hasher::new();
    let is_whole = unpress(&pressed, item.size, |piece| {
        hasher.update(piece);
    });
    Ok(is_whole && hasher.finalize() == item.digest)
}

/// Removes every copy but those of files with these digests.
pub(super) fn prune(folder: &Path, kept: impl Iterator<Item = blake3::Hash>) -> io::Result<()> {
    let kept: HashSet<String> = kept.map(|digest| digest.to_hex().to_string()).collect();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let digest = name.split('.').next().unwrap_or_default();
        let is_copy = name.ends_with(".br") && digest.len() == 64;
        if name.starts_with(PARTIAL) || (is_copy && !kept.contains(digest)) {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}
