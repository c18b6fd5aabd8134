//! People: users, passwords, second factors, enrolment links, failed logins.

mod enrolment;
mod external;
mod factor;
mod import;
mod limits;
mod login;
mod mail;
mod passkey;
mod password;
mod renew;
mod spraying;

use model::{
    access::Role,
    audit::EventKind,
    clock::Timestamp,
    id::{Hash, UserId, UserName},
    mail::{MailAddress, MailWishes},
    principal::Actor,
};
use serde_json::{Value, json};
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};

pub(crate) use self::mail::with_mail;
pub(crate) use self::passkey::Ceremonies;
pub use self::{
    enrolment::Enrolment,
    external::{Due, External, ExternalSignIn, Says},
    factor::SecondFactor,
    import::ImportedHash,
    login::{HalfWay, LoginAttempt},
    passkey::{
        Bound, Ceremony, CheckedTouch, NewPasskey, Passkey, PasskeyError, RelyingParty, is_touched,
    },
    password::PasswordError,
};
use crate::{
    Keyring, Secret, Store, StoreError, json,
    open::Change,
    roles::{self, read_role},
};

/// Recovery codes a user gets.
const RECOVERY_CODES: usize = 10;

/// What a [`User`] is read from.
const SELECT: &str = "SELECT id, name, role, password, factor, created_at, last_login_at, \
     mail, mail_wishes, password_used_at, codes_used_at, recovery_used_at, (SELECT COUNT(*) FROM recovery_codes WHERE user_id = users.id) AS codes, \
     (SELECT COUNT(*) FROM passkeys WHERE user_id = users.id) AS passkeys, break_glass, must_change, \
     (SELECT provider FROM external_accounts WHERE user_id = users.id) AS provider, \
     (SELECT permissions FROM roles WHERE roles.name = users.role) AS role_permissions FROM users";

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a fact of its own, told as it is in the API"
)]
pub struct User {
    /// The number.
    pub id: UserId,
    /// The login name, unique without regard to case.
    pub name: UserName,
    /// The role.
    pub role: Role,
    /// Whether a second factor is asked for at login: codes of an app, or a passkey.
    pub has_second_factor: bool,
    /// Whether an authenticator app makes codes for it.
    pub has_codes: bool,
    /// How many passkeys sign in.
    pub passkeys: u32,
    /// Since when.
    pub created_at: Timestamp,
    /// The last login.
    pub last_login_at: Option<Timestamp>,
    /// Recovery codes not yet used.
    pub recovery_codes_left: u32,
    /// Where mails go; none: nowhere.
    pub mail: Option<MailAddress>,
    /// Which mails.
    pub mail_wishes: MailWishes,
    /// When the password last signed in or confirmed something.
    pub password_used_at: Option<Timestamp>,
    /// When a code of the authenticator app last did.
    pub codes_used_at: Option<Timestamp>,
    /// When a recovery code last did.
    pub recovery_used_at: Option<Timestamp>,
    /// The provider that stands for them, by its short name; none: a local account.
    pub provider: Option<String>,
    /// A local account for the day no provider answers: its use is an alarm.
    pub is_break_glass: bool,
    /// They choose another password before anything else: theirs was brought along, and is too weak.
    pub must_change_password: bool,
}

/// A user to be made.
#[derive(Debug)]
pub struct NewUser {
    /// The login name.
    pub name: UserName,
    /// The role.
    pub role: Role,
    /// The password, checked by [`Store::add_user`].
    pub password: Secret,
    /// The second factor, already proven with a code.
    pub second_factor: Option<SecondFactor>,
    /// A passkey, checked already: beside the second factor, or instead of it.
    pub passkey: Option<NewPasskey>,
}

impl User {
    /// What a provider stands for has no password here that could be set or reset.
    pub(crate) fn refuse_external(&self) -> Result<(), StoreError> {
        match &self.provider {
            None => Ok(()),
            Some(provider) => Err(StoreError::Conflict(format!(
                "{} signs in by {provider}; password and second factor are kept there",
                self.name
            ))),
        }
    }
}

impl NewUser {
    fn has_second_factor(&self) -> bool {
        self.second_factor.is_some() || self.passkey.is_some()
    }
}

/// Names are the same without regard to case; they are ASCII.
fn folded(name: &str) -> String {
    name.to_ascii_lowercase()
}

pub(crate) fn subject(name: &UserName) -> String {
    format!("user {name}")
}

fn factor_purpose(folded_name: &str) -> String {
    format!("second-factor of {folded_name}")
}

