//! One-time enrolment links.

use std::net::IpAddr;

use data_encoding::BASE64URL_NOPAD;
use model::{
    access::Role,
    audit::EventKind,
    clock::Timestamp,
    id::{Hash, UserId, UserName},
    principal::Actor,
};
use serde_json::json;
use sqlx::{Row as _, SqliteConnection};

use super::{NewUser, User, folded};
use crate::{
    Keyring, Store, StoreError,
    json::read_word,
    roles::{self, read_role},
};

/// A one-time enrolment link's content.
#[derive(Clone)]
pub struct Enrolment {
    /// The secret that stands in the link; 256 bits, base64url. Stored only as a digest.
    pub secret: String,
    /// What the user becomes.
    pub role: Role,
    /// The name, when it was fixed beforehand.
    pub name: Option<UserName>,
    /// Until when it is good.
    pub expires_at: Timestamp,
    /// The user whose account it renews; none: it makes a user.
    pub renews: Option<UserId>,
}

impl std::fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            secret: _,
            role,
            name,
            expires_at,
            renews,
        } = self;
        f.debug_struct("Enrolment")
            .field("role", role)
            .field("name", name)
            .field("expires_at", expires_at)
            .field("renews", renews)
            .finish_non_exhaustive()
    }
}

pub(super) fn gone() -> StoreError {
    StoreError::NotFound(
        "such enrolment: it was used, has expired, or never was; ask for a new link".to_owned(),
    )
}

pub(super) async fn find(
    db: &mut SqliteConnection,
    secret: &str,
    now: Timestamp,
) -> Result<Option<Enrolment>, StoreError> {
    let row = sqlx::query(
        "SELECT role, name, expires_at, user_id, (SELECT permissions FROM roles WHERE roles.name = \
         enrolments.role) AS role_permissions FROM enrolments WHERE digest = ? AND expires_at > ?",
    )
    .bind(Hash::of(secret.as_bytes()).to_string())
    .bind(now.0)
    .fetch_optional(db)
    .await?;
    let Some(row) = row else { return Ok(None) };
    let name: Option<String> = row.try_get("name")?;
    Ok(Some(Enrolment {
        secret: secret.to_owned(),
        role: read_role("enrolment", &row)?,
        name: name.map(|name| read_word("enrolment", &name)).transpose()?,
        expires_at: Timestamp(row.try_get("expires_at")?),
        renews: row.try_get::<Option<i64>, _>("user_id")?.map(UserId),
    }))
}

/// An enrolment is good once.
pub(super) async fn use_up(db: &mut SqliteConnection, secret: &str) -> Result<(), StoreError> {
    sqlx::query("DELETE FROM enrolments WHERE digest = ?")
        .bind(Hash::of(secret.as_bytes()).to_string())
        .execute(db)
        .await?;
    Ok(())
}

impl Store {
    /// Makes an enrolment link's content, good for `valid_seconds`.
    pub async fn make_enrolment(
        &self,
        role: Role,
        name: Option<UserName>,
        valid_seconds: i64,
        by: &Actor,
    ) -> Result<Enrolment, StoreError> {
        let secret = BASE64URL_NOPAD.encode(&Keyring::random::<32>());
        let mut change = self.begin().await?;
        let role = roles::find(change.db(), role).await?;
        let now = change.now;
        let expires_at = now.plus_seconds(valid_seconds);
        sqlx::query("DELETE FROM enrolments WHERE expires_at <= ?")
            .bind(now.0)
            .execute(change.db())
            .await?;
        sqlx::query("INSERT INTO enrolments (digest, role, name, expires_at) VALUES (?, ?, ?, ?)")
            .bind(Hash::of(secret.as_bytes()).to_string())
            .bind(role.as_str())
            .bind(name.as_ref().map(UserName::as_str))
            .bind(expires_at.0)
            .execute(change.db())
            .await?;
        let detail = json!({ "user": name, "role": role, "expires_at": expires_at });
        change
            .append(EventKind::EnrolmentMade, by, None, "enrolment", detail)
            .await?;
        change.commit().await?;
        Ok(Enrolment {
            secret,
            role,
            name,
            expires_at,
            renews: None,
        })
    }

    /// Looks at an enrolment without using it up; none when unknown, used or expired.
    pub async fn enrolment(&self, secret: &str) -> Result<Option<Enrolment>, StoreError> {
        let mut db = self.read().acquire().await?;
        find(&mut db, secret, self.clock.now()).await
    }

    /// Uses an enrolment up and adds the user, in one transaction. The role is the enrolment's,
    /// whatever `new` says; the very first user becomes an administrator. One that renews an
    /// account changes that user's password and factor, and nothing else of it.
    pub async fn enrol(
        &self,
        secret: &str,
        new: NewUser,
        address: Option<IpAddr>,
    ) -> Result<(User, Vec<String>), StoreError> {
        // Before the costly hash, so that guessing links costs us nothing.
        self.enrolment(secret).await?.ok_or_else(gone)?;
        let hashed = self.check_and_hash(&new.name, &new.password).await?;
        let mut change = self.begin().await?;
        let now = change.now;
        let enrolment = find(change.db(), secret, now).await?.ok_or_else(gone)?;
        if let Some(name) = &enrolment.name
            && folded(name.as_str()) != folded(new.name.as_str())
        {
            return Err(StoreError::Conflict(format!(
                "this enrolment is for {name}"
            )));
        }
        use_up(change.db(), secret).await?;
        if let Some(user) = enrolment.renews {
            let renewed = change.renew_account(user, &new, &hashed, address).await?;
            change.commit().await?;
            return Ok(renewed);
        }
        let users: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM users")
            .fetch_one(change.db())
            .await?;
        let role = if users == 0 {
            Role::Administrator
        } else {
            enrolment.role
        };
        let by = Actor::Anonymous { address };
        let added = change.insert_user(&new, role, &hashed, &by).await?;
        change.commit().await?;
        Ok(added)
    }
}
