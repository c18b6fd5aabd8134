//! `THIRD-PARTY.md`: whose work Redkeep stands on, and under which licences.

use std::{collections::BTreeSet, fmt::Write as _, fs, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

const FILE: &str = "THIRD-PARTY.md";

/// The crate that holds a font, and where in it the font's terms are.
const FONTS: (&str, &str) = ("dejavu", "assets/dejavu-fonts-ttf-2.37/LICENSE");

/// Writes the file anew.
pub(crate) fn write() -> Result<()> {
    Ok(fs::write(FILE, text()?)?)
}

/// Whether the file is what would be written.
pub(crate) fn check() -> Result<()> {
    let found = fs::read_to_string(FILE).with_context(|| FILE.to_owned())?;
    if found != text()? {
        bail!("{FILE} is out of date: run `cargo xtask notices`");
    }
    Ok(())
}

/// Everything that is linked into the program on Linux, by name.
fn text() -> Result<String> {
    let listed = Command::new("cargo")
        .args([
            "tree",
            "--locked",
            "--package",
            "redkeep",
            "--edges",
            "normal",
            "--prefix",
            "none",
        ])
        .args(["--target", "x86_64-unknown-linux-gnu", "--format", "{p}"])
        .output()
        .context("cargo tree could not be started")?;
    if !listed.status.success() {
        bail!(
            "cargo tree failed: {}",
            String::from_utf8_lossy(&listed.stderr)
        );
    }
    let used: BTreeSet<String> = String::from_utf8(listed.stdout)?
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (name, version) = (words.next()?, words.next()?.trim_start_matches('v'));
            Some(format!("{name} {version}"))
        })
        .collect();
    let asked = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--locked"])
        .output()
        .context("cargo metadata could not be started")?;
    let metadata: Value = serde_json::from_slice(&asked.stdout).context("cargo metadata")?;
    let mut text = String::from(
        "# Third-party software\n\nRedkeep is linked with these crates. Each crate's package holds \
         its licence's text. Made by `cargo xtask notices`.\n\n\
         | crate | version | licence |\n| --- | --- | --- |\n",
    );
    let mut rows = BTreeSet::new();
    for package in metadata["packages"].as_array().into_iter().flatten() {
        let get = |key: &str| package[key].as_str().unwrap_or("see its package");
        let (name, version) = (get("name"), get("version"));
        // Our own crates have no source.
        if !package["source"].is_null() && used.contains(&format!("{name} {version}")) {
            rows.insert(format!("| {name} | {version} | {} |", get("license")));
        }
    }
    for row in rows {
        writeln!(text, "{row}").expect("a String takes all text");
    }
    fonts(&mut text, &metadata)?;
    Ok(text)
}

/// The terms of fonts that are in the program: their licence says that it goes along with them.
fn fonts(text: &mut String, metadata: &Value) -> Result<()> {
    let packages = metadata["packages"].as_array().into_iter().flatten();
    for package in packages.filter(|package| package["name"] == FONTS.0) {
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        let path = Path::new(manifest).with_file_name(FONTS.1);
        let terms = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        writeln!(
            text,
            "\n## DejaVu Sans Condensed\n\nThe font of pictures, in the crate `{}`, under these terms.\n\n```text\n{}\n```",
            FONTS.0,
            terms.trim()
        )
        .expect("a String takes all text");
    }
    Ok(())
}
