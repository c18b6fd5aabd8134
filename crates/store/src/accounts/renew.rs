//! Renewing what an existing user signs in with: factor and recovery codes by themselves, all of it
//! by a one-time link an administrator makes.

use std::net::IpAddr;

use data_encoding::BASE64URL_NOPAD;
use model::{
    audit::EventKind,
    id::{Hash, UserId},
    principal::{Actor, Via},
};
use serde_json::json;

use super::{
    Enrolment, NewUser, SecondFactor, User, enrolment::gone, factor_purpose, folded,
    new_recovery_codes, recovery_digest, subject, user_in,
};
use crate::{Keyring, Store, StoreError, open::Change};

impl Store {
    /// Gives a user another second factor, proven with `code`, and new recovery codes; the old
    /// ones are void, and the user's other sessions end. None: the code is not right.
    pub async fn renew_second_factor(
        &self,
        user: UserId,
        factor: &SecondFactor,
        code: &str,
        by: &Actor,
    ) -> Result<Option<Vec<String>>, StoreError> {
        let mut change = self.begin().await?;
        let Some(step) = factor.step_of(code, change.now) else {
            return Ok(None);
        };
        let before = user_in(change.db(), user).await?;
        before.refuse_external()?;
        change.set_factor(&before, Some(factor), step).await?;
        let codes = change.replace_recovery_codes(user).await?;
        change.end_other_sessions(user, by).await?;
        change.note_renewal(&before, "second factor", by).await?;
        change.commit().await?;
        Ok(Some(codes))
    }

    /// Gives a user new recovery codes; the old ones are void. `Conflict` without a second factor.
    pub async fn renew_recovery_codes(
        &self,
        user: UserId,
        by: &Actor,
    ) -> Result<Vec<String>, StoreError> {
        let mut change = self.begin().await?;
        let before = user_in(change.db(), user).await?;
        if !before.has_second_factor {
            let message = "recovery codes go with a second factor; set one up first";
            return Err(StoreError::Conflict(message.to_owned()));
        }
        let codes = change.replace_recovery_codes(user).await?;
        change.note_renewal(&before, "recovery codes", by).await?;
        change.commit().await?;
        Ok(codes)
    }

    /// Locks a user out and makes a one-time link with which they choose a password and a second
    /// factor anew: all sessions end, the present password, passkeys and recovery codes are void at
    /// once, and so are earlier such links, the address for mails and the mails that wait. Role and tokens
    /// stay.
    pub async fn reset_account(
        &self,
        user: UserId,
        valid_seconds: i64,
        by: &Actor,
    ) -> Result<Enrolment, StoreError> {
        // A hash like any other, so that a login takes no other time than before.
        let locked = self.hash_unknown().await?;
        let secret = BASE64URL_NOPAD.encode(&Keyring::random::<32>());
        let mut change = self.begin().await?;
        let before = user_in(change.db(), user).await?;
        before.refuse_external()?;
        let expires_at = change.now.plus_seconds(valid_seconds);
        for query in [
            "DELETE FROM enrolments WHERE user_id = ?",
            "DELETE FROM recovery_codes WHERE user_id = ?",
            // A passkey signs in by itself: one that was stolen, or added by a thief, is void too.
            "DELETE FROM passkeys WHERE user_id = ?",
            // Whoever had the account may have had its mails sent to themselves.
            "UPDATE users SET mail = NULL WHERE id = ?",
            "DELETE FROM mails WHERE user_id = ?",
        ] {
            sqlx::query(query).bind(user.0).execute(change.db()).await?;
        }
        sqlx::query("UPDATE users SET password = ?, must_change = 0 WHERE id = ?")
            .bind(locked)
            .bind(user.0)
            .execute(change.db())
            .await?;
        sqlx::query(
            "INSERT INTO enrolments (digest, role, name, expires_at, user_id) \
             VALUES (?, ?, ?, ?, ?)",
        )
        .bind(Hash::of(secret.as_bytes()).to_string())
        .bind(before.role.as_str())
        .bind(before.name.as_str())
        .bind(expires_at.0)
        .bind(user.0)
        .execute(change.db())
        .await?;
        let ended = sqlx::query("DELETE FROM sessions WHERE user_id = ?")
            .bind(user.0)
            .execute(change.db())
            .await?
            .rows_affected();
        change.revokes = true;
        let detail = json!({
            "user": before.name, "sessions": ended, "expires_at": expires_at, "mail": before.mail,
        });
        let about = subject(&before.name);
        change
            .append(EventKind::AccountReset, by, None, &about, detail)
            .await?;
        change.commit().await?;
        Ok(Enrolment {
            secret,
            role: before.role,
            name: Some(before.name),
            expires_at,
            renews: Some(user),
        })
    }
}

