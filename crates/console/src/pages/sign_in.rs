//! Signing in to the console, and from there into a gate.

pub(crate) mod out;
pub(crate) mod passkey;
pub(crate) mod provider;
pub(crate) mod show;
pub(crate) mod submit;
