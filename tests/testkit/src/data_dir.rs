//! Data directories: short paths, and Node.js and Node-RED already in them.
//!
//! What a first start fetches (60 MB) is fetched once for all tests, into `target/test-data`, and
//! hard-linked from there. The tests of the fetching itself are the registry's.

use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::Command,
};

use model::id::Hash;

use crate::redkeep::{NodeRed, Options, Redkeep};

/// A data directory that goes away with the value.
#[derive(Debug)]
pub struct DataDir {
    folder: tempfile::TempDir,
}

impl DataDir {
    /// An empty one. The path is short: a Unix socket's may have 107 bytes.
    pub fn empty() -> Self {
        let folder = tempfile::Builder::new().prefix("rk").tempdir_in("/tmp");
        let folder = folder.expect("a folder in /tmp");
        // As root, Redkeep becomes a user who has to pass.
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).expect("its mode");
        Self { folder }
    }

    /// One with the tree of this Node-RED in it.
    pub async fn with(node_red: NodeRed) -> Self {
        let shelf = shelf(node_red).await;
        let data = Self::empty();
        fs::create_dir_all(data.path()).expect("the data directory");
        for part in ["trees", "cache"] {
            link(&shelf.join(part), &data.path().join(part));
        }
        data
    }

    /// One with the tree of this Node-RED in it, its files nobody else's.
    pub async fn with_own_copy(node_red: NodeRed) -> Self {
        let trees = shelf(node_red).await.join("trees");
        let data = Self::empty();
        fs::create_dir_all(data.path()).expect("the data directory");
        run(Command::new("cp").arg("-a").arg(trees).arg(data.path()));
        data
    }

    /// The same as this user's property, where root may give it away.
    pub fn given_to(self, uid: u32) -> Self {
        if rustix::process::geteuid().is_root() {
            let owner = format!("{uid}:{uid}");
            run(Command::new("chown")
                .args(["-R", &owner])
                .arg(self.folder.path()));
        }
        self
    }

    /// A place beside the data directory that goes away with it.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where the shared tree and tarballs of this Node-RED lie.
    pub(crate) async fn shelf(node_red: NodeRed) -> PathBuf {
        shelf(node_red).await
    }

    /// Where it is.
    pub fn path(&self) -> PathBuf {
        self.folder.path().join("d")
    }

    /// The tree of Node-RED in it.
    pub fn tree(&self) -> PathBuf {
        let trees = fs::read_dir(self.path().join("trees")).expect("trees");
        let mut trees = trees.flatten().map(|entry| entry.path());
        trees
            .find(|path| path.join("node_modules/node-red/red.js").is_file())
            .expect("a tree of Node-RED")
    }

    /// Every regular file below, with its bytes; trees and tarballs (Node-RED itself) left out.
    pub fn files(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        collect(&self.path(), &mut found);
        found
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        // Trees are read-only, which stops whoever is not root from removing them. Folders only:
        // the files are shared with other data directories.
        let unlocked = Command::new("find")
            .arg(self.folder.path())
            .args([
                "-type", "d", "!", "-perm", "-u+w", "-exec", "chmod", "u+w", "{}", "+",
            ])
            .status();
        drop(unlocked);
    }
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    // Both a folder and a file may go away while a living Redkeep is looked at.
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(kind) = entry.file_type() else {
            continue;
        };
        if kind.is_dir() && entry.file_name() != "trees" && entry.file_name() != "cache" {
            collect(&path, found);
        } else if kind.is_file()
            && let Ok(bytes) = fs::read(&path)
        {
            found.push((path, bytes));
        }
    }
}

/// `target/test-data`: what all tests share.
fn test_data() -> PathBuf {
    crate::built::target_dir().join("test-data")
}

/// The shared, installed tree of one Node-RED, made by the first test that asks.
async fn shelf(node_red: NodeRed) -> PathBuf {
    let root = test_data();
    fs::create_dir_all(&root).expect("target/test-data");
    let lock = File::create(root.join("lock")).expect("target/test-data/lock");
    tokio::task::spawn_blocking(move || lock.lock().map(|()| lock))
        .await
        .map(|locked| held(locked, node_red, root))
        .expect("the lock's task")
        .await
}

async fn held(lock: std::io::Result<File>, node_red: NodeRed, root: PathBuf) -> PathBuf {
    let lock = lock.expect("the lock of target/test-data");
    let shelf = root.join(format!(
        "node-red-{}-{}",
        node_red.as_str(),
        contents(node_red)
    ));
    if !shelf.is_dir() {
        let data = DataDir::empty();
        let options = Options {
            node_red,
            ..Options::default()
        };
        let redkeep = Redkeep::start_unlinked(data, options).await;
        let data = redkeep.stop().await;
        let partial = root.join(format!(".partial-{}", node_red.as_str()));
        remove(&partial);
        fs::create_dir_all(&partial).expect("target/test-data");
        for part in ["trees", "cache"] {
            link(&data.path().join(part), &partial.join(part));
        }
        fs::rename(&partial, &shelf).expect("target/test-data");
    }
    drop(lock);
    shelf
}

/// What the lock files say: another Node-RED is another shelf.
fn contents(node_red: NodeRed) -> String {
    let text = locks(node_red).concat();
    Hash::of(&text).to_string().chars().take(12).collect()
}

fn run(command: &mut Command) {
    let done = command.output().expect("a program every Debian has");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{command:?} failed: {said}");
}

/// The lock files of this Node-RED and its Node.js.
pub(crate) fn locks(node_red: NodeRed) -> [Vec<u8>; 2] {
    let locks = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/registry/locks");
    let read = |file: &str| {
        let path = locks.join(file);
        fs::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
    };
    [
        read("node.json"),
        read(&format!("node-red-{}.json", node_red.as_str())),
    ]
}

/// Hard links where the file system allows it, else copies.
fn link(from: &Path, to: &Path) {
    let run = |how: &str| Command::new("cp").arg(how).arg(from).arg(to).output();
    let linked = run("-al").expect("cp");
    if linked.status.success() {
        return;
    }
    remove(to);
    let copied = run("-a").expect("cp");
    let said = String::from_utf8_lossy(&copied.stderr);
    assert!(
        copied.status.success(),
        "{} could not be copied: {said}",
        from.display()
    );
}

fn remove(path: &Path) {
    if path.exists() {
        let removed = Command::new("sh")
            .args([
                "-c",
                "find \"$0\" -type d -exec chmod u+w {} + && rm -rf \"$0\"",
            ])
            .arg(path)
            .status();
        assert!(
            removed.is_ok_and(|it| it.success()),
            "{} could not be removed",
            path.display()
        );
    }
}
