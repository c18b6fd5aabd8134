//! The wall: the jail Node-RED runs in, and the only unsafe code.
