//! What the workshop tells, and what follows from it.

use std::time::Duration;

use model::{audit::EventKind, id::InstanceId, principal::Actor};
use runtime::RuntimeEvent;
use serde_json::json;
use tokio::sync::mpsc;

use super::House;

/// How long Node-RED must live with a new baseline before it counts as having run well.
const PROBATION: Duration = Duration::from_mins(1);

/// Takes events until the workshop is gone.
pub(super) fn spawn(house: &House, mut events: mpsc::Receiver<RuntimeEvent>) {
    let (store, deployments) = (house.store.clone(), house.deployments.clone());
    let workshop = house.workshop.clone();
    let stop = house.stop.clone();
    house.tasks.spawn(async move {
        loop {
            let event = tokio::select! {
                () = stop.cancelled() => return,
                event = events.recv() => event,
            };
            let Some(event) = event else { return };
            let handled = match event {
                RuntimeEvent::RanWell { instance } => ran_well(&store, &instance).await,
                RuntimeEvent::Crashed { instance, reason } => {
                    let kind = EventKind::InstanceCrashed;
                    note(&store, kind, &instance, &reason).await
                }
                RuntimeEvent::CrashLoop { instance, reason } => {
                    give_up(&store, &deployments, &workshop, &instance, &reason).await
                }
            };
            if let Err(error) = handled {
                tracing::error!(%error, "an event of the workshop could not be followed up");
            }
        }
    });
    spawn_probation(house);
}

async fn ran_well(store: &store::Store, instance: &InstanceId) -> anyhow::Result<()> {
    if let Some(content) = store.baseline(instance).await? {
        store
            .mark_ran_well(instance, content.baseline.hash())
            .await?;
    }
    Ok(())
}

async fn note(
    store: &store::Store,
    kind: EventKind,
    instance: &InstanceId,
    reason: &str,
) -> anyhow::Result<()> {
    let detail = json!({ "reason": reason });
    store
        .record(kind, &Actor::System, Some(instance), "Node-RED", detail)
        .await?;
    Ok(())
}

/// Node-RED does not survive its flows: back to the baseline before, if there is one.
async fn give_up(
    store: &store::Store,
    deployments: &deploy::Deployments,
    workshop: &runtime::Workshop,
    instance: &InstanceId,
    reason: &str,
) -> anyhow::Result<()> {
    note(store, EventKind::InstanceCrashLoop, instance, reason).await?;
    if let Some(failed) = deployments.give_up(instance, reason).await? {
        tracing::warn!(deployment = %failed.id, "the deployment is taken back");
        workshop.restart(instance).await?;
    }
    Ok(())
}

/// A deployment applied to a running Node-RED has its probation too: a baseline counts as having
/// run well when the same process still runs with it a minute later.
fn spawn_probation(house: &House) {
    let (store, workshop) = (house.store.clone(), house.workshop.clone());
    let (stop, tasks) = (house.stop.clone(), house.tasks.clone());
    house.tasks.spawn(async move {
        let mut changes = store.queue_changes();
        let mut watched = std::collections::HashMap::new();
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
            }
            for status in workshop.statuses() {
                let Ok(Some(content)) = store.baseline(&status.id).await else {
                    continue;
                };
                let hash = content.baseline.hash();
                if watched.insert(status.id.clone(), hash) == Some(hash) {
                    continue;
                }
                let (store, workshop) = (store.clone(), workshop.clone());
                let stop = stop.clone();
                tasks.spawn(async move {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = tokio::time::sleep(PROBATION) => {}
                    }
                    let now = workshop.status(&status.id);
                    let lives = now.is_some_and(|now| {
                        now.phase.is_up() && now.flows_run && now.starts == status.starts
                    });
                    let current = store.baseline(&status.id).await.ok().flatten();
                    let same = current.is_some_and(|it| it.baseline.hash() == hash);
                    if lives
                        && same
                        && let Err(error) = store.mark_ran_well(&status.id, hash).await
                    {
                        tracing::error!(%error, "a passed probation could not be noted");
                    }
                });
            }
        }
    });
}
