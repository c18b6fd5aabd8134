//! The binary, as a shell sees it.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

mod inspect;
