//! Browser sessions: opaque random secrets, stored as digests.

mod kind;

use std::net::IpAddr;

use data_encoding::BASE64URL_NOPAD;
use model::{
    audit::EventKind,
    clock::Timestamp,
    id::{Hash, SessionId, UserId, UserName},
    principal::{Actor, Principal, Via},
};
use serde_json::json;
use sqlx::{Row as _, sqlite::SqliteRow};

use crate::{
    Keyring, Store, StoreError, accounts::user_in, json::read_word, open::Change, roles::read_role,
    session_cache::Found,
};

pub use kind::SessionKind;

/// Sessions a user may have open; the oldest beyond go.
const SESSIONS_MAX: i64 = 100;
/// How often it is written down that a session is used.
const SEEN_EVERY_SECONDS: i64 = 60;
/// Characters kept of what a browser calls itself.
const AGENT_CHARS: usize = 200;

/// What a [`Session`] is read from.
pub(crate) const SELECT: &str = "SELECT sessions.id, user_id, users.name, users.role, (SELECT permissions FROM roles WHERE roles.name = users.role) \
     AS role_permissions, kind, \
     sessions.created_at, last_seen_at, expires_at, proven_at, address, agent \
     FROM sessions JOIN users ON users.id = sessions.user_id";

/// The secret in the cookie: 256 random bits, base64url.
#[derive(Clone)]
pub struct SessionSecret(pub String);

impl std::fmt::Debug for SessionSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SessionSecret(…)")
    }
}

/// A session as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Session {
    /// Its number.
    pub id: SessionId,
    /// Whose.
    pub user: UserId,
    /// The user's name.
    pub user_name: UserName,
    /// Where it is good.
    pub kind: SessionKind,
    /// Since when.
    pub created_at: Timestamp,
    /// Last used (to the minute).
    pub last_seen_at: Timestamp,
    /// From where it was opened.
    pub address: Option<IpAddr>,
    /// The browser, as it named itself; cut to 200 characters.
    pub agent: String,
}

pub(crate) fn read_session(row: &SqliteRow) -> Result<Session, StoreError> {
    let name: String = row.try_get("name")?;
    let kind: String = row.try_get("kind")?;
    let address: Option<String> = row.try_get("address")?;
    let kind = SessionKind::of(&kind)?;
    let address = address
        .map(|address| {
            address
                .parse()
                .map_err(|error| StoreError::damaged("session", error))
        })
        .transpose()?;
    Ok(Session {
        id: SessionId(row.try_get("id")?),
        user: UserId(row.try_get("user_id")?),
        user_name: read_word("session", &name)?,
        kind,
        created_at: Timestamp(row.try_get("created_at")?),
        last_seen_at: Timestamp(row.try_get("last_seen_at")?),
        address,
        agent: row.try_get("agent")?,
    })
}

/// What is kept of what a browser calls itself.
pub(crate) fn agent_of(agent: &str) -> String {
    let kept = agent.chars().filter(|c| !c.is_control());
    kept.take(AGENT_CHARS).collect()
}

/// The text of a session's row as an event's subject.
fn subject(id: SessionId) -> String {
    format!("session {id}")
}

/// What is stored of a secret. Plain SHA-256: there is nothing to guess in 256 random bits.
pub(crate) fn secret_digest(secret: &str) -> Hash {
    Hash::of(secret.as_bytes())
}

