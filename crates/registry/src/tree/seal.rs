//! A filled folder becomes read-only and durable; and how such a folder is removed again.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::Write as _,
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
};

use crate::{
    disk::{DiskError, Doing as _},
    progress::{Phase, Progress, Step},
    tarball::sync_folder,
    tree::{
        TreeError,
        assemble::in_parallel,
        is_there,
        manifest::{MANIFEST, Manifest},
    },
};

/// Readable for all, the jail's user among them; writable for nobody.
pub(super) const FOLDER_MODE: u32 = 0o555;
/// Threads that wait for the disk. File systems write what many wait for at once in one go, so
/// this is many times faster than one file after the other.
const SYNC_THREADS: usize = 32;
/// The manifest's mode.
pub(super) const MANIFEST_MODE: u32 = 0o444;

/// Writes the manifest, takes all write permissions away and writes everything through to the
/// disk, so that after a power cut a tree under its final name is whole.
pub(super) fn seal(
    folder: &Path,
    manifest: &Manifest,
    progress: &dyn Progress,
) -> Result<(), TreeError> {
    let path = folder.join(MANIFEST);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .doing("create", &path)?;
    file.write_all(&manifest.to_bytes()).doing("write", &path)?;
    file.set_permissions(Permissions::from_mode(MANIFEST_MODE))
        .doing("set the mode of", &path)?;
    file.sync_all().doing("write", &path)?;
    drop(file);

    sync_files(folder, manifest, progress)?;
    for folder in folders(folder)?.iter().rev() {
        let mode = Permissions::from_mode(FOLDER_MODE);
        fs::set_permissions(folder, mode).doing("set the mode of", folder)?;
        sync_folder(folder)?;
    }
    Ok(())
}

fn sync_files(
    folder: &Path,
    manifest: &Manifest,
    progress: &dyn Progress,
) -> Result<(), TreeError> {
    let files = manifest.files();
    let next = AtomicUsize::new(0);
    in_parallel(SYNC_THREADS, || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(index) else {
                return Ok(());
            };
            let path = folder.join(&file.path);
            File::open(&path)
                .and_then(|file| file.sync_all())
                .doing("write", &path)?;
            if index.is_multiple_of(256) {
                // The disk does not say how many bytes it still had to write.
                let (done_bytes, total_bytes) = (0, None);
                let (done_count, total_count) = (index, files.len());
                let phase = Phase::Sync;
                progress.report(Step {
                    phase,
                    done_bytes,
                    total_bytes,
                    done_count,
                    total_count,
                });
            }
        }
    })
}

/// `root` and all folders in it, each before its own. Links are not followed.
fn folders(root: &Path) -> Result<Vec<PathBuf>, DiskError> {
    let mut found = vec![root.to_owned()];
    let mut at = 0;
    while let Some(folder) = found.get(at).cloned() {
        for entry in fs::read_dir(&folder).doing("list", &folder)? {
            let entry = entry.doing("list", &folder)?;
            if entry.file_type().doing("look at", &entry.path())?.is_dir() {
                found.push(entry.path());
            }
        }
        at += 1;
    }
    Ok(found)
}

/// Removes a tree, sealed or not, or whatever else is there; nothing there is fine. Links are
/// removed, not followed.
pub(super) fn remove(path: &Path) -> Result<(), DiskError> {
    if !is_there(path)? {
        return Ok(());
    }
    let metadata = fs::symlink_metadata(path).doing("look at", path)?;
    if !metadata.is_dir() {
        return fs::remove_file(path).doing("remove", path);
    }
    unlock(path)?;
    fs::remove_dir_all(path).doing("remove", path)
}

/// Who is not root can remove nothing from a folder they may not write.
fn unlock(folder: &Path) -> Result<(), DiskError> {
    let mode = Permissions::from_mode(0o700);
    fs::set_permissions(folder, mode).doing("set the mode of", folder)?;
    for entry in fs::read_dir(folder).doing("list", folder)? {
        let entry = entry.doing("list", folder)?;
        if entry.file_type().doing("look at", &entry.path())?.is_dir() {
            unlock(&entry.path())?;
        }
    }
    Ok(())
}
