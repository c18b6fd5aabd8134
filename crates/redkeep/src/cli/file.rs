//! Files the command line writes for people.

use std::{fs::OpenOptions, io::Write as _, path::Path};

use anyhow::Context as _;

use crate::exit::Failure;

/// Writes a file; over one that is there only where `is_forced` says so, so that no mistyped name
/// costs a file.
pub(crate) fn put(path: &Path, bytes: &[u8], is_forced: bool) -> Result<(), Failure> {
    let shown = path.display();
    let mut options = OpenOptions::new();
    options.write(true);
    if is_forced {
        options.create(true).truncate(true);
    } else {
        options.create_new(true);
    }
    let opened = options.open(path);
    let mut opened = opened.with_context(|| {
        format!("{shown} cannot be made; choose another name, or --force to write over it")
    })?;
    let written = opened.write_all(bytes);
    written.with_context(|| format!("{shown} could not be written"))?;
    Ok(())
}
