//! Packages are unpacked beside each other and then put in their places.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use crate::{
    disk::Doing as _,
    lock::{Lock, Package},
    progress::{Phase, Progress, Step},
    tree::{TreeError, Trees, is_there, manifest::Entry},
    unpack::{Unpacked, unpack},
};

/// Threads that unpack and hash. More would gain little on the small machines this runs on, and
/// take memory: each holds one tarball.
pub(super) const THREADS: usize = 2;

impl Trees {
    /// Fills the folder `partial` and returns what lies in it.
    pub(super) fn assemble(
        &self,
        lock: &Lock,
        partial: &Path,
        progress: &dyn Progress,
    ) -> Result<Vec<Entry>, TreeError> {
        let staging = partial.join(".staging");
        fs::create_dir_all(&staging).doing("create", &staging)?;
        let unpacked = self.unpack_all(lock, &staging, progress)?;
        let mut entries = Vec::new();
        // In the lock's order a package comes before those nested in it, so a nested one can find
        // its place taken by what the outer one brought, and never the other way round.
        for (index, package) in lock.packages().iter().enumerate() {
            place(&staging.join(index.to_string()), partial, package)?;
        }
        for (package, files) in lock.packages().iter().zip(&unpacked) {
            entries.extend(files.iter().map(|file| Entry::new(&package.path, file)));
        }
        fs::remove_dir(&staging).doing("remove", &staging)?;
        Ok(entries)
    }

    /// Unpacks package number N into `staging/N`; returns each one's files in the lock's order.
    fn unpack_all(
        &self,
        lock: &Lock,
        staging: &Path,
        progress: &dyn Progress,
    ) -> Result<Vec<Vec<Unpacked>>, TreeError> {
        let packages = lock.packages();
        let next = AtomicUsize::new(0);
        let results: Mutex<Vec<Vec<Unpacked>>> = Mutex::new(vec![Vec::new(); packages.len()]);
        let done = Mutex::new((0_u64, 0_usize));
        let sizes = packages
            .iter()
            .map(|package| self.cache.size(&package.integrity));
        let total_bytes = Some(sizes.sum());
        let work = || {
            loop {
                let index = next.fetch_add(1, Ordering::Relaxed);
                let Some(package) = packages.get(index) else {
                    return Ok(());
                };
                let (files, size) = self.unpack_one(package, &staging.join(index.to_string()))?;
                if let Some(slot) = results
                    .lock()
                    .expect("no thread panics holding it")
                    .get_mut(index)
                {
                    *slot = files;
                }
                let mut done = done.lock().expect("no thread panics holding it");
                *done = (done.0 + size, done.1 + 1);
                let (done_bytes, done_count) = *done;
                let total_count = packages.len();
                let phase = Phase::Unpack;
                progress.report(Step {
                    phase,
                    done_bytes,
                    total_bytes,
                    done_count,
                    total_count,
                });
            }
        };
        in_parallel(THREADS, work)?;
        Ok(results.into_inner().expect("no thread panics holding it"))
    }

    fn unpack_one(
        &self,
        package: &Package,
        folder: &Path,
    ) -> Result<(Vec<Unpacked>, u64), TreeError> {
        let tarball = self.cache.read(&package.integrity)?;
        let files = unpack(&tarball, folder, &self.limits).map_err(|source| {
            let package = format!("{}@{}", package.name, package.version);
            TreeError::Refused { package, source }
        })?;
        Ok((files, tarball.bytes().len() as u64))
    }
}

/// Runs `work` on so many threads until all are done. The first error is the answer; the
/// others stop at their next item only by finding none left, so `work` should share its items.
pub(super) fn in_parallel(
    threads: usize,
    work: impl Fn() -> Result<(), TreeError> + Sync,
) -> Result<(), TreeError> {
    thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(&work)).collect();
        threads.into_iter().try_for_each(|thread| {
            thread
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    })
}

/// Moves an unpacked package to its place. A package that brought a `node_modules` of its own may
/// have something there already; nothing is overwritten.
fn place(unpacked: &Path, partial: &Path, package: &Package) -> Result<(), TreeError> {
    let target: PathBuf = partial.join(&package.path);
    if is_there(&target)? {
        return Err(TreeError::Occupied(package.path.clone()));
    }
    let parent = target.parent().unwrap_or(partial);
    fs::create_dir_all(parent).doing("create", parent)?;
    fs::rename(unpacked, &target).doing("rename", unpacked)?;
    Ok(())
}
