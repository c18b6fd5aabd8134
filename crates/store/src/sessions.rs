//! Browser sessions: opaque random secrets, stored as digests.

use std::net::IpAddr;

use model::{
    clock::Timestamp,
    id::{SessionId, UserId, UserName},
    principal::{Actor, Principal},
};

use crate::{Store, StoreError};

/// On which origin a session is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SessionKind {
    /// The gate's, where the editor's hostile page runs.
    Gate,
    /// The console's.
    Console,
}

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

impl Store {
    /// How long a session lives without being used: 12 hours.
    pub const SESSION_IDLE_SECONDS: i64 = 12 * 3600;
    /// How long a session lives at most: 7 days.
    pub const SESSION_MAX_SECONDS: i64 = 7 * 24 * 3600;

    /// Opens a session for a user who has just logged in. `parent`: the console session a gate
    /// session hangs on; revoking the parent revokes it too.
    pub async fn open_session(
        &self,
        user: UserId,
        kind: SessionKind,
        parent: Option<SessionId>,
        address: Option<IpAddr>,
        agent: &str,
    ) -> Result<(Session, SessionSecret), StoreError> {
        let _ = (user, kind, parent, address, agent);
        unimplemented!()
    }

    /// Who a cookie's secret stands for, with the user's role of this moment; none when unknown,
    /// expired, revoked, of the other kind, or the user is gone. Cheap: called on every request.
    pub async fn session_principal(&self, secret: &str, kind: SessionKind) -> Result<Option<Principal>, StoreError> {
        let _ = (secret, kind);
        unimplemented!()
    }

    /// Sessions that are alive; of one user, or all.
    pub async fn sessions(&self, user: Option<UserId>) -> Result<Vec<Session>, StoreError> {
        let _ = user;
        unimplemented!()
    }

    /// Revokes one session (and those hanging on it). [`Store::revocations`] tells it at once.
    pub async fn revoke_session(&self, id: SessionId, by: &Actor) -> Result<(), StoreError> {
        let _ = (id, by);
        unimplemented!()
    }

    /// Revokes all sessions of a user.
    pub async fn revoke_sessions_of(&self, user: UserId, by: &Actor) -> Result<(), StoreError> {
        let _ = (user, by);
        unimplemented!()
    }

    /// Makes a one-time code with which the browser that holds `state` may enter the gate as the
    /// user of this console session. Good for 60 seconds, once. Kept in memory, at most 1,000.
    pub fn issue_entry_code(&self, console: &Session, state: &str) -> String {
        let _ = (console, state);
        unimplemented!()
    }

    /// Uses an entry code up: the user and the console session it hangs on, if the code is good
    /// and `state` is the one it was made for.
    pub fn redeem_entry_code(&self, code: &str, state: &str) -> Option<(UserId, SessionId)> {
        let _ = (code, state);
        None
    }

    /// Tells whenever sessions, tokens or roles were revoked or changed, so that live connections
    /// can check again. Carries no data: look up what you hold.
    pub fn revocations(&self) -> tokio::sync::watch::Receiver<u64> {
        unimplemented!()
    }
}
