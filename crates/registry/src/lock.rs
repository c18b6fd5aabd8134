//! What is installed: the lock files compiled into the binary.
//!
//! Each lists packages with place, version and integrity, as npm itself resolved them once
//! (`cargo xtask lock`). No registry's address stands in them. A [`Lock`] is the part of them one
//! platform needs: Node.js at `node`, Node-RED and its dependencies under `node_modules`.

use std::fmt::Write as _;

use model::{id::Hash, instance::NodeRedMajor};
use serde::Deserialize;

use crate::integrity::Integrity;

const NODE: &str = include_str!("../locks/node.json");
const NODE_RED_4: &str = include_str!("../locks/node-red-4.json");
const NODE_RED_5: &str = include_str!("../locks/node-red-5.json");

/// The npm package that is Node-RED.
pub const NODE_RED_PACKAGE: &str = "node-red";
/// Where in a tree Node.js lies.
pub const NODE_PATH: &str = "node";

/// An operating system and a processor, in npm's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Platform {
    os: &'static str,
    cpu: &'static str,
}

impl Platform {
    /// Linux with glibc on 64-bit x86.
    pub const LINUX_X64: Self = Self {
        os: "linux",
        cpu: "x64",
    };
    /// Linux with glibc on 64-bit ARM.
    pub const LINUX_ARM64: Self = Self {
        os: "linux",
        cpu: "arm64",
    };

    /// The platform this program was built for.
    pub fn here() -> Result<Self, LockError> {
        match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => Ok(Self::LINUX_X64),
            ("linux", "aarch64") => Ok(Self::LINUX_ARM64),
            (os, cpu) => Err(LockError::Platform { os, cpu }),
        }
    }
}

/// Why a lock cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Not a lock file.
    #[error("the lock file cannot be read: {0}")]
    Json(#[from] serde_json::Error),
    /// A package's place, name or version could lead out of the tree or the registry's paths.
    #[error("the lock file's entry {path:?} is refused: its {what} is not well-formed")]
    Malformed {
        /// The entry's path, cut to 200 characters.
        path: String,
        /// Which part.
        what: &'static str,
    },
    /// Two packages want one place.
    #[error("the lock file names {0:?} twice")]
    Twice(String),
    /// Something without which nothing runs is not in it.
    #[error("the lock file has no {0} for this platform")]
    Lacks(&'static str),
    /// Nothing is locked for this platform.
    #[error(
        "Redkeep carries Node.js for linux on x86_64 and aarch64, not for {os} on {cpu}; run it there"
    )]
    Platform {
        /// The operating system, in Rust's words.
        os: &'static str,
        /// The processor, in Rust's words.
        cpu: &'static str,
    },
}

/// One package: what it is, where it goes, and the hash its tarball must have.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Its folder in the tree, with `/`: `node` or `node_modules/a/node_modules/@b/c`.
    pub path: String,
    /// Its npm name.
    pub name: String,
    /// Its exact version.
    pub version: String,
    /// Its tarball's hash.
    pub integrity: Integrity,
    /// Operating systems it is for (npm's words); empty for all.
    #[serde(default)]
    os: Vec<String>,
    /// Processors it is for (npm's words); empty for all.
    #[serde(default)]
    cpu: Vec<String>,
}

impl Package {
    fn is_for(&self, platform: Platform) -> bool {
        let fits = |list: &[String], own| list.is_empty() || list.iter().any(|item| item == own);
        fits(&self.os, platform.os) && fits(&self.cpu, platform.cpu)
    }

    /// The names end up in paths and URLs, so a lock is not trusted to be harmless, only to be ours.
    fn check(&self) -> Result<(), LockError> {
        let what = if !is_place(&self.path) {
            "path"
        } else if !is_package_name(&self.name) {
            "name"
        } else if !is_version(&self.version) {
            "version"
        } else {
            return Ok(());
        };
        Err(LockError::Malformed {
            path: self.path.chars().take(200).collect(),
            what,
        })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LockFile {
    #[serde(rename = "name")]
    _name: String,
    version: String,
    packages: Vec<Package>,
}

/// Everything one tree consists of, on one platform.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    node_red: String,
    node: String,
    packages: Vec<Package>,
}

impl Lock {
    /// The compiled-in lock of this Node-RED and its Node.js.
    pub fn of(node_red: NodeRedMajor, platform: Platform) -> Self {
        let node_red = match node_red {
            NodeRedMajor::V4 => NODE_RED_4,
            NodeRedMajor::V5 => NODE_RED_5,
        };
        Self::join(NODE, node_red, platform)
            .expect("a test parses every compiled-in lock for every platform")
    }

    /// Joins the texts of a lock file of Node.js and one of Node-RED.
    pub fn join(node: &str, node_red: &str, platform: Platform) -> Result<Self, LockError> {
        let node: LockFile = serde_json::from_str(node)?;
        let node_red: LockFile = serde_json::from_str(node_red)?;
        let mut packages: Vec<Package> = node.packages;
        packages.extend(node_red.packages);
        packages.retain(|package| package.is_for(platform));
        packages.sort_by(|a, b| a.path.cmp(&b.path));
        for (index, package) in packages.iter().enumerate() {
            package.check()?;
            if packages
                .get(index + 1)
                .is_some_and(|next| next.path == package.path)
            {
                return Err(LockError::Twice(package.path.clone()));
            }
        }
        let has = |path: &str| packages.iter().any(|package| package.path == path);
        if !has(NODE_PATH) {
            return Err(LockError::Lacks("Node.js"));
        }
        if !has("node_modules/node-red") {
            return Err(LockError::Lacks("Node-RED"));
        }
        Ok(Self {
            node_red: node_red.version,
            node: node.version,
            packages,
        })
    }

    /// Node-RED's version, as `5.0.7`.
    pub fn node_red_version(&self) -> &str {
        &self.node_red
    }

    /// Node.js' version, as `24.21.0`.
    pub fn node_version(&self) -> &str {
        &self.node
    }

    /// The packages, by path; a package comes before those nested in it.
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// What names this lock's tree: SHA-256 over every package's place, name, version and
    /// integrity, so two locks share a tree exactly when they install the same bytes.
    pub fn digest(&self) -> Hash {
        let mut text = "redkeep-lock-1\n".to_owned();
        for Package {
            path,
            name,
            version,
            integrity,
            ..
        } in &self.packages
        {
            writeln!(text, "{path} {name} {version} {integrity}").expect("a String takes all text");
        }
        Hash::of(text.as_bytes())
    }
}

/// `node`, or `node_modules/<name>` any number of times.
fn is_place(path: &str) -> bool {
    if path == NODE_PATH {
        return true;
    }
    let Some(names) = path.strip_prefix("node_modules/") else {
        return false;
    };
    names.split("/node_modules/").all(is_package_name)
}

/// An npm name, `name` or `@scope/name`, as new packages may have it: URL-safe lower case, no
/// leading dot. (Old upper-case names exist on the registry; none is in our locks.)
fn is_package_name(name: &str) -> bool {
    let part = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text != "node_modules"
            && text.chars().all(|c| {
                c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.' | '_')
            })
    };
    name.len() <= 214
        && match name.strip_prefix('@') {
            Some(scoped) => scoped
                .split_once('/')
                .is_some_and(|(a, b)| part(a) && part(b)),
            None => part(name),
        }
}

fn is_version(version: &str) -> bool {
    version.len() <= 64
        && version.starts_with(|c: char| c.is_ascii_digit())
        && version
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'))
}

#[cfg(test)]
mod tests;
