//! The picture of a flow.
pub const STYLE: &str = "";
