//! What a change does: what it can now reach, what it puts at risk, what depends on it.
//!
//! Pure: two flows and their difference in, findings out. A finding is a hint, not a verdict.
#![forbid(unsafe_code)]
