//! What a reviewer is shown.

use model::{
    deployment::{Decision, Deployment},
    flow::{Flows, change::ChangeId, diff::Diff},
    id::{DeploymentId, Hash},
};

use crate::{Caller, DeployError, Deployments};

/// Everything the review pages show of one deployment.
#[derive(Debug, Clone)]
pub struct Review {
    /// The deployment.
    pub deployment: Deployment,
    /// The digest that is shown, decided on and applied: [`model::deployment::Proposal::hash`].
    pub shown: Hash,
    /// The flows it starts from.
    pub base: Flows,
    /// The proposed flows.
    pub proposal: Flows,
    /// What differs.
    pub diff: Diff,
    /// The decisions so far, at most one a change.
    pub decisions: Vec<Decision>,
    /// The way through it.
    pub steps: Vec<Step>,
}

/// One step of the way through a review: changes that are looked at together.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// Its place, from 1.
    pub number: usize,
    /// What it holds.
    pub kind: StepKind,
    /// The changes, in order. All layout-only changes stand in one step.
    pub changes: Vec<ChangeId>,
}

/// What a step holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// A tab, subflow or group.
    Structure,
    /// A node that is new.
    Added,
    /// A node that goes.
    Removed,
    /// A node that changes.
    Changed,
    /// Wires of one tab.
    Wires,
    /// Everything that only moved on the canvas.
    Layout,
    /// The order of the file.
    Order,
}

impl Review {
    /// The decision on a change, if there is one.
    pub fn decision(&self, change: &ChangeId) -> Option<&Decision> {
        self.decisions.iter().find(|decision| &decision.change == change)
    }

    /// How many changes are not decided yet.
    pub fn undecided(&self) -> usize {
        self.diff.changes.iter().filter(|change| self.decision(&change.id).is_none()).count()
    }
}

impl Deployments {
    /// Everything about one deployment. Needs `ReadQueue`.
    pub async fn review(&self, caller: &Caller, id: DeploymentId) -> Result<Review, DeployError> {
        let _ = (caller, id);
        unimplemented!()
    }

    /// Notes that a reviewer has opened it (`Pending` → `InReview`). Needs `Decide`; nothing
    /// happens for others or in other states.
    pub async fn start_review(&self, caller: &Caller, id: DeploymentId) -> Result<(), DeployError> {
        let _ = (caller, id);
        unimplemented!()
    }
}
