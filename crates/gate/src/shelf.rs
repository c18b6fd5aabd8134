//! The editor's own files, from the verified tree: Node-RED is not asked for them.
//!
//! What Node-RED serves from `@node-red/editor-client/public`, and nothing a setting, a plugin or a
//! node has a hand in. A file is compared with the tree's manifest when it is first read, and again
//! whenever the kernel says that something about it changed. It goes out compressed from a cache on
//! disk ([`stock`]); nothing of either is kept in memory.

mod kind;
mod open;
mod serve;
mod stock;

use std::{
    collections::BTreeMap,
    io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use http::Response;

use crate::{
    body::Body,
    gate::{Denial, Visit},
    route::Target,
};
use kind::Kind;
use open::{Opened, Stamp};
use stock::Stock;

/// Where Node-RED's editor lies in a tree of packages.
pub const EDITOR_FILES: &str = "@node-red/editor-client/public";

/// Below which folders, and which file beside them, Node-RED serves by itself and before any node.
const SERVED: [&str; 4] = ["red/", "vendor/", "types/", "favicon.ico"];

/// Scripts the editor wants early and needs late: half of its bytes, and nothing waits for them.
const HEAVY: [&str; 2] = [
    "vendor/monaco/dist/editor.js",
    "vendor/mermaid/mermaid.min.js",
];

/// One file, as the tree's manifest has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Its path below [`EDITOR_FILES`], with `/`.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
    /// BLAKE3 of its content, in hexadecimal.
    pub blake3: String,
}

/// The files of one tree's editor. Shared by all instances that run from the tree.
#[derive(Debug)]
pub struct Shelf {
    root: PathBuf,
    files: BTreeMap<String, Arc<Item>>,
    stock: Stock,
}

/// One file that is served.
#[derive(Debug)]
struct Item {
    path: String,
    size: u64,
    digest: blake3::Hash,
    kind: Kind,
    /// How it was when its content was found to be the manifest's.
    seen: Mutex<Option<Stamp>>,
    /// The same of its compressed copy.
    pressed: Mutex<Option<Stamp>>,
    /// Held by whoever compresses it, so that others wait instead of doing it too.
    turn: tokio::sync::Mutex<()>,
}

impl Shelf {
    /// A shelf over the folder `root`, which is [`EDITOR_FILES`] of a verified tree. `files` is what
    /// the tree's manifest lists below it; of a kind we do not know, they stay Node-RED's to serve.
    /// Compressed copies are kept in `cache`. Blocks.
    ///
    /// Errors: `cache` cannot be made.
    pub fn open(
        root: PathBuf,
        files: impl IntoIterator<Item = Listed>,
        cache: &Path,
    ) -> io::Result<Arc<Self>> {
        let served = files.into_iter().filter_map(|file| {
            let Listed { path, size, blake3 } = file;
            let is_served = SERVED.iter().any(|prefix| path.starts_with(prefix));
            // Express hides them.
            let is_hidden = path.split('/').any(|part| part.starts_with('.'));
            let kind = Kind::of(&path).filter(|_| is_served && !is_hidden)?;
            let item = Item {
                digest: blake3::Hash::from_hex(blake3).ok()?,
                seen: Mutex::default(),
                pressed: Mutex::default(),
                turn: tokio::sync::Mutex::default(),
                path: path.clone(),
                size,
                kind,
            };
            Some((path, Arc::new(item)))
        });
        Ok(Arc::new(Self {
            root,
            files: served.collect(),
            stock: Stock::open(cache)?,
        }))
    }

    /// The paths that are served, below the editor's address.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Compresses as well as can be what is not yet: half a minute of one processor for a new tree,
    /// and nothing from then on. Blocks; to be run where it is in nobody's way. Ends early when
    /// `is_over` says so, which it is asked before each file.
    pub fn fill(&self, is_over: impl Fn() -> bool) {
        // What an opening editor waits for comes first.
        let mut items: Vec<_> = self.files.values().filter(|it| it.is_pressed()).collect();
        items.sort_by_key(|item| (!item.is_at_start(), item.size));
        for item in items {
            if is_over() {
                return;
            }
            if let Err(error) = self.stock.fill(item, &self.root) {
                tracing::warn!(%error, path = item.path, "a file of the editor was not compressed");
            }
        }
    }

