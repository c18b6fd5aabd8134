//! People: users, passwords, second factors, enrolment links, failed logins.

use std::net::IpAddr;

use model::{
    access::Role,
    clock::Timestamp,
    id::{UserId, UserName},
    principal::Actor,
};

use crate::{Secret, Store, StoreError};

/// A user.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct User {
    /// The number.
    pub id: UserId,
    /// The login name, unique without regard to case.
    pub name: UserName,
    /// The role.
    pub role: Role,
    /// Whether a second factor is asked for at login.
    pub has_second_factor: bool,
    /// Since when.
    pub created_at: Timestamp,
    /// The last login.
    pub last_login_at: Option<Timestamp>,
    /// Recovery codes not yet used.
    pub recovery_codes_left: u32,
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
}

/// A TOTP second factor (RFC 6238: SHA-1, 6 digits, 30 s).
#[derive(Debug, Clone)]
pub struct SecondFactor {
    /// The shared secret, 20 bytes.
    pub secret: Secret,
}

impl SecondFactor {
    /// A new random factor.
    pub fn generate() -> Self {
        unimplemented!()
    }

    /// The `otpauth://` address for the QR code.
    pub fn uri(&self, user: &UserName, issuer: &str) -> String {
        let _ = (user, issuer);
        unimplemented!()
    }

    /// The secret in base32, for typing.
    pub fn base32(&self) -> String {
        unimplemented!()
    }

    /// Whether `code` is right at `now` (one step either way).
    pub fn accepts(&self, code: &str, now: Timestamp) -> bool {
        let _ = (code, now);
        unimplemented!()
    }
}

/// Why a password is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short.
    #[error("a password needs at least {min} characters")]
    TooShort { min: usize },
    /// Too long.
    #[error("a password may have at most {max} characters")]
    TooLong { max: usize },
    /// On the list of common passwords, or the user name in another dress.
    #[error("this password is one of the first an attacker tries; choose another")]
    Common,
}

/// What came of a login attempt. The caller tells the person "wrong" for everything but the first
/// and the last, so that nobody learns whether a user exists.
#[derive(Debug)]
pub enum LoginAttempt {
    /// Right.
    Accepted(User),
    /// Wrong name, password or code (counted).
    Wrong,
    /// The password is right and a code is needed (not counted).
    NeedsCode,
    /// Too many failures from this account or network: ask again after so many seconds.
    Limited { retry_after_seconds: i64 },
}

/// A one-time enrolment link's content.
#[derive(Debug, Clone)]
pub struct Enrolment {
    /// The secret that stands in the link; 256 bits, base64url. Stored only as a digest.
    pub secret: String,
    /// What the user becomes.
    pub role: Role,
    /// The name, when it was fixed beforehand.
    pub name: Option<UserName>,
    /// Until when it is good.
    pub expires_at: Timestamp,
}

impl Store {
    /// Length (12 to 256 characters) and a list of common passwords; `name` must not be part of it.
    pub fn check_password(name: &UserName, password: &str) -> Result<(), PasswordError> {
        let _ = (name, password);
        unimplemented!()
    }

    /// Adds a user; returns it with its recovery codes (10, shown once; none without a second
    /// factor).
    pub async fn add_user(&self, new: NewUser, by: &Actor) -> Result<(User, Vec<String>), StoreError> {
        let _ = (new, by);
        unimplemented!()
    }

    /// All users by name.
    pub async fn users(&self) -> Result<Vec<User>, StoreError> {
        unimplemented!()
    }

    /// One user.
    pub async fn user(&self, id: UserId) -> Result<User, StoreError> {
        let _ = id;
        unimplemented!()
    }

    /// One user by name, without regard to case.
    pub async fn user_by_name(&self, name: &UserName) -> Result<Option<User>, StoreError> {
        let _ = name;
        unimplemented!()
    }

    /// Changes a role. Refused for the last administrator.
    pub async fn set_role(&self, user: UserId, role: Role, by: &Actor) -> Result<(), StoreError> {
        let _ = (user, role, by);
        unimplemented!()
    }

    /// Changes a password and revokes the user's other sessions.
    pub async fn set_password(&self, user: UserId, password: &Secret, by: &Actor) -> Result<(), StoreError> {
        let _ = (user, password, by);
        unimplemented!()
    }

    /// Removes a user with its sessions and tokens. Refused for the last administrator.
    pub async fn remove_user(&self, user: UserId, by: &Actor) -> Result<(), StoreError> {
        let _ = (user, by);
        unimplemented!()
    }

    /// Checks name, password (argon2id; a dummy hash is computed for unknown names) and code (a
    /// TOTP step is accepted once; recovery codes too). Failures are counted per account and per
    /// network (IPv4 /32, IPv6 /64) with a growing delay, bounded in memory and in the database.
    /// At most a few hashes run at a time. Writes the audit rows.
    pub async fn log_in(
        &self,
        name: &str,
        password: &Secret,
        code: Option<&str>,
        address: Option<IpAddr>,
    ) -> Result<LoginAttempt, StoreError> {
        let _ = (name, password, code, address);
        unimplemented!()
    }

    /// Makes an enrolment link's content, good for `valid_seconds`.
    pub async fn make_enrolment(
        &self,
        role: Role,
        name: Option<UserName>,
        valid_seconds: i64,
        by: &Actor,
    ) -> Result<Enrolment, StoreError> {
        let _ = (role, name, valid_seconds, by);
        unimplemented!()
    }

    /// Looks at an enrolment without using it up; none when unknown, used or expired.
    pub async fn enrolment(&self, secret: &str) -> Result<Option<Enrolment>, StoreError> {
        let _ = secret;
        unimplemented!()
    }

    /// Uses an enrolment up and adds the user, in one transaction.
    pub async fn enrol(&self, secret: &str, new: NewUser, address: Option<IpAddr>) -> Result<(User, Vec<String>), StoreError> {
        let _ = (secret, new, address);
        unimplemented!()
    }
}
