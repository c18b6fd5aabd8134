//! `[[oidc]]`: providers people can sign in by, and who is what by them.

use std::{fs, path::PathBuf};

use anyhow::{Context as _, bail};
use oidc::{Accounts, GroupRole, Settings};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::{acme::roots, mail::secret_line};

/// Seconds between two questions about somebody who is here; so many they may be, so that somebody who
/// was removed is gone within a minute, the answer included.
const RECHECK_SECONDS: u8 = 45;
/// Minutes a session goes on while its provider does not answer.
const GRACE_MINUTES: u16 = 60;
/// A day: whoever was removed meanwhile is in for as long.
const GRACE_MINUTES_MAX: u16 = 24 * 60;
/// Providers a page can offer.
const PROVIDERS_MAX: usize = 10;

/// One section, as it stands in the file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Section {
    /// Its short name: part of the address the browser comes back to.
    name: String,
    /// Its name on the button.
    #[serde(default)]
    label: Option<String>,
    /// Its issuer, exactly as it writes it.
    issuer: String,
    /// Our name there.
    client_id: String,
    /// Where our secret is: a file only its owner can read.
    #[serde(default)]
    client_secret_file: Option<PathBuf>,
    /// Root certificates (PEM) to trust in place of the system's.
    #[serde(default)]
    roots: Option<PathBuf>,
    /// What is asked for beside `openid`.
    #[serde(default)]
    scopes: Option<Vec<String>>,
    /// Whether the provider asks for consent each time.
    #[serde(default)]
    consent: bool,
    /// The claim the groups are in.
    #[serde(default)]
    groups_claim: Option<String>,
    /// Who is what; the first group that fits counts.
    #[serde(default)]
    roles: Vec<GroupRole>,
    /// How accounts are made.
    #[serde(default)]
    accounts: Accounts,
    /// Seconds between two questions about somebody who is here.
    #[serde(default)]
    recheck_seconds: Option<u8>,
    /// Minutes a session goes on while the provider does not answer.
    #[serde(default)]
    grace_minutes: Option<u16>,
}

/// A provider, decided.
#[derive(Debug, Clone)]
pub(crate) struct OpenId {
    pub(crate) settings: Settings,
    pub(crate) recheck_seconds: i64,
    pub(crate) grace_seconds: i64,
}

/// All of them, each with a name of its own.
pub(crate) fn decide(sections: Vec<Section>) -> anyhow::Result<Vec<OpenId>> {
    if sections.len() > PROVIDERS_MAX {
        bail!("[[oidc]] stands more than {PROVIDERS_MAX} times");
    }
    let mut all: Vec<OpenId> = Vec::new();
    for section in sections {
        let name = section.name.clone();
        let one = section
            .decide()
            .with_context(|| format!("[[oidc]] {name}"))?;
        let is_known = |it: &OpenId| {
            it.settings.id == one.settings.id || it.settings.issuer == one.settings.issuer
        };
        if all.iter().any(is_known) {
            bail!("[[oidc]] {name}: another section has this name or issuer");
        }
        all.push(one);
    }
    Ok(all)
}

impl Section {
    fn decide(self) -> anyhow::Result<OpenId> {
        let secret = self.client_secret_file.as_deref().map(|file| {
            let read = fs::File::open(file)
                .map_err(Into::into)
                .and_then(|file| secret_line(&file));
            read.with_context(|| format!("the client secret in {}", file.display()))
        });
        let roots = self.roots.as_deref().map(|file| {
            roots(file).with_context(|| format!("the root certificates in {}", file.display()))
        });
        let recheck = self.recheck_seconds.unwrap_or(RECHECK_SECONDS);
        if !(1..=RECHECK_SECONDS).contains(&recheck) {
            bail!(
                "recheck_seconds is 1 to {RECHECK_SECONDS}: whoever was removed is gone within a minute"
            );
        }
        let grace = self.grace_minutes.unwrap_or(GRACE_MINUTES);
        if grace > GRACE_MINUTES_MAX {
            bail!("grace_minutes is at most {GRACE_MINUTES_MAX}, a day");
        }
        let default_scopes = ["profile", "email", "offline_access"];
        let settings = Settings {
            label: self.label.unwrap_or_else(|| self.name.clone()),
            id: self.name,
            issuer: self.issuer,
            client_id: self.client_id,
            secret: secret.transpose()?.map(Zeroizing::new),
            roots: roots.transpose()?,
            scopes: self
                .scopes
                .unwrap_or_else(|| default_scopes.map(str::to_owned).to_vec()),
            asks_consent: self.consent,
            groups_claim: self.groups_claim.unwrap_or_else(|| "groups".to_owned()),
            roles: self.roles,
            accounts: self.accounts,
        };
        settings.check()?;
        Ok(OpenId {
            settings,
            recheck_seconds: i64::from(recheck),
            grace_seconds: i64::from(grace) * 60,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use model::access::Role;

    use super::*;

    #[derive(Deserialize)]
    struct Whole {
        oidc: Vec<Section>,
    }

    fn decided(toml: &str) -> anyhow::Result<Vec<OpenId>> {
        decide(toml::from_str::<Whole>(toml)?.oidc)
    }

    const PLANT: &str = "[[oidc]]\nname = \"plant\"\nissuer = \"https://id.example\"\n\
                         client_id = \"redkeep\"\n";

    #[test]
    fn little_is_needed_and_the_safe_way_is_the_default() {
        let all = decided(PLANT).unwrap();
        let one = &all[0];
        assert_eq!(one.settings.accounts, Accounts::Invited);
        assert_eq!((one.recheck_seconds, one.grace_seconds), (45, 3600));
        assert_eq!(one.settings.groups_claim, "groups");
        let role = "roles = [{ group = \"keepers\", role = \"reviewer\" }]";
        let all = decided(&format!("{PLANT}{role}")).unwrap();
        assert_eq!(all[0].settings.roles[0].role, Role::Reviewer);
    }

    #[test]
    fn what_cannot_work_is_said_with_the_way_out() {
        for (toml, way) in [
            ("accounts = \"just-in-time\"", "roles"),
            ("recheck_seconds = 60", "within a minute"),
            ("recheck_seconds = 0", "within a minute"),
            ("grace_minutes = 1441", "a day"),
            ("client_secret = \"in clear\"", "client_secret_file"),
            ("client_secret_file = \"/nowhere\"", "/nowhere"),
            ("roots = \"/nowhere/roots.pem\"", "/nowhere/roots.pem"),
        ] {
            let error = format!("{:#}", decided(&format!("{PLANT}{toml}")).unwrap_err());
            assert!(error.contains(way), "{toml}: {error}");
        }
        let twice = format!("{PLANT}{PLANT}");
        assert!(decided(&twice).is_err(), "two with one name");
    }

    #[test]
    fn a_secret_others_can_read_is_refused_and_none_is_printed() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("secret");
        fs::write(&file, "lantern-pump-38\n").unwrap();
        let toml = format!(
            "{PLANT}client_secret_file = {:?}",
            file.display().to_string()
        );
        let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode));
        mode(0o644).unwrap();
        assert!(format!("{:#}", decided(&toml).unwrap_err()).contains("chmod 600"));
        mode(0o600).unwrap();
        let all = decided(&toml).unwrap();
        assert_eq!(
            all[0].settings.secret.as_ref().unwrap().as_str(),
            "lantern-pump-38"
        );
        assert!(!format!("{all:?}").contains("lantern"));
    }
}
