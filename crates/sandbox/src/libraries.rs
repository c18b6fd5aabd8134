//! The shared libraries of the machine: what Node.js needs to start, and nothing else of `/usr`.
//!
//! A loader runs any program it can read (`ld.so /usr/lib/git-core/git`), whatever the file's mode
//! and whatever Landlock says about executing. So what can be read there is libraries, file by file,
//! and not the programs that lie beside them.

use std::fs;
use std::path::{Path, PathBuf};

/// Where loaders look without being told.
const BASES: [&str; 4] = ["/lib", "/lib64", "/usr/lib", "/usr/lib64"];

/// The loaders that a program may name as its interpreter.
const LOADERS: [&str; 4] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
];

/// What the machine has of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Libraries {
    /// Directories that hold libraries.
    pub(crate) dirs: Vec<PathBuf>,
    /// Links to such directories, such as `/lib` to `usr/lib`.
    pub(crate) links: Vec<(PathBuf, PathBuf)>,
    /// The libraries themselves, regular files only.
    pub(crate) files: Vec<PathBuf>,
    /// The loaders that exist.
    pub(crate) loaders: Vec<PathBuf>,
}

/// Looks at the machine.
pub(crate) fn find() -> Libraries {
    let mut found = Libraries::default();
    for base in BASES.map(Path::new) {
        match fs::read_link(base) {
            Ok(target) => found.links.push((base.to_owned(), target)),
            Err(_) => found.look_in(base),
        }
        // Debian keeps them one level deeper, by architecture.
        let multiarch = base.join(format!("{}-linux-gnu", std::env::consts::ARCH));
        if !base.is_symlink() {
            found.look_in(&multiarch);
        }
    }
    found.loaders = LOADERS
        .iter()
        .map(PathBuf::from)
        .filter(|path| path.exists())
        .collect();
    found
}

impl Libraries {
    fn look_in(&mut self, dir: &Path) {
        let (files, has_libraries) = libraries_in(dir);
        if has_libraries {
            self.dirs.push(dir.to_owned());
            self.files.extend(files);
            // Variants of the same libraries for newer processors; the loader prefers them.
            let variants = fs::read_dir(dir.join("glibc-hwcaps"))
                .into_iter()
                .flatten()
                .flatten();
            for variant in variants {
                self.files.extend(libraries_in(&variant.path()).0);
            }
        }
    }
}

/// The libraries directly in `dir`, and whether it holds any, links counted.
fn libraries_in(dir: &Path) -> (Vec<PathBuf>, bool) {
    let mut files = Vec::new();
    let mut any = false;
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if !is_library(&entry.file_name().to_string_lossy()) {
            continue;
        }
        any = true;
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            files.push(entry.path());
        }
    }
    (files, any)
}

/// `libc.so.6`, `ld-linux-x86-64.so.2`, `libz.so`; not `something.socket` or `notes.sober`.
fn is_library(name: &str) -> bool {
    name.match_indices(".so").any(|(at, _)| {
        let rest = name.get(at + 3..).unwrap_or_default();
        rest.is_empty() || rest.starts_with('.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_told_from_other_files() {
        for name in [
            "libc.so.6",
            "libz.so",
            "ld-linux-x86-64.so.2",
            "libstdc++.so.6.0.30",
        ] {
            assert!(is_library(name), "{name}");
        }
        for name in ["git", "avahi.socket", "libfoo.a", "perl", "x.sober"] {
            assert!(!is_library(name), "{name}");
        }
    }

    #[test]
    fn this_machine_has_a_loader_and_a_c_library() {
        let found = find();
        assert!(!found.loaders.is_empty());
        assert!(
            found
                .files
                .iter()
                .any(|file| file.to_string_lossy().contains("libc."))
        );
        assert!(
            found
                .files
                .iter()
                .all(|file| file.is_file() && !file.is_symlink())
        );
    }
}
