//! Tarballs: fetched once, kept by their hash, checked whenever they are used.
//!
//! The cache is a folder of files named by SHA-512. A file in it is worth nothing by itself: its
//! bytes are hashed again each time, so a cache somebody wrote to costs a download, not a
//! compromise.

use std::{
    fs::{self, File},
    io::{self, Read as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicI64, Ordering},
};

use tokio::io::AsyncWriteExt as _;

use crate::{
    disk::{DiskError, Doing as _},
    integrity::{Hasher, Integrity},
    lock::Package,
    upstream::{Limits, Upstream, UpstreamError},
};

/// How leftovers of an interrupted run begin.
pub(crate) const PARTIAL: &str = ".partial-";

/// Why a tarball could not be had.
#[derive(Debug, thiserror::Error)]
pub enum TarballError {
    /// The upstream did not deliver.
    #[error("cannot fetch {package}: {source}")]
    Upstream {
        /// The package, as `name@version`.
        package: String,
        /// What happened.
        source: UpstreamError,
    },
    /// The upstream delivered something else than what was locked.
    #[error(
        "the registry's tarball of {package} is not the one Redkeep was built for (wanted {wanted}, got {found}); nothing of it was used. If the registry is yours, find out who changed it; else set --npm-registry or NPM_CONFIG_REGISTRY to another"
    )]
    Integrity {
        /// The package, as `name@version`.
        package: String,
        /// The locked hash.
        wanted: Box<Integrity>,
        /// The delivered one.
        found: Box<Integrity>,
    },
    /// The cached file went away or changed between being checked and being used.
    #[error("the cached tarball {} changed while it was used; start again", .0.display())]
    Changed(PathBuf),
    /// The disk would not do it.
    #[error(transparent)]
    Disk(#[from] DiskError),
}

/// A tarball's bytes, whose hash was compared with the lock's. There is no other way to make one,
/// and it holds the very bytes that were hashed: nobody can swap a file in between.
#[derive(Debug)]
pub struct Verified {
    bytes: Vec<u8>,
}

impl Verified {
    /// The proof that `bytes` have this integrity, or what they have instead.
    pub fn check(bytes: Vec<u8>, integrity: &Integrity) -> Result<Self, Integrity> {
        let found = Integrity::of(&bytes);
        if found == *integrity {
            Ok(Self { bytes })
        } else {
            Err(found)
        }
    }

    /// The gzip-compressed tar archive.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// The folder of tarballs.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: PathBuf,
}

impl Cache {
    /// Opens (or makes) the cache and removes what an interrupted run left half written.
    pub fn open(folder: PathBuf) -> Result<Self, DiskError> {
        fs::create_dir_all(&folder).doing("create", &folder)?;
        for entry in fs::read_dir(&folder).doing("list", &folder)? {
            let entry = entry.doing("list", &folder)?;
            if entry
                .file_name()
                .as_encoded_bytes()
                .starts_with(PARTIAL.as_bytes())
            {
                fs::remove_file(entry.path()).doing("remove", &entry.path())?;
            }
        }
        Ok(Self { folder })
    }

    fn path(&self, integrity: &Integrity) -> PathBuf {
        self.folder.join(format!("{}.tgz", integrity.hex()))
    }

