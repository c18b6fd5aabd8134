//! Instances: their policy, small runtime state, and admin routes that were refused.

use model::{
    audit::EventKind,
    clock::Timestamp,
    id::InstanceId,
    instance::{AllowedRoute, Instance, NodeRedMajor, Policy},
    principal::Actor,
};

use serde_json::json;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

use crate::{
    Store, StoreError,
    json::{self, read_word, word},
};

/// Refused routes kept for an instance, and characters of a path and a method.
const ROUTES_MAX: i64 = 200;
const PATH_CHARS: usize = 200;
const METHOD_CHARS: usize = 16;
/// Bytes of a runtime document.
const DOCUMENT_MAX: usize = 5_000_000;

fn read_instance(row: &SqliteRow) -> Result<Instance, StoreError> {
    let (id, node_red, policy): (String, String, String) = (
        row.try_get("id")?,
        row.try_get("node_red")?,
        row.try_get("policy")?,
    );
    Ok(Instance {
        id: read_word("instance", &id)?,
        node_red: read_word("instance", &node_red)?,
        policy: json::read("policy", &policy)?,
    })
}

pub(crate) async fn instance_in(
    db: &mut SqliteConnection,
    id: &InstanceId,
) -> Result<Instance, StoreError> {
    let row = sqlx::query("SELECT id, node_red, policy FROM instances WHERE id = ?")
        .bind(id.as_str())
        .fetch_optional(db)
        .await?;
    let row = row.ok_or_else(|| StoreError::NotFound(format!("instance {id}")))?;
    read_instance(&row)
}

/// An admin route no table knows that somebody asked for and was refused.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RefusedRoute {
    /// Method and normalised path.
    pub route: AllowedRoute,
    /// How often.
    pub count: i64,
    /// Last time.
    pub last_at: Timestamp,
}

impl Store {
    /// Makes the instance with the default policy if it is new; returns it as stored. `node_red`
    /// replaces the stored major version when given.
    pub async fn ensure_instance(
        &self,
        id: &InstanceId,
        node_red: Option<NodeRedMajor>,
    ) -> Result<Instance, StoreError> {
        let mut change = self.begin().await?;
        let fresh = Instance {
            id: id.clone(),
            node_red: node_red.unwrap_or_default(),
            policy: Policy::default(),
        };
        let made = sqlx::query(
            "INSERT INTO instances (id, node_red, policy) VALUES (?, ?, ?) \
             ON CONFLICT (id) DO NOTHING",
        )
        .bind(id.as_str())
        .bind(word(&fresh.node_red))
        .bind(json::canonical(&fresh.policy))
        .execute(change.db())
        .await?
        .rows_affected();
        let mut instance = instance_in(change.db(), id).await?;
        if let Some(node_red) = node_red
            && node_red != instance.node_red
        {
            sqlx::query("UPDATE instances SET node_red = ? WHERE id = ?")
                .bind(word(&node_red))
                .bind(id.as_str())
                .execute(change.db())
                .await?;
            let detail = json!({ "node_red": node_red, "before": instance.node_red });
            let about = format!("instance {id}");
            change
                .append(
                    EventKind::PolicyChanged,
                    &Actor::System,
                    Some(id),
                    &about,
                    detail,
                )
                .await?;
            instance.node_red = node_red;
        } else if made == 0 {
            return Ok(instance);
        }
        change.commit().await?;
        Ok(instance)
    }

    /// All instances by name.
    pub async fn instances(&self) -> Result<Vec<Instance>, StoreError> {
        let rows = sqlx::query("SELECT id, node_red, policy FROM instances ORDER BY id")
            .fetch_all(self.read())
            .await?;
        rows.iter().map(read_instance).collect()
    }

    /// One instance.
    pub async fn instance(&self, id: &InstanceId) -> Result<Instance, StoreError> {
        let mut db = self.read().acquire().await?;
        instance_in(&mut db, id).await
    }

