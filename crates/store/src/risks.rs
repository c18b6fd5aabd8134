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
    open::Change,
};

/// Risks that may hold on an instance at a time: whoever accepts more has stopped looking.
const HOLDING_MAX: i64 = 1_000;
/// Risks of an instance kept after they ended, the newest; the record names all.
const ENDED_MAX: i64 = 1_000;

const COLUMNS: &str = "SELECT id, instance, mark, matter, owner, reason, by, lifts_demands, at, \
     until, withdrawn_at FROM risks";

/// A risk that has ended at `?2`, on the instance `?1`.
const ENDED: &str = "instance = ?1 AND (withdrawn_at IS NOT NULL OR until <= ?2)";

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
    /// Whether who accepts it may lift what policy demands.
    pub lifts_demands: bool,
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
        lifts_demands: row.try_get("lifts_demands")?,
        at: Timestamp(row.try_get("at")?),
        until: Timestamp(row.try_get("until")?),
        withdrawn_at: row
            .try_get::<Option<i64>, _>("withdrawn_at")?
            .map(Timestamp),
    })
}

impl Change<'_> {
    /// Refuses beyond what may hold at a time, and forgets the oldest of what ended.
    async fn make_room(&mut self, instance: &InstanceId) -> Result<(), StoreError> {
        let now = self.now;
        let query = "SELECT count(*) FROM risks WHERE instance = ? AND withdrawn_at IS NULL \
                     AND until > ?";
        let holding: i64 = sqlx::query_scalar(query)
            .bind(instance.as_str())
            .bind(now.0)
            .fetch_one(self.db())
            .await?;
        if holding >= HOLDING_MAX {
            return Err(StoreError::Conflict(format!(
                "{holding} accepted risks hold on {instance}; withdraw some first"
            )));
        }
        let query = sqlx::AssertSqlSafe(format!(
            "DELETE FROM risks WHERE {ENDED} AND id NOT IN \
             (SELECT id FROM risks WHERE {ENDED} ORDER BY id DESC LIMIT ?3)"
        ));
        sqlx::query(query)
            .bind(instance.as_str())
            .bind(now.0)
            .bind(ENDED_MAX)
            .execute(self.db())
            .await?;
        Ok(())
    }
}

impl Store {
    /// Accepts a risk, in place of one that holds for the same finding. At most 1,000 may hold on
    /// an instance: `Conflict` beyond. Of those that ended the newest 1,000 are kept.
    pub async fn accept_risk(&self, risk: NewRisk, by: &Actor) -> Result<i64, StoreError> {
        let mut change = self.begin().await?;
        let now = change.now;
        sqlx::query(
            "UPDATE risks SET withdrawn_at = ? \
             WHERE instance = ? AND mark = ? AND withdrawn_at IS NULL",
        )
        .bind(now.0)
        .bind(risk.instance.as_str())
        .bind(risk.mark.to_string())
        .execute(change.db())
        .await?;
        change.make_room(&risk.instance).await?;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO risks (instance, mark, matter, owner, reason, by, lifts_demands, at, \
             until) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(risk.instance.as_str())
        .bind(risk.mark.to_string())
        .bind(json::canonical(&risk.matter))
        .bind(&risk.owner)
        .bind(&risk.reason)
        .bind(json::canonical(by))
        .bind(risk.lifts_demands)
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
            "lifts_demands": risk.lifts_demands,
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

    /// The risks that hold now on an instance.
    pub async fn holding_risks(&self, instance: &InstanceId) -> Result<Vec<Risk>, StoreError> {
        let query = sqlx::AssertSqlSafe(format!(
            "{COLUMNS} WHERE instance = ? AND withdrawn_at IS NULL AND until > ? \
             ORDER BY id DESC LIMIT ?"
        ));
        let rows = sqlx::query(query)
            .bind(instance.as_str())
            .bind(self.clock.now().0)
            .bind(HOLDING_MAX)
            .fetch_all(self.read())
            .await?;
        rows.iter().map(read_risk).collect()
    }

    /// The risks of an instance (of all, when none is named), newest first: those that hold, and
    /// the newest 1,000 of each instance that ended.
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
