//! The editors' own files: from the verified trees to the gates, and compressed while nobody waits.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use gate::{EDITOR_FILES, Listed, Shelf};
use model::id::{Hash, InstanceId};
use registry::VerifiedTree;
use tokio_util::sync::CancellationToken;

use super::House;
use crate::exit::Failure;

/// How long after the start compressing begins: the start itself, and whoever waited for it, come
/// first.
const BEGIN: Duration = Duration::from_mins(1);

/// A shelf a tree.
#[derive(Debug)]
pub(super) struct Shelves {
    cache: PathBuf,
    of_trees: BTreeMap<Hash, Arc<Shelf>>,
    of_instances: BTreeMap<InstanceId, Arc<Shelf>>,
}

impl Shelves {
    /// None yet.
    pub(super) fn new(data_dir: &Path) -> Self {
        Self {
            cache: data_dir.join("cache").join("editor"),
            of_trees: BTreeMap::new(),
            of_instances: BTreeMap::new(),
        }
    }

    /// The shelf of this instance. Without one Node-RED serves the files, slower: no reason not to
    /// start.
    pub(super) fn add(&mut self, instance: &InstanceId, tree: &VerifiedTree) {
        let known = self.of_trees.get(&tree.digest()).map(Arc::clone);
        match known.map_or_else(|| open(tree, &self.cache), Ok) {
            Ok(shelf) => {
                self.of_trees.insert(tree.digest(), Arc::clone(&shelf));
                self.of_instances.insert(instance.clone(), shelf);
            }
            Err(error) => {
                tracing::warn!(%instance, error = format!("{error:#}"), "Node-RED serves its editor's files");
            }
        }
    }

    /// The shelf of this instance.
    pub(super) fn of(&self, instance: &InstanceId) -> Option<Arc<Shelf>> {
        self.of_instances.get(instance).map(Arc::clone)
    }

    /// Compresses what is not yet, on a thread that gives way to all others.
    pub(super) fn spawn_filling(&self, house: &House) -> Result<(), Failure> {
        let shelves: Vec<_> = self.of_trees.values().map(Arc::clone).collect();
        let (cache, stop) = (self.cache.clone(), house.stop.clone());
        let wait = house.stop.clone();
        let thread = std::thread::Builder::new().name("press".to_owned());
        let (begin, begun) = std::sync::mpsc::channel();
        house.tasks.spawn(async move {
            // Let go of without a word when Redkeep stops first.
            if wait
                .run_until_cancelled(tokio::time::sleep(BEGIN))
                .await
                .is_some()
            {
                begin.send(()).ok();
            }
        });
        thread
            .spawn(move || {
                if begun.recv().is_ok() {
                    fill(&shelves, &cache, &stop);
                }
            })
            .context("a thread cannot be started")?;
        Ok(())
    }
}

fn fill(shelves: &[Arc<Shelf>], cache: &Path, stop: &CancellationToken) {
    if let Err(error) = sandbox::process::give_way() {
        tracing::debug!(%error, "compressing the editor's files gives way to nothing");
    }
    if let Err(error) = Shelf::prune(cache, shelves) {
        tracing::warn!(%error, "old compressed files of the editor stay on the disk");
    }
    for shelf in shelves {
        shelf.fill(|| stop.is_cancelled());
    }
}

fn open(tree: &VerifiedTree, cache: &Path) -> anyhow::Result<Arc<Shelf>> {
    let folder = format!("node_modules/{EDITOR_FILES}");
    let listed = tree.files_below(&folder)?.into_iter().filter_map(|file| {
        let path = file.path.strip_prefix(&folder)?.strip_prefix('/')?;
        Some(Listed {
            path: path.to_owned(),
            size: file.size,
            blake3: file.blake3.clone(),
        })
    });
    let root = tree.root().join(&folder);
    Ok(Shelf::open(root, listed, cache)?)
}
