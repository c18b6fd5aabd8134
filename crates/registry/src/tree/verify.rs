//! A tree on disk, compared with its manifest to the last byte.
//!
//! [`VerifiedTree`] is made here and nowhere else: what runs was read and compared since the
//! program started.

use std::{
    collections::{HashMap, HashSet},
    fs::{self, File, Metadata},
    io::{self, Read as _},
    os::unix::fs::{MetadataExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, Weak,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use data_encoding::HEXLOWER;
use model::id::Hash;

use crate::{
    disk::{DiskError, Doing as _},
    lock::{Lock, NODE_PATH},
    progress::{Phase, Progress, Step},
    tree::{
        TreeError,
        assemble::{THREADS, in_parallel},
        damage::{Damage, Harm},
        manifest::{Entry, MANIFEST, MANIFEST_BYTES_MAX, Manifest},
        seal::{FOLDER_MODE, MANIFEST_MODE},
    },
};

/// How fast a tree is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as the disk gives it: somebody waits.
    Fast,
    /// One file at a time and [`GENTLE_BYTES_PER_SECOND`]: Node-RED runs beside it, perhaps from
    /// a memory card.
    Gentle,
}

const GENTLE_BYTES_PER_SECOND: u32 = 32 << 20;

impl Pace {
    fn threads(self) -> usize {
        match self {
            Self::Fast => THREADS,
            Self::Gentle => 1,
        }
    }
}

/// One reading of a tree, which ends when nobody waits for it any more: the program must not be
/// kept from stopping by a look that takes a minute.
#[derive(Debug)]
pub(super) struct Reading {
    pace: Pace,
    waiting: Weak<()>,
}

impl Reading {
    /// It goes on while the second value is kept.
    pub(super) fn new(pace: Pace) -> (Self, Arc<()>) {
        let waits = Arc::new(());
        let waiting = Arc::downgrade(&waits);
        (Self { pace, waiting }, waits)
    }

    /// After a chunk was read: pauses, and errors when it was for nobody.
    fn go_on(&self, bytes: usize) -> Result<(), TreeError> {
        if self.pace == Pace::Gentle {
            let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
            let share = f64::from(bytes) / f64::from(GENTLE_BYTES_PER_SECOND);
            std::thread::sleep(Duration::from_secs_f64(share));
        }
        match self.waiting.strong_count() {
            0 => Err(TreeError::Stopped),
            _ => Ok(()),
        }
    }
}

/// What lies where in a tree, whether or not it is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreePlaces {
    /// The folder of Node.js.
    pub node_tree: PathBuf,
    /// The `node` program.
    pub node: PathBuf,
    /// Node-RED's main script.
    pub entry: PathBuf,
    /// The `node_modules` folder of Node-RED and its dependencies.
    pub modules: PathBuf,
}

impl TreePlaces {
    /// In the tree whose folder this is.
    pub fn of(root: &Path) -> Self {
        let (node_tree, modules) = (root.join(NODE_PATH), root.join("node_modules"));
        Self {
            node: node_tree.join("bin").join("node"),
            entry: modules.join("node-red").join("red.js"),
            node_tree,
            modules,
        }
    }
}

/// A tree of which every byte was compared with its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedTree {
    root: PathBuf,
    digest: Hash,
    node_red: String,
    node: String,
}

impl VerifiedTree {
    /// The tree's folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The `node` program.
    pub fn node_binary(&self) -> PathBuf {
        self.places().node
    }

    /// Node-RED's main script.
    pub fn node_red_entry(&self) -> PathBuf {
        self.places().entry
    }

    /// The `node_modules` folder of Node-RED and its dependencies.
    pub fn modules_dir(&self) -> PathBuf {
        self.places().modules
    }

    fn places(&self) -> TreePlaces {
        TreePlaces::of(&self.root)
    }

    /// SHA-256 of the manifest, and so of every path, mode and byte in the tree. The same on every
    /// machine of the same platform.
    pub fn digest(&self) -> Hash {
        self.digest
    }

    /// Node-RED's version.
    pub fn node_red_version(&self) -> &str {
        &self.node_red
    }

    /// Node.js' version.
    pub fn node_version(&self) -> &str {
        &self.node
    }

