//! One's own account.

pub(crate) mod factor;
pub(crate) mod mail;
pub(crate) mod passkey;
pub(crate) mod password;
pub(crate) mod show;
pub(crate) mod token;
