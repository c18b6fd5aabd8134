//! Emergencies: declared in one transaction, listed and noted until somebody else has looked.

use model::{
    audit::EventKind,
    deployment::{Deployment, Emergency, State, Verdict},
    id::DeploymentId,
    principal::Actor,
};
use serde_json::{Value, json};

use super::{
    COLUMNS, OPEN_MAX, conflict,
    decide::{decisions_in, still},
    deployment_in, event_of, read_deployment, subject,
};
use crate::{Store, StoreError, open::Change};

/// Notes in its record what an emergency went past, and on it who begins to apply it.
pub(super) fn note(deployment: &mut Deployment, detail: &mut Value, by: &Actor) {
    match (&deployment.state, &mut deployment.emergency) {
        (State::Approved { .. }, Some(emergency)) => {
            detail["emergency"] = json!(emergency.reason);
            detail["skipped"] = json!(emergency.skipped);
        }
        (State::Applying { .. }, Some(emergency)) => emergency.note_applied_by(by),
        _ => {}
    }
}

impl Change<'_> {
    async fn declare_again(
        &mut self,
        deployment: &Deployment,
        by: &Actor,
    ) -> Result<(), StoreError> {
        let (kind, mut detail) = event_of(&deployment.state, &deployment.state);
        detail["proposal"] = json!(deployment.proposal.hash());
        let mut deployment = deployment.clone();
        note(&mut deployment, &mut detail, by);
        self.store_deployment(&deployment).await?;
        let (instance, about) = (&deployment.instance, subject(deployment.id));
        self.append(kind, by, Some(instance), &about, detail).await
    }
}

impl Store {
    /// Emergencies that nobody has looked at afterwards, newest first, however old.
    pub async fn emergencies_to_review(&self) -> Result<Vec<Deployment>, StoreError> {
        let query = sqlx::AssertSqlSafe(format!(
            "{COLUMNS} WHERE emergency IS NOT NULL AND word IN ('applied', 'failed') \
             AND json_extract(emergency, '$.reviewed_by') IS NULL ORDER BY id DESC LIMIT ?"
        ));
        let rows = sqlx::query(query)
            .bind(OPEN_MAX)
            .fetch_all(self.read())
            .await?;
        rows.iter().map(read_deployment).collect()
    }

    /// Confirms a deployment before its review, for a reason, in one transaction: it becomes
    /// `Approved` with everything it proposes and carries the emergency. One that was interrupted
    /// may be declared again: the new reason stands, the hands of before stay. `Conflict` when it is not
    /// what was `seen` any more, or when a change of it was rejected: an emergency overrules nobody.
    pub async fn declare_emergency(
        &self,
        seen: &Deployment,
        emergency: Emergency,
        by: &Actor,
    ) -> Result<Deployment, StoreError> {
        let mut change = self.begin().await?;
        let mut deployment = still(change.db(), seen).await?;
        let decisions = decisions_in(change.db(), seen.id).await?;
        if let Some(rejection) = decisions.iter().find(|it| it.verdict == Verdict::Reject) {
            return Err(conflict(format!(
                "{} rejected a change of it, and an emergency overrules no decision: agree with \
                 them, or apply what is approved",
                rejection.by.label()
            )));
        }
        let earlier = deployment.emergency.take();
        let was_declared = earlier.is_some();
        deployment.emergency = Some(match &earlier {
            Some(earlier) => emergency.after(earlier),
            None => emergency,
        });
        if was_declared && matches!(deployment.state, State::Approved { .. }) {
            // Interrupted, and tried again: it stays confirmed; who does, and why, is on record.
            change.declare_again(&deployment, by).await?;
            change.commit().await?;
            return Ok(deployment);
        }
        let next = State::Approved {
            by: by.clone(),
            at: change.now,
            result: deployment.proposal.flows,
        };
        change.take_step(&mut deployment, next, by).await?;
        change.commit().await?;
        Ok(deployment)
    }

    /// Notes who reviewed an emergency deployment afterwards: once it was applied, or failed.
    pub async fn review_emergency(&self, id: DeploymentId, by: &Actor) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let mut deployment = deployment_in(change.db(), id).await?;
        if deployment.state.is_open() {
            // Looked at before, it could be applied by whoever had looked.
            let message = format!("{} was not applied yet; review it then", subject(id));
            return Err(conflict(message));
        }
        let Some(emergency) = &mut deployment.emergency else {
            return Err(conflict(format!(
                "{} is no emergency deployment",
                subject(id)
            )));
        };
        if emergency.reviewed_by.is_some() {
            return Err(conflict(format!("{} was reviewed already", subject(id))));
        }
        emergency.reviewed_by = Some(by.clone());
        let detail = json!({ "reason": emergency.reason });
        change.store_deployment(&deployment).await?;
        let kind = EventKind::EmergencyReviewed;
        change
            .append(kind, by, Some(&deployment.instance), &subject(id), detail)
            .await?;
        change.commit().await
    }
}
