//! `cargo xtask lock`: writes the lock files of `crates/registry/locks` anew.
//!
//! npm resolves (in an empty folder, without scripts), and of its answer only what a Linux with
//! glibc needs is kept: each package's place, name, version and SHA-512. Where a tarball came from
//! is left out, so no registry's address enters the repository. Which registry npm asks is npm's
//! own configuration.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, bail, ensure};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

/// Node.js, from the npm packages that carry it, one for each processor.
const NODE: &str = "24.21.0";
/// Lock file and Node-RED version.
const NODE_REDS: [(&str, &str); 2] = [("node-red-5", "5.0.7"), ("node-red-4", "4.1.15")];
/// Processors Redkeep runs on, in npm's words.
const CPUS: [&str; 2] = ["x64", "arm64"];

/// Resolves the pinned versions again and rewrites all lock files. Takes no arguments.
pub(crate) fn run(args: &[String]) -> anyhow::Result<()> {
    ensure!(
        args.is_empty(),
        "lock takes no arguments: the versions stand in xtask/src/lock.rs"
    );
    let locks = crate::steps::root().join("crates/registry/locks");

    let wanted = CPUS.map(|cpu| format!("node-linux-{cpu}@{NODE}"));
    let mut node = Vec::new();
    for (cpu, wanted) in CPUS.iter().zip(&wanted) {
        let resolved = resolve(std::slice::from_ref(wanted))?;
        let entry = resolved
            .get(&format!("node_modules/node-linux-{cpu}"))
            .with_context(|| format!("npm did not resolve {wanted}"))?;
        let mut package = entry.keep("node", &format!("node-linux-{cpu}"))?;
        package.os = vec!["linux".to_owned()];
        package.cpu = vec![(*cpu).to_owned()];
        node.push(package);
    }
    write(&locks.join("node.json"), "node", NODE, &node)?;

    for (file, version) in NODE_REDS {
        let resolved = resolve(&[format!("node-red@{version}")])?;
        let packages = needed(&resolved)?;
        write(
            &locks.join(format!("{file}.json")),
            "node-red",
            version,
            &packages,
        )?;
    }
    Ok(())
}

/// What is kept of a package; see `registry::lock::Package`.
#[derive(Debug, Serialize)]
struct Package {
    path: String,
    name: String,
    version: String,
    integrity: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    os: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cpu: Vec<String>,
}

/// An entry of npm's `package-lock.json`, version 3.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Entry {
    name: Option<String>,
    version: String,
    integrity: Option<String>,
    #[serde(deserialize_with = "one_or_many")]
    os: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    cpu: Vec<String>,
    #[serde(deserialize_with = "one_or_many")]
    libc: Vec<String>,
    optional: bool,
    in_bundle: bool,
    link: bool,
    dependencies: BTreeMap<String, String>,
    optional_dependencies: BTreeMap<String, String>,
    peer_dependencies: BTreeMap<String, String>,
}

/// npm leaves `"cpu": "x64"` as a package wrote it.
fn one_or_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum OneOrMany {
        One(String),
        Many(Vec<String>),
    }
    Ok(match OneOrMany::deserialize(deserializer)? {
        OneOrMany::One(text) => vec![text],
        OneOrMany::Many(texts) => texts,
    })
}

impl Entry {
    fn runs_here(&self) -> bool {
        let fits = |list: &[String], ours: &[&str]| {
            list.is_empty() || list.iter().any(|item| ours.contains(&item.as_str()))
        };
        fits(&self.os, &["linux"]) && fits(&self.cpu, &CPUS) && fits(&self.libc, &["glibc"])
    }

    fn keep(&self, path: &str, name: &str) -> anyhow::Result<Package> {
        ensure!(!self.link, "{path} is a link");
        let integrity = self
            .integrity
            .clone()
            .with_context(|| format!("{path}: no integrity"))?;
        ensure!(
            integrity.starts_with("sha512-"),
            "{path}: {integrity} is not a sha512"
        );
        Ok(Package {
            path: path.to_owned(),
            name: self.name.clone().unwrap_or_else(|| name.to_owned()),
            version: self.version.clone(),
            integrity,
            os: self.os.clone(),
            cpu: self.cpu.clone(),
        })
    }
}

