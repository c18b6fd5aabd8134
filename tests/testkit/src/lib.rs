//! The house seen from outside: starts the real `redkeep` with a real Node-RED and speaks to it as
//! a person, a script or an attacker would. Nothing here knows the product's code; only the words
//! of its API.
//!
//! Open next: [`redkeep`] (the process), [`verbs`] (its command line), [`http`] (a client), [`person`] (who acts), [`browser`].
#![forbid(unsafe_code)]
#![expect(
    clippy::panic,
    clippy::match_wild_err_arm,
    clippy::return_self_not_must_use,
    reason = "a harness fails a test by panicking with what it saw; its builders are used at once"
)]

pub mod browser;
pub mod built;
pub mod comms;
pub mod data_dir;
pub mod deploying;
pub mod disk;
pub mod flows;
pub mod html;
pub mod http;
mod http2;
pub mod mail;
pub mod npm;
pub mod openid;
pub mod pebble;
pub mod person;
mod process;
pub mod processes;
mod record;
pub mod redkeep;
pub mod registry;
pub mod sockets;
pub mod unverified;
pub mod verbs;
pub mod wait;

pub use browser::Browser;
pub use data_dir::DataDir;
pub use http::{Answer, Client};
pub use person::Person;
pub use redkeep::{NodeRed, Options, Redkeep};
pub use wait::{until, within};
