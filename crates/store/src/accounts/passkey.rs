//! Passkeys (WebAuthn): adding, naming, removing, and signing in with one.
//!
//! What an authenticator signed is checked by `webauthn-rs-core`, in `answer`. The core and not
//! `webauthn-rs` around it, since a touch's challenge is a digest of ours (`touch`); what the outer
//! crate adds is done here: user verification is asked for and enforced, attestation is not asked for.

mod answer;
mod ceremony;
mod prove;
mod touch;

use data_encoding::BASE64URL_NOPAD;
use model::{
    audit::EventKind,
    clock::Timestamp,
    id::{Hash, PasskeyId, SessionId, UserId, UserName},
    principal::Actor,
};
use serde_json::json;
use sqlx::{Row as _, SqliteConnection, sqlite::SqliteRow};
use webauthn_rs_core::proto::Credential;

pub(crate) use self::ceremony::Ceremonies;
pub use self::{
    answer::{NewPasskey, PasskeyError, RelyingParty},
    ceremony::Ceremony,
    touch::{CheckedTouch, is_touched},
};
use super::{User, folded, subject, user_in};
use crate::{Keyring, Store, StoreError, json, open::Change};

/// Passkeys a person may have.
const PASSKEYS_MAX: usize = 20;
/// Characters of a passkey's name.
const NAME_CHARS_MAX: usize = 60;

/// A person's passkey, as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Passkey {
    /// Its number.
    pub id: PasskeyId,
    /// What its owner calls it.
    pub name: String,
    /// Since when.
    pub created_at: Timestamp,
    /// When it last signed in or approved.
    pub last_used_at: Option<Timestamp>,
    /// Whether it verifies who uses it (fingerprint, PIN): only such a one signs in by itself.
    pub is_verifying: bool,
    /// Whether it is copied between devices by whoever made it (a phone's or password manager's).
    pub is_synced: bool,
}

/// A passkey with what is checked.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    pub(crate) passkey: Passkey,
    pub(crate) user: UserId,
    pub(crate) credential: Credential,
}

/// To what an answer must belong: nothing a browser was asked elsewhere counts here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Bound {
    /// A console session.
    Session(SessionId),
    /// An enrolment link, by the digest of its secret.
    Link(Hash),
    /// A sign-in page.
    SignIn,
}

/// What identifies a person to an authenticator: says nothing of them (WebAuthn Level 2, 14.6.1).
fn handle(keyring: &Keyring, name: &UserName) -> Result<Hash, StoreError> {
    Ok(keyring.digest("passkey-user", folded(name.as_str()).as_bytes())?)
}

fn credential_id(credential: &Credential) -> String {
    BASE64URL_NOPAD.encode(credential.cred_id.as_slice())
}

fn read_kept(row: &SqliteRow) -> Result<Kept, StoreError> {
    let text: String = row.try_get("credential")?;
    let credential: Credential = json::read("passkey", &text)?;
    Ok(Kept {
        passkey: Passkey {
            id: PasskeyId(row.try_get("id")?),
            name: row.try_get("name")?,
            created_at: Timestamp(row.try_get("created_at")?),
            last_used_at: row
                .try_get::<Option<i64>, _>("last_used_at")?
                .map(Timestamp),
            is_verifying: credential.user_verified,
            is_synced: credential.backup_state,
        },
        user: UserId(row.try_get("user_id")?),
        credential,
    })
}

async fn kept_of(db: &mut SqliteConnection, user: UserId) -> Result<Vec<Kept>, StoreError> {
    let query = "SELECT * FROM passkeys WHERE user_id = ? ORDER BY id";
    let rows = sqlx::query(query).bind(user.0).fetch_all(db).await?;
    rows.iter().map(read_kept).collect()
}

async fn kept_by_credential(
    db: &mut SqliteConnection,
    id: &[u8],
) -> Result<Option<Kept>, StoreError> {
    let query = "SELECT * FROM passkeys WHERE credential_id = ?";
    let row = sqlx::query(query)
        .bind(BASE64URL_NOPAD.encode(id))
        .fetch_optional(db)
        .await?;
    row.as_ref().map(read_kept).transpose()
}

fn checked_name(name: &str) -> Result<String, StoreError> {
    let name = name.trim();
    let length = name.chars().count();
    if length == 0 || length > NAME_CHARS_MAX || name.chars().any(char::is_control) {
        let why = format!("a passkey's name has 1 to {NAME_CHARS_MAX} characters");
        return Err(StoreError::Conflict(why));
    }
    Ok(name.to_owned())
}

