//! Secrets by which senders sign their webhooks: sealed, and never shown again.

use model::{audit::EventKind, clock::Timestamp, id::Hash, principal::Actor, rules::is_secret};
use serde_json::json;
use sqlx::Row as _;

use crate::{Secret, Store, StoreError};

/// Secrets that are kept at most.
const SECRETS_MAX: i64 = 200;
/// Bytes of a secret.
const BYTES: std::ops::RangeInclusive<usize> = 16..=1024;

/// A secret as it is listed: everything but the secret.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct WebhookSecret {
    /// What rules call it.
    pub name: String,
    /// Since when.
    pub at: Timestamp,
}

fn purpose(name: &str) -> String {
    format!("webhook-secret {}", Hash::of(name.as_bytes()))
}

impl Store {
    /// Those that are kept, by name.
    pub async fn webhook_secrets(&self) -> Result<Vec<WebhookSecret>, StoreError> {
        let mut db = self.read().acquire().await?;
        let query = "SELECT name, at FROM webhook_secrets ORDER BY name";
        let rows = sqlx::query(query).fetch_all(&mut *db).await?;
        let read = rows.iter().map(|row| {
            Ok(WebhookSecret {
                name: row.try_get("name")?,
                at: Timestamp(row.try_get("at")?),
            })
        });
        read.collect()
    }

    /// Keeps one, in the place of what has its name.
    pub async fn set_webhook_secret(
        &self,
        name: &str,
        secret: &Secret,
        by: &Actor,
    ) -> Result<(), StoreError> {
        if !is_secret(name) {
            return Err(StoreError::Conflict(
                "a secret's name has at most 32 lower-case letters, digits and hyphens".to_owned(),
            ));
        }
        if !BYTES.contains(&secret.expose().len()) {
            return Err(StoreError::Conflict(format!(
                "a secret has {} to {} bytes: let the sender make one, or take 32 random ones",
                BYTES.start(),
                BYTES.end()
            )));
        }
        let sealed = self.keyring().seal(&purpose(name), secret.expose())?;
        let mut change = self.begin().await?;
        let query = "INSERT INTO webhook_secrets (name, sealed, at) VALUES (?, ?, ?) \
                     ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, at = excluded.at";
        let now = change.now;
        sqlx::query(query)
            .bind(name)
            .bind(sealed)
            .bind(now.0)
            .execute(change.db())
            .await?;
        let count = sqlx::query("SELECT count(*) AS n FROM webhook_secrets");
        let count: i64 = count.fetch_one(change.db()).await?.try_get("n")?;
        if count > SECRETS_MAX {
            return Err(StoreError::Conflict(format!(
                "there can be {SECRETS_MAX} secrets at most: remove one that no rule names"
            )));
        }
        let kind = EventKind::WebhookSecretChanged;
        let detail = json!({ "what": "kept" });
        change
            .append(kind, by, None, &format!("webhook secret {name}"), detail)
            .await?;
        change.commit().await
    }

    /// Removes one: requests of rules that name it are refused from then on.
    pub async fn remove_webhook_secret(&self, name: &str, by: &Actor) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let query = "DELETE FROM webhook_secrets WHERE name = ?";
        let gone = sqlx::query(query).bind(name).execute(change.db()).await?;
        if gone.rows_affected() == 0 {
            return Err(StoreError::Conflict("there is no such secret".to_owned()));
        }
        let kind = EventKind::WebhookSecretChanged;
        let detail = json!({ "what": "removed" });
        change
            .append(kind, by, None, &format!("webhook secret {name}"), detail)
            .await?;
        change.commit().await
    }

    /// One of them, opened; none: there is none of this name.
    pub async fn webhook_secret(&self, name: &str) -> Result<Option<Secret>, StoreError> {
        let mut db = self.read().acquire().await?;
        let query = "SELECT sealed FROM webhook_secrets WHERE name = ?";
        let row = sqlx::query(query)
            .bind(name)
            .fetch_optional(&mut *db)
            .await?;
        let Some(row) = row else {
            return Ok(None);
        };
        let sealed: Vec<u8> = row.try_get("sealed")?;
        Ok(Some(self.keyring().unseal(&purpose(name), &sealed)?))
    }
}
