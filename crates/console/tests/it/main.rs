//! The console from outside: over its router, with a real ledger.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says no more than that it failed"
)]

mod api;
#[path = "../../../store/tests/it/authenticator.rs"]
mod authenticator;
mod compressed;
mod displays;
mod emergency;
mod forms;
mod house;
mod http;
mod kept;
mod pages;
mod passkeys;
mod people;
mod rehearsal;
mod review;
mod rules;
mod step_up;
mod together;
mod versions;
