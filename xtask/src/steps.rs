//! The steps of `cargo xtask test`, in order. The first that fails ends the run.

use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

use anyhow::{Context as _, Result, bail};

/// The repository: the one cargo runs this from. Not the one it was compiled in, which is another when two copies
/// share a target directory.
pub(crate) fn root() -> PathBuf {
    let ours = std::env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    ours.parent().map(Path::to_owned).unwrap_or_default()
}

/// Everything CI checks.
pub(crate) fn test() -> Result<()> {
    step("prerequisites", crate::prerequisites::install)?;
    step("formatting", || run("cargo", &["fmt", "--all", "--check"]))?;
    step("tidy", crate::tidy::run)?;
    step("dependencies", || {
        run("cargo", &["deny", "check", "bans", "licenses", "sources"])?;
        crate::notices::check()
    })?;
    step("lints", || {
        let all = [
            "clippy",
            "--workspace",
            "--all-targets",
            "--locked",
            "--",
            "-D",
            "warnings",
        ];
        run("cargo", &all)
    })?;
    step("build", || {
        run("cargo", &["build", "--workspace", "--locked"])
    })?;
    step("tests", || {
        run("cargo", &["test", "--workspace", "--locked"])
    })
}

fn step(name: &str, work: impl FnOnce() -> Result<()>) -> Result<()> {
    println!("== {name}");
    let started = Instant::now();
    work().with_context(|| format!("{name} failed"))?;
    println!("== {name}: {} s", started.elapsed().as_secs());
    Ok(())
}

/// Runs a program with its output shown.
pub(crate) fn run(program: &str, args: &[&str]) -> Result<()> {
    let status = Command::new(program)
        .args(args)
        .status()
        .with_context(|| format!("{program} could not be started"))?;
    if !status.success() {
        bail!("`{program} {}` ended with {status}", args.join(" "));
    }
    Ok(())
}
