//! The jailer alone, for this crate's tests; `redkeep` carries the same entry in its own binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    sandbox::jailer::run_if_asked().unwrap_or_else(|| ExitCode::from(2))
}
