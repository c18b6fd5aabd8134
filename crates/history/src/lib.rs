//! Every baseline of an instance as a commit of a Git repository that people's own tools can read.
//!
//! The repository is told from the ledger and decides nothing: who deletes it has it back at the
//! next change, as far as the ledger lists baselines (the newest 1000). One commit for each baseline: its author is who proposed the deployment, trailers
//! name who approved it and the baseline's digest. No secret is in it: of credentials it holds the
//! names.
#![forbid(unsafe_code)]

mod entry;
mod object;
pub mod readable;
mod repository;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use model::{
    flow::Flows,
    id::{Hash, InstanceId},
};
use store::{Snapshot, Store, StoreError};

use crate::{
    object::{Commit, Entry, Object, ObjectId},
    repository::Repository,
};

/// Why the repository could not be brought up to the ledger.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    /// The ledger could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The folder could not be written.
    #[error("the history in {folder} cannot be written: {error}")]
    Io {
        /// Where.
        folder: String,
        /// Why.
        error: io::Error,
    },
    /// A kept text is no flows file.
    #[error("a baseline of {0} cannot be read; run `redkeep audit verify`")]
    Unreadable(InstanceId),
}

/// The histories of all instances. Cheap to clone.
#[derive(Debug, Clone)]
pub struct History {
    store: Store,
    instances: PathBuf,
}

/// What was written last, in a note beside the branch. It is written first: the branch follows it,
/// so that a kill in between neither loses a commit nor makes one twice.
const WRITTEN: &str = "redkeep-snapshot";

/// The newest commit, and the snapshot it was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Written {
    commit: ObjectId,
    snapshot: i64,
    baseline: Hash,
}

impl Written {
    fn read(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        Some(Self {
            commit: ObjectId::parse(words.next()?)?,
            snapshot: words.next()?.parse().ok()?,
            baseline: words.next()?.parse().ok()?,
        })
    }

    fn text(self) -> String {
        format!(
            "{} {} {}\n",
            self.commit.to_hex(),
            self.snapshot,
            self.baseline
        )
    }
}

impl History {
    /// Histories of the instances whose folders lie in `instances`.
    pub fn new(store: Store, instances: PathBuf) -> Self {
        Self { store, instances }
    }

    fn folder(&self, instance: &InstanceId) -> PathBuf {
        self.instances.join(instance.as_str()).join("history.git")
    }

    /// Writes a commit for each baseline that has none yet; returns how many.
    pub async fn bring_up(&self, instance: &InstanceId) -> Result<usize, HistoryError> {
        let snapshots = self.store.snapshots(instance, SNAPSHOTS_MAX).await?;
        let folder = self.folder(instance);
        let mut written = on_disk(&folder, |folder| resume(&folder)).await?;
        let mut count = 0;
        for snapshot in snapshots.iter().rev() {
            let is_known = written.is_some_and(|it| snapshot.id <= it.snapshot);
            if !is_known {
                written = Some(self.write(instance, snapshot, written, false).await?);
                count += 1;
            }
        }
        // A deployment that did not survive leaves its snapshot; what runs is an earlier one.
        let current = snapshots.iter().find(|it| it.is_current);
        if let (Some(current), Some(head)) = (current, written)
            && current.hash != head.baseline
        {
            self.write(instance, current, written, true).await?;
            count += 1;
        }
        Ok(count)
    }

    async fn write(
        &self,
        instance: &InstanceId,
        snapshot: &Snapshot,
        before: Option<Written>,
        is_return: bool,
    ) -> Result<Written, HistoryError> {
        let told = entry::tell(&self.store, instance, snapshot, is_return).await?;
        let folder = self.folder(instance);
        let baseline = snapshot.hash;
        let snapshot = before.map_or(snapshot.id, |it| it.snapshot.max(snapshot.id));
        let unreadable = || HistoryError::Unreadable(instance.clone());
        let flows = Flows::from_canonical(told.flows.clone()).map_err(|_| unreadable())?;
        on_disk(&folder, move |folder| {
            let repository = Repository::open(&folder)?;
            let tree = tree(&repository, &flows, &told)?;
            let commit = Object::commit(&Commit {
                tree,
                parent: before.map(|it| it.commit),
                author: &told.author,
                at: told.at,
                message: &told.message,
            });
            let commit = repository.keep(&commit)?;
            let written = Written {
                commit,
                snapshot,
                baseline,
            };
            repository.put(WRITTEN, written.text().as_bytes())?;
            repository.move_to(commit)?;
            Ok(written)
        })
        .await
    }

    /// A file of an instance's repository, if `path` is one that Git's clients read.
    pub async fn file(
        &self,
        instance: &InstanceId,
        path: &str,
    ) -> Result<Option<Vec<u8>>, HistoryError> {
        if !repository::served(path) {
            return Ok(None);
        }
        let path = path.to_owned();
        on_disk(&self.folder(instance), move |folder| {
            match fs::read(folder.join(path)) {
                Ok(content) => Ok(Some(content)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
                Err(error) => Err(error),
            }
        })
        .await
    }
}

/// Snapshots looked at; the ledger lists no more.
const SNAPSHOTS_MAX: u32 = 1000;

/// Where the last writing ended.
fn resume(folder: &Path) -> io::Result<Option<Written>> {
    let repository = Repository::open(folder)?;
    let note = repository.note(WRITTEN)?;
    let written = note.as_deref().and_then(Written::read);
    if let Some(written) = written
        && repository.head()? != Some(written.commit)
    {
        repository.move_to(written.commit)?;
    }
    Ok(written)
}

/// The files of one commit.
fn tree(repository: &Repository, flows: &Flows, told: &entry::Told) -> io::Result<ObjectId> {
    let file = |text: &str| {
        repository
            .keep(&Object::blob(text.as_bytes()))
            .map(Entry::File)
    };
    let mut code = Vec::new();
    for (name, text) in readable::code(flows) {
        code.push((name, file(&text)?));
    }
    let mut top = vec![
        (
            "flows.json".to_owned(),
            file(&readable::lines(&told.flows))?,
        ),
        ("baseline.json".to_owned(), file(&told.baseline)?),
        ("credentials.txt".to_owned(), file(&told.credentials)?),
    ];
    if !code.is_empty() {
        let code = repository.keep(&Object::tree(code))?;
        top.push(("code".to_owned(), Entry::Folder(code)));
    }
    repository.keep(&Object::tree(top))
}

/// Runs what touches the disk where it holds up nobody.
async fn on_disk<T: Send + 'static>(
    folder: &Path,
    work: impl FnOnce(PathBuf) -> io::Result<T> + Send + 'static,
) -> Result<T, HistoryError> {
    let owned = folder.to_owned();
    let done = tokio::task::spawn_blocking(move || work(owned)).await;
    let done = done.unwrap_or_else(|_| Err(io::Error::other("the writing ended early")));
    done.map_err(|error| HistoryError::Io {
        folder: folder.display().to_string(),
        error,
    })
}
