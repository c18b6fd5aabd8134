//! Trees no baseline needs any more.

use std::{collections::BTreeSet, fs, path::Path};

use model::id::Hash;

use super::{Lock, PARTIAL, TreeError, Trees, blocking, manifest, seal};
use crate::disk::{DiskError, Doing as _};

impl Trees {
    /// Removes the trees that are neither of a lock in `used` nor have a digest in `kept`; returns
    /// how many. What is no finished tree of ours is left alone. Interrupted, it leaves what the
    /// next [`Trees::open`] removes.
    pub async fn prune(&self, used: &[Lock], kept: BTreeSet<Hash>) -> Result<usize, TreeError> {
        let guard = self.building.clone().lock_owned().await;
        let used: Vec<_> = used.iter().map(|lock| lock.digest().to_string()).collect();
        let folder = self.folder.clone();
        blocking(move || {
            let pruned = prune(&folder, &used, &kept)?;
            drop(guard);
            Ok(pruned)
        })
        .await
    }
}

fn prune(folder: &Path, used: &[String], kept: &BTreeSet<Hash>) -> Result<usize, DiskError> {
    let mut pruned = 0;
    for entry in fs::read_dir(folder).doing("list", folder)? {
        let entry = entry.doing("list", folder)?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| is_digest(name)) else {
            continue;
        };
        let Ok(text) = fs::read(entry.path().join(manifest::MANIFEST)) else {
            continue;
        };
        if used.iter().any(|used| used == name) || kept.contains(&Hash::of(&text)) {
            continue;
        }
        // Out of its name first: there is never half a tree under it.
        let aside = folder.join(format!("{PARTIAL}{name}"));
        seal::remove(&aside)?;
        fs::rename(entry.path(), &aside).doing("rename", &entry.path())?;
        seal::remove(&aside)?;
        pruned += 1;
    }
    Ok(pruned)
}

fn is_digest(name: &str) -> bool {
    name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_finished_trees_nobody_needs_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let tree = |letter: &str, text: Option<&str>| {
            let path = folder.path().join(letter.repeat(64));
            fs::create_dir(&path).unwrap();
            if let Some(text) = text {
                fs::write(path.join(manifest::MANIFEST), text).unwrap();
            }
            path
        };
        let (used, kept) = (tree("a", Some("used")), tree("b", Some("kept")));
        let (old, foreign) = (tree("c", Some("old")), tree("d", None));
        let other = folder.path().join("palette");
        fs::create_dir(&other).unwrap();
        let wanted = BTreeSet::from([Hash::of(b"kept")]);
        let pruned = prune(folder.path(), &["a".repeat(64)], &wanted).unwrap();
        assert_eq!(pruned, 1);
        assert!(!old.exists());
        for left in [used, kept, foreign, other] {
            assert!(left.exists(), "{}", left.display());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 4);
    }
}
