//! People a provider stands for: known by issuer and subject, asked about again and again.
//!
//! The protocol is not here ([`External`] is what came of it); who that is in this house is.

mod account;

use std::net::IpAddr;

use model::{
    access::Role,
    clock::Timestamp,
    id::{SessionId, UserId},
    principal::Actor,
};
use serde_json::json;
use sqlx::Row as _;

use super::{User, user_in};
use crate::{Secret, Session, SessionSecret, Store, StoreError};

/// What a grant is sealed for.
const PURPOSE: &str = "provider-grant";
/// Sessions asked about at a time.
const DUE_MAX: i64 = 50;

/// What a provider says of somebody's role.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// Nothing: no group is mapped, roles are given here.
    Nothing,
    /// This role.
    Is(Role),
    /// None of their groups has a role here: they have no business here (any more).
    NoRole,
}

/// Somebody a provider stands for.
#[derive(Debug)]
pub struct External {
    /// The provider's short name.
    pub provider: String,
    /// Its issuer.
    pub issuer: String,
    /// Who it is there.
    pub subject: String,
    /// What they may be called, best first. Nothing is decided by them.
    pub names: Vec<String>,
    /// What their groups make them.
    pub says: Says,
    /// Whether whoever has a role gets an account without an invitation.
    pub makes_accounts: bool,
    /// By what the provider is asked again; sealed before it is kept.
    pub grant: Secret,
    /// When it is asked again.
    pub again_seconds: i64,
}

/// What came of it.
#[derive(Debug)]
pub enum ExternalSignIn {
    /// They are in.
    In(Box<(User, Session, SessionSecret)>),
    /// Nobody has let them in here.
    NotInvited,
    /// None of their groups has a role here.
    NoRole,
}

/// A session whose provider is to be asked.
#[derive(Debug)]
pub struct Due {
    /// The console session.
    pub session: SessionId,
    /// Whose.
    pub user: UserId,
    /// The provider's short name.
    pub provider: String,
    /// Its issuer at that time: another one by now knows nothing of this person.
    pub issuer: String,
    /// Who it is there.
    pub subject: String,
    /// By what it is asked.
    pub grant: Secret,
}

impl Store {
    /// Signs somebody in whom a provider stands for, and opens their console session; with the secret
    /// of an invitation it is used up for them. Writes the audit rows.
    pub async fn sign_in_external(
        &self,
        who: &External,
        invitation: Option<&str>,
        address: Option<IpAddr>,
        agent: &str,
    ) -> Result<ExternalSignIn, StoreError> {
        // No password opens such an account: its hash is of nothing, and as costly as any.
        let locked = self.hash_unknown().await?;
        let mut change = self.begin().await?;
        let known = change.external_user(&who.issuer, &who.subject).await?;
        let by = Actor::Anonymous { address };
        let user = match (known, who.says) {
            (Some(user), Says::NoRole) => {
                change
                    .leave(&user, &who.provider, "no group of theirs has a role")
                    .await?;
                change
                    .note_stranger(who, Some(&user), "no role", &by)
                    .await?;
                change.commit().await?;
                return Ok(ExternalSignIn::NoRole);
            }
            (None, Says::NoRole) => {
                change.note_stranger(who, None, "no role", &by).await?;
                change.commit().await?;
                return Ok(ExternalSignIn::NoRole);
            }
            (Some(user), says) => {
                change.follow(&user, says, &who.provider).await?;
                user_in(change.db(), user.id).await?
            }
            (None, says) => {
                let made = change.make_external(who, says, invitation, &locked, &by);
                let Some(user) = made.await? else {
                    change.note_stranger(who, None, "not invited", &by).await?;
                    change.commit().await?;
                    return Ok(ExternalSignIn::NotInvited);
                };
                user
            }
        };
        let opened = change.enter(&user, who, address, agent).await?;
        change.commit().await?;
        let (session, secret) = opened;
        self.mark_fresh(session.id);
        Ok(ExternalSignIn::In(Box::new((user, session, secret))))
    }

    /// Sessions whose provider is to be asked now, those that wait longest first.
    pub async fn external_due(&self) -> Result<Vec<Due>, StoreError> {
        let now = self.clock.now();
        let rows = sqlx::query(
            "SELECT it.session_id, sessions.user_id, who.provider, who.issuer, who.subject, it.sealed \
             FROM external_sessions AS it JOIN sessions ON sessions.id = it.session_id \
             JOIN external_accounts AS who ON who.user_id = sessions.user_id \
             WHERE it.due_at <= ? AND sessions.expires_at > ? AND sessions.last_seen_at > ? \
             ORDER BY it.due_at LIMIT ?",
        )
        .bind(now.0)
        .bind(now.0)
        .bind(now.plus_seconds(-Self::SESSION_IDLE_SECONDS).0)
        .bind(DUE_MAX)
        .fetch_all(self.read())
        .await?;
        rows.iter()
            .map(|row| {
                let sealed: Vec<u8> = row.try_get("sealed")?;
                Ok(Due {
                    session: SessionId(row.try_get("session_id")?),
                    user: UserId(row.try_get("user_id")?),
                    provider: row.try_get("provider")?,
                    issuer: row.try_get("issuer")?,
                    subject: row.try_get("subject")?,
                    grant: self.keyring.unseal(PURPOSE, &sealed)?,
                })
            })
            .collect()
    }

