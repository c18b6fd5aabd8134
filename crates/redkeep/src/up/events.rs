//! What the workshop tells, and what follows from it.

use model::id::InstanceId;
use runtime::RuntimeEvent;
use tokio::sync::mpsc;

use super::House;

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
                RuntimeEvent::RanWell { instance, baseline } => {
                    let marked = store.mark_ran_well(&instance, baseline).await;
                    marked.map_err(anyhow::Error::from)
                }
                // The supervisor has recorded it, and starts Node-RED again.
                RuntimeEvent::Crashed { .. } => Ok(()),
                // Flows on probation may be what filled the disk.
                RuntimeEvent::CrashLoop { instance, reason }
                | RuntimeEvent::Hindered { instance, reason } => {
                    give_up(&deployments, &workshop, &instance, &reason).await
                }
            };
            if let Err(error) = handled {
                tracing::error!(%error, "an event of the workshop could not be followed up");
            }
        }
    });
}

/// Node-RED does not survive its flows: back to the baseline before, if there is one.
async fn give_up(
    deployments: &deploy::Deployments,
    workshop: &runtime::Workshop,
    instance: &InstanceId,
    reason: &str,
) -> anyhow::Result<()> {
    if let Some(failed) = deployments.give_up(instance, reason).await? {
        tracing::warn!(deployment = %failed.id, "the deployment is taken back");
        workshop.restart(instance).await?;
    }
    Ok(())
}
