//! The house's own rules, checked: a rule that is not checked is a wish.

mod directions;
mod owners;
mod requirements;
mod texts;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

/// One thing that is not as it should be.
pub(crate) struct Problem {
    pub(crate) place: String,
    pub(crate) what: String,
}

impl Problem {
    pub(crate) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            place: place.into(),
            what: what.into(),
        }
    }
}

/// Runs every check and lists everything found.
pub(crate) fn run() -> Result<()> {
    let files = tracked_files()?;
    let mut problems = directions::check()?;
    problems.extend(owners::check(&files));
    problems.extend(texts::check(&files));
    problems.extend(requirements::check()?);
    for Problem { place, what } in &problems {
        println!("{place}: {what}");
    }
    match problems.len() {
        0 => Ok(()),
        count => bail!("{count} places are not tidy"),
    }
}

/// A file of the repository that is text.
pub(crate) struct TextFile {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
}

impl TextFile {
    /// The path, for people and for matching.
    pub(crate) fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Rust code that ships: no tests, no examples.
    pub(crate) fn is_product_code(&self) -> bool {
        let name = self.name();
        name.starts_with("crates/")
            && self.path.extension().is_some_and(|it| it == "rs")
            && name.contains("/src/")
            && !is_test_path(&self.path)
    }

    /// The text before the file's inline test module.
    pub(crate) fn without_tests(&self) -> &str {
        self.text
            .split("#[cfg(test)]\nmod tests {")
            .next()
            .unwrap_or_default()
    }
}

fn is_test_path(path: &Path) -> bool {
    path.components().any(|part| {
        let part = part.as_os_str().to_string_lossy();
        part == "tests" || part == "tests.rs" || part.ends_with("_tests.rs")
    })
}

fn tracked_files() -> Result<Vec<TextFile>> {
    let listed = Command::new("git")
        .args([
            "ls-files",
            "-z",
            "--cached",
            "--others",
            "--exclude-standard",
        ])
        .output()
        .context("git could not be started")?;
    if !listed.status.success() {
        bail!(
            "git ls-files failed: {}",
            String::from_utf8_lossy(&listed.stderr)
        );
    }
    let names = String::from_utf8(listed.stdout)?;
    let paths = names
        .split('\0')
        .filter(|name| !name.is_empty())
        .map(PathBuf::from);
    let read = |path: PathBuf| {
        // Deleted but not yet committed, or not text: nothing to check.
        let text = fs::read(&path)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok())?;
        Some(TextFile { path, text })
    };
    Ok(paths.filter_map(read).collect())
}
