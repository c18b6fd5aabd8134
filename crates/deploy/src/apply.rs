//! Applying: all or nothing.
//!
//! `Approved` is the only thing that can be applied, and is made in this file alone: from decisions
//! in the ledger, or for what policy or an emergency lets through before review. While Node-RED is given the flows, a slot says what it may save; `save` commits it.

use std::{
    collections::{BTreeSet, HashMap, hash_map::Entry},
    sync::{Arc, Mutex, PoisonError},
};

use model::{
    access::Permission,
    clock::Timestamp,
    deployment::{Deployment, State, Verdict},
    flow::{
        Flows,
        change::ChangeId,
        compose::{approved_credentials, compose},
        credentials::{CredentialChanges, Credentials},
    },
    id::{DeploymentId, Hash, InstanceId},
    principal::Actor,
};

use store::CheckedTouch;

use crate::{Caller, DeployError, Deployments, Review, Taken, intake::blocking, secrets};

/// A deployment that was approved as a whole, with exactly what was approved: the only thing that
/// can be applied. Made from decisions by [`Deployments::approved`], and by
/// [`Deployments::apply_whole`] where policy or an emergency stands in for them.
#[derive(Debug)]
pub struct Approved {
    deployment: Deployment,
    flows: Flows,
    credentials: CredentialChanges,
}

/// What Node-RED of an instance may save just now.
#[derive(Debug)]
pub(crate) struct Slot {
    pub(crate) deployment: DeploymentId,
    pub(crate) flows: Arc<str>,
    pub(crate) base_credentials: Credentials,
    pub(crate) credentials: CredentialChanges,
}

/// What is being applied, and what credentials Node-RED has staged, by instance.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    applying: HashMap<InstanceId, Arc<Slot>>,
    staged: HashMap<InstanceId, Credentials>,
    refusals: HashMap<InstanceId, Refusals>,
}

/// Refused saves on record in the hour that began at `since`.
#[derive(Debug)]
struct Refusals {
    since: Timestamp,
    count: usize,
}

impl Slots {
    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        // Each holder leaves the maps whole, so a poisoned lock holds good data.
        work(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes the instance's slot; false when another deployment has it.
    fn take(&self, instance: &InstanceId, slot: Slot) -> bool {
        self.with(|inner| {
            match inner.applying.entry(instance.clone()) {
                Entry::Occupied(_) => false,
                Entry::Vacant(free) => {
                    free.insert(Arc::new(slot));
                    // Credentials staged before belong to something that was not approved.
                    inner.staged.remove(instance);
                    true
                }
            }
        })
    }

    fn release(&self, instance: &InstanceId) {
        self.with(|inner| {
            inner.applying.remove(instance);
            inner.staged.remove(instance);
        });
    }

    pub(crate) fn slot(&self, instance: &InstanceId) -> Option<Arc<Slot>> {
        self.with(|inner| inner.applying.get(instance).cloned())
    }

    pub(crate) fn stage(&self, instance: &InstanceId, credentials: Credentials) {
        self.with(|inner| inner.staged.insert(instance.clone(), credentials));
    }

    /// Whether one more refused save of this instance belongs into the record, of which nothing is
    /// ever removed: `most` in an hour.
    pub(crate) fn is_to_be_recorded(
        &self,
        instance: &InstanceId,
        now: Timestamp,
        most: usize,
    ) -> bool {
        self.with(|inner| {
            let fresh = || Refusals {
                since: now,
                count: 0,
            };
            let hour = inner.refusals.entry(instance.clone()).or_insert_with(fresh);
            if now >= hour.since.plus_seconds(3600) {
                *hour = fresh();
            }
            hour.count += 1;
            hour.count <= most
        })
    }

    pub(crate) fn staged(&self, instance: &InstanceId) -> Option<Credentials> {
        self.with(|inner| inner.staged.remove(instance))
    }
}

impl Deployments {
    /// Confirms the decisions on the whole (`Approved`). Needs `Apply`; every change decided, at
    /// least one approved, and the result whole.
    pub async fn approve(
        &self,
        caller: &Caller,
        id: DeploymentId,
        shown: Hash,
    ) -> Result<Deployment, DeployError> {
        self.approve_with(caller, id, shown, None).await
    }

