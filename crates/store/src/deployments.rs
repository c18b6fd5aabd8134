//! The queue: deployments, their decisions, and the one transaction that moves a baseline.

use model::{
    deployment::{Decision, Deployment, DeploymentType, Emergency, Origin, Proposal, State},
    flow::credentials::{CredentialChanges, Credentials},
    id::{DeploymentId, Hash, InstanceId},
    principal::Actor,
};

use crate::{Store, StoreError};

/// A deployment to be queued. The flows must be kept as a blob already.
#[derive(Debug, Clone)]
pub struct NewDeployment {
    /// Which instance.
    pub instance: InstanceId,
    /// Where it came from.
    pub origin: Origin,
    /// Who proposed it.
    pub proposer: Actor,
    /// The baseline it starts from.
    pub base: Hash,
    /// Digest of that baseline's flows.
    pub base_flows: Hash,
    /// Digest of the proposed flows.
    pub flows: Hash,
    /// The credential changes; sealed by the store.
    pub credentials: CredentialChanges,
    /// How Node-RED is asked to restart.
    pub deployment_type: DeploymentType,
    /// Applied before review.
    pub emergency: Option<Emergency>,
    /// The proposer's open deployment this one replaces, which becomes `Superseded`.
    pub supersedes: Option<DeploymentId>,
}

/// What [`Store::commit_apply`] moves in one transaction.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The deployment; must be `Applying`.
    pub deployment: DeploymentId,
    /// The flows Node-RED saved; must equal the `result` being applied.
    pub flows: Hash,
    /// The credentials after it.
    pub credentials: Credentials,
}

impl Store {
    /// Queues a deployment (state `Pending`), with its audit row.
    pub async fn queue(&self, new: NewDeployment) -> Result<Deployment, StoreError> {
        let _ = new;
        unimplemented!()
    }

    /// One deployment.
    pub async fn deployment(&self, id: DeploymentId) -> Result<Deployment, StoreError> {
        let _ = id;
        unimplemented!()
    }

    /// Deployments, newest first: of one instance or all, open ones only or all, at most `limit`.
    pub async fn deployments(&self, instance: Option<&InstanceId>, open_only: bool, limit: u32) -> Result<Vec<Deployment>, StoreError> {
        let _ = (instance, open_only, limit);
        unimplemented!()
    }

    /// The digest under which these credential changes stand in a proposal.
    pub fn credential_changes_digest(&self, changes: &CredentialChanges) -> Hash {
        let _ = changes;
        unimplemented!()
    }

    /// A deployment's credential changes, unsealed.
    pub async fn credential_changes(&self, id: DeploymentId) -> Result<CredentialChanges, StoreError> {
        let _ = id;
        unimplemented!()
    }

    /// Moves a deployment from a state equal to `from` to `next` if the state machine has that
    /// step, with the audit row that fits, in one transaction. `Conflict` when it moved meanwhile.
    /// Going to `Stale`, or from `Stale` to `Pending`, deletes the decisions.
    pub async fn step(&self, id: DeploymentId, from: &State, next: State, by: &Actor) -> Result<Deployment, StoreError> {
        let _ = (id, from, next, by);
        unimplemented!()
    }

    /// Puts a stale deployment onto a new base (state `Pending`, decisions void).
    pub async fn rebase(&self, id: DeploymentId, proposal: &Proposal, by: &Actor) -> Result<Deployment, StoreError> {
        let _ = (id, proposal, by);
        unimplemented!()
    }

    /// Records a decision (replacing an earlier one on the same change) if the deployment is
    /// `Pending`, `InReview` or `Approved` (then it returns to `InReview`) and its proposal still
    /// has digest `shown`; `Conflict` otherwise.
    pub async fn decide(&self, id: DeploymentId, shown: Hash, decisions: &[Decision]) -> Result<Deployment, StoreError> {
        let _ = (id, shown, decisions);
        unimplemented!()
    }

    /// The decisions taken so far.
    pub async fn decisions(&self, id: DeploymentId) -> Result<Vec<Decision>, StoreError> {
        let _ = id;
        unimplemented!()
    }

    /// The one place where flows and credentials of a baseline move: sets the new baseline, makes
    /// the deployment `Applied`, marks other open deployments of the instance `Stale`, and writes
    /// the audit rows; all in one transaction.
    pub async fn commit_apply(&self, commit: Commit) -> Result<Deployment, StoreError> {
        let _ = commit;
        unimplemented!()
    }

    /// Brings back the baseline before `deployment` (which becomes `Failed` with `reason`): for a
    /// deployment that was committed but which Node-RED did not survive. One transaction.
    pub async fn revert_apply(&self, deployment: DeploymentId, reason: &str) -> Result<Deployment, StoreError> {
        let _ = (deployment, reason);
        unimplemented!()
    }

    /// Notes who reviewed an emergency deployment afterwards.
    pub async fn review_emergency(&self, id: DeploymentId, by: &Actor) -> Result<(), StoreError> {
        let _ = (id, by);
        unimplemented!()
    }

    /// Tells whenever any deployment changed. Carries no data: look up what you need.
    pub fn queue_changes(&self) -> tokio::sync::watch::Receiver<u64> {
        unimplemented!()
    }
}
