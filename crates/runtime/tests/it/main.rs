//! The workshop with a real Node-RED in the real jail.
//!
//! This binary is also the jailer: the workshop starts it again with the jailer's verb. So it has
//! a `main` of its own instead of the test harness, which would be a multi-threaded jailer.

use std::{panic::AssertUnwindSafe, process::ExitCode};

use futures_util::FutureExt as _;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod house;
#[cfg(test)]
mod palette;
#[cfg(test)]
mod rehearsals;

#[expect(
    clippy::print_stdout,
    reason = "it stands in for the test harness, which prints"
)]
fn main() -> ExitCode {
    if let Some(code) = sandbox::jailer::run_if_asked() {
        return code;
    }
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let is_listing = arguments.iter().any(|argument| argument == "--list");
    let filter = arguments.iter().find(|argument| !argument.starts_with('-'));
    let chosen = cases::all()
        .into_iter()
        .chain(rehearsals::all())
        .filter(|(name, _)| filter.is_none_or(|filter| name.contains(filter.as_str())));
    let runtime = tokio::runtime::Runtime::new().expect("threads can be made");
    let mut failed = 0;
    for (name, case) in chosen {
        if is_listing {
            println!("{name}: test");
            continue;
        }
        let outcome = runtime.block_on(AssertUnwindSafe(case()).catch_unwind());
        println!(
            "test {name} ... {}",
            if outcome.is_ok() { "ok" } else { "FAILED" }
        );
        failed += u8::from(outcome.is_err());
    }
    ExitCode::from(failed)
}
