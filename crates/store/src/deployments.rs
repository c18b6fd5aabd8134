//! The queue: deployments, their decisions, and the one transaction that moves a baseline.

mod apply;
mod decide;
mod emergency;
mod thread;
mod version;

use std::collections::BTreeSet;

use model::{
    audit::EventKind,
    clock::Timestamp,
    deployment::{Deployment, DeploymentType, Origin, Proposal, State},
    flow::{
        change::ChangeId,
        credentials::{CredentialChanges, Credentials},
    },
    id::{DeploymentId, Hash, InstanceId},
    principal::Actor,
};
use serde_json::{Value, json};
use sqlx::{QueryBuilder, Row as _, Sqlite, SqliteConnection, sqlite::SqliteRow};
use zeroize::Zeroizing;

use crate::{
    Keyring, Store, StoreError, baselines, instances::instance_in, json, json::read_word,
    open::Change,
};

pub use decide::Seen;
pub(crate) use decide::{decisions_in, still};

/// What the keyed digest of credential changes, and their sealing, is for.
const CHANGES: &str = "credential-changes";
/// Deployments of an instance that may be open at a time: a node in a loop must not fill the disk.
const OPEN_MAX: i64 = 1000;
/// Deployments listed at most.
const LIMIT_MAX: u32 = 10_000;

/// What a [`Deployment`] is read from.
pub(crate) const COLUMNS: &str = "SELECT id, instance, state, origin, proposer, created_at, proposal, emergency FROM deployments";

/// A deployment to be queued. The flows must be kept as a blob already.
#[derive(Debug, Clone)]
pub struct NewDeployment {
    /// Which instance.
    pub instance: InstanceId,
    /// Where it came from.
    pub origin: Origin,
    /// Who proposed it.
    pub proposer: Actor,
    /// The baseline it starts from.
    pub base: Hash,
    /// Digest of that baseline's flows.
    pub base_flows: Hash,
    /// Digest of the proposed flows.
    pub flows: Hash,
    /// The credential changes; sealed by the store.
    pub credentials: CredentialChanges,
    /// How Node-RED is asked to restart.
    pub deployment_type: DeploymentType,
    /// The proposer's open deployment this one replaces, which becomes `Superseded`.
    pub supersedes: Option<DeploymentId>,
    /// The changes that are byte for byte those of the one it replaces: decisions on them stay.
    pub unchanged: BTreeSet<ChangeId>,
}

/// What [`Store::commit_apply`] moves in one transaction.
#[derive(Debug, Clone)]
pub struct Commit {
    /// The deployment; must be `Applying`.
    pub deployment: DeploymentId,
    /// The flows Node-RED saved; must equal the `result` being applied.
    pub flows: Hash,
    /// The credentials after it.
    pub credentials: Credentials,
}

pub(crate) fn read_deployment(row: &SqliteRow) -> Result<Deployment, StoreError> {
    let what = "deployment";
    let text = |column: &str| row.try_get::<String, _>(column);
    let emergency: Option<String> = row.try_get("emergency")?;
    Ok(Deployment {
        id: DeploymentId(row.try_get("id")?),
        instance: read_word(what, &text("instance")?)?,
        origin: read_word(what, &text("origin")?)?,
        proposer: json::read(what, &text("proposer")?)?,
        created_at: Timestamp(row.try_get("created_at")?),
        state: json::read(what, &text("state")?)?,
        proposal: json::read(what, &text("proposal")?)?,
        emergency: emergency.map(|text| json::read(what, &text)).transpose()?,
    })
}

pub(crate) async fn deployment_in(
    db: &mut SqliteConnection,
    id: DeploymentId,
) -> Result<Deployment, StoreError> {
    let query = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = ?"));
    let row = sqlx::query(query).bind(id.0).fetch_optional(db).await?;
    let row = row.ok_or_else(|| StoreError::NotFound(subject(id)))?;
    read_deployment(&row)
}

pub(crate) fn subject(id: DeploymentId) -> String {
    format!("deployment {id}")
}

fn conflict(message: impl Into<String>) -> StoreError {
    StoreError::Conflict(message.into())
}

