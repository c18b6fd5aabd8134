//! The appraiser as its neighbours see it.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod disguise;
mod flows;
mod harmless;
mod hidden;
mod real;
mod rules;
mod ways;
