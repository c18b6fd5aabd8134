//! What a reviewer is shown.

mod names;
mod reading;
mod shelf;
mod weight;

use std::{ops::Deref, sync::Arc};

use model::{
    access::Permission,
    deployment::{Comment, Decision, Deployment, State, Version},
    flow::{
        FlowError, Flows,
        change::{Change, ChangeId},
        credentials::{CredentialChanges, CredentialNames},
        diff::{self, Diff},
    },
    id::{DeploymentId, Hash, InstanceId},
    instance::{OwnChanges, Together},
    palette::Palette,
};
use store::StoreError;

use self::reading::{Grounds, Rules, key};
use crate::{Caller, DeployError, Deployments, desk::Turn, intake::waits};

pub use names::{Named, Names, names};
pub(crate) use reading::Asks;
pub use reading::{Reading, Step, StepKind, steps};
pub(crate) use shelf::Shelf;

/// How many of what waits are read ahead at start: those at the top of the queue's first page.
const AHEAD_MAX: u32 = 20;

/// Everything the review pages show of one deployment.
#[derive(Debug, Clone)]
pub struct Review {
    /// The deployment.
    pub deployment: Deployment,
    /// The digest that is shown, decided on and applied: [`model::deployment::Proposal::hash`].
    pub shown: Hash,
    /// Both flows and what differs: what hangs on hashes alone, shared with whoever else looks.
    pub reading: Arc<Reading>,
    /// What the instance's packages say of their node types, as installed now.
    pub palette: Arc<Palette>,
    /// The decisions so far, at most one a change, in the order of their changes.
    pub decisions: Vec<Decision>,
    /// What was said about it and the versions before it, oldest first.
    pub comments: Vec<Comment>,
    /// Which version of a proposal it is; none: the first.
    pub version: Option<Version>,
    /// Which changes the instance's policy lets be approved together.
    pub together: Together,
    /// Whether the proposer's own approval counts.
    pub own_changes: OwnChanges,
    /// What it was judged by: [`Deployments::reading_key`].
    key: Hash,
}

impl Deref for Review {
    type Target = Reading;

    fn deref(&self) -> &Reading {
        &self.reading
    }
}

impl Review {
    /// The decision on a change, if there is one.
    pub fn decision(&self, change: &ChangeId) -> Option<&Decision> {
        // A hundred thousand of them are looked up one by one.
        let decisions = &self.decisions;
        let at = decisions.binary_search_by(|decision| decision.change.cmp(change));
        at.ok().and_then(|at| decisions.get(at))
    }

    /// Whether the instance's policy lets this change be approved together with others. Where it
    /// asks for something (a reason, a role), the change is decided by itself: together with
    /// others the answer could not be given, and all of them would be refused.
    pub fn is_low_risk(&self, change: &Change) -> bool {
        let worst = change.findings.iter().map(|it| it.severity).max();
        self.together.takes(worst) && self.asks(&change.id).is_empty()
    }

    /// Whether a change is new or another than in the version before; false on the first version.
    pub fn is_new_in_version(&self, change: &ChangeId) -> bool {
        let version = self.version.as_ref();
        version.is_some_and(|version| !version.unchanged.contains(change))
    }

    /// Which version of the proposal a deployment of its line is, from 1.
    pub fn number_of(&self, version: DeploymentId) -> Option<usize> {
        let line = &self.version.as_ref()?.line;
        line.iter().position(|it| *it == version).map(|at| at + 1)
    }

    /// What was said about a change, or (none) about the whole.
    pub fn thread(&self, change: Option<&ChangeId>) -> impl Iterator<Item = &Comment> {
        let comments = self.comments.iter();
        comments.filter(move |comment| comment.change.as_ref() == change)
    }

    /// What the nodes are called that its changes mention by id.
    pub fn names(&self) -> Names {
        names(&self.base, &self.proposal, &self.diff.changes, &self.ways)
    }

    /// How many changes are not decided yet.
    pub fn undecided(&self) -> usize {
        self.diff
            .changes
            .iter()
            .filter(|change| self.decision(&change.id).is_none())
            .count()
    }
}

impl Deployments {
    /// Everything about one deployment. Needs `ReadQueue`.
    pub async fn review(&self, caller: &Caller, id: DeploymentId) -> Result<Review, DeployError> {
        caller.require(Permission::ReadQueue)?;
        self.look(id, async || self.desk.turn().await).await
    }

    /// The digest of all that the reading of a deployment depends on: proposal, policy, types that
    /// are installed, risks that hold. What was worked out under it is true while it stays.
    pub async fn reading_key(&self, deployment: &Deployment) -> Result<Hash, DeployError> {
        let palette = self.target.palette(&deployment.instance).await;
        let rules = self.rules(&deployment.instance, palette).await?;
        key(&deployment.instance, deployment.proposal.hash(), &rules)
    }

    /// What [`Deployments::review`] gives, for the waiting room itself.
    pub(crate) async fn examine(&self, id: DeploymentId) -> Result<Review, DeployError> {
        self.look(id, async || self.desk.sure_turn().await).await
    }

