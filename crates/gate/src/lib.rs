//! The door: the only way in to Node-RED.
