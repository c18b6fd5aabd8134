//! One's own password, sessions and tokens.

pub(crate) mod password;
pub(crate) mod show;
pub(crate) mod token;
