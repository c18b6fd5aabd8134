//! Signing in by an OpenID Connect provider: discovery, the code flow, and the groups read again.
//!
//! Owns the protocol (OpenID Connect Core and Discovery 1.0, PKCE of RFC 7636, `iss` of RFC 9207,
//! RP-initiated logout) and the connection to the provider. It knows no account, keeps no session,
//! reads no environment and starts nothing: what became of a question is a value, and who that is
//! here is decided elsewhere. Begin reading at [`Provider::begin`] and [`Provider::finish`].

#![forbid(unsafe_code)]

mod claims;
mod flow;
mod provider;
mod refused;
mod settings;
mod transport;

pub use flow::{Arrived, Begun, Flow, Grant, Returned, Still};
pub use provider::{OpenError, Provider};
pub use refused::Refused;
pub use settings::{Accounts, GroupRole, Settings, SettingsError};
