//! Node.js and Node-RED on disk, fetched where they are missing, verified always.
//!
//! What is damaged is recorded before it is mended: mending needs a disk with room, perhaps the
//! network, and a start that fails must not take the evidence with it.

use std::{collections::BTreeSet, sync::Arc};

use model::{audit::EventKind, id::Hash, instance::Instance, principal::Actor};
use registry::{
    Lock, Outcome, Phase, Platform, Progress, Step, TreeError, Trees, VerifiedTree,
    tree::verify::Pace,
};
use serde_json::json;
use store::{Store, StoreError};

use crate::{
    config::{Config, upstream},
    exit::Failure,
    terminal::{self, ProgressLine},
};

/// Snapshots looked at for the trees to keep: every deployment makes one, of the same tree.
const SNAPSHOTS_READ: u32 = 1000;

/// The tree an instance runs from.
pub(crate) async fn tree(
    config: &Config,
    store: &Store,
    trees: &Trees,
    instance: &Instance,
) -> Result<VerifiedTree, Failure> {
    let lock = Lock::of(instance.node_red, Platform::here()?);
    let expected = remembered(store, instance, &lock).await?;
    let line = Arc::new(ProgressLine::new());
    let shown = line.clone();
    let progress: Arc<dyn Progress> = Arc::new(move |step: Step| show(&shown, step));
    if trees.has(&lock) {
        let verified = trees
            .verify(&lock, expected, Pace::Fast, progress.clone())
            .await;
        line.end();
        match verified {
            Ok(tree) => return Ok(tree),
            Err(TreeError::Damaged(damage)) => {
                let detail = json!({ "damage": damage.to_string(), "found": "at start" });
                record(store, instance, detail).await?;
                terminal::say(&format!(
                    "{}: Node-RED's files on disk were changed and are put back: {damage}",
                    instance.id
                ));
            }
            Err(error) => return Err(error.into()),
        }
    }
    // Asked only when something is missing: a second start needs no network and no npm.
    let found = upstream::find(config.npm_registry.as_deref(), &config.npmrc);
    let upstream = match (trees.has(&lock), found) {
        (true, found) => found.ok(),
        (false, found) => Some(found?),
    };
    let installed = trees
        .ensure(&lock, expected, upstream.as_ref(), progress)
        .await;
    line.end();
    let installed = installed?;
    if let Outcome::Rebuilt { aside, .. } = &installed.outcome {
        let aside = aside.file_name().map(|it| it.to_string_lossy());
        let detail = json!({ "outcome": "built anew", "aside": aside });
        record(store, instance, detail).await?;
    }
    Ok(installed.tree)
}

/// Fetches what a new Redkeep lacks while the one before still serves, so that nobody waits for it then.
/// What is there is left as it is: the other one runs from it.
pub(super) async fn prepare(config: &Config) -> Result<(), Failure> {
    let trees = Trees::open(&config.data_dir)?;
    for section in &config.instances {
        let lock = Lock::of(section.node_red.unwrap_or_default(), Platform::here()?);
        if trees.has(&lock) {
            continue;
        }
        let upstream = upstream::find(config.npm_registry.as_deref(), &config.npmrc)?;
        let line = Arc::new(ProgressLine::new());
        let shown = line.clone();
        let progress: Arc<dyn Progress> = Arc::new(move |step: Step| show(&shown, step));
        let fetched = trees.ensure(&lock, None, Some(&upstream), progress).await;
        line.end();
        fetched?;
    }
    Ok(())
}

/// The tree's digest as the baseline has it, if it is of the same versions.
pub(super) async fn remembered(
    store: &Store,
    instance: &Instance,
    lock: &Lock,
) -> Result<Option<Hash>, StoreError> {
    let content = store.baseline(&instance.id).await?;
    let baseline = content.map(|content| content.baseline);
    let same = baseline
        .filter(|it| it.node_red == lock.node_red_version() && it.node == lock.node_version());
    Ok(same.map(|it| it.modules))
}

/// Removes the trees beyond the last few each instance had. One that cannot be removed is no reason
/// not to start.
pub(super) async fn prune(config: &Config, store: &Store, trees: &Trees) -> Result<(), Failure> {
    let (mut used, mut kept) = (Vec::new(), BTreeSet::new());
    // Also of instances that are not run this time.
    for instance in store.instances().await? {
        used.push(Lock::of(instance.node_red, Platform::here()?));
        let mut of_this: Vec<Hash> = Vec::new();
        for snapshot in store.snapshots(&instance.id, SNAPSHOTS_READ).await? {
            let modules = snapshot.baseline.modules;
            if !of_this.contains(&modules) {
                of_this.push(modules);
            }
        }
        kept.extend(of_this.into_iter().take(config.keep.trees.get().into()));
    }
    match trees.prune(&used, kept).await {
        Ok(0) => {}
        Ok(count) => tracing::info!(count, "trees of Node-RED that nothing needs were removed"),
        Err(error) => tracing::warn!(%error, "an old tree of Node-RED could not be removed"),
    }
    Ok(())
}

async fn record(
    store: &Store,
    instance: &Instance,
    detail: serde_json::Value,
) -> Result<(), Failure> {
    let (kind, id) = (EventKind::DiskDrift, &instance.id);
    store
        .record(kind, &Actor::System, Some(id), "tree of Node-RED", detail)
        .await?;
    Ok(())
}

fn show(line: &ProgressLine, step: Step) {
    let Step {
        phase,
        done_bytes,
        total_bytes,
        done_count,
        total_count,
    } = step;
    let word = phase.as_str();
    let megabytes = |bytes: u64| bytes / 1_000_000;
    let (what, done) = match phase {
        Phase::Fetch => ("packages", megabytes(done_bytes)),
        Phase::Unpack => ("packages", 0),
        Phase::Sync | Phase::Verify => ("files", 0),
    };
    let size = match (done, total_bytes) {
        (0, _) => String::new(),
        (done, Some(total)) => format!(", {done} of {} MB", megabytes(total)),
        (done, None) => format!(", {done} MB"),
    };
    let text = format!("{word}: {done_count} of {total_count} {what}{size}");
    let drawn = i64::try_from(done_count)
        .unwrap_or(i64::MAX)
        .saturating_mul(1000);
    line.show(
        word,
        &text,
        drawn.saturating_add(i64::try_from(done).unwrap_or(0)),
    );
}
