//! What is said about a deployment and its changes.

use model::{
    audit::EventKind, clock::Timestamp, deployment::Comment, flow::change::ChangeId,
    id::DeploymentId, principal::Actor,
};
use serde_json::json;
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{conflict, deployment_in, subject};
use crate::{Store, StoreError, json};

/// Comments on one deployment: a script in a loop must not fill the disk.
const COMMENTS_MAX: i64 = 1_000;

fn read_comment(row: &SqliteRow) -> Result<Comment, StoreError> {
    Ok(Comment {
        deployment: DeploymentId(row.try_get("deployment")?),
        change: row.try_get::<Option<String>, _>("change")?.map(ChangeId),
        by: json::read("comment", &row.try_get::<String, _>("by")?)?,
        at: Timestamp(row.try_get("at")?),
        text: row.try_get("text")?,
    })
}

impl Store {
    /// Keeps a comment, with its audit row. At most 1,000 a deployment: `Conflict` beyond.
    pub async fn comment(
        &self,
        id: DeploymentId,
        about: Option<&ChangeId>,
        text: &str,
        by: &Actor,
    ) -> Result<Comment, StoreError> {
        let mut change = self.begin().await?;
        let deployment = deployment_in(change.db(), id).await?;
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM comments WHERE deployment = ?")
            .bind(id.0)
            .fetch_one(change.db())
            .await?;
        if count >= COMMENTS_MAX {
            let message = format!("{} has {count} comments already", subject(id));
            return Err(conflict(message));
        }
        let at = change.now;
        sqlx::query(
            "INSERT INTO comments (deployment, change, by, at, text) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(id.0)
        .bind(about.map(|it| it.0.as_str()))
        .bind(json::canonical(by))
        .bind(at.0)
        .bind(text)
        .execute(change.db())
        .await?;
        let detail = json!({ "change": about, "text": text });
        let (kind, instance) = (EventKind::Commented, &deployment.instance);
        change
            .append(kind, by, Some(instance), &subject(id), detail)
            .await?;
        change.moves_queue = true;
        change.commit().await?;
        Ok(Comment {
            deployment: id,
            change: about.cloned(),
            by: by.clone(),
            at,
            text: text.to_owned(),
        })
    }

    /// What was said about a deployment and the versions before it, oldest first.
    pub async fn comments(&self, id: DeploymentId) -> Result<Vec<Comment>, StoreError> {
        let rows = sqlx::query(
            "WITH RECURSIVE line (id) AS (SELECT ? UNION SELECT earlier FROM versions \
             JOIN line ON versions.deployment = line.id) \
             SELECT deployment, change, by, at, text FROM comments \
             WHERE deployment IN (SELECT id FROM line) ORDER BY id",
        )
        .bind(id.0)
        .fetch_all(self.read())
        .await?;
        rows.iter().map(read_comment).collect()
    }
}
