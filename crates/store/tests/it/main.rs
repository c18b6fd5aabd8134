//! The ledger from outside: what it keeps, what it refuses, what it notices.

#![expect(
    clippy::unwrap_used,
    reason = "in a test a failure is a failure, helpers too"
)]

mod accounts;
mod approval;
mod authenticator;
mod baselines;
mod chain;
mod deployments;
mod external;
mod house;
mod instances;
mod killed;
mod kiosks;
mod mails;
mod opening;
mod passkeys;
mod rehearsals;
mod renewal;
mod roles;
mod rules;
mod sessions;
