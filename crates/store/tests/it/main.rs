//! The ledger from outside: what it keeps, what it refuses, what it notices.

mod accounts;
mod baselines;
mod chain;
mod deployments;
mod house;
mod instances;
mod killed;
mod opening;
mod sessions;