impl Change<'_> {
    /// Removes sessions that ended by themselves, but none a living one hangs on.
    pub(crate) async fn prune_sessions(&mut self) -> Result<(), StoreError> {
        let now = self.now;
        sqlx::query(
            "DELETE FROM sessions WHERE \
             (expires_at <= ? OR (last_seen_at <= ? AND kind <> 'kiosk')) \
             AND NOT EXISTS (SELECT 1 FROM sessions AS child WHERE child.parent = sessions.id)",
        )
        .bind(now.0)
        .bind(now.plus_seconds(-Store::SESSION_IDLE_SECONDS).0)
        .execute(self.db())
        .await?;
        Ok(())
    }

    /// When the console session a new session hangs on ends, if it is alive and the user's own.
    async fn parent_expiry(
        &mut self,
        parent: SessionId,
        user: UserId,
    ) -> Result<Timestamp, StoreError> {
        let expires_at: Option<i64> = sqlx::query_scalar(
            "SELECT expires_at FROM sessions WHERE id = ? AND user_id = ? AND kind = 'console' \
             AND expires_at > ? AND last_seen_at > ?",
        )
        .bind(parent.0)
        .bind(user.0)
        .bind(self.now.0)
        .bind(self.now.plus_seconds(-Store::SESSION_IDLE_SECONDS).0)
        .fetch_optional(self.db())
        .await?;
        expires_at
            .map(Timestamp)
            .ok_or_else(|| StoreError::NotFound("console session to enter with".to_owned()))
    }

    /// Opens a session: [`Store::open_session`].
    pub(crate) async fn insert_session(
        &mut self,
        user: UserId,
        kind: SessionKind,
        parent: Option<SessionId>,
        address: Option<IpAddr>,
        agent: &str,
    ) -> Result<(Session, SessionSecret), StoreError> {
        let secret = BASE64URL_NOPAD.encode(&Keyring::random::<32>());
        let agent = agent_of(agent);
        let now = self.now;
        self.prune_sessions().await?;
        let mut expires_at = now.plus_seconds(Store::SESSION_MAX_SECONDS);
        if let Some(parent) = parent {
            expires_at = expires_at.min(self.parent_expiry(parent, user).await?);
        }
        let known: Option<String> = sqlx::query_scalar("SELECT name FROM users WHERE id = ?")
            .bind(user.0)
            .fetch_optional(self.db())
            .await?;
        let user_name = known.ok_or_else(|| StoreError::NotFound(format!("user {user}")))?;
        let row = sqlx::query(
            "INSERT INTO sessions (digest, user_id, kind, parent, created_at, last_seen_at, \
             proven_at, expires_at, address, agent) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?) \
             RETURNING id",
        )
        .bind(secret_digest(&secret).to_string())
        .bind(user.0)
        .bind(kind.as_str())
        .bind(parent.map(|parent| parent.0))
        .bind(now.0)
        .bind(now.0)
        .bind(now.0)
        .bind(expires_at.0)
        .bind(address.map(|address| address.to_string()))
        .bind(&agent)
        .fetch_one(self.db())
        .await?;
        let id = SessionId(row.try_get("id")?);
        let too_many = sqlx::query(
            "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE user_id = ? \
             AND kind <> 'kiosk' ORDER BY id DESC LIMIT 1000 OFFSET ?) AND id <> ?",
        )
        .bind(user.0)
        .bind(SESSIONS_MAX)
        .bind(parent.map_or(0, |parent| parent.0))
        .execute(self.db())
        .await?
        .rows_affected();
        self.revokes |= too_many > 0;
        let user_name = read_word("user", &user_name)?;
        let session = Session {
            id,
            user,
            user_name,
            kind,
            created_at: now,
            last_seen_at: now,
            address,
            agent,
        };
        Ok((session, SessionSecret(secret)))
    }
}

impl Store {
    /// How long a session lives without being used: 12 hours.
    pub const SESSION_IDLE_SECONDS: i64 = 12 * 3600;
    /// How long a session lives at most: 7 days.
    pub const SESSION_MAX_SECONDS: i64 = 7 * 24 * 3600;

    /// Opens a session for a user who has just logged in. `parent`: the console session a gate
    /// session hangs on; revoking the parent revokes it too, and it lives no longer.
    pub async fn open_session(
        &self,
        user: UserId,
        kind: SessionKind,
        parent: Option<SessionId>,
        address: Option<IpAddr>,
        agent: &str,
    ) -> Result<(Session, SessionSecret), StoreError> {
        let mut change = self.begin().await?;
        let opened = change
            .insert_session(user, kind, parent, address, agent)
            .await?;
        change.commit().await?;
        Ok(opened)
    }

    /// Who a cookie's secret stands for, with the user's role of this moment; none when unknown,
    /// expired, revoked, of the other kind, or the user is gone. Cheap: called on every request.
    /// A wall display's is looked up by [`Store::kiosk_principal`].
    pub async fn session_principal(
        &self,
        secret: &str,
        kind: SessionKind,
    ) -> Result<Option<Principal>, StoreError> {
        let found = self.session_found(secret, kind).await?;
        Ok(found.map(|found| found.principal))
    }

    /// The same for a session of the console, with the moment its owner last proved who they are.
    pub async fn console_session(
        &self,
        secret: &str,
    ) -> Result<Option<(Principal, Timestamp)>, StoreError> {
        let found = self.session_found(secret, SessionKind::Console).await?;
        Ok(found.map(|found| (found.principal, found.proven_at)))
    }

    async fn session_found(
        &self,
        secret: &str,
        kind: SessionKind,
    ) -> Result<Option<Found>, StoreError> {
        if kind == SessionKind::Kiosk {
            // Where it is good is asked of `kiosk_principal` alone.
            return Ok(None);
        }
        let now = self.clock.now();
        let key = (secret_digest(secret), kind.as_str());
        // Counted before reading: what is revoked while we read makes the answer void.
        let revocations = *self.inner.revocations.borrow();
        if let Some(found) = self.inner.session_cache.get(key, revocations, now) {
            return Ok(Some(found));
        }
        let query = sqlx::AssertSqlSafe(format!(
            "{SELECT} WHERE digest = ? AND kind = ? AND expires_at > ? AND last_seen_at > ?"
        ));
        let row = sqlx::query(query)
            .bind(key.0.to_string())
            .bind(kind.as_str())
            .bind(now.0)
            .bind(now.plus_seconds(-Self::SESSION_IDLE_SECONDS).0)
            .fetch_optional(self.read())
            .await?;
        let Some(row) = row else { return Ok(None) };
        let session = read_session(&row)?;
        let via = match kind {
            SessionKind::Gate => Via::GateSession {
                session: session.id,
            },
            SessionKind::Console => Via::ConsoleSession {
                session: session.id,
            },
            SessionKind::Kiosk => return Ok(None),
        };
        let role = read_role("user", &row)?;
        let principal = Principal {
            user: session.user,
            name: session.user_name,
            role,
            via,
        };
        if now.seconds_since(session.last_seen_at) >= SEEN_EVERY_SECONDS {
            self.note_use(
                "UPDATE sessions SET last_seen_at = ? WHERE id = ?",
                session.id.0,
            )
            .await;
        }
        let until = Timestamp(row.try_get("expires_at")?);
        let found = Found::anywhere(principal, Timestamp(row.try_get("proven_at")?));
        let cache = &self.inner.session_cache;
        cache.put(key, found.clone(), revocations, now, until);
        Ok(Some(found))
    }

