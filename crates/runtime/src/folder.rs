//! An instance's folders on disk: what lies where, who may write it, and what is cleared away
//! before each start.
//!
//! ```text
//! <dir>/settings/   ours; the jail reads it
//! <dir>/run/        nr.sock (Node-RED's), bridge.sock (ours)
//! <dir>/work/       the jail's: Node-RED's user directory
//! <dir>/trash/      ours: what is being removed
//! ```

use std::{
    fs, io,
    os::unix::fs::{DirBuilderExt as _, PermissionsExt as _, lchown},
    path::{Path, PathBuf},
    sync::Arc,
};

use model::id::InstanceId;

use crate::{
    InstancePlan, RuntimeError,
    connect::Address,
    jailer::{Broker, Jailer},
};

mod sweep;

/// Longest path a Unix socket can have on Linux (`sun_path` without its NUL).
const SOCKET_PATH_BYTES_MAX: usize = 107;

/// What the jail may have left in its work folder that Node-RED or Node.js would run at the next
/// start: code nobody approved, surviving the restart that is the way back to what was approved.
const RUN_AT_START: [&str; 8] = [
    "node_modules",
    "nodes",
    "package.json",
    "package-lock.json",
    ".npmrc",
    ".node_modules",
    ".node_libraries",
    "externalModules",
];

/// The paths of one instance.
#[derive(Debug, Clone)]
pub(crate) struct Folder {
    root: PathBuf,
    user: Option<(u32, u32)>,
    /// Who gives and clears what is the jail's, where this process is neither root nor the jail's user.
    hands: Option<Hands>,
}

/// The broker, and what it is asked for.
#[derive(Debug, Clone)]
struct Hands {
    broker: Arc<dyn Broker>,
    instance: InstanceId,
    is_rehearsal: bool,
}

impl Folder {
    pub(crate) fn new(plan: &InstancePlan) -> Self {
        Self {
            root: plan.dir.clone(),
            user: plan.user,
            hands: match &plan.jailer {
                Jailer::Own(_) => None,
                Jailer::Broker {
                    broker,
                    is_rehearsal,
                } => Some(Hands {
                    broker: broker.clone(),
                    instance: plan.instance.id.clone(),
                    is_rehearsal: *is_rehearsal,
                }),
            },
        }
    }

    pub(crate) fn work(&self) -> PathBuf {
        self.root.join("work")
    }

    pub(crate) fn run(&self) -> PathBuf {
        self.root.join("run")
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.root.join("settings")
    }

    /// Node-RED's socket.
    pub(crate) fn socket(&self) -> PathBuf {
        self.run().join("nr.sock")
    }

    /// Where Node-RED listens, and as whom.
    pub(crate) fn address(&self) -> Address {
        Address {
            socket: self.socket(),
            uid: self.uid(),
        }
    }

    /// The user everything in the jail runs as.
    pub(crate) fn uid(&self) -> u32 {
        self.user
            .map_or_else(sandbox::process::own_uid, |(uid, _)| uid)
    }

    /// The storage bridge's socket.
    pub(crate) fn bridge(&self) -> PathBuf {
        self.run().join("bridge.sock")
    }

    /// Makes the folders and gives the jail its own.
    pub(crate) fn make(&self) -> Result<(), RuntimeError> {
        let longest = self.bridge();
        if longest.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
            return Err(RuntimeError::Io {
                what: format!("cannot make the socket {}", longest.display()),
                why: format!(
                    "a socket's path has at most {SOCKET_PATH_BYTES_MAX} bytes; choose a shorter \
                     --data-dir"
                ),
            });
        }
        make_dir(&self.root, 0o711)?;
        make_dir(&self.settings(), 0o755)?;
        let jails = [self.work(), self.run()];
        if let Some(hands) = &self.hands {
            // Once given they are not ours to change.
            let mut missing = jails.iter().filter(|it| fs::symlink_metadata(it).is_err());
            missing.try_for_each(|it| make_dir(it, 0o700))?;
            let given = hands.broker.hand_over(&hands.instance, hands.is_rehearsal);
            return given.map_err(|error| failed("give the jail", &self.root, &error));
        }
        for path in jails {
            make_dir(&path, 0o700)?;
            self.give(&path)?;
        }
        Ok(())
    }

    /// Lets the jail connect to the socket at `path`, in the folder of sockets.
    pub(crate) fn open_to_jail(&self, path: &Path) -> Result<(), RuntimeError> {
        // The folder keeps everybody else out; a socket of ours cannot be given away without rights.
        let mode = if self.hands.is_some() { 0o666 } else { 0o600 };
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
            .map_err(|error| failed("protect", path, &error))?;
        if self.hands.is_some() {
            return Ok(());
        }
        self.give(path)
    }

    /// Makes `path` the jail's own.
    fn give(&self, path: &Path) -> Result<(), RuntimeError> {
        let Some((uid, gid)) = self.user else {
            return Ok(());
        };
        // Never through a link: the jail could have put one there to be given another's file.
        lchown(path, Some(uid), Some(gid)).map_err(|error| failed("give the jail", path, &error))
    }

    /// Removes all of it, whatever lies in it. Only while nothing runs in the jail.
    pub(crate) fn remove_all(&self) -> Result<(), RuntimeError> {
        let mut trash = self.root.clone().into_os_string();
        trash.push(".trash");
        let trash = PathBuf::from(trash);
        let swept = match fs::symlink_metadata(&self.root) {
            Ok(found) if found.is_dir() => sweep::remove_tree(&self.root, &trash),
            Ok(_) => fs::remove_file(&self.root),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        // What an interrupted removal left there goes even when there is nothing else to remove.
        swept
            .and_then(|()| sweep::remove_trash(&trash))
            .map_err(|error| failed("remove", &self.root, &error))
    }

    /// Takes away what a former run left: sockets, and code that would run at the next start. Only
    /// while nothing runs in the jail.
    pub(crate) fn clear(&self) -> Result<(), RuntimeError> {
        remove(&self.socket())?;
        match &self.hands {
            Some(hands) => {
                let cleared = hands.broker.clear(&hands.instance);
                cleared.map_err(|error| failed("clear", &self.work(), &error))
            }
            None => clear_work(&self.work(), &self.root.join("trash")),
        }
    }
}

