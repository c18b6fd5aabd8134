//! What developers and CI run: `cargo xtask test | tidy | lock`.
#![forbid(unsafe_code)]
#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line tool prints"
)]

mod findings;
mod lock;
mod notices;
mod prerequisites;
mod steps;
mod tidy;

use std::process::ExitCode;

use anyhow::{Result, bail};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let verb = args.next().unwrap_or_default();
    match run(&verb, &args.collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {verb}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(verb: &str, args: &[String]) -> Result<()> {
    std::env::set_current_dir(steps::root())?;
    match verb {
        "test" => steps::test(),
        "tidy" => tidy::run(),
        "prerequisites" => prerequisites::install(),
        "lock" => lock::run(args),
        "notices" => notices::write(),
        "findings" => findings::write(),
        _ => bail!("say one of: test, tidy, prerequisites, lock, notices, findings"),
    }
}
