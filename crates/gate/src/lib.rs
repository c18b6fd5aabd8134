//! The door: the only way in to Node-RED.
#![forbid(unsafe_code)]

pub mod authorize;
pub mod body;
pub mod certificate;
mod headers;
pub mod limit;
pub mod listen;
pub mod route;
mod tls;