    /// Replaces an instance's policy. Who waits for the queue looks again: what waits may be asked
    /// for more, or less.
    pub async fn set_policy(
        &self,
        id: &InstanceId,
        policy: &Policy,
        by: &Actor,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let before = instance_in(change.db(), id).await?.policy;
        sqlx::query("UPDATE instances SET policy = ? WHERE id = ?")
            .bind(json::canonical(policy))
            .bind(id.as_str())
            .execute(change.db())
            .await?;
        let detail = json!({ "before": before, "after": policy });
        let about = format!("instance {id}");
        change
            .append(EventKind::PolicyChanged, by, Some(id), &about, detail)
            .await?;
        change.moves_queue = true;
        change.commit().await
    }

    /// Notes a refused admin route (bounded: 200 an instance, paths cut to 200 characters).
    pub async fn note_refused_route(
        &self,
        id: &InstanceId,
        route: &AllowedRoute,
    ) -> Result<(), StoreError> {
        let method: String = route.method.chars().take(METHOD_CHARS).collect();
        let path: String = route.path.chars().take(PATH_CHARS).collect();
        let mut change = self.begin().await?;
        let now = change.now;
        sqlx::query(
            "INSERT INTO refused_routes (instance, method, path, count, last_at) \
             VALUES (?, ?, ?, 1, ?) ON CONFLICT (instance, method, path) \
             DO UPDATE SET count = count + 1, last_at = excluded.last_at",
        )
        .bind(id.as_str())
        .bind(method)
        .bind(path)
        .bind(now.0)
        .execute(change.db())
        .await?;
        sqlx::query(
            "DELETE FROM refused_routes WHERE instance = ? AND (method, path) IN \
             (SELECT method, path FROM refused_routes WHERE instance = ? \
             ORDER BY last_at DESC, path LIMIT 100 OFFSET ?)",
        )
        .bind(id.as_str())
        .bind(id.as_str())
        .bind(ROUTES_MAX)
        .execute(change.db())
        .await?;
        change.commit().await
    }

    /// Refused routes, newest first, without those allowed since.
    pub async fn refused_routes(&self, id: &InstanceId) -> Result<Vec<RefusedRoute>, StoreError> {
        let allowed = self.instance(id).await?.policy.allowed_routes;
        let rows = sqlx::query(
            "SELECT method, path, count, last_at FROM refused_routes WHERE instance = ? \
             ORDER BY last_at DESC, path",
        )
        .bind(id.as_str())
        .fetch_all(self.read())
        .await?;
        let read = |row: &SqliteRow| -> Result<RefusedRoute, StoreError> {
            let (method, path) = (row.try_get("method")?, row.try_get("path")?);
            Ok(RefusedRoute {
                route: AllowedRoute { method, path },
                count: row.try_get("count")?,
                last_at: Timestamp(row.try_get("last_at")?),
            })
        };
        let mut routes = rows.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        routes.retain(|refused| !allowed.contains(&refused.route));
        Ok(routes)
    }

    /// A small JSON document Node-RED keeps (its own settings blob, for one). At most 5 MB.
    pub async fn runtime_document(
        &self,
        id: &InstanceId,
        name: &str,
    ) -> Result<Option<String>, StoreError> {
        let query = "SELECT text FROM runtime_documents WHERE instance = ? AND name = ?";
        let text = sqlx::query_scalar(query).bind(id.as_str()).bind(name);
        Ok(text.fetch_optional(self.read()).await?)
    }

    /// Replaces such a document.
    pub async fn set_runtime_document(
        &self,
        id: &InstanceId,
        name: &str,
        text: &str,
    ) -> Result<(), StoreError> {
        if text.len() > DOCUMENT_MAX {
            let message = format!("the document {name:?} is larger than 5 MB and was not kept");
            return Err(StoreError::Conflict(message));
        }
        let mut change = self.begin().await?;
        sqlx::query(
            "INSERT INTO runtime_documents (instance, name, text) VALUES (?, ?, ?) \
             ON CONFLICT (instance, name) DO UPDATE SET text = excluded.text",
        )
        .bind(id.as_str())
        .bind(name)
        .bind(text)
        .execute(change.db())
        .await?;
        change.commit().await
    }
}