    /// Removes from `cache` the copies that belong to none of these shelves. Blocks.
    pub fn prune<'a>(
        cache: &Path,
        shelves: impl IntoIterator<Item = &'a Arc<Self>>,
    ) -> io::Result<()> {
        let items = shelves.into_iter().flat_map(|it| it.files.values());
        stock::prune(cache, items.map(|item| item.digest))
    }

    /// Whether the request is for a script that can wait.
    pub(crate) fn is_heavy(&self, target: &Target) -> bool {
        self.item(target)
            .is_some_and(|item| HEAVY.contains(&item.path.as_str()))
    }

    /// The answer, if the file is one of the shelf's.
    pub(crate) async fn answer(
        self: &Arc<Self>,
        visit: &Visit,
    ) -> Result<Option<Response<Body>>, Denial> {
        let Some(item) = self.item(&visit.target) else {
            return Ok(None);
        };
        let answer = serve::answer(self, item, visit).await;
        answer.map(Some).map_err(|error| {
            tracing::error!(%error, path = item.path, "a file of the editor cannot be served");
            Denial::Failed(format!("{} cannot be served: {error}", item.path))
        })
    }

    fn item(&self, target: &Target) -> Option<&Arc<Item>> {
        // `/red/x.js/` is no file to Node-RED, and `/RED/x.js` is none on disk.
        if target.path().ends_with('/') {
            return None;
        }
        self.files.get(&target.segments().join("/"))
    }

    /// The file itself, if it still is what the manifest says.
    fn plain(&self, item: &Item) -> io::Result<Opened> {
        item.plain(&self.root)
    }

    /// Its compressed copy; none if there is no good one.
    fn stocked(&self, item: &Item) -> Option<Opened> {
        self.stock.find(item)
    }

    /// The same, made in a hurry if there is none. One at a time for each file.
    async fn pressed(self: &Arc<Self>, item: &Arc<Item>) -> Option<Opened> {
        let (shelf, file) = (Arc::clone(self), Arc::clone(item));
        let found = tokio::task::spawn_blocking(move || shelf.stocked(&file)).await;
        if let Ok(Some(found)) = found {
            return Some(found);
        }
        let _turn = item.turn.lock().await;
        let (shelf, file) = (Arc::clone(self), Arc::clone(item));
        let made = tokio::task::spawn_blocking(move || {
            // Whoever had the turn before may have made it.
            if let Some(found) = shelf.stocked(&file) {
                return Some(found);
            }
            if let Err(error) = shelf.stock.hurry(&file, &shelf.root) {
                tracing::warn!(%error, path = file.path, "a file of the editor was not compressed");
            }
            shelf.stocked(&file)
        });
        made.await.ok().flatten()
    }
}

impl Item {
    /// Whether it is worth compressing.
    fn is_pressed(&self) -> bool {
        self.kind.is_text && self.size >= 1024
    }

    /// Whether an editor asks for it as it opens.
    fn is_at_start(&self) -> bool {
        let is_of_node_red = self.path.starts_with("red/") && !self.path.ends_with("red/red.js");
        let is_loaded = [
            "vendor/vendor.js",
            "vendor/jquery/css/base/jquery-ui.min.css",
            "vendor/font-awesome/css/font-awesome.min.css",
            "vendor/monaco/style.css",
            "vendor/monaco/monaco-bootstrap.js",
        ];
        is_of_node_red
            || is_loaded.contains(&self.path.as_str())
            || HEAVY.contains(&self.path.as_str())
    }

    fn plain(&self, root: &Path) -> io::Result<Opened> {
        let opened = open::compared(&root.join(&self.path), &self.seen, |file| {
            let mut hasher = blake3::Hasher::new();
            let size = io::copy(file, &mut hasher)?;
            Ok(size == self.size && hasher.finalize() == self.digest)
        })?;
        // It is not handed on, nor left to Node-RED, which would.
        opened.ok_or_else(|| io::Error::other("it is not what the tree's manifest says"))
    }
}

#[cfg(test)]
mod tests;