    /// The same, with a touch: where policy asks for one, not without.
    pub(crate) async fn approve_with(
        &self,
        caller: &Caller,
        id: DeploymentId,
        shown: Hash,
        touch: Option<&CheckedTouch>,
    ) -> Result<Deployment, DeployError> {
        caller.require(Permission::Apply)?;
        let review = self.examine(id).await?;
        if review.shown != shown {
            return Err(DeployError::NotWhatWasShown);
        }
        self.require_other_eyes(caller, &review.deployment).await?;
        match review.undecided() {
            0 => {}
            count => return Err(DeployError::Undecided { count }),
        }
        let result = result_of(&review)?;
        self.require_rules(&review, &result, &caller.actor())
            .await?;
        self.require_clean_rehearsal(&review.deployment, result.hash())
            .await?;
        self.require_touch_given(&review.deployment, touch).await?;
        let (decided, by) = (&review.decisions, caller.actor());
        let result = self.store.keep_blob(result.text()).await?;
        let confirmed = self
            .store
            .confirm_touched(&review.deployment, decided, result, touch, &by);
        Ok(confirmed.await?)
    }

    /// Applies an approved deployment and waits until it runs or the old baseline is back.
    /// Needs `Apply`. A deployment Node-RED refused comes back as `Failed`, not as an error.
    pub async fn apply(
        &self,
        caller: &Caller,
        id: DeploymentId,
        shown: Hash,
    ) -> Result<Deployment, DeployError> {
        caller.require(Permission::Apply)?;
        let deployment = self.store.deployment(id).await?;
        self.require_other_eyes(caller, &deployment).await?;
        let approved = self.approved(id, shown).await?;
        self.require_clean_rehearsal(&deployment, approved.flows.hash())
            .await?;
        self.carry_out(approved, &caller.actor()).await
    }

    /// Applies what policy lets through before review: everything it proposes.
    pub(crate) async fn apply_unreviewed(
        &self,
        deployment: Deployment,
    ) -> Result<Deployment, DeployError> {
        let by = Actor::System;
        let result = deployment.proposal.flows;
        // Decided by nobody: else a person has begun, and a rejection stands.
        let confirmed = self.store.confirm(&deployment, &[], result, &by).await?;
        self.apply_whole(confirmed, &by).await
    }

    /// Applies everything a confirmed deployment proposes, as the ledger has it: with policy or an
    /// emergency as the approval.
    pub(crate) async fn apply_whole(
        &self,
        deployment: Deployment,
        by: &Actor,
    ) -> Result<Deployment, DeployError> {
        let text = self.store.blob(deployment.proposal.flows).await?;
        let flows = blocking(move || Flows::from_canonical(text)).await?;
        let credentials = self.store.credential_changes(deployment.id).await?;
        let approved = Approved {
            deployment,
            flows,
            credentials,
        };
        self.carry_out(approved, by).await
    }

    /// The proof that a deployment was approved: from the ledger's state and decisions, checked
    /// once more against what was shown, and against what policy asks by now.
    async fn approved(&self, id: DeploymentId, shown: Hash) -> Result<Approved, DeployError> {
        let review = self.examine(id).await?;
        if review.shown != shown {
            return Err(DeployError::NotWhatWasShown);
        }
        let State::Approved { by, result, .. } = &review.deployment.state else {
            let state = review.deployment.state.word();
            return Err(DeployError::WrongState {
                id,
                state,
                why: "it is not approved",
            });
        };
        let flows = result_of(&review)?;
        if flows.hash() != *result {
            return Err(DeployError::NotWhatWasShown);
        }
        self.require_rules(&review, &flows, by).await?;
        self.require_touch_kept(&review).await?;
        let changes = self.store.credential_changes(id).await?;
        let credentials = approved_credentials(&changes, &approvals(&review));
        Ok(Approved {
            deployment: review.deployment,
            flows,
            credentials,
        })
    }

    /// What policy asks of these approvals, of what they give, and of who confirms it.
    async fn require_rules(
        &self,
        review: &Review,
        result: &Flows,
        confirmed_by: &Actor,
    ) -> Result<(), DeployError> {
        let is_whole = result.hash() == review.deployment.proposal.flows;
        let asks_of_part = if is_whole {
            None
        } else {
            Some(self.asks_of_part(review, result).await?)
        };
        self.require_same_rules(review).await?;
        review.may_run(confirmed_by, asks_of_part.as_ref())
    }

