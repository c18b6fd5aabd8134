//! The keys process alone, for this crate's tests; `redkeep` carries the same entry in its own
//! binary.

use std::{process::ExitCode, sync::Arc};

use model::clock::{FixedClock, Timestamp};

fn main() -> ExitCode {
    let clock = Arc::new(FixedClock::new(Timestamp(1_800_000_000_000)));
    keys::process::run_if_asked(clock).unwrap_or_else(|| ExitCode::from(2))
}
