//! The appraiser as its neighbours see it.
#![forbid(unsafe_code)]

mod flows;
mod rules;
