//! Who may come in, and as what.

pub(crate) mod break_glass;
pub(crate) mod enrol;
pub(crate) mod kiosk;
pub(crate) mod remove;
pub(crate) mod reset;
pub(crate) mod revoke;
pub(crate) mod role;
pub(crate) mod roles;
pub(crate) mod rules;
pub(crate) mod show;
