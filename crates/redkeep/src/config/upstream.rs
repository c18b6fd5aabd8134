//! Where npm tarballs come from. The address stands nowhere in this repository: it is found.
//!
//! In order: the flag or the configuration; `NPM_CONFIG_REGISTRY`; `.npmrc` of the user and of
//! the system; what an installed npm answers; the value `REDKEEP_NPM_REGISTRY` had when this
//! binary was built.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::bail;
use registry::{Npmrc, Upstream, upstream::Limits};

use super::environment;

/// Finds the upstream. `said` is the flag or the configuration.
pub(crate) fn find(said: Option<&str>, npmrc: &Npmrc) -> anyhow::Result<Upstream> {
    let variable =
        || environment("NPM_CONFIG_REGISTRY").or_else(|| environment("npm_config_registry"));
    let found = said
        .map(str::to_owned)
        .or_else(variable)
        .or_else(|| npmrc.registry().map(str::to_owned))
        .or_else(ask_npm)
        .or_else(|| option_env!("REDKEEP_NPM_REGISTRY").map(str::to_owned));
    let Some(registry) = found
        .map(|it| it.trim().to_owned())
        .filter(|it| !it.is_empty())
    else {
        bail!(
            "it is not known where npm packages come from: name your npm registry with \
             --npm-registry URL, `npm_registry` in redkeep.toml, or NPM_CONFIG_REGISTRY"
        );
    };
    let proxy = environment("HTTPS_PROXY").or_else(|| environment("https_proxy"));
    let proxy = proxy.filter(|it| !it.is_empty());
    let address = npmrc.address(&registry);
    Ok(Upstream::new(address, proxy.as_deref(), Limits::default())?)
}

/// What the user's and the system's `.npmrc` say, the user's first. Read early: root's is closed to the
/// user Redkeep becomes.
pub(crate) fn npmrc() -> Npmrc {
    let home = environment("HOME").map(|home| Path::new(&home).join(".npmrc"));
    let user = environment("NPM_CONFIG_USERCONFIG")
        .map(PathBuf::from)
        .or(home);
    let system = [PathBuf::from("/etc/npmrc"), PathBuf::from("/usr/etc/npmrc")];
    let read = |path: PathBuf| std::fs::read_to_string(path).ok();
    let files = user.into_iter().chain(system).filter_map(read);
    files.fold(Npmrc::default(), |all, text| {
        all.or(Npmrc::parse(&text, environment))
    })
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
