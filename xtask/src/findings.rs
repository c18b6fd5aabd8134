//! Writes `docs/findings.md` from the rules. A test of `inspect` fails when it is not current.

use std::{fs, process::Command};

use anyhow::{Context as _, Result, ensure};

pub(crate) fn write() -> Result<()> {
    let made = Command::new("cargo")
        .args([
            "run",
            "--quiet",
            "--package",
            "inspect",
            "--example",
            "findings",
        ])
        .output()
        .context("cargo could not be started")?;
    ensure!(
        made.status.success(),
        "the document could not be made: {}",
        String::from_utf8_lossy(&made.stderr)
    );
    fs::write("docs/findings.md", made.stdout).context("docs/findings.md")?;
    println!("docs/findings.md is written");
    Ok(())
}
