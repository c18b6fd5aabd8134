//! Emergencies: applied before review, for a reason, and flagged until somebody else has looked.
//!
//! An emergency skips the review, four eyes, a required rehearsal, a touch, and every demand but a refusal;
//! what it skips stands in its record. It applies exactly the proposal that was shown, through the
//! same slot and the same baseline, and overrules no rejection. What nobody is known to have asked
//! for (from inside Node-RED, from a file) is never applied so.

use model::{
    access::{Permission, may},
    deployment::{Deployment, Emergency, Origin, Skipped, State},
    id::{DeploymentId, Hash, InstanceId},
    instance::Emergencies,
    principal::Actor,
};

use crate::{Caller, DeployError, Deployments, Review, decide::check_length};

impl Deployments {
    /// Applies a waiting deployment before its review. Needs `Apply`, a policy that lets the
    /// caller, and a reason. `shown` is what the caller looked at.
    pub async fn apply_emergency(
        &self,
        caller: &Caller,
        id: DeploymentId,
        shown: Hash,
        reason: &str,
    ) -> Result<Deployment, DeployError> {
        // Permission before work: whoever may not has nothing read for them, past the line of those
        // who look.
        let stored = self.store.deployment(id).await?;
        self.require_emergency(caller, &stored).await?;
        let review = self.examine(id).await?;
        let deployment = &review.deployment;
        // Once more: it, or the rules, may be another by now.
        self.require_emergency(caller, deployment).await?;
        if review.shown != shown {
            return Err(DeployError::NotWhatWasShown);
        }
        let reason = reason.trim();
        if reason.is_empty() {
            return Err(DeployError::EmergencyReasonNeeded);
        }
        check_length(reason)?;
        // Before anything is written: a flag without an apply would only confuse.
        if !self.target.is_there() {
            return Err(DeployError::NotRunning);
        }
        if self.applying.slot(&deployment.instance).is_some() {
            return Err(DeployError::Busy);
        }
        self.require_same_rules(&review).await?;
        review.refuses_emergency()?;
        let by = caller.actor();
        self.declare_and_apply(review, Emergency::new(reason, Some(by.clone())), &by)
            .await
    }

    /// Whether the caller may apply this deployment before its review, for pages that offer it.
    pub async fn may_apply_emergency(&self, caller: &Caller, deployment: &Deployment) -> bool {
        self.require_emergency(caller, deployment).await.is_ok()
    }

    /// Refuses unless the caller may apply to this instance before review: needs `Apply`, and a
    /// policy that lets them.
    pub async fn require_emergencies(
        &self,
        caller: &Caller,
        instance: &InstanceId,
    ) -> Result<(), DeployError> {
        caller.require(Permission::Apply)?;
        let is_administrator = may(&caller.principal, Permission::Administer);
        self.allows_emergency(instance, is_administrator).await
    }

    /// Refuses unless the caller may apply this deployment before its review.
    pub async fn require_emergency(
        &self,
        caller: &Caller,
        deployment: &Deployment,
    ) -> Result<(), DeployError> {
        self.require_emergencies(caller, &deployment.instance)
            .await?;
        let wrong = |why| {
            Err(DeployError::WrongState {
                id: deployment.id,
                state: deployment.state.word(),
                why,
            })
        };
        if !by_a_person(deployment.origin) {
            return wrong("nobody is known to have asked for it, so it is reviewed first");
        }
        match deployment.state {
            State::Pending | State::InReview => Ok(()),
            // Declared before and interrupted: it may be tried again.
            State::Approved { .. } if deployment.emergency.is_some() => Ok(()),
            State::Approved { .. } => wrong("its review is done; apply it as usual"),
            State::Stale { .. } => wrong("what runs has changed since; rebase it first"),
            State::Applying { .. }
            | State::Applied { .. }
            | State::Rejected { .. }
            | State::Withdrawn { .. }
            | State::Superseded { .. }
            | State::Failed { .. } => wrong("only what waits can be applied"),
        }
    }

    /// Whether the instance's policy lets an administrator, or somebody else, apply before review.
    pub(crate) async fn allows_emergency(
        &self,
        instance: &InstanceId,
        is_administrator: bool,
    ) -> Result<(), DeployError> {
        let refuse = |who| {
            Err(DeployError::NoEmergency {
                instance: instance.clone(),
                who,
            })
        };
        match self.store.instance(instance).await?.policy.emergencies {
            Emergencies::Allowed => Ok(()),
            Emergencies::Administrators if is_administrator => Ok(()),
            Emergencies::Administrators => refuse("only administrators"),
            Emergencies::Never => refuse("nobody"),
        }
    }

    /// Confirms everything it proposes under the emergency's name, and applies it. The record says
    /// what policy asks for and did not get.
    pub(crate) async fn declare_and_apply(
        &self,
        review: Review,
        mut emergency: Emergency,
        by: &Actor,
    ) -> Result<Deployment, DeployError> {
        emergency.skipped = review.skipped(by);
        if self.lacks_rehearsal(&review.deployment).await? {
            emergency.skipped.push(Skipped::Rehearsal);
        }
        if self.asks_touch(&review.deployment.instance).await? {
            emergency.skipped.push(Skipped::Touch);
        }
        let declared = self
            .store
            .declare_emergency(&review.deployment, emergency, by);
        self.apply_whole(declared.await?, by).await
    }
}

/// Whether somebody is known to have asked for it. What came otherwise waits for a person,
/// whatever the policy.
pub(crate) fn by_a_person(origin: Origin) -> bool {
    match origin {
        Origin::Editor | Origin::Api | Origin::Rollback => true,
        Origin::Runtime | Origin::Disk | Origin::Package | Origin::Promotion => false,
    }
}
