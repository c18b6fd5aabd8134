//! Bearer tokens for command-line clients and scripts.

use std::net::IpAddr;

use data_encoding::BASE64URL_NOPAD;
use model::{
    access::Scope,
    audit::EventKind,
    clock::Timestamp,
    id::{TokenId, UserId, UserName},
    principal::{Actor, Principal, Via},
    rules::Source,
};
use serde_json::json;
use sqlx::{Row as _, sqlite::SqliteRow};

use crate::{
    Keyring, Store, StoreError,
    elsewhere::check_networks,
    json::{self, read_word},
    session_cache::Found,
    sessions::secret_digest,
};

/// What every token begins with, so that scanners for leaked secrets know it.
const PREFIX: &str = "rk_";
/// How far away a token's end may be: a year and a day, so that "a year" is never refused.
const LIFE_MAX_SECONDS: i64 = 366 * 24 * 3600;
/// Characters of a label.
const LABEL_CHARS: usize = 100;
/// How often it is written down that a token is used.
const SEEN_EVERY_SECONDS: i64 = 60;

/// What an [`AccessToken`] is read from.
const SELECT: &str = "SELECT tokens.id, user_id, users.name, users.role, label, scopes, \
     tokens.created_at, expires_at, last_used_at, networks \
     FROM tokens JOIN users ON users.id = tokens.user_id";

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Whose rights it has at most.
    pub user: UserId,
    /// What it is for, in a few words.
    pub label: String,
    /// What it is limited to; not empty.
    pub scopes: Vec<Scope>,
    /// Until when it is good; at most a year away.
    pub expires_at: Timestamp,
    /// From where it may be used; empty: from anywhere.
    pub networks: Vec<Source>,
}

/// A token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AccessToken {
    /// Its number.
    pub id: TokenId,
    /// Whose.
    pub user: UserId,
    /// The user's name.
    pub user_name: UserName,
    /// What it is for.
    pub label: String,
    /// What it is limited to.
    pub scopes: Vec<Scope>,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// Last used (to the minute).
    pub last_used_at: Option<Timestamp>,
    /// From where it may be used; empty: from anywhere.
    pub networks: Vec<Source>,
}

fn read_token(row: &SqliteRow) -> Result<AccessToken, StoreError> {
    let name: String = row.try_get("name")?;
    let scopes: String = row.try_get("scopes")?;
    let networks: String = row.try_get("networks")?;
    Ok(AccessToken {
        id: TokenId(row.try_get("id")?),
        user: UserId(row.try_get("user_id")?),
        user_name: read_word("token", &name)?,
        label: row.try_get("label")?,
        scopes: json::read("token", &scopes)?,
        created_at: Timestamp(row.try_get("created_at")?),
        expires_at: Timestamp(row.try_get("expires_at")?),
        last_used_at: row
            .try_get::<Option<i64>, _>("last_used_at")?
            .map(Timestamp),
        networks: json::read("token", &networks)?,
    })
}

fn label_of(text: &str) -> String {
    let kept = text.chars().filter(|c| !c.is_control());
    kept.take(LABEL_CHARS).collect()
}

fn subject(id: TokenId) -> String {
    format!("token {id}")
}

