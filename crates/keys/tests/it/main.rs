//! The keys process as a real process: what it holds, who can reach it, and what becomes of it.
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says so by failing"
)]

mod files;
mod hostile;
mod house;
mod killed;
mod takeover;
mod walls;
