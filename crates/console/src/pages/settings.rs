//! Each instance's rules.

pub(crate) mod ca;
pub(crate) mod policy;
pub(crate) mod restart;
pub(crate) mod routes;
pub(crate) mod show;