    /// The provider and the grant of a console session; none: it is not by a provider.
    pub async fn external_grant(
        &self,
        session: SessionId,
    ) -> Result<Option<(String, Secret)>, StoreError> {
        let row: Option<(String, Vec<u8>)> = sqlx::query_as(
            "SELECT who.provider, it.sealed FROM external_sessions AS it \
             JOIN sessions ON sessions.id = it.session_id \
             JOIN external_accounts AS who ON who.user_id = sessions.user_id \
             WHERE it.session_id = ?",
        )
        .bind(session.0)
        .fetch_optional(self.read())
        .await?;
        let Some((provider, sealed)) = row else {
            return Ok(None);
        };
        Ok(Some((provider, self.keyring.unseal(PURPOSE, &sealed)?)))
    }

    /// The provider still stands for them: with this role, asked next in so many seconds. Without a
    /// role all their sessions end and their tokens rest.
    pub async fn external_vouched(
        &self,
        due: &Due,
        says: Says,
        grant: &Secret,
        again_seconds: i64,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let user = match user_in(change.db(), due.user).await {
            Ok(user) => user,
            Err(StoreError::NotFound(_)) => return Ok(()),
            Err(error) => return Err(error),
        };
        if change.is_none(says).await? {
            let why = "no group of theirs has a role any more";
            change.leave(&user, &due.provider, why).await?;
            return change.commit().await;
        }
        change.follow(&user, says, &due.provider).await?;
        let sealed = self.keyring.seal(PURPOSE, grant.expose())?;
        let now = change.now;
        sqlx::query(
            "UPDATE external_sessions SET sealed = ?, vouched_at = ?, due_at = ? WHERE session_id = ?",
        )
        .bind(sealed)
        .bind(now.0)
        .bind(now.plus_seconds(again_seconds).0)
        .bind(due.session.0)
        .execute(change.db())
        .await?;
        change.note_vouched(user.id).await?;
        change.commit().await
    }

    /// The provider does not stand for this session any more: it ends, and with the last one their
    /// tokens rest until they sign in again.
    pub async fn external_over(&self, due: &Due, why: &str) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        if change.end_external(due, why).await? {
            let others: i64 = sqlx::query_scalar(
                "SELECT COUNT(*) FROM external_sessions AS it \
                 JOIN sessions ON sessions.id = it.session_id WHERE sessions.user_id = ?",
            )
            .bind(due.user.0)
            .fetch_one(change.db())
            .await?;
            if others == 0 {
                change.set_out(due.user).await?;
            }
        }
        change.commit().await
    }

    /// The provider could not be asked. The session goes on for `grace_seconds` after it was last
    /// vouched for, and is asked about again in `again_seconds`; then it ends.
    pub async fn external_unreachable(
        &self,
        due: &Due,
        grace_seconds: i64,
        again_seconds: i64,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let now = change.now;
        let vouched: Option<i64> =
            sqlx::query_scalar("SELECT vouched_at FROM external_sessions WHERE session_id = ?")
                .bind(due.session.0)
                .fetch_optional(change.db())
                .await?;
        let Some(vouched) = vouched.map(Timestamp) else {
            return Ok(());
        };
        if now.seconds_since(vouched) >= grace_seconds {
            let why = "the provider could not be asked for too long";
            change.end_external(due, why).await?;
        } else {
            sqlx::query("UPDATE external_sessions SET due_at = ? WHERE session_id = ?")
                .bind(now.plus_seconds(again_seconds).0)
                .bind(due.session.0)
                .execute(change.db())
                .await?;
        }
        change.commit().await
    }

    /// Marks a local account as the one for the day no provider answers, or takes the mark away.
    pub async fn set_break_glass(
        &self,
        user: UserId,
        is_marked: bool,
        by: &Actor,
    ) -> Result<User, StoreError> {
        let mut change = self.begin().await?;
        let before = user_in(change.db(), user).await?;
        before.refuse_external()?;
        if before.is_break_glass == is_marked {
            return Ok(before);
        }
        sqlx::query("UPDATE users SET break_glass = ? WHERE id = ?")
            .bind(i64::from(is_marked))
            .bind(user.0)
            .execute(change.db())
            .await?;
        let detail = json!({ "before": before.is_break_glass, "after": is_marked });
        change
            .note_user_change(&before, "break-glass", detail, by)
            .await?;
        let after = user_in(change.db(), user).await?;
        change.commit().await?;
        Ok(after)
    }
}
