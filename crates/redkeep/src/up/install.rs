//! Node.js and Node-RED on disk, fetched where they are missing, verified always.

use std::sync::Arc;

use model::{audit::EventKind, instance::Instance, principal::Actor};
use registry::{Lock, Outcome, Phase, Platform, Step, Trees, VerifiedTree};
use serde_json::json;
use store::Store;

use crate::{
    config::{Config, upstream},
    exit::Failure,
    terminal::ProgressLine,
};

/// The tree an instance runs from.
pub(crate) async fn tree(
    config: &Config,
    store: &Store,
    instance: &Instance,
) -> Result<VerifiedTree, Failure> {
    let lock = Lock::of(instance.node_red, Platform::here()?);
    let trees = Trees::open(&config.data_dir)?;
    // Asked only when something is missing: a second start needs no network and no npm.
    let found = upstream::find(config.npm_registry.as_deref());
    let upstream = match (trees.has(&lock), found) {
        (true, found) => found.ok(),
        (false, found) => Some(found?),
    };
    let remembered = store
        .baseline(&instance.id)
        .await?
        .map(|content| content.baseline);
    let expected = remembered
        .filter(|it| it.node_red == lock.node_red_version() && it.node == lock.node_version())
        .map(|it| it.modules);
    let line = Arc::new(ProgressLine::new());
    let shown = line.clone();
    let progress = Arc::new(move |step: Step| show(&shown, step));
    let installed = trees
        .ensure(&lock, expected, upstream.as_ref(), progress)
        .await;
    line.end();
    let installed = installed?;
    if let Outcome::Rebuilt { damage, aside } = &installed.outcome {
        let detail = json!({ "damage": damage.to_string(), "aside": aside.file_name().map(|it| it.to_string_lossy()) });
        let (kind, id) = (EventKind::DiskDrift, &instance.id);
        store
            .record(kind, &Actor::System, Some(id), "tree of Node-RED", detail)
            .await?;
    }
    Ok(installed.tree)
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
