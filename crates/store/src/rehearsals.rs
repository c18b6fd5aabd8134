//! What was seen when proposals were tried. Not part of the record: it decides nothing by itself,
//! and can be had again.

use model::{
    audit::EventKind,
    deployment::Deployment,
    id::{DeploymentId, Hash},
    principal::Actor,
    rehearsal::{Observation, Rehearsal},
};
use serde_json::json;

use crate::{
    Store, StoreError, deployments,
    json::{self, canonical},
};

/// Rehearsals kept of what is closed, counted back from the newest deployment that has one.
const REHEARSALS_MAX: i64 = 500;
/// Untried deployments looked through at a time: more than are open on ten instances.
const UNTRIED_MAX: i64 = 10_000;
/// Observations kept for being had again.
const OBSERVATIONS_MAX: i64 = 100;

impl Store {
    /// How a deployment's rehearsal stands; none when it waits for its turn, or policy asks for
    /// none.
    pub async fn rehearsal(&self, id: DeploymentId) -> Result<Option<Rehearsal>, StoreError> {
        let text: Option<String> =
            sqlx::query_scalar("SELECT rehearsal FROM rehearsals WHERE deployment = ?")
                .bind(id.0)
                .fetch_optional(self.read())
                .await?;
        text.map(|text| json::read("rehearsal", &text)).transpose()
    }

    /// Sets it, if the deployment still proposes what was `tried`; false otherwise, and nothing is
    /// kept: what was seen of other flows says nothing of these.
    pub async fn set_rehearsal(
        &self,
        tried: &Deployment,
        rehearsal: &Rehearsal,
    ) -> Result<bool, StoreError> {
        let mut change = self.begin().await?;
        let now = deployments::deployment_in(change.db(), tried.id).await?;
        if now.proposal != tried.proposal {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO rehearsals (deployment, rehearsal) VALUES (?, ?) \
             ON CONFLICT (deployment) DO UPDATE SET rehearsal = excluded.rehearsal",
        )
        .bind(tried.id.0)
        .bind(canonical(rehearsal))
        .execute(change.db())
        .await?;
        // Of what is open it is kept, however old: policy may ask for it.
        sqlx::query(
            "DELETE FROM rehearsals WHERE deployment <= ? \
             AND deployment NOT IN (SELECT id FROM deployments WHERE is_open = 1)",
        )
        .bind(tried.id.0 - REHEARSALS_MAX)
        .execute(change.db())
        .await?;
        change.commit().await?;
        Ok(true)
    }

    /// The deployments that wait for review or to be applied and were not tried to the end, oldest
    /// first, whatever policy asks.
    pub async fn untried(&self) -> Result<Vec<Deployment>, StoreError> {
        let query = sqlx::AssertSqlSafe(format!(
            "{} WHERE is_open = 1 AND word IN ('pending', 'in-review', 'approved') \
             AND NOT EXISTS (SELECT 1 FROM rehearsals WHERE deployment = deployments.id \
             AND json_extract(rehearsal, '$.state') <> 'running') ORDER BY id LIMIT ?",
            deployments::COLUMNS
        ));
        let rows = sqlx::query(query)
            .bind(UNTRIED_MAX)
            .fetch_all(self.read())
            .await?;
        rows.iter().map(deployments::read_deployment).collect()
    }

    /// Forgets what was seen of a deployment and in the runs with these keys, so that it is tried
    /// again, with its audit row.
    pub async fn forget_rehearsal(
        &self,
        deployment: &Deployment,
        runs: &[Hash],
        by: &Actor,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        sqlx::query("DELETE FROM rehearsals WHERE deployment = ?")
            .bind(deployment.id.0)
            .execute(change.db())
            .await?;
        for key in runs {
            sqlx::query("DELETE FROM observations WHERE key = ?")
                .bind(key.to_string())
                .execute(change.db())
                .await?;
        }
        let (kind, about) = (
            EventKind::RehearsalAsked,
            deployments::subject(deployment.id),
        );
        let detail = json!({ "proposal": deployment.proposal.hash() });
        change
            .append(kind, by, Some(&deployment.instance), &about, detail)
            .await?;
        change.moves_queue = true;
        change.commit().await
    }

    /// What was seen when exactly this was run, if it was lately.
    pub async fn observation(&self, key: Hash) -> Result<Option<Observation>, StoreError> {
        let text: Option<String> =
            sqlx::query_scalar("SELECT observation FROM observations WHERE key = ?")
                .bind(key.to_string())
                .fetch_optional(self.read())
                .await?;
        text.map(|text| json::read("observation", &text))
            .transpose()
    }

    /// Keeps it; the oldest beyond a hundred go.
    pub async fn keep_observation(
        &self,
        key: Hash,
        observation: &Observation,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let now = change.now;
        sqlx::query(
            "INSERT INTO observations (key, at, observation) VALUES (?, ?, ?) \
             ON CONFLICT (key) DO UPDATE SET at = excluded.at, observation = excluded.observation",
        )
        .bind(key.to_string())
        .bind(now.0)
        .bind(canonical(observation))
        .execute(change.db())
        .await?;
        sqlx::query(
            "DELETE FROM observations WHERE key NOT IN \
             (SELECT key FROM observations ORDER BY at DESC, key LIMIT ?)",
        )
        .bind(OBSERVATIONS_MAX)
        .execute(change.db())
        .await?;
        change.commit().await
    }
}