    /// `turn` gives a place at the desk, where it has to be read.
    async fn look(
        &self,
        id: DeploymentId,
        turn: impl AsyncFnOnce() -> Result<Turn, DeployError>,
    ) -> Result<Review, DeployError> {
        let deployment = self.store.deployment(id).await?;
        let shown = deployment.proposal.hash();
        let palette = self.target.palette(&deployment.instance).await;
        let rules = self.rules(&deployment.instance, palette.clone()).await?;
        let (together, own_changes) = (rules.policy.together, rules.policy.own_changes);
        let key = key(&deployment.instance, shown, &rules)?;
        let read = async || {
            // The turn first: those who wait for it hold no flows meanwhile.
            let turn = turn().await?;
            let proposal = &deployment.proposal;
            let content = self
                .store
                .baseline_at(&deployment.instance, proposal.base)
                .await?;
            let grounds = Grounds {
                base: self.store.blob(proposal.base_flows).await?,
                proposal: self.store.blob(proposal.flows).await?,
                credentials: self.store.credential_changes(id).await?,
                known: content.credentials.names(),
                rules,
            };
            let reading = turn.work(move || Reading::new(grounds)).await?;
            Ok(reading?)
        };
        let reading = self.shelf.get(key, read).await?;
        Ok(Review {
            key,
            shown,
            reading,
            palette,
            decisions: self.store.decisions(id).await?,
            comments: self.store.comments(id).await?,
            version: self.store.version(id).await?,
            together,
            own_changes,
            deployment,
        })
    }

    /// Refuses what was judged by rules that hold no more: they may have been made stricter while
    /// it stood in line.
    pub(crate) async fn require_same_rules(&self, review: &Review) -> Result<(), DeployError> {
        if self.reading_key(&review.deployment).await? == review.key {
            Ok(())
        } else {
            Err(DeployError::NotWhatWasShown)
        }
    }

    /// What policy asks of the approved changes by themselves: without the others they may do what
    /// the proposal as a whole does not.
    pub(crate) async fn asks_of_part(
        &self,
        review: &Review,
        result: &Flows,
    ) -> Result<Asks, DeployError> {
        let palette = review.palette.clone();
        let rules = self.rules(&review.deployment.instance, palette).await?;
        let (base, result) = (review.base.clone(), result.clone());
        let turn = self.desk.sure_turn().await?;
        let looked = turn.work(move || {
            let none = CredentialChanges::default();
            let mut diff = diff::diff(&base, &result, &none, &CredentialNames::new());
            rules.look(&base, &result, &mut diff).1
        });
        looked.await
    }

    async fn rules(
        &self,
        instance: &InstanceId,
        palette: Arc<Palette>,
    ) -> Result<Rules, DeployError> {
        Ok(Rules {
            policy: self.store.instance(instance).await?.policy,
            risks: self.store.holding_risks(instance).await?,
            now: self.store.clock().now(),
            palette,
        })
    }

    /// Reads what has just been queued, so that its first page need not wait for it. Nothing
    /// hangs on it: where no place is free it is left, or proposals would fill the viewers' line.
    pub(crate) fn read_ahead(&self, id: DeploymentId) {
        let room = self.clone();
        tokio::spawn(async move {
            if let Err(error) = room.look_ahead(id).await {
                tracing::debug!(%id, %error, "it was not read ahead");
            }
        });
    }

    /// Reads what waits, the newest last, so that after a start no first page need wait for it.
    /// As with what is queued, nothing hangs on it.
    pub async fn read_waiting_ahead(&self) -> Result<(), DeployError> {
        let mut waiting = self.store.deployments(None, true, AHEAD_MAX).await?;
        waiting.sort_unstable_by_key(|deployment| deployment.id);
        for deployment in waiting {
            if let Err(error) = self.look_ahead(deployment.id).await {
                tracing::debug!(id = %deployment.id, %error, "it was not read ahead");
            }
        }
        Ok(())
    }

    async fn look_ahead(&self, id: DeploymentId) -> Result<(), DeployError> {
        if waits(&self.store.deployment(id).await?) {
            self.look(id, async || self.desk.free_turn()).await?;
        }
        Ok(())
    }

    /// What changed in what runs since this deployment was made: what a rebase would put it onto.
    pub async fn changed_since(
        &self,
        caller: &Caller,
        id: DeploymentId,
    ) -> Result<Diff, DeployError> {
        caller.require(Permission::ReadQueue)?;
        let deployment = self.store.deployment(id).await?;
        // The turn first: those who wait for it hold no flows meanwhile.
        let turn = self.desk.turn().await?;
        let then = self.store.blob(deployment.proposal.base_flows).await?;
        let now = self.store.baseline(&deployment.instance).await?;
        let now = now.ok_or(DeployError::NoBaseline)?.flows;
        let compared = turn.work(move || {
            let (then, now) = (Flows::from_canonical(then)?, Flows::from_canonical(now)?);
            let none = CredentialChanges::default();
            Ok::<_, FlowError>(diff::diff(&then, &now, &none, &CredentialNames::new()))
        });
        Ok(compared.await??)
    }

    /// Notes that a reviewer has opened it (`Pending` → `InReview`). Needs `Decide`; nothing
    /// happens for others or in other states.
    pub async fn start_review(&self, caller: &Caller, id: DeploymentId) -> Result<(), DeployError> {
        if caller.require(Permission::Decide).is_err() {
            return Ok(());
        }
        let deployment = self.store.deployment(id).await?;
        if deployment.state == State::Pending {
            let from = &deployment.state;
            match self
                .store
                .step(id, from, State::InReview, &caller.actor())
                .await
            {
                // Somebody else opened it in the same moment.
                Ok(_) | Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