impl Store {
    /// Makes a token; the second value is its secret (`rk_` and 256 bits in base64url), shown once.
    pub async fn make_token(
        &self,
        new: NewToken,
        by: &Actor,
    ) -> Result<(AccessToken, String), StoreError> {
        let secret = format!(
            "{PREFIX}{}",
            BASE64URL_NOPAD.encode(&Keyring::random::<32>())
        );
        let mut change = self.begin().await?;
        let now = change.now;
        if new.scopes.is_empty() {
            return Err(StoreError::Conflict(
                "a token needs at least one scope".to_owned(),
            ));
        }
        if new.expires_at <= now || new.expires_at > now.plus_seconds(LIFE_MAX_SECONDS) {
            let message = "a token must expire, at most a year from now";
            return Err(StoreError::Conflict(message.to_owned()));
        }
        check_networks(&new.networks)?;
        let name: Option<String> = sqlx::query_scalar("SELECT name FROM users WHERE id = ?")
            .bind(new.user.0)
            .fetch_optional(change.db())
            .await?;
        let name = name.ok_or_else(|| StoreError::NotFound(format!("user {}", new.user)))?;
        sqlx::query("DELETE FROM tokens WHERE expires_at <= ?")
            .bind(now.0)
            .execute(change.db())
            .await?;
        let mut scopes = new.scopes;
        scopes.sort_unstable();
        scopes.dedup();
        let label = label_of(&new.label);
        let row = sqlx::query(
            "INSERT INTO tokens (digest, user_id, label, scopes, created_at, expires_at, networks) \
             VALUES (?, ?, ?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(secret_digest(&secret).to_string())
        .bind(new.user.0)
        .bind(&label)
        .bind(json::canonical(&scopes))
        .bind(now.0)
        .bind(new.expires_at.0)
        .bind(json::canonical(&new.networks))
        .fetch_one(change.db())
        .await?;
        let id = TokenId(row.try_get("id")?);
        let detail = json!({
            "user": name,
            "label": label,
            "scopes": scopes,
            "expires_at": new.expires_at,
            "networks": new.networks,
        });
        change
            .append(EventKind::TokenMade, by, None, &subject(id), detail)
            .await?;
        change.commit().await?;
        let token = AccessToken {
            id,
            user: new.user,
            user_name: read_word("user", &name)?,
            label,
            scopes,
            created_at: now,
            expires_at: new.expires_at,
            last_used_at: None,
            networks: new.networks,
        };
        Ok((token, secret))
    }

    /// Who a bearer token stands for; none when unknown, expired, revoked, the user is gone, or it is
    /// used from elsewhere than its networks, which is recorded.
    pub async fn token_principal(
        &self,
        secret: &str,
        from: Option<IpAddr>,
    ) -> Result<Option<Principal>, StoreError> {
        if !secret.starts_with(PREFIX) {
            return Ok(None);
        }
        let Some(found) = self.token_found(secret).await? else {
            return Ok(None);
        };
        let Via::Token { token, .. } = &found.principal.via else {
            return Ok(None);
        };
        let about = subject(*token);
        let is_here = self.is_here(&found, from, &about).await?;
        Ok(is_here.then_some(found.principal))
    }

    async fn token_found(&self, secret: &str) -> Result<Option<Found>, StoreError> {
        let now = self.clock.now();
        let key = (secret_digest(secret), "token");
        // Counted before reading: what is revoked while we read makes the answer void.
        let revocations = *self.inner.revocations.borrow();
        if let Some(found) = self.inner.session_cache.get(key, revocations, now) {
            return Ok(Some(found));
        }
        let query = sqlx::AssertSqlSafe(format!("{SELECT} WHERE digest = ? AND expires_at > ?"));
        let row = sqlx::query(query)
            .bind(key.0.to_string())
            .bind(now.0)
            .fetch_optional(self.read())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let token = read_token(&row)?;
        let role: String = row.try_get("role")?;
        let principal = Principal {
            user: token.user,
            name: token.user_name,
            role: read_word("user", &role)?,
            via: Via::Token {
                token: token.id,
                scopes: token.scopes,
            },
        };
        let is_noted = token
            .last_used_at
            .is_some_and(|last| now.seconds_since(last) < SEEN_EVERY_SECONDS);
        if !is_noted {
            self.note_use(
                "UPDATE tokens SET last_used_at = ? WHERE id = ?",
                token.id.0,
            )
            .await;
        }
        let found = Found {
            networks: token.networks,
            ..Found::anywhere(principal, Timestamp(0))
        };
        let cache = &self.inner.session_cache;
        cache.put(key, found.clone(), revocations, now, token.expires_at);
        Ok(Some(found))
    }

    /// Tokens that are good; of one user, or all.
    pub async fn tokens(&self, user: Option<UserId>) -> Result<Vec<AccessToken>, StoreError> {
        let query = sqlx::AssertSqlSafe(format!(
            "{SELECT} WHERE expires_at > ? AND (user_id = ? OR ? IS NULL) ORDER BY tokens.id DESC"
        ));
        let user = user.map(|user| user.0);
        let rows = sqlx::query(query)
            .bind(self.clock.now().0)
            .bind(user)
            .bind(user)
            .fetch_all(self.read())
            .await?;
        rows.iter().map(read_token).collect()
    }

    /// Revokes a token.
    pub async fn revoke_token(&self, id: TokenId, by: &Actor) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let query = sqlx::AssertSqlSafe(format!("{SELECT} WHERE tokens.id = ?"));
        let row = sqlx::query(query)
            .bind(id.0)
            .fetch_optional(change.db())
            .await?;
        let row = row.ok_or_else(|| StoreError::NotFound(subject(id)))?;
        let token = read_token(&row)?;
        sqlx::query("DELETE FROM tokens WHERE id = ?")
            .bind(id.0)
            .execute(change.db())
            .await?;
        let detail = json!({ "user": token.user_name, "label": token.label });
        change
            .append(EventKind::TokenRevoked, by, None, &subject(id), detail)
            .await?;
        change.revokes = true;
        change.commit().await
    }
}
