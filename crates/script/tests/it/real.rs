//! Real code.