    /// Notes that a session or token was used now. A full disk is no reason to lock people out.
    pub(crate) async fn note_use(&self, update: &'static str, id: i64) {
        let noted = async {
            let mut change = self.begin().await?;
            let now = change.now;
            sqlx::query(update)
                .bind(now.0)
                .bind(id)
                .execute(change.db())
                .await?;
            change.commit().await
        };
        if let Err(error) = noted.await {
            tracing::warn!(%error, "the last use of a session or token was not noted");
        }
    }

    /// Sessions that are alive; of one user, or all.
    pub async fn sessions(&self, user: Option<UserId>) -> Result<Vec<Session>, StoreError> {
        let now = self.clock.now();
        let query = sqlx::AssertSqlSafe(format!(
            "{SELECT} WHERE expires_at > ? AND (last_seen_at > ? OR kind = 'kiosk') \
             AND (user_id = ? OR ? IS NULL) ORDER BY sessions.id DESC"
        ));
        let user = user.map(|user| user.0);
        let rows = sqlx::query(query)
            .bind(now.0)
            .bind(now.plus_seconds(-Self::SESSION_IDLE_SECONDS).0)
            .bind(user)
            .bind(user)
            .fetch_all(self.read())
            .await?;
        rows.iter().map(read_session).collect()
    }

    /// Revokes one session (and those hanging on it). [`Store::revocations`] tells it at once.
    pub async fn revoke_session(&self, id: SessionId, by: &Actor) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let query = sqlx::AssertSqlSafe(format!("{SELECT} WHERE sessions.id = ?"));
        let row = sqlx::query(query)
            .bind(id.0)
            .fetch_optional(change.db())
            .await?;
        let row = row.ok_or_else(|| StoreError::NotFound(subject(id)))?;
        let session = read_session(&row)?;
        sqlx::query("DELETE FROM sessions WHERE id = ?")
            .bind(id.0)
            .execute(change.db())
            .await?;
        let is_own = matches!(
            by,
            Actor::Principal {
                via:
                    Via::ConsoleSession { session }
                    | Via::GateSession { session }
                    | Via::KioskSession { session },
                ..
            } if *session == id
        );
        let kind = if is_own {
            EventKind::LoggedOut
        } else {
            EventKind::SessionRevoked
        };
        let detail = json!({ "user": session.user_name, "kind": session.kind });
        change.append(kind, by, None, &subject(id), detail).await?;
        change.revokes = true;
        change.commit().await
    }

    /// Revokes all sessions of a user.
    pub async fn revoke_sessions_of(&self, user: UserId, by: &Actor) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let name: Option<String> = sqlx::query_scalar("SELECT name FROM users WHERE id = ?")
            .bind(user.0)
            .fetch_optional(change.db())
            .await?;
        let name = name.ok_or_else(|| StoreError::NotFound(format!("user {user}")))?;
        let count = sqlx::query("DELETE FROM sessions WHERE user_id = ?")
            .bind(user.0)
            .execute(change.db())
            .await?
            .rows_affected();
        let about = format!("user {name}");
        let detail = json!({ "user": name, "sessions": count });
        change
            .append(EventKind::SessionRevoked, by, None, &about, detail)
            .await?;
        change.revokes = true;
        change.commit().await
    }

    /// Revokes all sessions of the one who acts, but the console session they act in and what hangs
    /// on it. Wall displays stay: they only look, and are revoked by themselves. How many ended.
    pub async fn revoke_other_sessions(&self, by: &Actor) -> Result<u64, StoreError> {
        let user = by
            .user()
            .ok_or_else(|| StoreError::Conflict("nobody is signed in".to_owned()))?;
        let mut change = self.begin().await?;
        let known = user_in(change.db(), user).await?;
        let count = change.end_other_sessions(user, by).await?;
        let about = format!("user {}", known.name);
        let detail = json!({ "user": known.name, "sessions": count, "but": "this one" });
        change
            .append(EventKind::SessionRevoked, by, None, &about, detail)
            .await?;
        change.commit().await?;
        Ok(count)
    }

    /// Tells whenever sessions, tokens or roles were revoked or changed, so that live connections
    /// can check again. Carries no data: look up what you hold.
    pub fn revocations(&self) -> tokio::sync::watch::Receiver<u64> {
        self.inner.revocations.subscribe()
    }
}