    /// The size in bytes of the tarball if the cache holds it whole. A file that is there and has
    /// another hash is removed, to be fetched again.
    pub fn holds(&self, integrity: &Integrity) -> Result<Option<u64>, DiskError> {
        let path = self.path(integrity);
        let mut file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(DiskError::new("open", &path, error)),
        };
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; 256 * 1024];
        let mut size = 0;
        loop {
            let count = file.read(&mut buffer).doing("read", &path)?;
            let Some(chunk) = buffer.get(..count).filter(|chunk| !chunk.is_empty()) else {
                break;
            };
            hasher.update(chunk);
            size += count as u64;
        }
        if hasher.finish() == *integrity {
            return Ok(Some(size));
        }
        tracing::warn!(path = %path.display(), "a cached tarball has another hash; fetching it again");
        fs::remove_file(&path).doing("remove", &path)?;
        Ok(None)
    }

    /// The size in bytes of a tarball's file; 0 if there is none.
    pub fn size(&self, integrity: &Integrity) -> u64 {
        fs::metadata(self.path(integrity)).map_or(0, |metadata| metadata.len())
    }

    /// Reads a tarball that [`Cache::holds`] and checks it once more, in memory.
    pub fn read(&self, integrity: &Integrity) -> Result<Verified, TarballError> {
        let path = self.path(integrity);
        let bytes = fs::read(&path).doing("read", &path)?;
        Verified::check(bytes, integrity).map_err(|_| TarballError::Changed(path))
    }

    /// Fetches a package's tarball into the cache. `arrived` is told of every piece: its bytes and,
    /// once known, the size of the whole; a try that failed is told back as a negative number.
    pub async fn fetch(
        &self,
        package: &Package,
        upstream: &Upstream,
        arrived: &(dyn Fn(i64, Option<u64>) + Send + Sync),
    ) -> Result<(), TarballError> {
        let &Limits {
            attempts, back_off, ..
        } = upstream.limits();
        let mut pause = back_off;
        let mut attempt = 1;
        loop {
            let taken = AtomicI64::new(0);
            let count = |bytes: u64, total| {
                let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
                taken.fetch_add(bytes, Ordering::Relaxed);
                arrived(bytes, total);
            };
            match self.attempt(package, upstream, &count).await {
                Err(error) if attempt < attempts && may_pass(&error) => {
                    tracing::info!(package = %package.name, attempt, %error, "trying again");
                }
                answer => return answer,
            }
            arrived(-taken.into_inner(), None);
            tokio::time::sleep(pause).await;
            pause = pause.saturating_mul(2);
            attempt += 1;
        }
    }

    async fn attempt(
        &self,
        package: &Package,
        upstream: &Upstream,
        arrived: &(dyn Fn(u64, Option<u64>) + Send + Sync),
    ) -> Result<(), TarballError> {
        let label = || format!("{}@{}", package.name, package.version);
        let failed = |source| TarballError::Upstream {
            package: label(),
            source,
        };
        let mut body = upstream
            .tarball(&package.name, &package.version)
            .await
            .map_err(failed)?;
        let partial = Partial(
            self.folder
                .join(format!("{PARTIAL}{}", package.integrity.hex())),
        );
        let path = &partial.0;
        let mut file = create(path).await?;
        let mut hasher = Hasher::default();
        while let Some(chunk) = body.next().await.map_err(failed)? {
            hasher.update(&chunk);
            file.write_all(&chunk).await.doing("write", path)?;
            arrived(chunk.len() as u64, body.length());
        }
        file.flush().await.doing("write", path)?;
        let (wanted, found) = (package.integrity, hasher.finish());
        if found != wanted {
            return Err(TarballError::Integrity {
                package: label(),
                wanted: Box::new(wanted),
                found: Box::new(found),
            });
        }
        file.sync_all().await.doing("write", path)?;
        let target = self.path(&wanted);
        tokio::fs::rename(path, &target)
            .await
            .doing("rename", path)?;
        Ok(())
    }
}

/// A new file, whatever lay there: an earlier try's leftover goes, and no link is written through.
async fn create(path: &Path) -> Result<tokio::fs::File, DiskError> {
    match tokio::fs::remove_file(path).await {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(DiskError::new("remove", path, error));
        }
        _ => {}
    }
    tokio::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(path)
        .await
        .doing("create", path)
}

/// A cut transfer can look like a wrong hash, so that is tried again too.
fn may_pass(error: &TarballError) -> bool {
    match error {
        TarballError::Upstream { source, .. } => source.may_pass(),
        TarballError::Integrity { .. } => true,
        TarballError::Changed(_) | TarballError::Disk(_) => false,
    }
}

/// A half-written file, removed unless it was renamed: also when the download is given up.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // Gone already if the download succeeded; if it stays, the next start removes it.
        drop(fs::remove_file(&self.0));
    }
}

/// Writes a folder's list of names through to the disk, so that renames in it survive a power cut.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), DiskError> {
    File::open(folder)
        .and_then(|file| file.sync_all())
        .doing("write", folder)
}
