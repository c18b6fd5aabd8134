//! Logging in.

use std::net::IpAddr;

use model::{
    access::Role,
    audit::EventKind,
    clock::Timestamp,
    id::{Hash, SessionId, UserId, UserName},
    principal::{Actor, Via},
};
use serde_json::json;

use super::{
    Account, SecondFactor, User, factor_purpose, folded,
    limits::{Counted, Counting},
    recovery_digest, subject, user_in,
};
use crate::{Secret, Store, StoreError, open::Change};

/// What came of a login attempt. The caller tells the person "wrong" for everything but the first
/// and the last, so that nobody learns whether a user exists.
#[derive(Debug)]
pub enum LoginAttempt {
    /// Right.
    Accepted(User),
    /// Wrong name, password or code (counted).
    Wrong,
    /// The password is right and a code or a passkey is needed (not counted).
    NeedsCode(HalfWay),
    /// Name, password and code are right, and the role signs in with a passkey: no session opens.
    NeedsPasskey(User),
    /// Too many failures from this account or network: ask again after so many seconds.
    Limited {
        /// Seconds to wait, at least 1.
        retry_after_seconds: i64,
    },
}

/// Somebody whose password was right: made here alone, and worth nothing by itself.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub struct HalfWay {
    pub(super) user: UserId,
    /// Digest of the password's hash: another password since makes it void.
    password: Hash,
    /// Whether an authenticator app makes codes for the account.
    pub has_codes: bool,
    /// Whether the account has a passkey.
    pub has_passkey: bool,
}

/// One attempt on its way.
struct Attempt {
    counted: Counted,
    /// When it was counted.
    at: Timestamp,
    address: Option<IpAddr>,
    /// The account, if there is one of that name.
    account: Option<Account>,
    purpose: Purpose,
    /// Roles for which a password is not enough.
    passkey_roles: Vec<Role>,
}

/// What a code was good for.
enum CodeUse {
    Step(i64),
    Recovery(String),
}

/// What is done when everything is right.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// The login is written down, as the user's last.
    LogIn,
    /// Nothing: what is confirmed writes its own row.
    Confirm,
}

