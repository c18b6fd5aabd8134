//! Decisions: change by change, then the whole.

use model::{
    deployment::{Deployment, Verdict},
    flow::change::ChangeId,
    id::{DeploymentId, Hash},
};

use crate::{Caller, DeployError, Deployments};

/// One choice of a reviewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Which change.
    pub change: ChangeId,
    /// Which way.
    pub verdict: Verdict,
    /// Why; required for a rejection. At most 4,000 characters.
    pub comment: String,
}

impl Deployments {
    /// Takes decisions. Needs `Decide`, and another person where policy asks for four eyes.
    pub async fn decide(&self, caller: &Caller, id: DeploymentId, shown: Hash, choices: Vec<Choice>) -> Result<Deployment, DeployError> {
        let _ = (caller, id, shown, choices);
        unimplemented!()
    }

    /// Rejects the whole. Needs `Decide` and a reason.
    pub async fn reject(&self, caller: &Caller, id: DeploymentId, reason: &str) -> Result<Deployment, DeployError> {
        let _ = (caller, id, reason);
        unimplemented!()
    }

    /// Takes one's own proposal back (or anybody's, with `Administer`).
    pub async fn withdraw(&self, caller: &Caller, id: DeploymentId) -> Result<Deployment, DeployError> {
        let _ = (caller, id);
        unimplemented!()
    }

    /// Puts a stale deployment onto the present baseline: what it changed then is changed now.
    /// Its proposer or a reviewer may. All decisions are void.
    pub async fn rebase(&self, caller: &Caller, id: DeploymentId) -> Result<Deployment, DeployError> {
        let _ = (caller, id);
        unimplemented!()
    }

    /// Confirms a review afterwards of an emergency deployment. Needs `Decide`; not its proposer.
    pub async fn review_emergency(&self, caller: &Caller, id: DeploymentId) -> Result<(), DeployError> {
        let _ = (caller, id);
        unimplemented!()
    }
}
