//! Certificates from an ACME server (RFC 8555): the account, orders, proofs, and when to renew.
//!
//! Owns the course of an order and what of it must survive a crash. It holds no global state,
//! reads no environment and starts nothing: where secrets are kept ([`Keep`]), who shows a proof to
//! the server's validators ([`Show`]) and who is told ([`Tell`]) is given, so that it can live in a
//! process that is not the web server. Begin reading at [`Engine::look`].

#![forbid(unsafe_code)]

mod account;
mod check;
mod engine;
mod failure;
mod keep;
mod nonce;
mod order;
mod proof;
mod record;
mod renewal;
mod schedule;
mod settings;
mod staple;
mod transport;

pub use check::{Certificate, Facts, facts};
pub use engine::{Engine, News, OpenError, Status, Tell};
pub use failure::Trouble;
pub use keep::{Folder, Keep};
pub use proof::{Boxed, Proof, Show, alpn_certificate};
pub use settings::{Authority, ExternalAccount, Method, Name, Settings, SettingsError};
pub use staple::{Responder, Staple, again, fetch, responder};