fn changes_digest(keyring: &Keyring, changes: &CredentialChanges) -> Result<Hash, StoreError> {
    let text = Zeroizing::new(json::canonical(changes));
    Ok(keyring.digest(CHANGES, text.as_bytes())?)
}

/// Bound to the digest, so that one sealed set cannot stand in for another.
fn sealing_purpose(digest: Hash) -> String {
    format!("{CHANGES} {digest}")
}

/// The event a step is recorded as, and its details.
fn event_of(from: &State, next: &State) -> (EventKind, Value) {
    match next {
        State::Pending => (EventKind::DeploymentRebased, json!({})),
        State::InReview => (EventKind::ReviewStarted, json!({})),
        State::Approved { result, .. } if matches!(from, State::Applying { .. }) => {
            // Nothing was committed: it can be applied again.
            (
                EventKind::ApplyFailed,
                json!({ "interrupted": true, "result": result }),
            )
        }
        State::Approved { result, .. } => {
            (EventKind::DeploymentApproved, json!({ "result": result }))
        }
        State::Applying { result, .. } => (EventKind::ApplyStarted, json!({ "result": result })),
        State::Applied { baseline, .. } => (EventKind::Applied, json!({ "baseline": baseline })),
        State::Rejected { reason, .. } => {
            (EventKind::DeploymentRejected, json!({ "reason": reason }))
        }
        State::Withdrawn { .. } => (EventKind::DeploymentWithdrawn, json!({})),
        State::Superseded { by, .. } => (EventKind::DeploymentSuperseded, json!({ "by": by })),
        State::Stale { .. } => (EventKind::DeploymentStale, json!({})),
        State::Failed { reason, .. } => (EventKind::ApplyFailed, json!({ "reason": reason })),
    }
}