    /// The manifest's files below `folder` (`node_modules/x/public`), by path. Blocks.
    ///
    /// Errors: the manifest is not the one that was verified any more, or cannot be read.
    pub fn files_below(&self, folder: &str) -> Result<Vec<Entry>, TreeError> {
        let damaged = |harm| TreeError::Damaged(Damage::of(vec![harm]));
        let text = read_manifest(&self.root.join(MANIFEST))?.map_err(damaged)?;
        let (expected, found) = (self.digest, Hash::of(&text));
        if found != expected {
            return Err(damaged(Harm::Digest { expected, found }));
        }
        let manifest: Manifest = serde_json::from_slice(&text)
            .map_err(|_| damaged(Harm::Manifest("is not a manifest")))?;
        let is_below = |file: &&Entry| {
            let rest = file.path.strip_prefix(folder);
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        Ok(manifest.files().iter().filter(is_below).cloned().collect())
    }
}

/// Compares the tree at `root` with its manifest, and the manifest with the lock and, if given,
/// with the digest remembered.
pub(super) fn verify(
    root: &Path,
    lock: &Lock,
    expected: Option<Hash>,
    reading: &Reading,
    progress: &dyn Progress,
) -> Result<VerifiedTree, TreeError> {
    let damaged = |harm| TreeError::Damaged(Damage::of(vec![harm]));
    let is_folder = fs::symlink_metadata(root).is_ok_and(|metadata| metadata.is_dir());
    if !is_folder {
        return Err(damaged(Harm::Kind(String::new())));
    }
    let text = read_manifest(&root.join(MANIFEST))?.map_err(damaged)?;
    let digest = Hash::of(&text);
    if let Some(expected) = expected.filter(|expected| *expected != digest) {
        return Err(damaged(Harm::Digest {
            expected,
            found: digest,
        }));
    }
    let manifest: Manifest =
        serde_json::from_slice(&text).map_err(|_| damaged(Harm::Manifest("is not a manifest")))?;
    if !manifest.is_of(lock) {
        return Err(damaged(Harm::Manifest("is that of another tree")));
    }
    let (mut harms, whole) = compare_names(root, &manifest)?;
    harms.extend(compare_content(root, &whole, reading, progress)?);
    if !harms.is_empty() {
        return Err(TreeError::Damaged(Damage::of(harms)));
    }
    Ok(VerifiedTree {
        root: root.to_owned(),
        digest,
        node_red: lock.node_red_version().to_owned(),
        node: lock.node_version().to_owned(),
    })
}

fn read_manifest(path: &Path) -> Result<Result<Vec<u8>, Harm>, DiskError> {
    let metadata = match fs::symlink_metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(Err(Harm::Manifest("is missing")));
        }
        Err(error) => return Err(DiskError::new("look at", path, error)),
    };
    if !metadata.is_file() || metadata.len() > MANIFEST_BYTES_MAX {
        return Ok(Err(Harm::Manifest("is no file of a sensible size")));
    }
    fs::read(path).doing("read", path).map(Ok)
}

/// Walks the tree once: what is there, with which kind, mode, owner and size. Returns the harms,
/// and the files whose content is still to be compared.
fn compare_names<'a>(
    root: &Path,
    manifest: &'a Manifest,
) -> Result<(Vec<Harm>, Vec<&'a Entry>), DiskError> {
    let mut walk = Walk {
        owner: fs::symlink_metadata(root).doing("look at", root)?.uid(),
        wanted: manifest
            .files()
            .iter()
            .map(|file| (file.path.as_str(), file))
            .collect(),
        folders: manifest
            .files()
            .iter()
            .flat_map(|file| parents(&file.path))
            .collect(),
        harms: Vec::new(),
        whole: Vec::new(),
    };
    walk.folder(root, "")?;
    let Walk {
        wanted,
        mut harms,
        mut whole,
        ..
    } = walk;
    harms.extend(
        wanted
            .into_keys()
            .map(|path| Harm::Missing(path.to_owned())),
    );
    // The largest first, so that the threads finish together.
    whole.sort_by_key(|file| std::cmp::Reverse(file.size));
    Ok((harms, whole))
}

fn parents(path: &str) -> impl Iterator<Item = &str> {
    path.match_indices('/').filter_map(|(at, _)| path.get(..at))
}

struct Walk<'a> {
    owner: u32,
    /// Files not met yet.
    wanted: HashMap<&'a str, &'a Entry>,
    /// Folders that some file needs.
    folders: HashSet<&'a str>,
    harms: Vec<Harm>,
    whole: Vec<&'a Entry>,
}