fn read_user(row: &SqliteRow) -> Result<User, StoreError> {
    let name: String = row.try_get("name")?;
    let factor: Option<Vec<u8>> = row.try_get("factor")?;
    let codes: i64 = row.try_get("codes")?;
    let passkeys: i64 = row.try_get("passkeys")?;
    let mail: Option<String> = row.try_get("mail")?;
    let wishes: Option<String> = row.try_get("mail_wishes")?;
    let time = |column: &str| {
        let at: Result<Option<i64>, sqlx::Error> = row.try_get(column);
        at.map(|at| at.map(Timestamp))
    };
    Ok(User {
        id: UserId(row.try_get("id")?),
        name: name
            .parse()
            .map_err(|error| StoreError::damaged("user", error))?,
        role: read_role("user", row)?,
        has_second_factor: factor.is_some() || passkeys > 0,
        has_codes: factor.is_some(),
        passkeys: u32::try_from(passkeys).unwrap_or(u32::MAX),
        created_at: Timestamp(row.try_get("created_at")?),
        last_login_at: time("last_login_at")?,
        password_used_at: time("password_used_at")?,
        codes_used_at: time("codes_used_at")?,
        recovery_used_at: time("recovery_used_at")?,
        recovery_codes_left: u32::try_from(codes).unwrap_or(0),
        mail: mail
            .map(|text| text.parse())
            .transpose()
            .map_err(|error| StoreError::damaged("user", error))?,
        mail_wishes: wishes
            .map(|text| json::read("user", &text))
            .transpose()?
            .unwrap_or_default(),
        provider: row.try_get("provider")?,
        is_break_glass: row.try_get::<i64, _>("break_glass")? != 0,
        must_change_password: row.try_get::<i64, _>("must_change")? != 0,
    })
}

/// A user, and what its login is checked against.
struct Account {
    user: User,
    password: String,
}

fn read_account(row: &SqliteRow) -> Result<Account, StoreError> {
    Ok(Account {
        user: read_user(row)?,
        password: row.try_get("password")?,
    })
}

pub(crate) async fn user_in(db: &mut SqliteConnection, id: UserId) -> Result<User, StoreError> {
    let query = sqlx::AssertSqlSafe(format!("{SELECT} WHERE id = ?"));
    let row = sqlx::query(query).bind(id.0).fetch_optional(db).await?;
    let row = row.ok_or_else(|| StoreError::NotFound(format!("user {id}")))?;
    read_user(&row)
}

/// Ten codes of ten characters of base32 (50 bits each), in two groups.
fn new_recovery_codes() -> Vec<String> {
    let one = || {
        let text = data_encoding::BASE32_NOPAD
            .encode(&Keyring::random::<8>())
            .to_lowercase();
        format!("{}-{}", &text[..5], &text[5..10])
    };
    std::iter::repeat_with(one).take(RECOVERY_CODES).collect()
}

fn recovery_digest(keyring: &Keyring, user: UserId, code: &str) -> Result<Hash, StoreError> {
    let code: String = code.chars().filter(char::is_ascii_alphanumeric).collect();
    let text = format!("{user} {}", code.to_ascii_lowercase());
    Ok(keyring.digest("recovery-code", text.as_bytes())?)
}

impl Change<'_> {
    /// Adds a user whose password was checked and hashed.
    async fn insert_user(
        &mut self,
        new: &NewUser,
        role: Role,
        hashed: &str,
        by: &Actor,
    ) -> Result<(User, Vec<String>), StoreError> {
        let key = folded(new.name.as_str());
        let known: Option<i64> = sqlx::query_scalar("SELECT id FROM users WHERE folded = ?")
            .bind(&key)
            .fetch_optional(self.db())
            .await?;
        if known.is_some() {
            return Err(StoreError::Exists(format!("a user {}", new.name)));
        }
        roles::find(self.db(), role).await?;
        let factor = new.second_factor.as_ref().map(|factor| {
            self.store
                .keyring
                .seal(&factor_purpose(&key), factor.secret.expose())
        });
        let factor = factor.transpose()?;
        let now = self.now;
        let row = sqlx::query(
            "INSERT INTO users (name, folded, role, password, factor, factor_step, created_at) \
             VALUES (?, ?, ?, ?, ?, 0, ?) RETURNING id",
        )
        .bind(new.name.as_str())
        .bind(&key)
        .bind(role.as_str())
        .bind(hashed)
        .bind(factor)
        .bind(now.0)
        .fetch_one(self.db())
        .await?;
        let id = UserId(row.try_get("id")?);
        if let Some(passkey) = &new.passkey {
            self.insert_passkey(id, passkey).await?;
        }
        let codes = if new.has_second_factor() {
            self.replace_recovery_codes(id).await?
        } else {
            Vec::new()
        };
        let detail = json!({
            "user": new.name,
            "role": role,
            "second_factor": new.has_second_factor(),
            "passkey": new.passkey.is_some(),
        });
        self.append(EventKind::UserAdded, by, None, &subject(&new.name), detail)
            .await?;
        Ok((user_in(self.db(), id).await?, codes))
    }

    async fn note_user_change(
        &mut self,
        user: &User,
        what: &str,
        detail: Value,
        by: &Actor,
    ) -> Result<(), StoreError> {
        let mut detail = detail;
        detail["user"] = json!(user.name);
        detail["what"] = json!(what);
        self.append(
            EventKind::UserChanged,
            by,
            None,
            &subject(&user.name),
            detail,
        )
        .await
    }

    /// Somebody has to be left who can make administrators, and who does not need a provider for it.
    async fn refuse_last_administrator(&mut self, user: &User) -> Result<(), StoreError> {
        if user.role != Role::Administrator || user.provider.is_some() {
            return Ok(());
        }
        let others: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM users WHERE role = ? AND id <> ? \
                 AND id NOT IN (SELECT user_id FROM external_accounts)",
        )
        .bind(Role::Administrator.as_str())
        .bind(user.id.0)
        .fetch_one(self.db())
        .await?;
        if others == 0 {
            let message = format!(
                "{} is the last local administrator; make another first",
                user.name
            );
            return Err(StoreError::Conflict(message));
        }
        Ok(())
    }
}