impl Change<'_> {
    /// Moves a deployment on, if the state machine has the step, with its audit row.
    async fn take_step(
        &mut self,
        deployment: &mut Deployment,
        next: State,
        by: &Actor,
    ) -> Result<(), StoreError> {
        let (kind, mut detail) = event_of(&deployment.state, &next);
        detail["proposal"] = json!(deployment.proposal.hash());
        let from = deployment.state.clone();
        deployment.state = from.step(next).map_err(|step| conflict(step.to_string()))?;
        if matches!(
            deployment.state,
            State::InReview | State::Stale { .. } | State::Pending
        ) {
            // It goes the ordinary way again: nothing of it was applied before review.
            deployment.emergency = None;
        }
        emergency::note(deployment, &mut detail, by);
        if matches!(deployment.state, State::Stale { .. } | State::Pending) {
            for table in ["decisions", "rehearsals"] {
                let forget = format!("DELETE FROM {table} WHERE deployment = ?");
                let forget = sqlx::query(sqlx::AssertSqlSafe(forget)).bind(deployment.id.0);
                forget.execute(self.db()).await?;
            }
            self.forget_unchanged(deployment.id).await?;
        }
        self.store_deployment(deployment).await?;
        let instance = deployment.instance.clone();
        self.append(kind, by, Some(&instance), &subject(deployment.id), detail)
            .await
    }

    /// Writes what of a deployment can change.
    async fn store_deployment(&mut self, deployment: &Deployment) -> Result<(), StoreError> {
        self.moves_queue = true;
        sqlx::query(
            "UPDATE deployments SET word = ?, is_open = ?, state = ?, proposal = ?, emergency = ? \
             WHERE id = ?",
        )
        .bind(deployment.state.word())
        .bind(i64::from(deployment.state.is_open()))
        .bind(json::canonical(&deployment.state))
        .bind(json::canonical(&deployment.proposal))
        .bind(deployment.emergency.as_ref().map(json::canonical))
        .bind(deployment.id.0)
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// The baseline moved: what waits for a decision or an apply was made for another.
    pub(crate) async fn make_others_stale(
        &mut self,
        instance: &InstanceId,
        except: Option<DeploymentId>,
        by: &Actor,
    ) -> Result<(), StoreError> {
        let query = sqlx::AssertSqlSafe(format!(
            "{COLUMNS} WHERE instance = ? AND is_open = 1 AND id <> ? ORDER BY id"
        ));
        let rows = sqlx::query(query)
            .bind(instance.as_str())
            .bind(except.map_or(0, |id| id.0))
            .fetch_all(self.db())
            .await?;
        for row in &rows {
            let mut deployment = read_deployment(row)?;
            let waits = matches!(
                deployment.state,
                State::Pending | State::InReview | State::Approved { .. }
            );
            if waits {
                let at = self.now;
                self.take_step(&mut deployment, State::Stale { at }, by)
                    .await?;
            }
        }
        Ok(())
    }

    async fn refuse_flood(&mut self, instance: &InstanceId) -> Result<(), StoreError> {
        let open: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM deployments WHERE is_open = 1 AND instance = ?",
        )
        .bind(instance.as_str())
        .fetch_one(self.db())
        .await?;
        if open < OPEN_MAX {
            return Ok(());
        }
        Err(conflict(format!(
            "{open} deployments of {instance} wait already; decide some first"
        )))
    }

    async fn insert_deployment(&mut self, new: &NewDeployment) -> Result<Deployment, StoreError> {
        let known: Option<i64> = sqlx::query_scalar("SELECT 1 FROM blobs WHERE hash = ?")
            .bind(new.flows.to_string())
            .fetch_optional(self.db())
            .await?;
        if known.is_none() {
            return Err(StoreError::NotFound(format!("text {}", new.flows.short())));
        }
        let text = Zeroizing::new(json::canonical(&new.credentials));
        let keyring = &self.store.keyring;
        let digest = keyring.digest(CHANGES, text.as_bytes())?;
        let sealed = keyring.seal(&sealing_purpose(digest), text.as_bytes())?;
        let proposal = Proposal {
            base: new.base,
            base_flows: new.base_flows,
            flows: new.flows,
            credentials: digest,
            deployment_type: new.deployment_type,
        };
        let (state, now) = (State::Pending, self.now);
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO deployments (instance, word, is_open, state, origin, proposer, \
             created_at, proposal, credentials) VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?) \
             RETURNING id",
        )
        .bind(new.instance.as_str())
        .bind(state.word())
        .bind(json::canonical(&state))
        .bind(json::word(&new.origin))
        .bind(json::canonical(&new.proposer))
        .bind(now.0)
        .bind(json::canonical(&proposal))
        .bind(sealed)
        .fetch_one(self.db())
        .await?;
        self.moves_queue = true;
        let id = DeploymentId(id);
        let detail = json!({
            "origin": new.origin,
            "proposal": proposal.hash(),
            "base": proposal.base,
            "flows": proposal.flows,
        });
        let (kind, by) = (EventKind::DeploymentQueued, &new.proposer);
        self.append(kind, by, Some(&new.instance), &subject(id), detail)
            .await?;
        Ok(Deployment {
            id,
            instance: new.instance.clone(),
            origin: new.origin,
            proposer: new.proposer.clone(),
            created_at: now,
            state,
            proposal,
            emergency: None,
        })
    }

    /// Ends the proposal that `by` replaces.
    async fn supersede(
        &mut self,
        old: DeploymentId,
        by: &Deployment,
        unchanged: &BTreeSet<ChangeId>,
    ) -> Result<(), StoreError> {
        let mut old = deployment_in(self.db(), old).await?;
        // Nobody takes another's proposal out of the queue by putting in one of their own.
        if old.instance != by.instance || old.proposer.user() != by.proposer.user() {
            let message = format!("{} is not an earlier version of this one", subject(old.id));
            return Err(conflict(message));
        }
        self.keep_version(old.id, by, unchanged).await?;
        let next = State::Superseded {
            at: self.now,
            by: by.id,
        };
        self.take_step(&mut old, next, &by.proposer).await
    }
}

