//! The house from the outside: a real `redkeep`, a real Node-RED, a real browser.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by failing"
)]

mod browser;
mod decisions;
mod doors;
mod flows;
mod inside;
mod journey;
mod kill;
mod rehearsal;
mod secrets;
mod starting;
