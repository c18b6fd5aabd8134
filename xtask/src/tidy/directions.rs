//! Who may depend on whom: model ← store ← rooms ← doors ← redkeep.

use std::process::Command;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::Problem;

/// Each crate of the house with what it may depend on, tests left out.
const MAY: [(&str, &[&str]); 17] = [
    ("model", &[]),
    ("script", &["model"]),
    ("inspect", &["model", "script"]),
    ("sandbox", &[]),
    ("keys", &["model", "sandbox"]),
    ("store", &["model", "keys"]),
    ("registry", &["model"]),
    ("runtime", &["model", "store", "sandbox", "script"]),
    ("deploy", &["model", "store", "inspect"]),
    ("integrity", &["model"]),
    ("history", &["model", "store"]),
    ("acme", &["model"]),
    ("oidc", &["model"]),
    ("gate", &["model", "store", "keys", "deploy", "runtime"]),
    (
        "console",
        &["model", "store", "deploy", "runtime", "inspect"],
    ),
    (
        "redkeep",
        &[
            "model",
            "store",
            "sandbox",
            "keys",
            "registry",
            "runtime",
            "deploy",
            "integrity",
            "history",
            "acme",
            "oidc",
            "gate",
            "console",
            "inspect",
            "script",
        ],
    ),
    ("xtask", &[]),
];

/// Crates that must not be reached by `model`: it does no I/O.
const NOT_PURE: [&str; 5] = ["tokio", "hyper", "sqlx", "rustix", "axum"];

pub(crate) fn check() -> Result<Vec<Problem>> {
    let asked = Command::new("cargo")
        .args([
            "metadata",
            "--format-version",
            "1",
            "--no-deps",
            "--offline",
        ])
        .output()
        .context("cargo metadata could not be started")?;
    let metadata: Value = serde_json::from_slice(&asked.stdout).context("cargo metadata")?;
    let packages = metadata["packages"]
        .as_array()
        .map_or(&[][..], Vec::as_slice);
    let ours: Vec<&str> = packages
        .iter()
        .filter_map(|it| it["name"].as_str())
        .collect();
    let mut problems = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let normal = package["dependencies"].as_array().into_iter().flatten();
        let normal = normal
            .filter(|it| it["kind"].is_null())
            .filter_map(|it| it["name"].as_str());
        let normal: Vec<&str> = normal.collect();
        match MAY.iter().find(|(it, _)| *it == name) {
            Some((_, allowed)) => {
                for on in normal
                    .iter()
                    .filter(|on| ours.contains(on) && !allowed.contains(on))
                {
                    let what = format!("may not depend on {on}: see ARCHITECTURE.md, directions");
                    problems.push(Problem::new(name, what));
                }
            }
            None if package_is_test(package) => {}
            None => problems.push(Problem::new(
                name,
                "has no place in xtask's table of directions",
            )),
        }
        if name == "model" {
            for on in normal.iter().filter(|on| NOT_PURE.contains(on)) {
                problems.push(Problem::new(
                    name,
                    format!("is pure and may not depend on {on}"),
                ));
            }
        }
    }
    Ok(problems)
}

/// Whatever lives under tests/, benches/ or fuzz/ may see everything.
fn package_is_test(package: &Value) -> bool {
    let manifest = package["manifest_path"].as_str().unwrap_or_default();
    ["/tests/", "/benches/", "/fuzz/"]
        .iter()
        .any(|part| manifest.contains(part))
}
