//! What Node-RED says.

pub(crate) mod show;
