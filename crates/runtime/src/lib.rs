//! The workshop: supervises Node-RED in its jail and speaks its admin API.
