//! What waits for review is read and tried in the background, one at a time.

use runtime::InstancePlan;
use sandbox::users::REHEARSAL;

use super::House;
use crate::wire::Stage;

/// Tries until the house closes; a run that is under way then is let go of, and ends with it.
pub(super) fn spawn(house: &House, plans: Vec<InstancePlan>) {
    let user = house.rights.is_some().then_some(REHEARSAL);
    let stage = Stage {
        workshop: house.workshop.clone(),
        plans,
        dir: house.config.data_dir.join("rehearsal"),
        user: user.map(|it| (it.uid, it.gid)),
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
