//! What is said about a deployment and its changes.

use model::{
    audit::EventKind,
    clock::Timestamp,
    deployment::{Comment, State},
    flow::change::ChangeId,
    id::DeploymentId,
    principal::Actor,
};
use serde_json::json;
use sqlx::{Row as _, sqlite::SqliteRow};

use super::{conflict, deployment_in, subject, version::LINE};
use crate::{Store, StoreError, json};

/// Comments on one proposal, over all its versions, which are shown together: a script in a loop
/// must neither fill the disk nor the page.
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
    /// Keeps a comment, with its audit row. At most 1,000 on a deployment and the versions
    /// before it: `Conflict` beyond, and on one that a newer version replaced.
    pub async fn comment(
        &self,
        id: DeploymentId,
        about: Option<&ChangeId>,
        text: &str,
        by: &Actor,
    ) -> Result<Comment, StoreError> {
        let mut change = self.begin().await?;
        let deployment = deployment_in(change.db(), id).await?;
        if let State::Superseded { by: newer, .. } = deployment.state {
            // Said on each old version, it would escape the bound on the thread.
            return Err(conflict(format!(
                "a newer version replaced {}; say it on {}",
                subject(id),
                subject(newer)
            )));
        }
        let query = sqlx::AssertSqlSafe(format!(
            "{LINE} SELECT COUNT(*) FROM comments WHERE deployment IN (SELECT id FROM line)"
        ));
        let count: i64 = sqlx::query_scalar(query)
            .bind(id.0)
            .fetch_one(change.db())
            .await?;
        if count >= COMMENTS_MAX {
            return Err(conflict(format!(
                "{} and the versions before it have {count} comments already; no more are taken",
                subject(id)
            )));
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

    /// What was said about a deployment and the versions before it, oldest first: the last 1,000.
    pub async fn comments(&self, id: DeploymentId) -> Result<Vec<Comment>, StoreError> {
        let query = sqlx::AssertSqlSafe(format!(
            "{LINE} SELECT deployment, change, by, at, text FROM comments \
             WHERE deployment IN (SELECT id FROM line) ORDER BY id DESC LIMIT ?2"
        ));
        let mut rows = sqlx::query(query)
            .bind(id.0)
            .bind(COMMENTS_MAX)
            .fetch_all(self.read())
            .await?;
        rows.reverse();
        rows.iter().map(read_comment).collect()
    }
}
