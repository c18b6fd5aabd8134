//! Where policy asks for it, nothing is confirmed or applied without a touch: an approval signed
//! with a passkey, over exactly this deployment with exactly these decisions.
//!
//! An emergency goes past it, as past every rule but a refusal: whoever stands before a flooding
//! pump may not have the key at hand. Its record says so, and somebody else looks afterwards.

use model::{
    access::Permission,
    deployment::{Decision, Deployment, State},
    id::{DeploymentId, Hash, InstanceId, SessionId},
    principal::Via,
    touch::{Touch, TouchStatement, decisions_digest},
};
use store::{Ceremony, CheckedTouch, RelyingParty, is_touched};

use crate::{Caller, DeployError, Deployments, Review};

/// A question for a reviewer's passkey, and what it signs.
#[derive(Debug)]
pub struct ToTouch {
    /// For the browser. None: the reviewer has no passkey.
    pub asked: Option<(Ceremony, TouchStatement)>,
    /// What is about to be approved.
    pub review: Review,
}

impl Deployments {
    /// Whether an instance's policy asks for a touch.
    pub async fn asks_touch(&self, instance: &InstanceId) -> Result<bool, DeployError> {
        Ok(self.store.instance(instance).await?.policy.touch)
    }

    /// Asks a reviewer, in their console session, to sign what stands. Needs `Apply`, other eyes
    /// than the proposer's where policy asks for them, and every change decided.
    pub async fn begin_touch(
        &self,
        caller: &Caller,
        rp: &RelyingParty,
        id: DeploymentId,
    ) -> Result<ToTouch, DeployError> {
        caller.require(Permission::Apply)?;
        let session = console_session(caller, id)?;
        let review = self.examine(id).await?;
        self.require_other_eyes(caller, &review.deployment).await?;
        match review.undecided() {
            0 => {}
            count => return Err(DeployError::Undecided { count }),
        }
        let user = (caller.principal.user, &caller.principal.name);
        let (deployment, decisions) = (&review.deployment, &review.decisions);
        let asked = self
            .store
            .begin_touch(rp, user, session, deployment, decisions);
        Ok(ToTouch {
            asked: asked.await?,
            review,
        })
    }

    /// Takes a reviewer's touch and confirms with it; a deployment that is confirmed already is
    /// signed. It is not applied by this.
    pub async fn approve_touched(
        &self,
        caller: &Caller,
        rp: &RelyingParty,
        id: DeploymentId,
        token: &str,
        answer: &str,
    ) -> Result<Deployment, DeployError> {
        caller.require(Permission::Apply)?;
        let session = console_session(caller, id)?;
        let user = caller.principal.user;
        let checked = self.store.finish_touch(rp, user, session, token, answer);
        let checked: CheckedTouch = checked.await?;
        let shown = checked.statement().shown;
        let deployment = self.store.deployment(id).await?;
        if !matches!(deployment.state, State::Approved { .. }) {
            return self.approve_with(caller, id, shown, Some(&checked)).await;
        }
        self.require_other_eyes(caller, &deployment).await?;
        let decisions = self.store.decisions(id).await?;
        let by = caller.actor();
        self.store
            .touch_confirmed(&deployment, &decisions, &checked, &by)
            .await?;
        Ok(deployment)
    }

    /// Refuses to confirm without a touch where policy asks for one.
    pub(crate) async fn require_touch_given(
        &self,
        deployment: &Deployment,
        touch: Option<&CheckedTouch>,
    ) -> Result<(), DeployError> {
        if touch.is_none() && self.asks_touch(&deployment.instance).await? {
            return Err(DeployError::TouchNeeded { id: deployment.id });
        }
        Ok(())
    }

    /// Refuses to apply, where policy asks for a touch, unless one is kept that is about exactly
    /// what stands now, and whose signature still holds.
    pub(crate) async fn require_touch_kept(&self, review: &Review) -> Result<(), DeployError> {
        let deployment = &review.deployment;
        if !self.asks_touch(&deployment.instance).await? {
            return Ok(());
        }
        let kept = self
            .touch_that_counts(deployment, &review.decisions)
            .await?;
        let touch = kept.ok_or(DeployError::TouchNeeded { id: deployment.id })?;
        Ok(is_touched(&touch)?)
    }

    /// The touch of a deployment, if it is about what stands now.
    pub async fn touch_that_counts(
        &self,
        deployment: &Deployment,
        decisions: &[Decision],
    ) -> Result<Option<Touch>, DeployError> {
        let touch = self.store.touch_of(deployment.id).await?;
        Ok(touch.filter(|it| is_about(&it.statement, deployment, decisions)))
    }
}

/// Whether a statement is about this deployment with these decisions.
pub(crate) fn is_about(
    statement: &TouchStatement,
    deployment: &Deployment,
    decisions: &[Decision],
) -> bool {
    let proposal = &deployment.proposal;
    let stands: (_, _, Hash, Hash) = (
        &deployment.instance,
        deployment.id,
        proposal.hash(),
        proposal.base,
    );
    let signed = (
        &statement.instance,
        statement.deployment,
        statement.shown,
        statement.base,
    );
    signed == stands && statement.decisions == decisions_digest(decisions)
}

/// A touch is given on a page of the console, by whoever is signed in there: no token, no socket.
fn console_session(caller: &Caller, id: DeploymentId) -> Result<SessionId, DeployError> {
    match caller.principal.via {
        Via::ConsoleSession { session } => Ok(session),
        _ => Err(DeployError::TouchNeeded { id }),
    }
}