impl Change<'_> {
    /// Uses a link up that renews `user`'s account: password, factor and recovery codes. All
    /// sessions end: whoever holds one held what is void now.
    pub(super) async fn renew_account(
        &mut self,
        user: UserId,
        new: &NewUser,
        hashed: &str,
        address: Option<IpAddr>,
    ) -> Result<(User, Vec<String>), StoreError> {
        let before = user_in(self.db(), user)
            .await
            .map_err(|error| match error {
                StoreError::NotFound(_) => gone(),
                failed => failed,
            })?;
        if folded(before.name.as_str()) != folded(new.name.as_str()) {
            let message = format!("this link is for {}", before.name);
            return Err(StoreError::Conflict(message));
        }
        sqlx::query("UPDATE users SET password = ?, must_change = 0 WHERE id = ?")
            .bind(hashed)
            .bind(user.0)
            .execute(self.db())
            .await?;
        self.set_factor(&before, new.second_factor.as_ref(), 0)
            .await?;
        if let Some(passkey) = &new.passkey {
            self.insert_passkey(user, passkey).await?;
        }
        let codes = if new.has_second_factor() {
            self.replace_recovery_codes(user).await?
        } else {
            Vec::new()
        };
        let by = Actor::Anonymous { address };
        self.end_other_sessions(user, &by).await?;
        let detail = json!({ "user": before.name, "by": "link" });
        let about = subject(&before.name);
        self.append(EventKind::PasswordChanged, &by, None, &about, detail)
            .await?;
        self.note_renewal(&before, "second factor", &by).await?;
        Ok((user_in(self.db(), user).await?, codes))
    }

    async fn set_factor(
        &mut self,
        user: &User,
        factor: Option<&SecondFactor>,
        step: i64,
    ) -> Result<(), StoreError> {
        let purpose = factor_purpose(&folded(user.name.as_str()));
        let sealed = factor.map(|it| self.store.keyring.seal(&purpose, it.secret.expose()));
        let sealed = sealed.transpose()?;
        sqlx::query("UPDATE users SET factor = ?, factor_step = ? WHERE id = ?")
            .bind(sealed)
            .bind(step)
            .bind(user.id.0)
            .execute(self.db())
            .await?;
        Ok(())
    }

    pub(super) async fn replace_recovery_codes(
        &mut self,
        user: UserId,
    ) -> Result<Vec<String>, StoreError> {
        sqlx::query("DELETE FROM recovery_codes WHERE user_id = ?")
            .bind(user.0)
            .execute(self.db())
            .await?;
        let codes = new_recovery_codes();
        for code in &codes {
            let digest = recovery_digest(&self.store.keyring, user, code)?.to_string();
            sqlx::query("INSERT INTO recovery_codes (user_id, digest) VALUES (?, ?)")
                .bind(user.0)
                .bind(digest)
                .execute(self.db())
                .await?;
        }
        Ok(codes)
    }

    /// Ends a user's sessions, but for the console session the user acts in and what hangs on it.
    pub(super) async fn end_other_sessions(
        &mut self,
        user: UserId,
        by: &Actor,
    ) -> Result<(), StoreError> {
        let kept = match by {
            Actor::Principal {
                user: acting,
                via: Via::ConsoleSession { session },
                ..
            } if *acting == user => session.0,
            _ => 0,
        };
        sqlx::query(
            "DELETE FROM sessions WHERE user_id = ? AND id <> ? AND COALESCE(parent, 0) <> ?",
        )
        .bind(user.0)
        .bind(kept)
        .bind(if kept == 0 { -1 } else { kept })
        .execute(self.db())
        .await?;
        self.revokes = true;
        Ok(())
    }

    async fn note_renewal(
        &mut self,
        user: &User,
        what: &str,
        by: &Actor,
    ) -> Result<(), StoreError> {
        let detail = json!({ "user": user.name, "what": what });
        let about = subject(&user.name);
        self.append(EventKind::FactorRenewed, by, None, &about, detail)
            .await
    }
}
