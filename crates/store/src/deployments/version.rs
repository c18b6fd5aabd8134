//! Versions of a proposal, and the decisions that outlive one.

use std::collections::BTreeSet;

use model::{
    audit::EventKind,
    deployment::{Decision, Deployment, Version},
    flow::change::ChangeId,
    id::DeploymentId,
    principal::Actor,
};
use serde_json::json;
use sqlx::{Row as _, SqliteConnection};

use super::{decide::decisions_in, subject};
use crate::{Store, StoreError, json, open::Change};

/// Kept decisions named in the record one by one; all are counted.
const NAMED_MAX: usize = 200;

/// A deployment (`?1`) and the versions before it, the newest first: at most 1,000 are looked at,
/// since a script may propose another version again and again.
pub(super) const LINE: &str = "WITH RECURSIVE line (id) AS (SELECT ?1 UNION ALL SELECT earlier \
     FROM versions JOIN line ON versions.deployment = line.id WHERE earlier < line.id LIMIT 1000)";

async fn version_in(
    db: &mut SqliteConnection,
    id: DeploymentId,
) -> Result<Option<Version>, StoreError> {
    let row = sqlx::query("SELECT number, earlier, unchanged FROM versions WHERE deployment = ?")
        .bind(id.0)
        .fetch_optional(&mut *db)
        .await?;
    let Some(row) = row else { return Ok(None) };
    let query = sqlx::AssertSqlSafe(format!(
        "{LINE} SELECT id FROM line WHERE id <> ?1 ORDER BY id"
    ));
    let line: Vec<i64> = sqlx::query_scalar(query).bind(id.0).fetch_all(db).await?;
    Ok(Some(Version {
        number: row.try_get("number")?,
        earlier: DeploymentId(row.try_get("earlier")?),
        line: line.into_iter().map(DeploymentId).collect(),
        unchanged: json::read("version", &row.try_get::<String, _>("unchanged")?)?,
    }))
}

impl Change<'_> {
    /// Notes that `new` replaces `old`, and takes over the decisions on what is unchanged, as they
    /// stand in this transaction: one that was turned round a moment ago is taken over turned.
    pub(super) async fn keep_version(
        &mut self,
        old: DeploymentId,
        new: &Deployment,
        unchanged: &BTreeSet<ChangeId>,
    ) -> Result<(), StoreError> {
        let number = version_in(self.db(), old).await?.map_or(1, |it| it.number) + 1;
        sqlx::query(
            "INSERT INTO versions (deployment, number, earlier, unchanged) VALUES (?, ?, ?, ?)",
        )
        .bind(new.id.0)
        .bind(number)
        .bind(old.0)
        .bind(json::canonical(unchanged))
        .execute(self.db())
        .await?;
        let taken = decisions_in(self.db(), old).await?;
        let kept: Vec<Decision> = taken
            .into_iter()
            .filter(|decision| unchanged.contains(&decision.change))
            .map(|decision| Decision {
                taken_on: decision.taken_on.or(Some(old)),
                ..decision
            })
            .collect();
        for decision in &kept {
            sqlx::query("INSERT INTO decisions (deployment, change, decision) VALUES (?, ?, ?)")
                .bind(new.id.0)
                .bind(&decision.change.0)
                .bind(json::canonical(decision))
                .execute(self.db())
                .await?;
        }
        if kept.is_empty() {
            return Ok(());
        }
        let named = kept.iter().take(NAMED_MAX).map(|it| &it.change);
        let detail = json!({
            "kept": kept.len(),
            "from": subject(old),
            "changes": named.collect::<Vec<_>>(),
            "proposal": new.proposal.hash(),
        });
        let (kind, by) = (EventKind::Decided, Actor::System);
        self.append(kind, &by, Some(&new.instance), &subject(new.id), detail)
            .await
    }

    /// The base moved: what was the same on another base says nothing any more.
    pub(super) async fn forget_unchanged(&mut self, id: DeploymentId) -> Result<(), StoreError> {
        sqlx::query("UPDATE versions SET unchanged = '[]' WHERE deployment = ?")
            .bind(id.0)
            .execute(self.db())
            .await?;
        Ok(())
    }
}

impl Store {
    /// Which version of a proposal it is; none: the first.
    pub async fn version(&self, id: DeploymentId) -> Result<Option<Version>, StoreError> {
        let mut db = self.read().acquire().await?;
        version_in(&mut db, id).await
    }
}
