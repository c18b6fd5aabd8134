//! Decisions: change by change, then the whole.

use std::collections::BTreeSet;

use model::{
    access::{Permission, may},
    deployment::{Decision, Deployment, State, Verdict},
    flow::change::ChangeId,
    id::{DeploymentId, Hash},
    instance::OwnChanges,
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

/// How long a comment or a reason may be, in characters.
const COMMENT_CHARS_MAX: usize = 4_000;

impl Deployments {
    /// Takes decisions. Needs `Decide`, and another person where policy asks for four eyes.
    pub async fn decide(
        &self,
        caller: &Caller,
        id: DeploymentId,
        shown: Hash,
        choices: Vec<Choice>,
    ) -> Result<Deployment, DeployError> {
        caller.require(Permission::Decide)?;
        let review = self.examine(id).await?;
        if review.shown != shown {
            return Err(DeployError::NotWhatWasShown);
        }
        self.require_other_eyes(caller, &review.deployment).await?;
        let known: BTreeSet<&ChangeId> = review.diff.changes.iter().map(|it| &it.id).collect();
        let (by, at) = (caller.actor(), self.store.clock().now());
        let mut decisions = Vec::with_capacity(choices.len());
        for Choice {
            change,
            verdict,
            comment,
        } in choices
        {
            if !known.contains(&change) {
                return Err(DeployError::NoSuchChange(change.to_string()));
            }
            let comment = comment.trim().to_owned();
            match verdict {
                Verdict::Reject if comment.is_empty() => return Err(DeployError::ReasonNeeded),
                Verdict::Reject | Verdict::Approve => check_length(&comment)?,
            }
            if verdict == Verdict::Approve {
                review.may_approve(caller, &change, &comment)?;
            }
            decisions.push(Decision {
                change,
                verdict,
                by: by.clone(),
                at,
                comment,
            });
        }
        Ok(self.store.decide(id, shown, &decisions).await?)
    }

    /// Rejects the whole. Needs `Decide` and a reason.
    pub async fn reject(
        &self,
        caller: &Caller,
        id: DeploymentId,
        reason: &str,
    ) -> Result<Deployment, DeployError> {
        caller.require(Permission::Decide)?;
        let reason = reason.trim().to_owned();
        if reason.is_empty() {
            return Err(DeployError::ReasonNeeded);
        }
        check_length(&reason)?;
        let deployment = self.store.deployment(id).await?;
        let by = caller.actor();
        let next = State::Rejected {
            by: by.clone(),
            at: self.store.clock().now(),
            reason,
        };
        Ok(self.store.step(id, &deployment.state, next, &by).await?)
    }

    /// Takes one's own proposal back (or anybody's, with `Administer`).
    pub async fn withdraw(
        &self,
        caller: &Caller,
        id: DeploymentId,
    ) -> Result<Deployment, DeployError> {
        caller.require(Permission::Propose)?;
        let deployment = self.store.deployment(id).await?;
        let own = deployment.proposer.user() == Some(caller.principal.user);
        if !own {
            caller.require(Permission::Administer)?;
        }
        let next = State::Withdrawn {
            at: self.store.clock().now(),
        };
        Ok(self
            .store
            .step(id, &deployment.state, next, &caller.actor())
            .await?)
    }

    /// Confirms a review afterwards of an emergency deployment. Needs `Decide`; not its proposer.
    pub async fn review_emergency(
        &self,
        caller: &Caller,
        id: DeploymentId,
    ) -> Result<(), DeployError> {
        caller.require(Permission::Decide)?;
        let deployment = self.store.deployment(id).await?;
        if deployment.emergency.is_none() {
            return Err(DeployError::WrongState {
                id,
                state: deployment.state.word(),
                why: "it was no emergency deployment",
            });
        }
        if deployment.proposer.user() == Some(caller.principal.user) {
            return Err(DeployError::OwnChanges {
                name: caller.principal.name.to_string(),
            });
        }
        Ok(self.store.review_emergency(id, &caller.actor()).await?)
    }

    /// Four eyes, where the policy asks for them: the proposer neither decides nor applies.
    pub(crate) async fn require_other_eyes(
        &self,
        caller: &Caller,
        deployment: &Deployment,
    ) -> Result<(), DeployError> {
        let policy = self.store.instance(&deployment.instance).await?.policy;
        let own = deployment.proposer.user() == Some(caller.principal.user);
        if policy.own_changes == OwnChanges::FourEyes && own {
            return Err(DeployError::OwnChanges {
                name: caller.principal.name.to_string(),
            });
        }
        Ok(())
    }

    /// Whether the caller may decide on this deployment, for pages that offer it.
    pub async fn may_decide(&self, caller: &Caller, deployment: &Deployment) -> bool {
        may(&caller.principal, Permission::Decide)
            && self.require_other_eyes(caller, deployment).await.is_ok()
    }
}

fn check_length(text: &str) -> Result<(), DeployError> {
    if text.chars().count() > COMMENT_CHARS_MAX {
        return Err(DeployError::CommentTooLong {
            max: COMMENT_CHARS_MAX,
        });
    }
    Ok(())
}
