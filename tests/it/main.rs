//! The house from the outside: a real `redkeep`, a real Node-RED, and everything the issue that
//! built it says must hold.

mod browser;
mod decisions;
mod doors;
mod flows;
mod inside;
mod journey;
mod kill;
mod secrets;
mod starting;