    async fn carry_out(&self, approved: Approved, by: &Actor) -> Result<Deployment, DeployError> {
        let Approved {
            deployment,
            flows,
            credentials,
        } = approved;
        if !self.target.is_there() {
            return Err(DeployError::NotRunning);
        }
        let instance = deployment.instance.clone();
        let base = self
            .store
            .baseline(&instance)
            .await?
            .ok_or(DeployError::NoBaseline)?;
        if base.baseline.hash() != deployment.proposal.base {
            let next = State::Stale {
                at: self.store.clock().now(),
            };
            return Ok(self
                .store
                .step(deployment.id, &deployment.state, next, by)
                .await?);
        }
        let body = secrets::body(&flows, &credentials, &base.credentials);
        let slot = Slot {
            deployment: deployment.id,
            flows: flows.text().clone(),
            base_credentials: base.credentials,
            credentials,
        };
        if !self.applying.take(&instance, slot) {
            return Err(DeployError::Busy);
        }
        // The slot is held by a task of its own: a client that goes away must not leave an apply
        // half done.
        let (this, by) = (self.clone(), by.clone());
        let done = tokio::spawn(async move {
            let outcome = this.hand_over(&deployment, flows.hash(), body, &by).await;
            this.applying.release(&deployment.instance);
            outcome
        });
        done.await.map_err(|_| DeployError::Unreadable)?
    }

    async fn hand_over(
        &self,
        deployment: &Deployment,
        result: Hash,
        body: String,
        by: &Actor,
    ) -> Result<Deployment, DeployError> {
        let (id, instance) = (deployment.id, &deployment.instance);
        let since = self.store.clock().now();
        let approved_by = match &deployment.state {
            State::Approved { by, .. } => Some(by.clone()),
            _ => None,
        };
        let next = State::Applying {
            since,
            result,
            approved_by,
        };
        self.store.step(id, &deployment.state, next, by).await?;
        let had_running = self.had_running_flows(deployment).await?;
        let kind = deployment.proposal.deployment_type;
        let given = self.target.give(instance, body, kind).await;
        let now = self.store.deployment(id).await?;
        let reason = match (given, &now.state) {
            (Ok(Taken::Running), State::Applied { .. }) => return Ok(now),
            // Flows whose nodes are not installed yet, where nothing ran before: nothing is lost
            // by keeping them, and the status says what is missing.
            (Ok(Taken::Halted(_)), State::Applied { .. }) if !had_running => return Ok(now),
            (Ok(Taken::Halted(reason)), _) => format!("Node-RED runs none of it: {reason}"),
            (Ok(Taken::Running), _) => "Node-RED answered but did not save the flows".to_owned(),
            (Err(reason), _) => reason,
        };
        tracing::warn!(deployment = %id, %reason, "the deployment failed; going back");
        self.go_back(now, &reason).await
    }

    /// Whether there are flows that run now and would stop.
    async fn had_running_flows(&self, deployment: &Deployment) -> Result<bool, DeployError> {
        let base = self.store.blob(deployment.proposal.base_flows).await?;
        Ok(&*base != "[]" && self.target.runs(&deployment.instance))
    }

    /// Brings the old baseline back, in the ledger and in Node-RED.
    async fn go_back(&self, now: Deployment, reason: &str) -> Result<Deployment, DeployError> {
        let failed = if let State::Applied { .. } = now.state {
            self.store.revert_apply(now.id, reason).await?
        } else {
            let at = self.store.clock().now();
            let next = State::Failed {
                at,
                reason: reason.to_owned(),
            };
            self.store
                .step(now.id, &now.state, next, &Actor::System)
                .await?
        };
        if let Err(error) = self.target.reload(&now.instance).await {
            // Node-RED is down: whenever it starts again, it starts from the baseline.
            tracing::warn!(instance = %now.instance, %error, "Node-RED could not be reloaded");
        }
        Ok(failed)
    }

    /// Node-RED does not survive its flows (a crash loop): if the present baseline was never seen
    /// to run well and a deployment made it, that deployment has failed and the one before is
    /// back. Returns the deployment; none: there is nothing to go back to.
    pub async fn give_up(
        &self,
        instance: &InstanceId,
        reason: &str,
    ) -> Result<Option<Deployment>, DeployError> {
        let snapshots = self.store.snapshots(instance, 1).await?;
        let current = snapshots
            .into_iter()
            .find(|it| it.is_current && !it.ran_well);
        let Some(id) = current.and_then(|it| it.deployment) else {
            return Ok(None);
        };
        let reason = format!("Node-RED did not survive it: {reason}");
        Ok(Some(self.store.revert_apply(id, &reason).await?))
    }
}

fn approvals(review: &Review) -> BTreeSet<ChangeId> {
    let approved = review
        .decisions
        .iter()
        .filter(|it| it.verdict == Verdict::Approve);
    approved.map(|it| it.change.clone()).collect()
}

/// The flows that the approved changes give.
pub(crate) fn result_of(review: &Review) -> Result<Flows, DeployError> {
    let approved = approvals(review);
    if approved.is_empty() {
        return Err(DeployError::NothingApproved);
    }
    compose(&review.base, &review.proposal, &review.diff, &approved).map_err(DeployError::NotWhole)
}
