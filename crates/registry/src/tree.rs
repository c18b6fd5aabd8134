//! Trees: everything one lock installs, as one read-only folder.
//!
//! ```text
//! <data>/cache/tarballs/<sha512>.tgz      tarballs, kept for repairs
//! <data>/trees/<lock digest>/             a finished tree
//!     redkeep-tree.json                   its manifest: every file's size, mode and BLAKE3
//!     node/bin/node
//!     node_modules/node-red/red.js
//! <data>/trees/.partial-<lock digest>/    being built; worthless after an interruption
//! <data>/trees/.damaged-<lock digest>/    set aside for a person to look at
//! ```
//!
//! A tree gets its final name by one rename, after all of it is on the disk. Whatever happens
//! before leaves tarballs, which are kept, and a partial tree, which the next start removes.

use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

use model::id::Hash;

use crate::{
    disk::{DiskError, Doing as _},
    lock::Lock,
    progress::Progress,
    tarball::{Cache, PARTIAL, TarballError, sync_folder},
    tree::{
        damage::Damage,
        manifest::Manifest,
        verify::{Pace, VerifiedTree},
    },
    unpack::{Limits, UnpackError},
    upstream::Upstream,
};

mod assemble;
pub mod damage;
mod fetch;
pub mod manifest;
mod prune;
mod seal;
pub mod verify;

/// Why there is no tree to run from.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// Something has to be fetched and no registry is known.
    #[error(
        "{count} packages of Node.js and Node-RED have to be fetched, and no npm registry is known; set --npm-registry or NPM_CONFIG_REGISTRY to its URL"
    )]
    NoUpstream {
        /// How many packages the cache lacks.
        count: usize,
    },
    /// A tarball could not be had.
    #[error(transparent)]
    Tarball(#[from] TarballError),
    /// A tarball with the right hash that is refused all the same.
    #[error("the tarball of {package} is refused: {source}")]
    Refused {
        /// The package, as `name@version`.
        package: String,
        /// What is wrong with it.
        source: UnpackError,
    },
    /// A package's place in the tree is taken by another package's content.
    #[error("{0} cannot be put in its place: another package brought something there")]
    Occupied(String),
    /// The tree's files are not what its manifest says.
    #[error("the tree of Node.js and Node-RED is damaged: {0}")]
    Damaged(Damage),
    /// The disk would not do it.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The runtime was shut down in the middle of the work.
    #[error("the installation was stopped; start again to go on")]
    Stopped,
}

/// How a tree came to be there.
#[derive(Debug)]
pub enum Outcome {
    /// It was there and whole; nothing was fetched.
    Present,
    /// It was built.
    Built,
    /// It was there and damaged. It was set aside and built anew. This belongs into the record:
    /// a tree is read-only, so somebody or something changed it.
    Rebuilt {
        /// What was wrong.
        damage: Damage,
        /// Where the damaged one lies now.
        aside: PathBuf,
    },
}

/// A tree to run from, and how it came to be there.
#[derive(Debug)]
pub struct Installed {
    /// The tree.
    pub tree: VerifiedTree,
    /// How it came to be there.
    pub outcome: Outcome,
}

/// The folder of trees. One process at a time may have it open: the caller holds the data
/// directory's lock.
#[derive(Debug, Clone)]
pub struct Trees {
    folder: PathBuf,
    cache: Cache,
    limits: Limits,
    /// Held while a tree is looked at and built, so that two instances of one Node-RED share it.
    building: Arc<tokio::sync::Mutex<()>>,
}

impl Trees {
    /// Opens (or makes) `trees` and `cache/tarballs` in the data directory and removes what an
    /// interrupted run left half done. Blocks.
    pub fn open(data_dir: &Path) -> Result<Self, DiskError> {
        let folder = data_dir.join("trees");
        fs::create_dir_all(&folder).doing("create", &folder)?;
        for entry in fs::read_dir(&folder).doing("list", &folder)? {
            let entry = entry.doing("list", &folder)?;
            if entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(PARTIAL.as_bytes())
            {
                seal::remove(&entry.path())?;
            }
        }
        let cache = Cache::open(data_dir.join("cache").join("tarballs"))?;
        let (limits, building) = (Limits::default(), Arc::default());
        Ok(Self {
            folder,
            cache,
            limits,
            building,
        })
    }

    /// The same with other limits on what a tarball may hold.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// Where the tree of a lock lies, or would lie.
    pub fn path(&self, lock: &Lock) -> PathBuf {
        self.folder.join(lock.digest().to_string())
    }

