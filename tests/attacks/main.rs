//! Attacks on the house, each shown to fail. See README.md for what stands in `packages/` and
//! `docs/prior-attacks.md` for the table.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on says so by failing"
)]

mod alter_the_body;
mod approve_from_the_editor;
mod connect_to_other_sockets;
mod deploy_from_the_editor;
mod listen_on_a_port;
mod overwrite_cookies;
mod package;
mod reach_a_foreign_host;
mod read_secrets;
mod run_a_command;
mod set_flows_from_inside;
mod signal_the_supervisor;
mod survive_a_restart;
mod write_files;
