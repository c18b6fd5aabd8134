//! The text JavaScript would write.
