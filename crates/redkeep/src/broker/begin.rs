//! Before there is a second thread: the data directory is handed over, and root's rights are left to
//! the broker.

use std::{io, os::unix::fs::MetadataExt as _, path::Path, sync::Arc};

use anyhow::Context as _;
use sandbox::{
    broker,
    folder::Folder,
    handover::hand_over_tree,
    process::FileLock,
    users::{self, KEYS, REDKEEP},
};

use super::{Rights, duties::Setup};
use crate::{config::Config, exit::Failure, up};

/// Folders of the data directory that the process that parses the network works with.
const FOLDERS: [&str; 7] = [
    "acme",
    "cache",
    "instances",
    "rehearsal",
    "rehearsal.trash",
    "run",
    "trees",
];
/// Its files there. What else lies in it is the operator's, and stays theirs.
const FILES: [&str; 6] = [
    "redkeep.db",
    "redkeep.db-wal",
    "redkeep.db-shm",
    "redkeep.db-journal",
    "audit.head",
    "audit.head.new",
];

/// Started as root: gives root's rights up for good, and returns the way to the process that kept them.
/// None otherwise: then nothing changes. This process must have one thread.
pub(crate) fn leave_root(
    config: &mut Config,
    lock: &FileLock,
) -> Result<Option<Arc<Rights>>, Failure> {
    if !sandbox::process::is_root() {
        return Ok(None);
    }
    let dir = config.data_dir.canonicalize()?;
    hand_over(&dir)
        .with_context(|| format!("the data directory {} cannot be handed over", dir.display()))?;
    config.data_dir = dir;
    if let Some(login) = config.mail.as_mut().and_then(|mail| mail.login.as_mut()) {
        login.open_early();
    }
    let setup = Setup::of(config, up::secrets::setup(config)).said()?;
    let client = broker::split(&setup, REDKEEP, lock)
        .context("the rights of root could not be left to a process of their own")?;
    can_be_reached(&config.data_dir)?;
    Ok(Some(Arc::new(Rights(client))))
}

/// Gives what root wrote to the user that works with it, files first, then folders, the data directory
/// last: each step can be the last before the power fails; done again, the rest follows.
fn hand_over(dir: &Path) -> anyhow::Result<()> {
    let folder = Folder::open(dir)?;
    let owner = std::fs::symlink_metadata(dir)?.uid();
    // Also an ordinary user's, who ran Redkeep here before root does.
    let from: Vec<u32> = Some(owner)
        .into_iter()
        .filter(|it| !users::is_ours(*it))
        .collect();
    if owner != REDKEEP.uid {
        keys::process::hand_over(dir, (KEYS.uid, KEYS.gid))?;
    }
    for name in FOLDERS {
        hand_over_tree(&folder, name, REDKEEP, &from).with_context(|| {
            format!(
                "{name}/: what lies there must be a folder, not a link; mount other disks there"
            )
        })?;
    }
    folder.hand_over(&FILES, REDKEEP)?;
    Ok(folder.make_private()?)
}

/// A folder above that is closed to all but root is found out now, with the way out.
fn can_be_reached(dir: &Path) -> Result<(), Failure> {
    let listed: io::Result<()> = std::fs::read_dir(dir).map(drop);
    Ok(listed.with_context(|| {
        format!(
            "{} cannot be reached by user {}, which Redkeep becomes: a folder above it is closed; \
             choose another --data-dir, or let everybody pass (chmod o+x) the folders above",
            dir.display(),
            REDKEEP.uid
        )
    })?)
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        os::unix::fs::{chown, lchown, symlink},
        path::PathBuf,
    };

    use super::*;

    /// What an earlier version left, all of it root's but what was a jail's; in the order in which it is
    /// given away.
    const LEFT: [&str; 10] = [
        "cache/tarballs/a.tgz",
        "cache/tarballs",
        "cache",
        "instances/main/settings/settings.js",
        "instances/main/settings",
        "instances/main/flows.json",
        "instances/main",
        "instances",
        "redkeep.db",
        "audit.head",
    ];

    fn left() -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("d");
        for path in LEFT.map(|it| data.join(it)) {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if path.extension().is_some() {
                fs::write(path, "x").unwrap();
            }
        }
        let work = data.join("instances/main/work");
        fs::create_dir(&work).unwrap();
        fs::write(work.join("theirs"), "x").unwrap();
        chown(work.join("theirs"), Some(65_520), Some(65_520)).unwrap();
        chown(&work, Some(65_520), Some(65_520)).unwrap();
        fs::write(data.join("redkeep.toml"), "").unwrap();
        (dir, data)
    }

    fn owner(path: &Path) -> u32 {
        fs::symlink_metadata(path).unwrap().uid()
    }

    fn as_root() {
        assert!(
            sandbox::process::is_root(),
            "files are given away by root alone: run these tests as root"
        );
    }

    #[test]
    fn cut_off_after_any_step_the_next_start_hands_the_rest_over() {
        as_root();
        for done in 0..=LEFT.len() {
            let (_dir, data) = left();
            for step in &LEFT[..done] {
                lchown(data.join(step), Some(REDKEEP.uid), Some(REDKEEP.gid)).unwrap();
            }
            hand_over(&data).unwrap();
            for path in LEFT {
                assert_eq!(owner(&data.join(path)), REDKEEP.uid, "{path} after {done}");
            }
            assert_eq!(owner(&data), REDKEEP.uid);
            // The jail's stays the jail's, the operator's the operator's.
            assert_eq!(owner(&data.join("instances/main/work/theirs")), 65_520);
            assert_eq!(owner(&data.join("redkeep.toml")), 0);
        }
    }

    #[test]
    fn what_roots_verbs_left_is_taken_at_the_next_start_and_no_link_is_followed() {
        as_root();
        let (dir, data) = left();
        hand_over(&data).unwrap();
        fs::write(data.join("redkeep.db-wal"), "x").unwrap();
        hand_over(&data).unwrap();
        assert_eq!(owner(&data.join("redkeep.db-wal")), REDKEEP.uid);

        let outside = dir.path().join("shadow");
        fs::write(&outside, "x").unwrap();
        fs::create_dir(dir.path().join("elsewhere")).unwrap();
        let head = data.join("audit.head");
        fs::remove_file(&head).unwrap();
        symlink(&outside, &head).unwrap();
        hand_over(&data).unwrap_err();
        fs::remove_file(&head).unwrap();
        fs::hard_link(&outside, &head).unwrap();
        hand_over(&data).unwrap_err();
        fs::remove_file(&head).unwrap();
        symlink(dir.path().join("elsewhere"), data.join("trees")).unwrap();
        hand_over(&data).unwrap_err();
        assert_eq!(owner(&outside), 0);
        assert_eq!(owner(&dir.path().join("elsewhere")), 0);
    }

    #[test]
    fn keys_that_the_process_without_rights_planted_are_refused() {
        as_root();
        let (_dir, data) = left();
        hand_over(&data).unwrap();
        let keys = data.join("keys");
        fs::create_dir(&keys).unwrap();
        chown(&keys, Some(REDKEEP.uid), Some(REDKEEP.gid)).unwrap();
        keys::process::hand_over(&data, (KEYS.uid, KEYS.gid)).unwrap_err();
        assert_eq!(owner(&keys), REDKEEP.uid);
    }
}
