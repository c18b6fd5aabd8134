//! Decisions: change by change, then the whole.

use std::collections::BTreeSet;

use model::{
    access::{Permission, may},
    deployment::{Decision, Deployment, Emergency, State, Verdict},
    flow::change::ChangeId,
    id::{DeploymentId, Hash},
    instance::OwnChanges,
    principal::Actor,
};

use store::Seen;

use crate::{Caller, DeployError, Deployments, Review};

/// One choice of a reviewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Which change.
    pub change: ChangeId,
    /// Which way.
    pub verdict: Verdict,
    /// Why; required for a rejection. At most 4,000 characters.
    pub comment: String,
    /// The mark ([`Decision::mark`]) of the decision the reviewer saw on it, if there was one.
    pub seen: Option<Hash>,
}

/// How long a comment or a reason may be, in characters.
const COMMENT_CHARS_MAX: usize = 4_000;

/// What somebody decides at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choices {
    /// Change by change.
    Each(Vec<Choice>),
    /// Approves these, which were shown on one page. Refused when one of them is not low-risk by
    /// the instance's policy.
    Together(Vec<ChangeId>),
    /// Approves what is not decided yet and is low-risk by the instance's policy.
    LowRisk,
    /// Approves all that is not decided yet, whatever it weighs: for programs, which could as well
    /// name each.
    AllOpen,
}

impl From<Vec<Choice>> for Choices {
    fn from(choices: Vec<Choice>) -> Self {
        Self::Each(choices)
    }
}

impl Deployments {
    /// Takes decisions and gives the review as it stands then. Needs `Decide`, and another person
    /// where policy asks for four eyes. A decision of somebody else is replaced only by one who
    /// has seen it ([`Choice::seen`]).
    pub async fn decide(
        &self,
        caller: &Caller,
        id: DeploymentId,
        shown: Hash,
        choices: impl Into<Choices>,
    ) -> Result<Review, DeployError> {
        caller.require(Permission::Decide)?;
        let mut review = self.examine(id).await?;
        if review.shown != shown {
            return Err(DeployError::NotWhatWasShown);
        }
        self.require_other_eyes(caller, &review.deployment).await?;
        let by = caller.actor();
        let choices = choices.into();
        let mut marks = match choices {
            Choices::Each(_) => Seen::new(),
            Choices::Together(_) | Choices::LowRisk | Choices::AllOpen => Seen::lump(),
        };
        let choices = each(&review, &by, choices)?;
        let known: BTreeSet<&ChangeId> = review.diff.changes.iter().map(|it| &it.id).collect();
        let at = self.store.clock().now();
        let mut decisions = Vec::with_capacity(choices.len());
        for choice in choices {
            let Choice {
                change,
                verdict,
                comment,
                seen,
            } = choice;
            if !known.contains(&change) {
                return Err(DeployError::NoSuchChange(change.to_string()));
            }
            let comment = comment.trim().to_owned();
            match verdict {
                Verdict::Reject if comment.is_empty() => return Err(DeployError::ReasonNeeded),
                Verdict::Reject | Verdict::Approve => check_length(&comment)?,
            }
            if let Some(seen) = seen {
                marks.insert(change.clone(), seen);
            }
            if verdict == Verdict::Approve {
                review.may_approve(caller, &change, &comment)?;
            }
            decisions.push(Decision {
                change,
                verdict,
                by: by.clone(),
                role: Some(caller.principal.role),
                at,
                comment,
                taken_on: None,
            });
        }
        review.deployment = self.store.decide(id, shown, &decisions, &marks).await?;
        review.decisions = self.store.decisions(id).await?;
        Ok(review)
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

    /// Confirms a review afterwards of an emergency deployment. Needs `Decide`; neither its
    /// proposer nor who declared or applied it, in any attempt of this declaration.
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
        if !is_second_look(&deployment, caller) {
            return Err(DeployError::OwnChanges {
                name: caller.principal.name.to_string(),
            });
        }
        Ok(self.store.review_emergency(id, &caller.actor()).await?)
    }

    /// Whether the caller may give an emergency its second look, for pages that offer it.
    pub fn may_review_emergency(&self, caller: &Caller, deployment: &Deployment) -> bool {
        may(&caller.principal, Permission::Decide) && is_second_look(deployment, caller)
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

/// The choices one by one. What is approved in a lump never replaces a decision: what the caller
/// approved already stands as it is, and any other decision on it refuses the lump (in the store).
fn each(review: &Review, by: &Actor, choices: Choices) -> Result<Vec<Choice>, DeployError> {
    let approve = |change: &ChangeId| Choice {
        change: change.clone(),
        verdict: Verdict::Approve,
        comment: String::new(),
        seen: None,
    };
    let open = || {
        let changes = review.diff.changes.iter();
        changes.filter(|change| review.decision(&change.id).is_none())
    };
    Ok(match choices {
        Choices::Each(choices) => choices,
        Choices::AllOpen => open().map(|change| approve(&change.id)).collect(),
        Choices::LowRisk => open()
            .filter(|change| review.is_low_risk(change))
            .map(|change| approve(&change.id))
            .collect(),
        Choices::Together(names) => {
            let names: BTreeSet<ChangeId> = names.into_iter().collect();
            let heavy = review
                .diff
                .changes
                .iter()
                .find(|change| names.contains(&change.id) && !review.is_low_risk(change));
            if let Some(change) = heavy {
                return Err(DeployError::NotTogether {
                    label: change.label.clone(),
                });
            }
            let is_approved = |change: &ChangeId| {
                let decision = review.decision(change);
                decision
                    .is_some_and(|it| it.verdict == Verdict::Approve && it.by.user() == by.user())
            };
            let open = names.iter().filter(|change| !is_approved(change));
            open.map(approve).collect()
        }
    })
}

/// Neither the proposer nor who declared or applied it, in any attempt of this declaration: a
/// second pair of eyes.
fn is_second_look(deployment: &Deployment, caller: &Caller) -> bool {
    let own = caller.principal.user;
    let is_by = |it: &Emergency| it.is_by(own);
    deployment.proposer.user() != Some(own) && !deployment.emergency.as_ref().is_some_and(is_by)
}

/// Refuses a comment or a reason of more than 4,000 characters, with
/// [`DeployError::CommentTooLong`].
pub fn check_length(text: &str) -> Result<(), DeployError> {
    if text.chars().count() > COMMENT_CHARS_MAX {
        return Err(DeployError::CommentTooLong {
            max: COMMENT_CHARS_MAX,
        });
    }
    Ok(())
}