impl Change<'_> {
    /// Keeps a new passkey of `user`.
    pub(super) async fn insert_passkey(
        &mut self,
        user: UserId,
        new: &NewPasskey,
    ) -> Result<PasskeyId, StoreError> {
        let name = checked_name(&new.name)?;
        let id = credential_id(&new.credential);
        if kept_of(self.db(), user).await?.len() >= PASSKEYS_MAX {
            let why = format!("an account has at most {PASSKEYS_MAX} passkeys; remove one first");
            return Err(StoreError::Conflict(why));
        }
        // Of anybody: an authenticator that gives two people one id cannot tell them apart.
        if kept_by_credential(self.db(), &new.credential.cred_id)
            .await?
            .is_some()
        {
            return Err(StoreError::Exists("this passkey".to_owned()));
        }
        let now = self.now;
        let id: i64 = sqlx::query_scalar(
            "INSERT INTO passkeys (user_id, credential_id, name, credential, created_at) \
             VALUES (?, ?, ?, ?, ?) RETURNING id",
        )
        .bind(user.0)
        .bind(id)
        .bind(name)
        .bind(json::canonical(&new.credential))
        .bind(now.0)
        .fetch_one(self.db())
        .await?;
        Ok(PasskeyId(id))
    }

    /// Notes that a passkey was used, with its counter as it is by now.
    pub(super) async fn note_passkey_use(
        &mut self,
        kept: &Kept,
        counter: u32,
        backup_state: bool,
    ) -> Result<(), StoreError> {
        let mut credential = kept.credential.clone();
        credential.counter = credential.counter.max(counter);
        credential.backup_state = backup_state;
        let now = self.now;
        sqlx::query("UPDATE passkeys SET credential = ?, last_used_at = ? WHERE id = ?")
            .bind(json::canonical(&credential))
            .bind(now.0)
            .bind(kept.passkey.id.0)
            .execute(self.db())
            .await?;
        Ok(())
    }

    async fn note_passkey(
        &mut self,
        user: &User,
        what: String,
        by: &Actor,
    ) -> Result<(), StoreError> {
        let detail = json!({ "user": user.name, "what": what });
        self.append(
            EventKind::FactorRenewed,
            by,
            None,
            &subject(&user.name),
            detail,
        )
        .await
    }
}

impl Store {
    /// A person's passkeys, oldest first.
    pub async fn passkeys(&self, user: UserId) -> Result<Vec<Passkey>, StoreError> {
        let mut db = self.read().acquire().await?;
        let kept = kept_of(&mut db, user).await?;
        Ok(kept.into_iter().map(|it| it.passkey).collect())
    }

    /// Gives a user another passkey, and recovery codes where they had no second factor before
    /// (shown once). The answer must be to [`Store::begin_passkey`] of this session.
    pub async fn add_passkey(
        &self,
        new: &NewPasskey,
        user: UserId,
        by: &Actor,
    ) -> Result<Vec<String>, StoreError> {
        let mut change = self.begin().await?;
        let before = user_in(change.db(), user).await?;
        change.insert_passkey(user, new).await?;
        let codes = if before.has_second_factor || before.provider.is_some() {
            Vec::new()
        } else {
            change.replace_recovery_codes(user).await?
        };
        let what = format!("passkey added: {}", new.name.trim());
        // By this a touch in a file is known again as this person's.
        let credential = credential_id(&new.credential);
        let detail = json!({ "user": before.name, "what": what, "credential": credential });
        let (kind, about) = (EventKind::FactorRenewed, subject(&before.name));
        change.append(kind, by, None, &about, detail).await?;
        change.commit().await?;
        Ok(codes)
    }

    /// Calls a user's own passkey something else.
    pub async fn rename_passkey(
        &self,
        user: UserId,
        id: PasskeyId,
        name: &str,
        by: &Actor,
    ) -> Result<(), StoreError> {
        let name = checked_name(name)?;
        let mut change = self.begin().await?;
        let owner = user_in(change.db(), user).await?;
        let kept = own(change.db(), user, id).await?;
        sqlx::query("UPDATE passkeys SET name = ? WHERE id = ?")
            .bind(&name)
            .bind(id.0)
            .execute(change.db())
            .await?;
        let what = format!("passkey renamed: {} to {name}", kept.passkey.name);
        change.note_passkey(&owner, what, by).await?;
        change.commit().await
    }

    /// Removes a user's own passkey; their other sessions end. Refused for the last factor: nobody
    /// ends up with a password alone by tidying.
    pub async fn remove_passkey(
        &self,
        user: UserId,
        id: PasskeyId,
        by: &Actor,
    ) -> Result<(), StoreError> {
        let mut change = self.begin().await?;
        let owner = user_in(change.db(), user).await?;
        let kept = own(change.db(), user, id).await?;
        if owner.passkeys <= 1 && !owner.has_codes && owner.provider.is_none() {
            let why = "this is your last second factor; add another passkey or an authenticator \
                       app first, then remove it";
            return Err(StoreError::Conflict(why.to_owned()));
        }
        sqlx::query("DELETE FROM passkeys WHERE id = ?")
            .bind(id.0)
            .execute(change.db())
            .await?;
        change.end_other_sessions(user, by).await?;
        let what = format!("passkey removed: {}", kept.passkey.name);
        change.note_passkey(&owner, what, by).await?;
        change.commit().await
    }
}

async fn own(db: &mut SqliteConnection, user: UserId, id: PasskeyId) -> Result<Kept, StoreError> {
    let kept = kept_of(db, user).await?;
    kept.into_iter()
        .find(|it| it.passkey.id == id)
        .ok_or_else(|| StoreError::NotFound("such passkey of yours".to_owned()))
}
