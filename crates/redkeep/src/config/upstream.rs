//! Where npm tarballs come from. The address stands nowhere in this repository: it is found.
//!
//! In order: the flag or the configuration; `NPM_CONFIG_REGISTRY`; `.npmrc` of the user and of
//! the system; what an installed npm answers; the value `REDKEEP_NPM_REGISTRY` had when this
//! binary was built.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context as _, bail};
use registry::{Npmrc, Upstream};

use super::environment;

/// Finds the upstream. `said` is the flag or the configuration.
pub(crate) fn find(said: Option<&str>) -> anyhow::Result<Upstream> {
    let npmrcs = npmrcs();
    let environment = || {
        environment("NPM_CONFIG_REGISTRY").or_else(|| environment("npm_config_registry"))
    };
    let found = said
        .map(str::to_owned)
        .or_else(environment)
        .or_else(|| npmrcs.iter().find_map(|it| it.registry().map(str::to_owned)))
        .or_else(ask_npm)
        .or_else(|| option_env!("REDKEEP_NPM_REGISTRY").map(str::to_owned));
    let Some(address) = found.map(|it| it.trim().to_owned()).filter(|it| !it.is_empty()) else {
        bail!(
            "it is not known where npm packages come from: name your npm registry with \
             --npm-registry URL, `npm_registry` in redkeep.toml, or NPM_CONFIG_REGISTRY"
        );
    };
    let token = npmrcs.iter().find_map(|it| it.token_for(&address));
    Upstream::new(&address, token).with_context(|| {
        format!("{address:?} is no address of an npm registry: it should look like https://HOST/")
    })
}

fn npmrcs() -> Vec<Npmrc> {
    let home = environment("HOME").map(|home| Path::new(&home).join(".npmrc"));
    let user = environment("NPM_CONFIG_USERCONFIG").map(PathBuf::from).or(home);
    let system = [PathBuf::from("/etc/npmrc"), PathBuf::from("/usr/etc/npmrc")];
    let read = |path: PathBuf| std::fs::read_to_string(path).ok().map(|text| Npmrc::parse(&text));
    user.into_iter().chain(system).filter_map(read).collect()
}

/// What an installed npm answers. Its answer is only an address: everything that comes from there
/// is checked against the hashes in this binary.
fn ask_npm() -> Option<String> {
    let asked = Command::new("npm")
        .args(["config", "get", "registry"])
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let answer = String::from_utf8(asked.stdout).ok()?;
    let answer = answer.trim();
    (asked.status.success() && answer.starts_with("http")).then(|| answer.to_owned())
}
