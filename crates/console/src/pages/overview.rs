//! The page one comes to: what needs a person, what runs, what happened last.

pub(crate) mod show;
