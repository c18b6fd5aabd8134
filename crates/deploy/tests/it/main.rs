//! The waiting room, with a real ledger and a Node-RED that behaves well or badly.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test says no more than that it failed"
)]

#[path = "../../../store/tests/it/authenticator.rs"]
mod authenticator;
mod badly;
mod demands;
mod emergency;
mod export;
mod house;
mod kept;
mod life;
mod line;
mod policy;
mod rehearse;
mod tightened;
mod together;
mod touch;
mod versions;