    /// Whether something lies where the tree of this lock belongs. It says nothing of its worth.
    pub fn has(&self, lock: &Lock) -> bool {
        fs::symlink_metadata(self.path(lock)).is_ok()
    }

    /// Compares the tree with its manifest, byte for byte, and the manifest with `expected` where
    /// the caller remembers a digest. Fetches and changes nothing. Reads no further when the future
    /// is dropped.
    pub async fn verify(
        &self,
        lock: &Lock,
        expected: Option<Hash>,
        pace: Pace,
        progress: Arc<dyn Progress>,
    ) -> Result<VerifiedTree, TreeError> {
        let (path, lock) = (self.path(lock), lock.clone());
        let (reading, _whoever_waits) = verify::Reading::new(pace);
        blocking(move || verify::verify(&path, &lock, expected, &reading, &*progress)).await
    }

    /// The tree of `lock`: verified if it is there, else built. `upstream` is needed only if
    /// tarballs are missing. `expected` is the digest [`VerifiedTree::digest`] gave before; a tree
    /// with another one counts as damaged, and if even a new build from the locked tarballs has
    /// another one, that is an error, because then the memory of it is wrong.
    ///
    /// May be interrupted anywhere, also by dropping the future; calling it again goes on.
    pub async fn ensure(
        &self,
        lock: &Lock,
        expected: Option<Hash>,
        upstream: Option<&Upstream>,
        progress: Arc<dyn Progress>,
    ) -> Result<Installed, TreeError> {
        let guard = Arc::clone(&self.building).lock_owned().await;
        let mut outcome = Outcome::Built;
        if self.has(lock) {
            match self
                .verify(lock, expected, Pace::Fast, Arc::clone(&progress))
                .await
            {
                Ok(tree) => {
                    return Ok(Installed {
                        tree,
                        outcome: Outcome::Present,
                    });
                }
                Err(TreeError::Damaged(damage)) => {
                    tracing::error!(%damage, "a tree is damaged; setting it aside");
                    let (this, plan) = (self.clone(), lock.clone());
                    let aside = blocking(move || Ok(this.set_aside(&plan)?)).await?;
                    outcome = Outcome::Rebuilt { damage, aside };
                }
                Err(other) => return Err(other),
            }
        }
        self.fetch_missing(lock, upstream, &*progress).await?;
        let (this, plan, shown) = (self.clone(), lock.clone(), Arc::clone(&progress));
        // A dropped future does not stop the thread that builds. It takes the guard along, so that
        // nobody builds in the same place until it is done.
        let guard = blocking(move || this.build(&plan, &*shown).map(|()| guard)).await?;
        let tree = self.verify(lock, expected, Pace::Fast, progress).await?;
        drop(guard);
        Ok(Installed { tree, outcome })
    }

    /// From tarballs in the cache to a tree under its final name.
    fn build(&self, lock: &Lock, progress: &dyn Progress) -> Result<(), TreeError> {
        let partial = self.folder.join(format!("{PARTIAL}{}", lock.digest()));
        seal::remove(&partial)?;
        let built = self
            .assemble(lock, &partial, progress)
            .and_then(|files| seal::seal(&partial, &Manifest::new(lock, files), progress))
            .and_then(|()| {
                let path = self.path(lock);
                fs::rename(&partial, &path).doing("rename", &partial)?;
                Ok(sync_folder(&self.folder)?)
            });
        if built.is_err()
            && let Err(error) = seal::remove(&partial)
        {
            // A full disk should not stay full of our leftovers; the next start tries again.
            tracing::warn!(%error, "a partial tree could not be removed");
        }
        built
    }

    /// Only the last damaged tree of a lock is kept, so that they cannot fill the disk.
    fn set_aside(&self, lock: &Lock) -> Result<PathBuf, DiskError> {
        let aside = self.folder.join(format!(".damaged-{}", lock.digest()));
        seal::remove(&aside)?;
        let path = self.path(lock);
        fs::rename(&path, &aside).doing("rename", &path)?;
        Ok(aside)
    }
}

/// Runs what blocks (hashing, unpacking) away from the threads that serve requests.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, TreeError> + Send + 'static,
) -> Result<T, TreeError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(stopped) if stopped.is_cancelled() => Err(TreeError::Stopped),
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// Nothing there is fine too.
fn is_there(path: &Path) -> Result<bool, DiskError> {
    match fs::symlink_metadata(path) {
        Ok(_) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(DiskError::new("look at", path, error)),
    }
}
