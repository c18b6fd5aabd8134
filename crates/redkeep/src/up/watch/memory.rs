//! What Node-RED says it runs, looked at again and again.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use integrity::{Difference, Looked, MemoryWatch};
use model::{audit::EventKind, id::InstanceId, principal::Actor};
use runtime::{InstancePlan, RuntimeError, Workshop};
use serde_json::json;
use store::Store;

use super::super::House;

/// After a look that could be a reload under way.
const AGAIN: Duration = Duration::from_secs(2);

pub(super) fn spawn(house: &House, plan: &InstancePlan) {
    let every = Duration::from_secs(house.config.watch.memory_seconds.get().into());
    let (stop, store) = (house.stop.clone(), house.store.clone());
    let (workshop, id) = (house.workshop.clone(), plan.instance.id.clone());
    house.tasks.spawn(async move {
        let mut watch = MemoryWatch::default();
        let mut wait = every;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            let looked;
            (watch, looked) = look(&store, &workshop, &id, watch).await;
            wait = match looked {
                Ok(Some(Looked::Unsure)) => AGAIN.min(every),
                Ok(_) => every,
                Err(error) => {
                    tracing::warn!(%error, instance = %id, "what runs could not be compared");
                    every
                }
            };
        }
    });
}

/// One look; none when there was nothing to compare.
async fn look(
    store: &Store,
    workshop: &Arc<Workshop>,
    id: &InstanceId,
    mut watch: MemoryWatch,
) -> (MemoryWatch, anyhow::Result<Option<Looked>>) {
    let seen = match see(store, workshop, id).await {
        Ok(Some(seen)) => seen,
        Ok(None) => {
            watch.forget_suspicion();
            return (watch, Ok(None));
        }
        Err(error) => return (watch, Err(error)),
    };
    let Seen {
        start,
        baseline,
        running,
    } = seen;
    // Hashing and comparing megabytes is no work for a thread that serves requests.
    let compared = tokio::task::spawn_blocking(move || {
        let running = running.as_deref().map_err(String::as_str);
        let looked = watch.look(&baseline, running);
        (watch, looked)
    });
    let (watch, looked) = match compared.await {
        Ok(compared) => compared,
        Err(error) => return (MemoryWatch::default(), Err(error.into())),
    };
    let told = tell(store, workshop, id, start, &looked).await;
    (watch, told.map(|()| Some(looked)))
}

/// What one start of Node-RED ran while the baseline stood still.
struct Seen {
    start: u32,
    baseline: Arc<str>,
    running: Result<Vec<u8>, String>,
}

async fn see(store: &Store, workshop: &Workshop, id: &InstanceId) -> anyhow::Result<Option<Seen>> {
    let up = |workshop: &Workshop| {
        let status = workshop.status(id)?;
        status.phase.is_up().then_some(status.starts)
    };
    let Some(start) = up(workshop) else {
        return Ok(None);
    };
    let Some(before) = store.baseline(id).await? else {
        return Ok(None);
    };
    let running = match workshop.running_flows(id).await {
        Ok(running) => Ok(running),
        Err(error @ (RuntimeError::NotRunning { .. } | RuntimeError::Answered { .. })) => {
            Err(error.to_string())
        }
        Err(error) => return Err(error).context("Node-RED could not be asked"),
    };
    let after = store.baseline(id).await?;
    let stood_still = after.is_some_and(|it| it.baseline.hash() == before.baseline.hash())
        && up(workshop) == Some(start);
    Ok(stood_still.then_some(Seen {
        start,
        baseline: before.flows,
        running,
    }))
}

async fn tell(
    store: &Store,
    workshop: &Workshop,
    id: &InstanceId,
    start: u32,
    looked: &Looked,
) -> anyhow::Result<()> {
    let detail = match looked {
        Looked::Unsure => return Ok(()),
        Looked::Equal { again } => {
            workshop.show_drift(id, start, None);
            if !again {
                return Ok(());
            }
            json!({ "what": "the baseline runs again" })
        }
        Looked::Different(Difference {
            what,
            digest,
            is_new,
        }) => {
            workshop.show_drift(id, start, Some(what));
            if !is_new {
                return Ok(());
            }
            tracing::warn!(instance = %id, %what, "what runs is not what was approved");
            json!({ "what": what, "runs": digest })
        }
    };
    let (kind, by) = (EventKind::MemoryDrift, Actor::System);
    store
        .record(kind, &by, Some(id), "flows in memory", detail)
        .await?;
    Ok(())
}
