//! The transactions that move a baseline.

use model::{
    audit::EventKind,
    baseline::Baseline,
    deployment::{Deployment, State},
    id::DeploymentId,
    principal::Actor,
};
use serde_json::json;

use super::{Commit, conflict, deployment_in, subject};
use crate::{
    Store, StoreError,
    baselines::{self, Kept},
    open::Change,
};

impl Change<'_> {
    /// The present baseline, if it still holds the flows and credentials this deployment was made
    /// and approved for.
    async fn base_of(&mut self, deployment: &Deployment) -> Result<Kept, StoreError> {
        let instance = &deployment.instance;
        let current = baselines::current(self.db(), instance).await?;
        let current =
            current.ok_or_else(|| StoreError::NotFound(format!("baseline of {instance}")))?;
        let base = baselines::kept_by_hash(self.db(), instance, deployment.proposal.base).await?;
        let is_base = base.is_some_and(|base| {
            base.baseline.flows == current.baseline.flows
                && base.baseline.credentials == current.baseline.credentials
        });
        if is_base {
            return Ok(current);
        }
        let id = subject(deployment.id);
        Err(conflict(format!(
            "the baseline is not the one {id} was approved for; rebase it"
        )))
    }
}

impl Store {
    /// The one place where flows and credentials of a baseline move: sets the new baseline, makes
    /// the deployment `Applied`, marks other open deployments of the instance `Stale`, and writes
    /// the audit rows; all in one transaction. `Conflict` when the deployment is not `Applying`,
    /// when `flows` is not what is being applied, or when the baseline is not the one the
    /// deployment starts from.
    pub async fn commit_apply(&self, commit: Commit) -> Result<Deployment, StoreError> {
        let mut change = self.begin().await?;
        let mut deployment = deployment_in(change.db(), commit.deployment).await?;
        let State::Applying { result, .. } = deployment.state else {
            let now = deployment.state.word();
            return Err(conflict(format!(
                "{} is {now}, not applying",
                subject(deployment.id)
            )));
        };
        if commit.flows != result {
            return Err(conflict("the flows saved are not those being applied"));
        }
        baselines::blob_in(change.db(), commit.flows).await?;
        let before = change.base_of(&deployment).await?;
        let credentials = change.put_credentials(&commit.credentials).await?;
        let baseline = Baseline {
            flows: commit.flows,
            credentials,
            ..before.baseline
        };
        let (id, instance) = (deployment.id, deployment.instance.clone());
        let hash = change
            .move_baseline(&instance, &baseline, Some(id), Some(before.id))
            .await?;
        let by = Actor::System;
        let next = State::Applied {
            at: change.now,
            baseline: hash,
        };
        change.take_step(&mut deployment, next, &by).await?;
        if let Some(emergency) = &deployment.emergency {
            let detail = json!({ "reason": emergency.reason, "skipped": emergency.skipped });
            let kind = EventKind::EmergencyApplied;
            let declared_by = emergency.declared_by.as_ref();
            let declared_by = declared_by.unwrap_or(&deployment.proposer);
            change
                .append(kind, declared_by, Some(&instance), &subject(id), detail)
                .await?;
        }
        change.make_others_stale(&instance, Some(id), &by).await?;
        change.commit().await?;
        Ok(deployment)
    }

    /// Brings back the baseline before `deployment` (which becomes `Failed` with `reason`): for a
    /// deployment that was committed but which Node-RED did not survive. One transaction.
    /// `Conflict` unless the deployment's baseline is the present one. What was queued on that
    /// baseline becomes `Stale`.
    pub async fn revert_apply(
        &self,
        deployment: DeploymentId,
        reason: &str,
    ) -> Result<Deployment, StoreError> {
        let mut change = self.begin().await?;
        let mut deployment = deployment_in(change.db(), deployment).await?;
        let id = deployment.id;
        let (State::Applied { .. }, Some(current)) = (
            &deployment.state,
            baselines::current(change.db(), &deployment.instance).await?,
        ) else {
            let now = deployment.state.word();
            return Err(conflict(format!("{} is {now}, not applied", subject(id))));
        };
        if current.deployment != Some(id) {
            return Err(conflict(format!(
                "the baseline of {} is not the present one",
                subject(id)
            )));
        }
        let previous = current
            .previous
            .ok_or_else(|| StoreError::damaged("baseline", "it does not name the one before"))?;
        let instance = deployment.instance.clone();
        change.set_current(&instance, previous).await?;
        let by = Actor::System;
        let next = State::Failed {
            at: change.now,
            reason: reason.to_owned(),
        };
        change.take_step(&mut deployment, next, &by).await?;
        change.make_others_stale(&instance, Some(id), &by).await?;
        change.commit().await?;
        Ok(deployment)
    }
}