type Resolved = BTreeMap<String, Entry>;

/// npm's resolution of `wanted` in an empty project.
fn resolve(wanted: &[String]) -> anyhow::Result<Resolved> {
    #[derive(Deserialize)]
    struct PackageLock {
        packages: Resolved,
    }
    let folder = Scratch::new()?;
    fs::write(
        folder.0.join("package.json"),
        r#"{"name":"lock","version":"0.0.0"}"#,
    )?;
    let status = Command::new("npm")
        .current_dir(&folder.0)
        // The arm64 package is resolved on x64 too.
        .args([
            "install",
            "--package-lock-only",
            "--ignore-scripts",
            "--omit=dev",
            "--force",
        ])
        .args([
            "--no-audit",
            "--no-fund",
            "--no-update-notifier",
            "--loglevel=error",
        ])
        .args(wanted)
        .status()
        .context("npm could not be started; lock files are resolved by an installed npm")?;
    ensure!(status.success(), "npm could not resolve {wanted:?}");
    let text = fs::read(folder.0.join("package-lock.json")).context("npm wrote no lock file")?;
    let lock: PackageLock = serde_json::from_slice(&text).context("npm's lock file is unknown")?;
    Ok(lock.packages)
}

/// The packages reached from the root over dependencies that run on our platforms. What only
/// another platform's native module needs (the WASM build's helpers, say) is so left out, and so
/// is what lies inside another package's tarball.
fn needed(resolved: &Resolved) -> anyhow::Result<Vec<Package>> {
    let mut reached = BTreeSet::new();
    let mut open = vec![String::new()];
    while let Some(path) = open.pop() {
        let entry = resolved
            .get(&path)
            .with_context(|| format!("npm's lock lacks {path}"))?;
        let names = entry.dependencies.keys().map(|name| (name, entry.optional));
        let names = names
            .chain(entry.optional_dependencies.keys().map(|name| (name, true)))
            .chain(entry.peer_dependencies.keys().map(|name| (name, true)));
        for (name, may_lack) in names {
            let Some((found, target)) = lookup(resolved, &path, name) else {
                if may_lack {
                    continue;
                }
                bail!("{path} needs {name}, which npm did not resolve");
            };
            if !target.in_bundle && target.runs_here() && reached.insert(found.clone()) {
                open.push(found);
            }
        }
    }
    reached
        .iter()
        .map(|path| {
            let name = path.rsplit("node_modules/").next().unwrap_or_default();
            resolved[path].keep(path, name)
        })
        .collect()
}

/// Node.js' own way of finding a package: the nearest `node_modules` upwards.
fn lookup<'a>(resolved: &'a Resolved, from: &str, name: &str) -> Option<(String, &'a Entry)> {
    let mut base = from;
    loop {
        let path = if base.is_empty() {
            format!("node_modules/{name}")
        } else {
            format!("{base}/node_modules/{name}")
        };
        if let Some(entry) = resolved.get(&path) {
            return Some((path, entry));
        }
        if base.is_empty() {
            return None;
        }
        base = base.rfind("/node_modules/").map_or("", |at| &base[..at]);
    }
}

/// One package a line, so that an update reads well in a diff.
fn write(file: &Path, name: &str, version: &str, packages: &[Package]) -> anyhow::Result<()> {
    let lines: Vec<String> = packages
        .iter()
        .map(serde_json::to_string)
        .collect::<Result<_, _>>()?;
    let text = format!(
        "{{\"name\":{},\"version\":{},\"packages\":[\n{}\n]}}\n",
        json!(name),
        json!(version),
        lines.join(",\n")
    );
    ensure!(
        !text.contains("://"),
        "an address would enter {}",
        file.display()
    );
    fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

/// An empty folder, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> anyhow::Result<Self> {
        let folder = std::env::temp_dir().join(format!("redkeep-lock-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Left-over scratch folders harm nothing; the next run has another process number.
        drop(fs::remove_dir_all(&self.0));
    }
}