impl Walk<'_> {
    fn folder(&mut self, folder: &Path, path: &str) -> Result<(), DiskError> {
        let metadata = fs::symlink_metadata(folder).doing("look at", folder)?;
        self.check(path, &metadata, FOLDER_MODE);
        let entries = match fs::read_dir(folder) {
            // Its mode was found wrong just now, and all that should be in it will be missing.
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(()),
            entries => entries.doing("list", folder)?,
        };
        for entry in entries {
            let entry = entry.doing("list", folder)?;
            let name = entry.file_name();
            // A name that is not UTF-8 is in no manifest; its lossy form is for the report.
            let name = name.to_string_lossy();
            let path = if path.is_empty() {
                name.into_owned()
            } else {
                format!("{path}/{name}")
            };
            let metadata = entry.metadata().doing("look at", &entry.path())?;
            if metadata.is_dir() {
                if self.folders.contains(path.as_str()) {
                    self.folder(&entry.path(), &path)?;
                } else {
                    self.harms.push(Harm::Extra(path));
                }
            } else if path == MANIFEST {
                self.check(&path, &metadata, MANIFEST_MODE);
            } else {
                self.file(path, &metadata);
            }
        }
        Ok(())
    }

    fn file(&mut self, path: String, metadata: &Metadata) {
        let Some(wanted) = self.wanted.remove(path.as_str()) else {
            self.harms.push(Harm::Extra(path));
            return;
        };
        if !metadata.is_file() {
            self.harms.push(Harm::Kind(path));
            return;
        }
        self.check(&path, metadata, wanted.mode());
        if metadata.len() == wanted.size {
            self.whole.push(wanted);
        } else {
            self.harms.push(Harm::Changed(path));
        }
    }

    fn check(&mut self, path: &str, metadata: &Metadata, mode: u32) {
        let (found_mode, found_owner) = (metadata.permissions().mode() & 0o7777, metadata.uid());
        if found_mode != mode {
            self.harms.push(Harm::Mode {
                path: path.to_owned(),
                found: found_mode,
            });
        }
        if found_owner != self.owner {
            self.harms.push(Harm::Owner {
                path: path.to_owned(),
                found: found_owner,
            });
        }
    }
}

/// Hashes the files; returns those that differ.
fn compare_content(
    root: &Path,
    files: &[&Entry],
    reading: &Reading,
    progress: &dyn Progress,
) -> Result<Vec<Harm>, TreeError> {
    let total_bytes: u64 = files.iter().map(|file| file.size).sum();
    let (next, done_bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
    let harms = Mutex::new(Vec::new());
    in_parallel(reading.pace.threads(), || {
        let mut buffer = vec![0; 256 * 1024];
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(index) else {
                return Ok(());
            };
            let found = hash(&root.join(&file.path), reading, &mut buffer)?;
            if found.as_ref() != Some(&file.blake3) {
                let harm = Harm::Changed(file.path.clone());
                harms
                    .lock()
                    .expect("no thread panics holding it")
                    .push(harm);
            }
            let done = done_bytes.fetch_add(file.size, Ordering::Relaxed) + file.size;
            if index.is_multiple_of(64) || done == total_bytes {
                progress.report(Step {
                    phase: Phase::Verify,
                    done_bytes: done,
                    total_bytes: Some(total_bytes),
                    done_count: index + 1,
                    total_count: files.len(),
                });
            }
        }
    })?;
    Ok(harms.into_inner().expect("no thread panics holding it"))
}

/// None if it may not be read, which no file of a tree should come to.
fn hash(path: &Path, reading: &Reading, buffer: &mut [u8]) -> Result<Option<String>, TreeError> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => return Ok(None),
        file => file.doing("open", path)?,
    };
    let mut hasher = blake3::Hasher::new();
    loop {
        let count = file.read(buffer).doing("read", path)?;
        let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else {
            break;
        };
        hasher.update(chunk);
        reading.go_on(chunk.len())?;
    }
    Ok(Some(HEXLOWER.encode(hasher.finalize().as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_belongs_to_another_user_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a"), "x").unwrap();
        let (zeros, file) = ("0".repeat(64), r#"{"path":"a","size":1,"blake3":""}"#);
        let text = format!(r#"{{"format":1,"lock":"{zeros}","files":[{file}]}}"#);
        let manifest: Manifest = serde_json::from_str(&text).unwrap();
        let mut walk = Walk {
            owner: fs::metadata(folder.path()).unwrap().uid() + 1,
            wanted: manifest
                .files()
                .iter()
                .map(|file| (file.path.as_str(), file))
                .collect(),
            folders: HashSet::new(),
            harms: Vec::new(),
            whole: Vec::new(),
        };
        walk.folder(folder.path(), "").unwrap();
        let owned = walk
            .harms
            .iter()
            .filter(|harm| matches!(harm, Harm::Owner { .. }))
            .count();
        assert_eq!(owned, 2, "the folder and the file: {:?}", walk.harms);
    }

    #[test]
    fn a_reading_nobody_waits_for_ends() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a");
        fs::write(&file, "x").unwrap();
        let (reading, waits) = Reading::new(Pace::Gentle);
        assert!(hash(&file, &reading, &mut [0; 8]).is_ok());
        drop(waits);
        let ended = hash(&file, &reading, &mut [0; 8]);
        assert!(matches!(ended, Err(TreeError::Stopped)), "{ended:?}");
    }
}