impl Store {
    /// Queues a deployment (state `Pending`), with its audit row. If the baseline it starts from
    /// is the present one no more, it is kept all the same, and comes back as `Stale`. At most
    /// 1,000 of an instance may be open: `Conflict` beyond.
    pub async fn queue(&self, new: NewDeployment) -> Result<Deployment, StoreError> {
        let mut change = self.begin().await?;
        instance_in(change.db(), &new.instance).await?;
        change.refuse_flood(&new.instance).await?;
        let mut deployment = change.insert_deployment(&new).await?;
        if let Some(old) = new.supersedes {
            change.supersede(old, &deployment, &new.unchanged).await?;
        }
        let current = baselines::current(change.db(), &new.instance).await?;
        if current.is_some_and(|current| current.hash != new.base) {
            let next = State::Stale { at: change.now };
            change
                .take_step(&mut deployment, next, &Actor::System)
                .await?;
        }
        change.commit().await?;
        Ok(deployment)
    }

    /// One deployment.
    pub async fn deployment(&self, id: DeploymentId) -> Result<Deployment, StoreError> {
        let mut db = self.read().acquire().await?;
        deployment_in(&mut db, id).await
    }

    /// Deployments, newest first: of one instance or all, open ones only or all, at most `limit`.
    pub async fn deployments(
        &self,
        instance: Option<&InstanceId>,
        open_only: bool,
        limit: u32,
    ) -> Result<Vec<Deployment>, StoreError> {
        let mut query = QueryBuilder::<Sqlite>::new(COLUMNS);
        query.push(" WHERE id > 0");
        if let Some(instance) = instance {
            query
                .push(" AND instance = ")
                .push_bind(instance.as_str().to_owned());
        }
        if open_only {
            query.push(" AND is_open = 1");
        }
        query
            .push(" ORDER BY id DESC LIMIT ")
            .push_bind(i64::from(limit.min(LIMIT_MAX)));
        let rows = query.build().fetch_all(self.read()).await?;
        rows.iter().map(read_deployment).collect()
    }

    /// The digest under which these credential changes stand in a proposal.
    pub fn credential_changes_digest(
        &self,
        changes: &CredentialChanges,
    ) -> Result<Hash, StoreError> {
        changes_digest(&self.keyring, changes)
    }

    /// A deployment's credential changes, unsealed.
    pub async fn credential_changes(
        &self,
        id: DeploymentId,
    ) -> Result<CredentialChanges, StoreError> {
        let row = sqlx::query("SELECT proposal, credentials FROM deployments WHERE id = ?")
            .bind(id.0)
            .fetch_optional(self.read())
            .await?;
        let row = row.ok_or_else(|| StoreError::NotFound(subject(id)))?;
        let proposal: Proposal = json::read("deployment", &row.try_get::<String, _>("proposal")?)?;
        let sealed: Vec<u8> = row.try_get("credentials")?;
        let text = self
            .keyring
            .unseal(&sealing_purpose(proposal.credentials), &sealed)?;
        let changes: CredentialChanges = serde_json::from_slice(text.expose())
            .map_err(|_| StoreError::damaged(CHANGES, "they are not JSON"))?;
        if self.credential_changes_digest(&changes)? != proposal.credentials {
            return Err(StoreError::damaged(
                CHANGES,
                "they do not give their digest",
            ));
        }
        Ok(changes)
    }

    /// Moves a deployment from a state equal to `from` to `next` if the state machine has that
    /// step, with the audit row that fits, in one transaction. `Conflict` when it moved meanwhile.
    /// Going to `Stale`, or from `Stale` to `Pending`, deletes the decisions. What also moves the
    /// baseline is not done here: see [`Store::commit_apply`] and [`Store::revert_apply`].
    pub async fn step(
        &self,
        id: DeploymentId,
        from: &State,
        next: State,
        by: &Actor,
    ) -> Result<Deployment, StoreError> {
        let mut change = self.begin().await?;
        let mut deployment = deployment_in(change.db(), id).await?;
        if deployment.state != *from {
            let now = deployment.state.word();
            return Err(conflict(format!(
                "{} is {now} by now; look again",
                subject(id)
            )));
        }
        let moves_baseline = matches!(next, State::Applied { .. })
            || matches!(deployment.state, State::Applied { .. });
        if moves_baseline {
            return Err(conflict("the baseline moves only by applying or reverting"));
        }
        change.take_step(&mut deployment, next, by).await?;
        change.commit().await?;
        Ok(deployment)
    }

    /// Tells whenever any deployment changed. Carries no data: look up what you need.
    pub fn queue_changes(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.queue.subscribe()
    }
}
