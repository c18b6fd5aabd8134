//! Accepted risks.

use model::{
    audit::EventKind,
    clock::Timestamp,
    id::{Hash, InstanceId},
    principal::Actor,
    risk::{Matter, Risk},
};
use serde_json::json;
use sqlx::{Row as _, sqlite::SqliteRow};

use crate::{
    Store, StoreError,
    json::{self, read_word},
};

/// Risks kept for an instance: whoever accepts more has stopped looking.
const RISKS_MAX: i64 = 10_000;

const COLUMNS: &str =
    "SELECT id, instance, mark, matter, owner, reason, by, at, until, withdrawn_at FROM risks";

/// A risk to be accepted.
#[derive(Debug, Clone)]
pub struct NewRisk {
    /// On which instance.
    pub instance: InstanceId,
    /// The mark of the finding.
    pub mark: Hash,
    /// What is accepted.
    pub matter: Matter,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Until when.
    pub until: Timestamp,
}

fn read_risk(row: &SqliteRow) -> Result<Risk, StoreError> {
    let what = "risk";
    let text = |column: &str| row.try_get::<String, _>(column);
    Ok(Risk {
        id: row.try_get("id")?,
        instance: read_word(what, &text("instance")?)?,
        mark: read_word(what, &text("mark")?)?,
        matter: json::read(what, &text("matter")?)?,
        owner: text("owner")?,
        reason: text("reason")?,
        by: json::read(what, &text("by")?)?,
        at: Timestamp(row.try_get("at")?),
        until: Timestamp(row.try_get("until")?),
        withdrawn_at: row
            .try_get::<Option<i64>, _>("withdrawn_at")?
            .map(Timestamp),
    })
}

impl Store {
    /// Accepts a risk, in place of one that holds for the same finding.
    pub async fn accept_risk(&self, risk: NewRisk, by: &Actor) -> Result<i64, StoreError> {
        let mut change = self.begin().await?;
        let now = change.now;
        let count: i64 = sqlx::query_scalar("SELECT count(*) FROM risks WHERE instance = ?")
            .bind(risk.instance.as_str())
            .fetch_one(change.db())
            .await?;
        if count >= RISKS_MAX {
            let message = "the instance has 10,000 accepted risks; no more are kept";
            return Err(StoreError::Conflict(message.to_owned()));
        }
        sqlx::query(
            "UPDATE risks SET withdrawn_at = ? \
             WHERE instance = ? AND mark = ? AND withdrawn_at IS NULL",
        )
        .bind(now.0)
        .bind(risk.instance.as_str())
        .bind(risk.mark.to_string())
        .execute(change.db())
        .await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO risks (instance, mark, matter, owner, reason, by, at, until) \
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(risk.instance.as_str())
        .bind(risk.mark.to_string())
        .bind(json::canonical(&risk.matter))
        .bind(&risk.owner)
        .bind(&risk.reason)
        .bind(json::canonical(by))
        .bind(now.0)
        .bind(risk.until.0)
        .fetch_one(change.db())
        .await?;
        let detail = json!({
            "mark": risk.mark,
            "rule": risk.matter.rule,
            "node": risk.matter.node,
            "owner": risk.owner,
            "reason": risk.reason,
            "until": risk.until,
        });
        let (kind, about) = (EventKind::RiskAccepted, format!("risk {id}"));
        change
            .append(kind, by, Some(&risk.instance), &about, detail)
            .await?;
        change.moves_queue = true;
        change.commit().await?;
        Ok(id)
    }

    /// Withdraws an accepted risk: its finding speaks again.
    pub async fn withdraw_risk(&self, id: i64, by: &Actor) -> Result<Risk, StoreError> {
        let mut change = self.begin().await?;
        let now = change.now;
        let query = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = ?"));
        let row = sqlx::query(query)
            .bind(id)
            .fetch_optional(change.db())
            .await?;
        let row = row.ok_or_else(|| StoreError::NotFound(format!("risk {id}")))?;
        let mut risk = read_risk(&row)?;
        if risk.withdrawn_at.is_some() {
            return Ok(risk);
        }
        sqlx::query("UPDATE risks SET withdrawn_at = ? WHERE id = ?")
            .bind(now.0)
            .bind(id)
            .execute(change.db())
            .await?;
        risk.withdrawn_at = Some(now);
        let detail = json!({ "rule": risk.matter.rule, "node": risk.matter.node });
        let (kind, about) = (EventKind::RiskWithdrawn, format!("risk {id}"));
        change
            .append(kind, by, Some(&risk.instance), &about, detail)
            .await?;
        change.moves_queue = true;
        change.commit().await?;
        Ok(risk)
    }

    /// One risk.
    pub async fn risk(&self, id: i64) -> Result<Risk, StoreError> {
        let query = sqlx::AssertSqlSafe(format!("{COLUMNS} WHERE id = ?"));
        let row = sqlx::query(query)
            .bind(id)
            .fetch_optional(self.read())
            .await?;
        read_risk(&row.ok_or_else(|| StoreError::NotFound(format!("risk {id}")))?)
    }

    /// All risks of an instance (of all, when none is named), newest first: those that expired or
    /// were withdrawn too.
    pub async fn risks(&self, instance: Option<&InstanceId>) -> Result<Vec<Risk>, StoreError> {
        let query = sqlx::AssertSqlSafe(format!(
            "{COLUMNS} WHERE ?1 IS NULL OR instance = ?1 ORDER BY id DESC"
        ));
        let rows = sqlx::query(query)
            .bind(instance.map(InstanceId::as_str))
            .fetch_all(self.read())
            .await?;
        rows.iter().map(read_risk).collect()
    }
}