impl Store {
    /// Asks somebody who is logged in once more for password and code, before something that
    /// would let another person take the account over. Counted and recorded as a login where it is
    /// wrong; where it is right nothing is recorded.
    pub async fn confirm_identity(
        &self,
        name: &UserName,
        password: &Secret,
        code: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<LoginAttempt, StoreError> {
        self.attempt(
            name.as_str(),
            password,
            code,
            address,
            Purpose::Confirm,
            &[],
        )
        .await
    }

    /// Checks name, password (argon2id; a dummy hash is computed for unknown names) and code (a
    /// TOTP step is accepted once; recovery codes too). Failures are counted per account, per
    /// network (IPv4 /32, IPv6 /64) and per wider network (IPv4 /24, IPv6 /48) with a growing delay,
    /// bounded in memory and in the database. At most a few hashes run at a time. Writes the audit
    /// rows.
    pub async fn log_in(
        &self,
        name: &str,
        password: &Secret,
        code: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<LoginAttempt, StoreError> {
        self.log_in_where(name, password, code, address, &[]).await
    }

    /// [`Store::log_in`] where whoever has one of `passkey_roles` and a passkey comes in with that
    /// alone: a right password is written down as refused, for no session opens.
    pub async fn log_in_where(
        &self,
        name: &str,
        password: &Secret,
        code: Option<&str>,
        address: Option<IpAddr>,
        passkey_roles: &[Role],
    ) -> Result<LoginAttempt, StoreError> {
        let purpose = Purpose::LogIn;
        self.attempt(name, password, code, address, purpose, passkey_roles)
            .await
    }

    async fn attempt(
        &self,
        name: &str,
        password: &Secret,
        code: Option<&str>,
        address: Option<IpAddr>,
        purpose: Purpose,
        passkey_roles: &[Role],
    ) -> Result<LoginAttempt, StoreError> {
        // More waiting logins than this would only hold memory and time out.
        let Ok(_waiting) = self.inner.hash_waiting.try_acquire() else {
            return Ok(LoginAttempt::Limited {
                retry_after_seconds: 1,
            });
        };
        let account = match name.parse::<UserName>() {
            Ok(name) => self.account(&name).await?,
            Err(_) => None,
        };
        let counted = Counted::new(&self.keyring, name, address)?;
        let mut change = self.begin().await?;
        let attempt = Attempt {
            counted,
            at: change.now,
            address,
            account,
            purpose,
            passkey_roles: passkey_roles.to_vec(),
        };
        match change.count_attempt(&attempt.counted).await? {
            Counting::Wait { seconds, is_news } => {
                // Once a wait, not once a request: the record is no tool to fill the disk with.
                if is_news {
                    change
                        .note_attempt(EventKind::LoginLimited, &attempt, "too many")
                        .await?;
                }
                change.commit().await?;
                return Ok(LoginAttempt::Limited {
                    retry_after_seconds: seconds,
                });
            }
            Counting::Counted => change.commit().await?,
        }
        let stored = attempt
            .account
            .as_ref()
            .map(|account| account.password.clone());
        let is_right = self.verify_password(password, stored).await?;
        let rehashed = match &attempt.account {
            Some(account) if is_right => {
                let (name, stored) = (&account.user.name, &account.password);
                self.rehashed(name, password, stored).await?
            }
            _ => None,
        };
        let mut change = self.begin().await?;
        let result = match &attempt.account {
            Some(account) if is_right => {
                let mut step = change.second_step(&attempt, account, code).await?;
                if let (LoginAttempt::Accepted(user), Some((fresh, is_good))) =
                    (&mut step, rehashed)
                {
                    let stored = &account.password;
                    *user = change
                        .replace_imported(user, stored, &fresh, is_good)
                        .await?;
                }
                step
            }
            _ => {
                change.note_failure(&attempt, "name or password").await?;
                LoginAttempt::Wrong
            }
        };
        change.commit().await?;
        Ok(result)
    }
}

impl Change<'_> {
    /// The password is right: now the code, if one is asked for.
    async fn second_step(
        &mut self,
        attempt: &Attempt,
        account: &Account,
        code: Option<&str>,
    ) -> Result<LoginAttempt, StoreError> {
        // As it is now: the user may have gone, or used this very code, while the hash ran.
        let current = self.current_account(account).await?;
        let Some((step, factor)) = current else {
            self.note_failure(attempt, "the account changed").await?;
            return Ok(LoginAttempt::Wrong);
        };
        let passkeys = user_in(self.db(), account.user.id).await?.passkeys;
        if factor.is_some() || passkeys > 0 {
            let Some(code) = code.filter(|code| !code.trim().is_empty()) else {
                self.forgive_attempt(&attempt.counted, attempt.at).await?;
                return Ok(LoginAttempt::NeedsCode(HalfWay {
                    user: account.user.id,
                    password: Hash::of(account.password.as_bytes()),
                    has_codes: factor.is_some(),
                    has_passkey: passkeys > 0,
                }));
            };
            match self
                .check_code(account, factor.as_deref(), step, code)
                .await?
            {
                None => {
                    self.note_failure(attempt, "code").await?;
                    return Ok(LoginAttempt::Wrong);
                }
                Some(CodeUse::Step(step)) => {
                    sqlx::query("UPDATE users SET factor_step = ? WHERE id = ?")
                        .bind(step)
                        .bind(account.user.id.0)
                        .execute(self.db())
                        .await?;
                }
                Some(CodeUse::Recovery(digest)) => {
                    sqlx::query("DELETE FROM recovery_codes WHERE user_id = ? AND digest = ?")
                        .bind(account.user.id.0)
                        .bind(digest)
                        .execute(self.db())
                        .await?;
                    let detail = json!({});
                    let by = logged_in(&account.user, attempt.address);
                    self.note_user_change(&account.user, "recovery code used", detail, &by)
                        .await?;
                }
            }
        }
        if passkeys > 0
            && attempt
                .passkey_roles
                .iter()
                .any(|it| it.is(&account.user.role))
        {
            // No guess, and no login either.
            self.forgive_attempt(&attempt.counted, attempt.at).await?;
            self.note_attempt(EventKind::LoginFailed, attempt, "a passkey is needed")
                .await?;
            let user = user_in(self.db(), account.user.id).await?;
            return Ok(LoginAttempt::NeedsPasskey(user));
        }
        self.accept(attempt, account).await
    }

    /// The newest accepted step and the sealed factor; none when the user is gone or has another
    /// password by now.
    async fn current_account(
        &mut self,
        account: &Account,
    ) -> Result<Option<(i64, Option<Vec<u8>>)>, StoreError> {
        let row: Option<(i64, Option<Vec<u8>>, String)> =
            sqlx::query_as("SELECT factor_step, factor, password FROM users WHERE id = ?")
                .bind(account.user.id.0)
                .fetch_optional(self.db())
                .await?;
        Ok(row
            .filter(|(_, _, password)| *password == account.password)
            .map(|(step, factor, _)| (step, factor)))
    }

    async fn check_code(
        &mut self,
        account: &Account,
        sealed: Option<&[u8]>,
        last_step: i64,
        code: &str,
    ) -> Result<Option<CodeUse>, StoreError> {
        // Whoever has passkeys alone has recovery codes too.
        if let Some(sealed) = sealed {
            let purpose = factor_purpose(&folded(account.user.name.as_str()));
            let secret = self.store.keyring.unseal(&purpose, sealed)?;
            if let Some(step) = (SecondFactor { secret }).step_of(code, self.now) {
                // A code seen over somebody's shoulder is worth nothing once it was used.
                return Ok((step > last_step).then_some(CodeUse::Step(step)));
            }
        }
        let digest = recovery_digest(&self.store.keyring, account.user.id, code)?.to_string();
        let known: Option<i64> =
            sqlx::query_scalar("SELECT 1 FROM recovery_codes WHERE user_id = ? AND digest = ?")
                .bind(account.user.id.0)
                .bind(&digest)
                .fetch_optional(self.db())
                .await?;
        Ok(known.map(|_| CodeUse::Recovery(digest)))
    }

    /// Refuses whoever was half way with a password that was changed or reset since.
    pub(super) async fn still_right(&mut self, half_way: &HalfWay) -> Result<(), StoreError> {
        let password: Option<String> =
            sqlx::query_scalar("SELECT password FROM users WHERE id = ?")
                .bind(half_way.user.0)
                .fetch_optional(self.db())
                .await?;
        if password.is_some_and(|it| Hash::of(it.as_bytes()) == half_way.password) {
            return Ok(());
        }
        let why = "the account changed meanwhile; sign in again";
        Err(StoreError::Conflict(why.to_owned()))
    }

    async fn accept(
        &mut self,
        attempt: &Attempt,
        account: &Account,
    ) -> Result<LoginAttempt, StoreError> {
        self.forgive_attempt(&attempt.counted, attempt.at).await?;
        self.reset_account(&attempt.counted).await?;
        if attempt.purpose == Purpose::Confirm {
            return Ok(LoginAttempt::Accepted(account.user.clone()));
        }
        let now = self.now;
        sqlx::query("UPDATE users SET last_login_at = ? WHERE id = ?")
            .bind(now.0)
            .bind(account.user.id.0)
            .execute(self.db())
            .await?;
        let user = user_in(self.db(), account.user.id).await?;
        let by = logged_in(&user, attempt.address);
        let detail = json!({ "user": user.name, "second_factor": user.has_second_factor });
        self.append(EventKind::LoggedIn, &by, None, &subject(&user.name), detail)
            .await?;
        self.note_break_glass(&user, &by).await?;
        Ok(LoginAttempt::Accepted(user))
    }

    /// Says that the account for the day no provider answers was used: in the record, and by mail.
    pub(super) async fn note_break_glass(
        &mut self,
        user: &User,
        by: &Actor,
    ) -> Result<(), StoreError> {
        if !user.is_break_glass {
            return Ok(());
        }
        let detail = json!({ "user": user.name });
        let about = subject(&user.name);
        self.append(EventKind::BreakGlassUsed, by, None, &about, detail)
            .await
    }

    async fn note_failure(&mut self, attempt: &Attempt, wrong: &str) -> Result<(), StoreError> {
        self.note_attempt(EventKind::LoginFailed, attempt, wrong)
            .await?;
        self.note_target(&attempt.counted, attempt.address).await
    }

    async fn note_attempt(
        &mut self,
        kind: EventKind,
        attempt: &Attempt,
        wrong: &str,
    ) -> Result<(), StoreError> {
        // A name nobody has is not written down: it may be a password in the wrong field.
        let user = attempt.account.as_ref().map(|account| &account.user.name);
        let about = user.map_or_else(|| "login".to_owned(), subject);
        let by = Actor::Anonymous {
            address: attempt.address,
        };
        self.append(
            kind,
            &by,
            None,
            &about,
            json!({ "user": user, "wrong": wrong }),
        )
        .await
    }
}

/// A user at the moment of logging in: the session (number 0) is yet to be opened.
pub(super) fn logged_in(user: &User, address: Option<IpAddr>) -> Actor {
    Actor::Principal {
        user: user.id,
        name: user.name.clone(),
        via: Via::ConsoleSession {
            session: SessionId(0),
        },
        address,
    }
}
