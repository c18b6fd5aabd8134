//! Against pebble, the real test server, with its faults on.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helper functions too"
)]

mod doors;
mod faults;
mod issue;
mod pebble;
mod proxy;
mod shown;
mod staple;
