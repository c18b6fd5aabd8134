//! Bearer tokens for command-line clients and scripts.

use model::{
    access::Scope,
    clock::Timestamp,
    id::{TokenId, UserId, UserName},
    principal::{Actor, Principal},
};

use crate::{Store, StoreError};

/// A token to be made.
#[derive(Debug, Clone)]
pub struct NewToken {
    /// Whose rights it has at most.
    pub user: UserId,
    /// What it is for, in a few words.
    pub label: String,
    /// What it is limited to; not empty.
    pub scopes: Vec<Scope>,
    /// Until when it is good; at most a year away.
    pub expires_at: Timestamp,
}

/// A token as it is listed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct AccessToken {
    /// Its number.
    pub id: TokenId,
    /// Whose.
    pub user: UserId,
    /// The user's name.
    pub user_name: UserName,
    /// What it is for.
    pub label: String,
    /// What it is limited to.
    pub scopes: Vec<Scope>,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// Last used (to the minute).
    pub last_used_at: Option<Timestamp>,
}

impl Store {
    /// Makes a token; the second value is its secret (`rk_` and 256 bits in base64url), shown once.
    pub async fn make_token(&self, new: NewToken, by: &Actor) -> Result<(AccessToken, String), StoreError> {
        let _ = (new, by);
        unimplemented!()
    }

    /// Who a bearer token stands for; none when unknown, expired, revoked or the user is gone.
    pub async fn token_principal(&self, secret: &str) -> Result<Option<Principal>, StoreError> {
        let _ = secret;
        unimplemented!()
    }

    /// Tokens that are good; of one user, or all.
    pub async fn tokens(&self, user: Option<UserId>) -> Result<Vec<AccessToken>, StoreError> {
        let _ = user;
        unimplemented!()
    }

    /// Revokes a token.
    pub async fn revoke_token(&self, id: TokenId, by: &Actor) -> Result<(), StoreError> {
        let _ = (id, by);
        unimplemented!()
    }
}
