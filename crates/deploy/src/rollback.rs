//! Going back to a snapshot: itself a deployment.

use model::{
    access::Permission,
    deployment::{DeploymentType, Origin},
    flow::Flows,
    id::{Hash, InstanceId},
};

use crate::{Caller, DeployError, Deployments, Proposed, intake::Intake, secrets};

impl Deployments {
    /// Proposes a return to the flows and credentials of an earlier baseline. Needs `Propose`.
    pub async fn roll_back(
        &self,
        caller: &Caller,
        instance: &InstanceId,
        to: Hash,
    ) -> Result<Proposed, DeployError> {
        caller.require(Permission::Propose)?;
        let base = self
            .store
            .baseline(instance)
            .await?
            .ok_or(DeployError::NoBaseline)?;
        let target = self.store.baseline_at(instance, to).await?;
        let flows = Flows::from_canonical(target.flows)?;
        let proposer = caller.actor();
        let waiting = self
            .waiting_of(instance, Origin::Rollback, &proposer)
            .await?;
        let earlier = waiting.into_iter().next();
        let intake = Intake {
            instance: instance.clone(),
            origin: Origin::Rollback,
            proposer,
            credentials: secrets::difference(&base.credentials, &target.credentials),
            flows,
            deployment_type: DeploymentType::Full,
            emergency: None,
        };
        Box::pin(self.take_in(intake, base, earlier)).await
    }
}
