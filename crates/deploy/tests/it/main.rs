//! The waiting room, with a real ledger and a Node-RED that behaves well or badly.

mod badly;
mod house;
mod life;
mod policy;
