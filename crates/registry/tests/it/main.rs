//! The goods entrance against upstreams, archives, disks and tamperers that misbehave.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking, its helper functions too"
)]

mod damage;
mod fake;
mod install;
mod interrupt;
mod upstream;
