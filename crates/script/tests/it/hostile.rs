//! Whatever comes in, an answer comes out.
