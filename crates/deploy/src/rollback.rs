//! Going back to a snapshot: itself a deployment.

use model::id::{Hash, InstanceId};

use crate::{Caller, DeployError, Deployments, Proposed};

impl Deployments {
    /// Proposes a return to the flows and credentials of an earlier baseline. Needs `Propose`.
    pub async fn roll_back(&self, caller: &Caller, instance: &InstanceId, to: Hash) -> Result<Proposed, DeployError> {
        let _ = (caller, instance, to);
        unimplemented!()
    }
}
