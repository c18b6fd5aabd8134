//! The palette of a module tree, read from the packages' own files.
//!
//! The packages are hostile: their files are read as data ([`script::editor`]), within limits, and
//! what cannot be read is left out with a line in the log. A type that is missing here is drawn
//! plainly; nothing is refused for it.

mod catalogue;
mod package;

use std::{
    fs, io,
    io::Read as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use model::palette::Palette;
use tokio::sync::OnceCell;

use crate::RuntimeError;

/// What is read of one tree at most.
#[derive(Debug, Clone, Copy)]
struct Limits {
    packages: usize,
    files: usize,
    icons: usize,
    bytes: u64,
}

const LIMITS: Limits = Limits {
    packages: 5_000,
    files: 2_000,
    icons: 3_000,
    bytes: 128 * 1024 * 1024,
};

/// Reads the palette of a `node_modules` folder. Blocks.
pub fn read(modules: &Path) -> Palette {
    let mut budget = Budget { left: LIMITS };
    let mut palette = Palette::default();
    package::read_font(modules, &mut budget, &mut palette);
    for package in package::all(modules, &mut budget) {
        package.read(&mut budget, &mut palette);
        package.read_icons(&mut budget, &mut palette);
    }
    palette
}

/// What may still be read.
#[derive(Debug)]
struct Budget {
    left: Limits,
}

impl Budget {
    /// The text of a regular file of at most `bytes_max`; none when it is not there, or too much.
    fn text(&mut self, path: &Path, bytes_max: u64) -> Option<String> {
        let bytes = self.bytes(path, bytes_max)?;
        String::from_utf8(bytes).ok()
    }

    fn bytes(&mut self, path: &Path, bytes_max: u64) -> Option<Vec<u8>> {
        match self.try_bytes(path, bytes_max) {
            Ok(bytes) => Some(bytes),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                tracing::warn!(path = %path.display(), %error, "a package's file was not read");
                None
            }
        }
    }

    fn try_bytes(&mut self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        // A link could lead anywhere; trees have none.
        if !fs::symlink_metadata(path)?.is_file() {
            return Err(io::Error::other("it is not a file"));
        }
        let max = bytes_max.min(self.left.bytes);
        let mut bytes = Vec::new();
        fs::File::open(path)?
            .take(max + 1)
            .read_to_end(&mut bytes)?;
        let read = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if read > max {
            return Err(io::Error::other("it is larger than what is read"));
        }
        self.left.bytes -= read;
        Ok(bytes)
    }
}

/// Palettes kept: those last asked for.
const KEPT_MAX: usize = 4;

type Cell = Arc<OnceCell<Arc<Palette>>>;

/// The palettes last asked for, by tree, the latest at the end. A tree never changes: its path
/// carries its digest.
#[derive(Debug, Default)]
pub(crate) struct Palettes(Mutex<Vec<(PathBuf, Cell)>>);

impl Palettes {
    /// The palette of a tree's `node_modules`, read once.
    pub(crate) async fn of(&self, modules: PathBuf) -> Result<Arc<Palette>, RuntimeError> {
        let cell = self.cell(&modules);
        let read = || async {
            let reading =
                tokio::task::spawn_blocking(move || Arc::new(script::with_room(|| read(&modules))));
            reading.await.map_err(|error| RuntimeError::Io {
                what: "the node types could not be read".to_owned(),
                why: error.to_string(),
            })
        };
        cell.get_or_try_init(read).await.cloned()
    }

    fn cell(&self, modules: &Path) -> Cell {
        let mut palettes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = palettes.iter().position(|(tree, _)| tree == modules);
        let (tree, cell) = known.map_or_else(
            || (modules.to_owned(), Cell::default()),
            |place| palettes.remove(place),
        );
        if palettes.len() >= KEPT_MAX {
            palettes.remove(0);
        }
        palettes.push((tree, cell.clone()));
        cell
    }
}

#[cfg(test)]
mod tests;
