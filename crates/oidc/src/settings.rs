//! What is configured of one provider.

use std::fmt;

use model::access::Role;
use rustls::pki_types::CertificateDer;
use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

/// How somebody whom the provider knows gets an account here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accounts {
    /// By an invitation, a one-time link of an administrator.
    #[default]
    Invited,
    /// By themselves, if one of their groups has a role.
    JustInTime,
}

/// What members of a group are here.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRole {
    /// The group, as the claim says it.
    pub group: String,
    /// The role.
    pub role: Role,
}

/// One provider.
#[derive(Clone)]
pub struct Settings {
    /// Its short name, part of an address: lower-case letters, digits and `-`.
    pub id: String,
    /// Its name for people, on the button.
    pub label: String,
    /// Its issuer (`https://…`), exactly as it writes it itself.
    pub issuer: String,
    /// Our name there.
    pub client_id: String,
    /// Our secret there; none: a public client, which PKCE alone protects.
    pub secret: Option<Zeroizing<String>>,
    /// Roots to trust in place of the system's.
    pub roots: Option<Vec<CertificateDer<'static>>>,
    /// What is asked for beside `openid`.
    pub scopes: Vec<String>,
    /// Whether the provider is told to ask for consent each time: the strict ones give a refresh token
    /// after that alone (Core 1.0, 11).
    pub asks_consent: bool,
    /// The claim the groups are in; dots lead into objects.
    pub groups_claim: String,
    /// Who is what; the first group that fits counts. Empty: roles are given here.
    pub roles: Vec<GroupRole>,
    /// How accounts are made.
    pub accounts: Accounts,
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("id", &self.id)
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("accounts", &self.accounts)
            .finish_non_exhaustive()
    }
}

/// Why settings cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// The short name cannot stand in an address.
    #[error("name = {0:?}: use 1 to 40 lower-case letters, digits and -")]
    Name(String),
    /// The issuer is no `https://` address without a question mark.
    #[error("issuer = {0:?}: write it like https://id.example, exactly as the provider does")]
    Issuer(String),
    /// Nobody could ever come in.
    #[error("accounts = \"just-in-time\" needs `roles`: which group is what here")]
    NoRoles,
}

impl Settings {
    /// Whether they can work.
    pub fn check(&self) -> Result<(), SettingsError> {
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if !(1..=40).contains(&self.id.len()) || !self.id.chars().all(is_plain) {
            return Err(SettingsError::Name(self.id.clone()));
        }
        let url = self.issuer.parse::<Url>().ok();
        let is_issuer = url.is_some_and(|url| {
            url.scheme() == "https"
                && url.query().is_none()
                && url.fragment().is_none()
                && url.username().is_empty()
                && url.password().is_none()
        });
        if !is_issuer {
            return Err(SettingsError::Issuer(self.issuer.clone()));
        }
        if self.accounts == Accounts::JustInTime && self.roles.is_empty() {
            return Err(SettingsError::NoRoles);
        }
        Ok(())
    }

    /// What a member of these groups is here; none: nothing. Without `roles` the provider has no say.
    pub fn role_of(&self, groups: &[String]) -> Option<Role> {
        let found = self.roles.iter().find(|it| groups.contains(&it.group));
        found.map(|it| it.role)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(issuer: &str) -> Settings {
        Settings {
            id: "plant".to_owned(),
            label: "Plant".to_owned(),
            issuer: issuer.to_owned(),
            client_id: "redkeep".to_owned(),
            secret: Some(Zeroizing::new("tell nobody".to_owned())),
            roots: None,
            scopes: Vec::new(),
            asks_consent: false,
            groups_claim: "groups".to_owned(),
            roles: Vec::new(),
            accounts: Accounts::Invited,
        }
    }

    #[test]
    fn what_cannot_work_is_refused() {
        assert_eq!(settings("https://id.example/realms/a").check(), Ok(()));
        for bad in [
            "http://id.example",
            "id.example",
            "https://u:p@id.example",
            "https://id.example?x",
        ] {
            assert!(settings(bad).check().is_err(), "{bad}");
        }
        let mut named = settings("https://id.example");
        named.id = "../x".to_owned();
        assert!(matches!(named.check(), Err(SettingsError::Name(_))));
        let mut open = settings("https://id.example");
        open.accounts = Accounts::JustInTime;
        assert_eq!(open.check(), Err(SettingsError::NoRoles));
    }

    #[test]
    fn the_first_group_that_fits_counts_and_no_other_does() {
        let mut settings = settings("https://id.example");
        for (group, role) in [("lead", Role::Reviewer), ("staff", Role::Editor)] {
            let group = group.to_owned();
            settings.roles.push(GroupRole { group, role });
        }
        let of = |groups: &[&str]| {
            let groups: Vec<String> = groups.iter().map(|it| (*it).to_owned()).collect();
            settings.role_of(&groups)
        };
        assert_eq!(of(&["staff", "lead"]), Some(Role::Reviewer));
        assert_eq!(of(&["staff"]), Some(Role::Editor));
        assert_eq!(of(&["Staff", "guests"]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn the_secret_is_in_no_log() {
        assert!(!format!("{:?}", settings("https://id.example")).contains("nobody"));
    }
}
