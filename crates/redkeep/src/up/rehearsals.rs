//! What waits for review is read and tried in the background, one at a time.

use runtime::InstancePlan;

use super::{House, own_user};
use crate::wire::Stage;

/// Past the users of the instances.
pub(super) const USER: u32 = 65_531;

/// Tries until the house closes; a run that is under way then is let go of, and ends with it.
pub(super) fn spawn(house: &House, plans: Vec<InstancePlan>) {
    let stage = Stage {
        workshop: house.workshop.clone(),
        plans,
        dir: house.config.data_dir.join("rehearsal"),
        user: own_user(USER),
    };
    let (deployments, stop) = (house.deployments.clone(), house.stop.clone());
    house.tasks.spawn(async move {
        if let Err(error) = deployments.read_waiting_ahead().await {
            tracing::warn!(%error, "what waits was not read ahead");
        }
        tokio::select! {
            () = stop.cancelled() => {}
            never = deployments.rehearse(&stage) => match never {},
        }
    });
}
