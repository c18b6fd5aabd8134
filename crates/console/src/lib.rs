//! The reading room: pages and API, on an origin of its own.
