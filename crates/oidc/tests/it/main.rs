//! A provider that says what it should not: everything a hostile or broken one can answer.
#![expect(
    clippy::unwrap_used,
    reason = "in a test a failure is a failure, helpers too"
)]

mod again;
mod fake;
mod hostile;
