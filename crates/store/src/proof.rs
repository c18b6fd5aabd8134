//! Proving once more who one is, and giving a session another secret.

use data_encoding::BASE64URL_NOPAD;
use model::{
    audit::EventKind,
    id::SessionId,
    principal::{Actor, Via},
};
use serde_json::json;

use crate::{Keyring, SessionSecret, Store, StoreError, open::Change, sessions::secret_digest};

impl Change<'_> {
    /// Gives a console session another secret; the one before is void.
    async fn rotate(&mut self, session: SessionId) -> Result<SessionSecret, StoreError> {
        let secret = BASE64URL_NOPAD.encode(&Keyring::random::<32>());
        let done = sqlx::query("UPDATE sessions SET digest = ? WHERE id = ? AND kind = 'console'")
            .bind(secret_digest(&secret).to_string())
            .bind(session.0)
            .execute(self.db())
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotFound(format!("session {session}")));
        }
        // The old secret is remembered as good for some seconds otherwise.
        self.revokes = true;
        Ok(SessionSecret(secret))
    }
}

impl Store {
    /// Gives a console session another secret: whoever took the one before has nothing more. What
    /// hangs on the session stays. To be done whenever it comes to mean more than it did.
    pub async fn rotate_session(&self, session: SessionId) -> Result<SessionSecret, StoreError> {
        let mut change = self.begin().await?;
        let secret = change.rotate(session).await?;
        change.commit().await?;
        Ok(secret)
    }

    /// Notes that whoever acts in a console session has just proved with `factor` who they are, and
    /// gives the session another secret.
    pub async fn prove_session(
        &self,
        by: &Actor,
        factor: &str,
    ) -> Result<SessionSecret, StoreError> {
        let Actor::Principal {
            name,
            via: Via::ConsoleSession { session },
            ..
        } = by
        else {
            let why = "only a session of the console proves who acts".to_owned();
            return Err(StoreError::Conflict(why));
        };
        let mut change = self.begin().await?;
        let secret = change.rotate(*session).await?;
        let now = change.now;
        sqlx::query("UPDATE sessions SET proven_at = ? WHERE id = ?")
            .bind(now.0)
            .bind(session.0)
            .execute(change.db())
            .await?;
        let (about, detail) = (
            format!("session {session}"),
            json!({ "user": name, "with": factor }),
        );
        change
            .append(EventKind::IdentityProven, by, None, &about, detail)
            .await?;
        change.commit().await?;
        Ok(secret)
    }
}
