//! Keeps each instance's history up with the ledger.

use runtime::InstancePlan;

use super::House;

/// Writes what is missing now, and again whenever the queue moves.
pub(super) fn spawn(house: &House, plans: &[InstancePlan]) {
    let instances: Vec<_> = plans.iter().map(|plan| plan.instance.id.clone()).collect();
    let (history, stop) = (house.history.clone(), house.stop.clone());
    let mut changes = house.store.queue_changes();
    house.tasks.spawn(async move {
        loop {
            changes.mark_unchanged();
            for instance in &instances {
                if let Err(error) = history.bring_up(instance).await {
                    // It is told from the ledger: nothing is lost, and the next change tries again.
                    tracing::warn!(%instance, %error, "the history is behind");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                changed = changes.changed() => if changed.is_err() { return },
            }
        }
    });
}
