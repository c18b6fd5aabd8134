//! Where a proposal comes in, whatever door it came by.

use model::{
    deployment::{Deployment, DeploymentType, Emergency, Origin},
    flow::{Flows, Limits},
    id::{Hash, InstanceId},
    principal::Actor,
};

use crate::{DeployError, Deployments};

/// Something somebody wants to run.
#[derive(Debug, Clone)]
pub struct Submission {
    /// On which instance.
    pub instance: InstanceId,
    /// By which door.
    pub origin: Origin,
    /// Who.
    pub proposer: Actor,
    /// The flows: a JSON array, credentials on the nodes, as Node-RED's editor sends it.
    pub flows: Vec<u8>,
    /// The revision it started from; none: whatever runs.
    pub revision: Option<String>,
    /// How Node-RED is to restart.
    pub deployment_type: DeploymentType,
    /// Apply before review, for this reason (needs [`model::access::Permission::Apply`], checked
    /// by the caller).
    pub emergency: Option<Emergency>,
}

/// What became of it.
#[derive(Debug, Clone)]
pub enum Proposed {
    /// It equals what runs. Nothing was queued.
    Unchanged {
        /// The flows' revision.
        revision: Hash,
    },
    /// It waits for review.
    Queued {
        /// The deployment.
        deployment: Deployment,
        /// The revision the flows will have once applied.
        revision: Hash,
    },
    /// The instance's policy (or an emergency) applied it at once.
    Applied {
        /// The deployment.
        deployment: Deployment,
        /// The flows' revision.
        revision: Hash,
    },
}

impl Deployments {
    /// Takes a proposal in. `limits` bound the text.
    pub async fn propose(&self, submission: Submission, limits: &Limits) -> Result<Proposed, DeployError> {
        let _ = Flows::submitted(&submission.flows, limits)?;
        unimplemented!()
    }
}
