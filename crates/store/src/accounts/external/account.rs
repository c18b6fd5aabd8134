//! What becomes of an account a provider stands for, each step within a change of the ledger.

use std::net::IpAddr;

use model::{
    audit::EventKind,
    id::{UserId, UserName},
    principal::Actor,
};
use serde_json::json;

use super::{Due, External, PURPOSE, Says};
use crate::{
    Secret, Session, SessionKind, SessionSecret, StoreError,
    accounts::{
        NewUser, User,
        enrolment::{find, gone, use_up},
        folded,
        login::logged_in,
        subject, user_in,
    },
    open::Change,
    roles,
};

/// Names tried before a number is put behind one.
const NUMBERS_MAX: u32 = 1000;
/// Characters of a name made of a provider's words, so that a number fits behind.
const NAME_CHARS: usize = 58;

impl Change<'_> {
    pub(super) async fn external_user(
        &mut self,
        issuer: &str,
        subject: &str,
    ) -> Result<Option<User>, StoreError> {
        let id: Option<i64> = sqlx::query_scalar(
            "SELECT user_id FROM external_accounts WHERE issuer = ? AND subject = ?",
        )
        .bind(issuer)
        .bind(subject)
        .fetch_optional(self.db())
        .await?;
        match id {
            Some(id) => Ok(Some(user_in(self.db(), UserId(id)).await?)),
            None => Ok(None),
        }
    }

    /// Makes an account by an invitation, or by a role alone; none: nobody has let them in.
    pub(super) async fn make_external(
        &mut self,
        who: &External,
        says: Says,
        invitation: Option<&str>,
        locked: &str,
        by: &Actor,
    ) -> Result<Option<User>, StoreError> {
        let invited = match invitation {
            None => None,
            Some(secret) => {
                let now = self.now;
                let found = find(self.db(), secret, now).await?.ok_or_else(gone)?;
                if found.renews.is_some() {
                    let why = "this link renews a local account; it is no invitation";
                    return Err(StoreError::Conflict(why.to_owned()));
                }
                Some(found)
            }
        };
        // The first account is local: it is the way in when no provider answers.
        let users: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM users")
            .fetch_one(self.db())
            .await?;
        if users == 0 {
            let why = "the first account is a local one, for the day the provider does not answer; \
                       choose a name and a password";
            return Err(StoreError::Conflict(why.to_owned()));
        }
        let role = match (says, &invited) {
            (Says::Is(role), Some(_)) => role,
            (Says::Is(role), None) if who.makes_accounts => role,
            (Says::Nothing, Some(invited)) => invited.role,
            _ => return Ok(None),
        };
        let fixed = invited.as_ref().and_then(|it| it.name.clone());
        let name = match fixed {
            Some(name) => name,
            None => self.free_name(&who.names).await?,
        };
        if let Some(invited) = &invited {
            use_up(self.db(), &invited.secret).await?;
        }
        let new = NewUser {
            name,
            role,
            password: Secret::new(Vec::new()),
            second_factor: None,
            passkey: None,
        };
        let (user, _) = self.insert_user(&new, role, locked, by).await?;
        let now = self.now;
        sqlx::query(
            "INSERT INTO external_accounts (user_id, provider, issuer, subject, vouched_at, is_out) \
             VALUES (?, ?, ?, ?, ?, 0)",
        )
        .bind(user.id.0)
        .bind(&who.provider)
        .bind(&who.issuer)
        .bind(&who.subject)
        .bind(now.0)
        .execute(self.db())
        .await?;
        let detail =
            json!({ "provider": who.provider, "issuer": who.issuer, "subject": who.subject });
        self.note_user_change(&user, "provider", detail, by).await?;
        Ok(Some(user_in(self.db(), user.id).await?))
    }

    /// A name nobody has, made of a provider's words.
    pub(super) async fn free_name(&mut self, words: &[String]) -> Result<UserName, StoreError> {
        let base = words.iter().find_map(|it| plain_name(it));
        let base = base.unwrap_or_else(|| "someone".to_owned());
        for number in 1..=NUMBERS_MAX {
            let text = match number {
                1 => base.clone(),
                _ => format!("{base}-{number}"),
            };
            let known: Option<i64> = sqlx::query_scalar("SELECT id FROM users WHERE folded = ?")
                .bind(folded(&text))
                .fetch_optional(self.db())
                .await?;
            if known.is_none()
                && let Ok(name) = text.parse()
            {
                return Ok(name);
            }
        }
        Err(StoreError::Exists(format!("a user {base}")))
    }

    /// Opens the session, keeps the grant, and writes the login down.
    pub(super) async fn enter(
        &mut self,
        user: &User,
        who: &External,
        address: Option<IpAddr>,
        agent: &str,
    ) -> Result<(Session, SessionSecret), StoreError> {
        let (session, secret) = self
            .insert_session(user.id, SessionKind::Console, None, address, agent)
            .await?;
        let sealed = self.store.keyring.seal(PURPOSE, who.grant.expose())?;
        let now = self.now;
        sqlx::query(
            "INSERT INTO external_sessions (session_id, sealed, vouched_at, due_at) \
             VALUES (?, ?, ?, ?)",
        )
        .bind(session.id.0)
        .bind(sealed)
        .bind(now.0)
        .bind(now.plus_seconds(who.again_seconds).0)
        .execute(self.db())
        .await?;
        self.note_vouched(user.id).await?;
        sqlx::query("UPDATE users SET last_login_at = ? WHERE id = ?")
            .bind(now.0)
            .bind(user.id.0)
            .execute(self.db())
            .await?;
        let by = logged_in(user, address);
        let detail = json!({ "user": user.name, "provider": who.provider });
        self.append(EventKind::LoggedIn, &by, None, &subject(&user.name), detail)
            .await?;
        Ok((session, secret))
    }

    /// Whether it comes to no role: none of the groups has one, or one that is not there (any more).
    pub(super) async fn is_none(&mut self, says: Says) -> Result<bool, StoreError> {
        match says {
            Says::Nothing => Ok(false),
            Says::NoRole => Ok(true),
            Says::Is(role) => match roles::find(self.db(), role).await {
                Ok(_) => Ok(false),
                Err(StoreError::NotFound(_)) => Ok(true),
                Err(error) => Err(error),
            },
        }
    }

    pub(super) async fn note_vouched(&mut self, user: UserId) -> Result<(), StoreError> {
        let now = self.now;
        sqlx::query("UPDATE external_accounts SET vouched_at = ?, is_out = 0 WHERE user_id = ?")
            .bind(now.0)
            .bind(user.0)
            .execute(self.db())
            .await?;
        Ok(())
    }

    /// Gives them the role the provider says, if it is another than they have.
    pub(super) async fn follow(
        &mut self,
        user: &User,
        says: Says,
        provider: &str,
    ) -> Result<(), StoreError> {
        let Says::Is(role) = says else { return Ok(()) };
        let role = roles::find(self.db(), role).await?;
        if role.is(&user.role) {
            return Ok(());
        }
        sqlx::query("UPDATE users SET role = ? WHERE id = ?")
            .bind(role.as_str())
            .bind(user.id.0)
            .execute(self.db())
            .await?;
        let detail = json!({ "before": user.role, "after": role, "provider": provider });
        self.note_user_change(user, "role", detail, &Actor::System)
            .await?;
        self.revokes = true;
        Ok(())
    }

    /// They have no business here any more: every session ends, tokens rest.
    pub(super) async fn leave(
        &mut self,
        user: &User,
        provider: &str,
        why: &str,
    ) -> Result<(), StoreError> {
        self.set_out(user.id).await?;
        let count = sqlx::query("DELETE FROM sessions WHERE user_id = ?")
            .bind(user.id.0)
            .execute(self.db())
            .await?
            .rows_affected();
        self.revokes = true;
        let detail = json!({
            "user": user.name, "sessions": count, "provider": provider, "why": why,
        });
        let (kind, about) = (EventKind::SessionRevoked, subject(&user.name));
        self.append(kind, &Actor::System, None, &about, detail)
            .await
    }

    pub(super) async fn set_out(&mut self, user: UserId) -> Result<(), StoreError> {
        sqlx::query("UPDATE external_accounts SET is_out = 1 WHERE user_id = ?")
            .bind(user.0)
            .execute(self.db())
            .await?;
        self.revokes = true;
        Ok(())
    }

    /// Ends one session, if it is still there.
    pub(super) async fn end_external(&mut self, due: &Due, why: &str) -> Result<bool, StoreError> {
        let ended = sqlx::query("DELETE FROM sessions WHERE id = ?")
            .bind(due.session.0)
            .execute(self.db())
            .await?
            .rows_affected();
        if ended == 0 {
            return Ok(false);
        }
        self.revokes = true;
        let user = user_in(self.db(), due.user).await?;
        let detail = json!({
            "user": user.name, "kind": SessionKind::Console, "provider": due.provider, "why": why,
        });
        let about = format!("session {}", due.session);
        self.append(
            EventKind::SessionRevoked,
            &Actor::System,
            None,
            &about,
            detail,
        )
        .await?;
        Ok(true)
    }

    /// Somebody the provider stands for, and we do not let in.
    pub(super) async fn note_stranger(
        &mut self,
        who: &External,
        user: Option<&User>,
        wrong: &str,
        by: &Actor,
    ) -> Result<(), StoreError> {
        let about = user.map_or_else(|| "login".to_owned(), |it| subject(&it.name));
        let detail = json!({
            "user": user.map(|it| &it.name), "provider": who.provider, "subject": who.subject,
            "wrong": wrong,
        });
        self.append(EventKind::LoginFailed, by, None, &about, detail)
            .await
    }
}

/// A user name of somebody else's words: what fits of them.
fn plain_name(text: &str) -> Option<String> {
    let plain: String = text
        .trim()
        .chars()
        .map(|c| if c.is_whitespace() { '-' } else { c })
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | '@'))
        .take(NAME_CHARS)
        .collect();
    let plain = plain.trim_start_matches(|c: char| !c.is_ascii_alphanumeric());
    plain.parse::<UserName>().ok().map(String::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_fits_of_a_providers_words() {
        assert_eq!(plain_name("Ann Smith").as_deref(), Some("Ann-Smith"));
        assert_eq!(
            plain_name("ann@plant.example").as_deref(),
            Some("ann@plant.example")
        );
        assert_eq!(plain_name("../../etc\u{202e}").as_deref(), Some("etc"));
        assert_eq!(plain_name("жанна"), None);
        assert_eq!(
            plain_name(&"a".repeat(300)).map(|it| it.len()),
            Some(NAME_CHARS)
        );
    }
}
