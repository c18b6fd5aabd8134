//! What was seen when proposals were tried. Not part of the record: it decides nothing by itself,
//! and can be had again.

use model::{
    id::{DeploymentId, Hash},
    rehearsal::{Observation, Rehearsal},
};

use crate::{
    Store, StoreError,
    json::{self, canonical},
};

/// Rehearsals kept, counted back from the newest deployment that has one.
const REHEARSALS_MAX: i64 = 500;
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

    /// Sets it.
    pub async fn set_rehearsal(
        &self,
        id: DeploymentId,
        rehearsal: &Rehearsal,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        sqlx::query(
            "INSERT INTO rehearsals (deployment, rehearsal) VALUES (?, ?) \
             ON CONFLICT (deployment) DO UPDATE SET rehearsal = excluded.rehearsal",
        )
        .bind(id.0)
        .bind(canonical(rehearsal))
        .execute(change.db())
        .await?;
        sqlx::query("DELETE FROM rehearsals WHERE deployment <= ?")
            .bind(id.0 - REHEARSALS_MAX)
            .execute(change.db())
            .await?;
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
