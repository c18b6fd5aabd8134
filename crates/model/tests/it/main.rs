//! The laws of flows, tried on generated and on real ones, with Node.js as the judge of canonical
//! text.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

mod javascript;
mod laws;
mod made;
mod real;
