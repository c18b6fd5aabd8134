//! The laws of flows, tried on generated and on real ones, with Node.js as the judge of canonical
//! text.

mod javascript;
mod laws;
mod made;
mod real;
