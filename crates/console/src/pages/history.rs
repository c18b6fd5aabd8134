//! What ran, and the way back.

pub(crate) mod rollback;
pub(crate) mod show;