/// Takes away from `work` what would run at the next start, by way of `trash`.
pub(crate) fn clear_work(work: &Path, trash: &Path) -> Result<(), RuntimeError> {
    RUN_AT_START
        .iter()
        .map(|name| work.join(name))
        .try_for_each(|path| {
            if fs::symlink_metadata(&path).is_ok_and(|found| found.is_dir()) {
                sweep::remove_tree(&path, trash).map_err(|error| failed("remove", &path, &error))
            } else {
                remove(&path)
            }
        })
}

/// What went wrong with a file, as a sentence.
pub(crate) fn failed(doing: &str, path: &Path, error: &io::Error) -> RuntimeError {
    RuntimeError::Io {
        what: format!("cannot {doing} {}", path.display()),
        why: error.to_string(),
    }
}

fn make_dir(path: &Path, mode: u32) -> Result<(), RuntimeError> {
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path);
    made.and_then(|()| {
        let found = fs::symlink_metadata(path)?;
        if !found.is_dir() {
            return Err(io::Error::other("it is a link or a file; remove it"));
        }
        fs::set_permissions(path, fs::Permissions::from_mode(mode))
    })
    .map_err(|error| failed("make the folder", path, &error))
}

/// Removes a file or a link (not what it points to); fine when there is none.
pub(crate) fn remove(path: &Path) -> Result<(), RuntimeError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(failed("remove", path, &error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn folder(root: &Path) -> Folder {
        Folder {
            root: root.to_owned(),
            user: None,
            hands: None,
        }
    }

    #[test]
    fn code_left_in_the_work_folder_is_cleared_and_links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = folder(dir.path());
        folder.make().unwrap();
        let outside = dir.path().join("outside");
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("kept"), "x").unwrap();
        let work = folder.work();
        fs::create_dir_all(work.join("node_modules/evil")).unwrap();
        symlink(&outside, work.join("nodes")).unwrap();
        fs::write(work.join("package.json"), "{}").unwrap();
        fs::create_dir_all(work.join("lib/flows")).unwrap();
        fs::create_dir_all(work.join("context")).unwrap();
        fs::write(folder.socket(), "").unwrap();

        folder.clear().unwrap();

        let mut left: Vec<_> = fs::read_dir(&work)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["context", "lib"]);
        assert!(
            outside.join("kept").exists(),
            "the clearing followed a link"
        );
        assert!(!folder.socket().exists());
    }

    #[test]
    fn a_path_too_long_for_a_socket_is_said_before_anything_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("x".repeat(100));
        let error = folder(&root).make().unwrap_err().to_string();
        assert!(error.contains("shorter --data-dir"), "{error}");
        assert!(!root.exists());
    }

    #[test]
    fn what_an_interrupted_removal_left_is_removed_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("rehearsal");
        let trash = dir.path().join("rehearsal.trash");
        fs::create_dir_all(trash.join("1/deep/er")).unwrap();
        folder(&root).remove_all().unwrap();
        assert!(!trash.exists());
        fs::create_dir_all(trash.join("2")).unwrap();
        folder(&root).make().unwrap();
        folder(&root).remove_all().unwrap();
        assert!(!trash.exists() && !root.exists());
    }

    #[test]
    fn a_link_in_place_of_a_folder_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        symlink("/etc", dir.path().join("work")).unwrap();
        assert!(folder(dir.path()).make().is_err());
    }
}
