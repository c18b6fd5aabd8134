//! One program that runs Node-RED where it cannot be reached, changed or misused.
//!
//! Six things under one name: the jailer (`__jail`, before anything else is done) and what clears a
//! work folder (`__clear`), the process that holds the keys (`__keys`), the one that keeps root's rights
//! (`__broker`), the main job (`up`), and the command line that speaks to it.
#![forbid(unsafe_code)]

mod broker;
mod cli;
mod clock;
mod config;
mod control;
mod exit;
mod offline;
mod terminal;
mod up;
mod wire;

use std::{process::ExitCode, sync::Arc};

fn main() -> ExitCode {
    // First of all, while there is one thread and nothing is open: the jailer drops privileges.
    if let Some(code) = sandbox::jailer::run_if_asked() {
        return code;
    }
    if let Some(code) = runtime::clearing::run_if_asked() {
        return code;
    }
    // Then, still with one thread: the process that keeps root's rights, and the one that holds the keys.
    if let Some(code) = broker::duties::run_if_asked() {
        return code;
    }
    if let Some(code) = keys::process::run_if_asked(Arc::new(clock::SystemClock)) {
        return code;
    }
    cli::run()
}
