//! After a crash: what was half done.

use model::{deployment::State, principal::Actor};

use crate::{DeployError, Deployments};

impl Deployments {
    /// At start, before any Node-RED runs: a deployment that is still `Applying` was not committed
    /// (committing makes it `Applied` in the same transaction), so it is `Approved` again, and
    /// nothing of it runs. Returns how many were put back.
    pub async fn recover(&self) -> Result<usize, DeployError> {
        let mut count = 0;
        for deployment in self.store.deployments(None, true, u32::MAX >> 1).await? {
            if let State::Applying {
                since,
                result,
                approved_by,
            } = &deployment.state
            {
                let next = State::Approved {
                    by: approved_by.clone().unwrap_or(Actor::System),
                    at: *since,
                    result: *result,
                };
                let (id, from) = (deployment.id, &deployment.state);
                self.store.step(id, from, next, &Actor::System).await?;
                tracing::warn!(deployment = %id, "was interrupted while applying; approved again");
                count += 1;
            }
        }
        Ok(count)
    }
}
