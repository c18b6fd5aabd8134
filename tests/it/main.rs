//! The house from the outside: a real `redkeep`, a real Node-RED, a real browser.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by failing"
)]

mod accessibility;
mod browser;
mod certificates;
mod check;
mod command_line_client;
mod damage;
mod decisions;
mod doors;
mod enormous;
mod export;
mod flows;
mod history;
mod import;
mod inside;
mod instances;
mod interrupted;
mod journey;
mod keys;
mod kill;
mod mail;
mod openid;
mod ordinary_user;
mod passkeys;
mod rehearsal;
mod review;
mod roles;
mod secrets;
mod starting;
mod verbs;
mod walls;
