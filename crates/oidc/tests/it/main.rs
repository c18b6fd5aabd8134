//! A provider that says what it should not: everything a hostile or broken one can answer.

mod again;
mod fake;
mod hostile;