impl Store {
    /// Length (12 to 256 characters), common passwords, what is soon guessed, and words of this site;
    /// `name` must not be part of it.
    pub fn check_password(&self, name: &UserName, password: &str) -> Result<(), PasswordError> {
        let site = self.inner.site_words.get().map(Vec::as_slice);
        password::check(name, password, site.unwrap_or_default())
    }

    /// Says by which words this site goes: hosts and instances. Said once, at the start.
    pub fn set_site_words(&self, words: Vec<String>) {
        // A second time would be the same words.
        let _already = self.inner.site_words.set(words).is_err();
    }

    /// Adds a user; returns it with its recovery codes (10, shown once; none without a second
    /// factor).
    pub async fn add_user(
        &self,
        new: NewUser,
        by: &Actor,
    ) -> Result<(User, Vec<String>), StoreError> {
        let hashed = self.check_and_hash(&new.name, &new.password).await?;
        let mut change = self.begin().await?;
        let added = change.insert_user(&new, new.role, &hashed, by).await?;
        change.commit().await?;
        Ok(added)
    }

    /// All users by name.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        let query = sqlx::AssertSqlSafe(format!("{SELECT} ORDER BY folded"));
        let rows = sqlx::query(query).fetch_all(self.read()).await?;
        rows.iter().map(read_user).collect()
    }

    /// One user.
    pub async fn user(&self, id: UserId) -> Result<User, StoreError> {
        let mut db = self.read().acquire().await?;
        user_in(&mut db, id).await
    }

    /// One user by name, without regard to case.
    pub async fn user_by_name(&self, name: &UserName) -> Result<Option<User>, StoreError> {
        Ok(self.account(name).await?.map(|account| account.user))
    }

    async fn account(&self, name: &UserName) -> Result<Option<Account>, StoreError> {
        let query = sqlx::AssertSqlSafe(format!("{SELECT} WHERE folded = ?"));
        let key = folded(name.as_str());
        let row = sqlx::query(query)
            .bind(key)
            .fetch_optional(self.read())
            .await?;
        row.as_ref().map(read_account).transpose()
    }

    /// Changes a role and ends the user's other sessions: they sign in anew, as what they are now.
    /// Refused for the last administrator.
    pub async fn set_role(&self, user: UserId, role: Role, by: &Actor) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let before = user_in(change.db(), user).await?;
        let role = roles::find(change.db(), role).await?;
        if before.role == role {
            return Ok(());
        }
        change.refuse_last_administrator(&before).await?;
        sqlx::query("UPDATE users SET role = ? WHERE id = ?")
            .bind(role.as_str())
            .bind(user.0)
            .execute(change.db())
            .await?;
        let detail = json!({ "before": before.role, "after": role });
        change.note_user_change(&before, "role", detail, by).await?;
        // A secret that was taken while it opened less must not open more.
        change.end_other_sessions(user, by).await?;
        change.commit().await
    }

    /// Changes a password and revokes the user's other sessions.
    pub async fn set_password(
        &self,
        user: UserId,
        password: &Secret,
        by: &Actor,
    ) -> Result<(), StoreError> {
        let user_now = self.user(user).await?;
        user_now.refuse_external()?;
        let name = user_now.name;
        let hashed = self.check_and_hash(&name, password).await?;
        let mut change = self.begin().await?;
        let before = user_in(change.db(), user).await?;
        sqlx::query("UPDATE users SET password = ?, must_change = 0 WHERE id = ?")
            .bind(hashed)
            .bind(user.0)
            .execute(change.db())
            .await?;
        change.end_other_sessions(user, by).await?;
        let detail = json!({ "user": before.name });
        let about = subject(&before.name);
        change
            .append(EventKind::PasswordChanged, by, None, &about, detail)
            .await?;
        change.commit().await
    }

    /// Removes a user with its sessions and tokens. Refused for the last administrator.
    pub async fn remove_user(&self, user: UserId, by: &Actor) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let before = user_in(change.db(), user).await?;
        change.refuse_last_administrator(&before).await?;
        sqlx::query("DELETE FROM users WHERE id = ?")
            .bind(user.0)
            .execute(change.db())
            .await?;
        let detail = json!({ "user": before.name, "role": before.role });
        change
            .append(
                EventKind::UserRemoved,
                by,
                None,
                &subject(&before.name),
                detail,
            )
            .await?;
        change.revokes = true;
        change.commit().await
    }
}
