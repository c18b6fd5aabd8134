//! What the room says of code, from the outside.

#![expect(
    clippy::unwrap_used,
    clippy::format_push_string,
    clippy::format_collect,
    clippy::needless_raw_string_hashes,
    reason = "tests: brevity before all"
)]

mod hostile;
mod pairs;
mod real;
