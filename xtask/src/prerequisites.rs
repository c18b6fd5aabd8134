//! What the tests need that a machine with Rust alone does not have.

use std::{path::Path, process::Command};

use anyhow::{Result, bail};

/// Debian packages, and the program each is there for.
const PACKAGES: [(&str, &str); 6] = [
    ("chromium", "/usr/bin/chromium"),
    ("chromium-driver", "/usr/bin/chromedriver"),
    ("nodejs", "node"),
    ("npm", "npm"),
    ("git", "git"),
    ("pebble", "/usr/bin/pebble"),
];

/// Cargo tools, and the command that shows they are there.
const TOOLS: [(&str, &str); 1] = [("cargo-deny", "cargo-deny")];

/// Installs what is missing; says so when it cannot.
pub(crate) fn install() -> Result<()> {
    let missing: Vec<&str> = PACKAGES
        .into_iter()
        .filter(|(_, program)| !is_there(program))
        .map(|(package, _)| package)
        .collect();
    if !missing.is_empty() {
        println!("installing {}", missing.join(", "));
        crate::steps::run("apt-get", &["update", "-q"])?;
        let mut args = vec!["install", "-y", "-q", "--no-install-recommends"];
        args.extend(&missing);
        if let Err(error) = crate::steps::run("apt-get", &args) {
            bail!(
                "{} must be installed for the tests: {error:#}",
                missing.join(", ")
            );
        }
    }
    for (tool, program) in TOOLS {
        if !is_there(program) {
            println!("installing {tool}");
            crate::steps::run("cargo", &["install", "--locked", "--quiet", tool])?;
        }
    }
    Ok(())
}

fn is_there(program: &str) -> bool {
    if program.starts_with('/') {
        return Path::new(program).exists();
    }
    Command::new(program)
        .arg("--version")
        .output()
        .is_ok_and(|it| it.status.success())
}
