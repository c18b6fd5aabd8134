//! Who may come from where: named networks and an ordered list of rules, as values.
//!
//! The first rule that covers a request decides it ([`AccessRules::decide`]); where none does, what
//! holds is the default: whoever is logged in, within their role. A rule says who may come at all.
//! It never gives a right: roles, scopes and the queue stand behind it as they do without rules.

mod certificate;
mod decide;
mod lockout;
mod network;
mod path;
mod place;
mod question;
mod signature;
mod words;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    num::{NonZeroU16, NonZeroU32, NonZeroU64},
    str::FromStr,
};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

pub use self::{
    certificate::{Bearer, Shown, is_authority},
    decide::{By, Decision, Facts, Verdict},
    network::{NetworkName, Source, SourceError, canonical, read_network},
    path::{PathPrefix, PathPrefixError},
    question::{Answer, Outcome, Question, Visitor},
    signature::{Claim, Form, SignedBy, is_secret},
};
use crate::{
    access::{Role, UnknownWord},
    id::InstanceId,
};

/// Rules at most.
pub const RULES_MAX: usize = 200;
/// Named networks at most.
const NETWORKS_MAX: usize = 100;
/// Blocks of addresses of one network, and networks and paths of one rule, at most.
const LIST_MAX: usize = 200;
/// Characters of a rule's note.
const NOTE_CHARS: usize = 100;

/// The rules of an installation. Empty (the default): whoever is logged in, from anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AccessRules {
    /// Blocks of addresses that go by a name in rules.
    pub networks: BTreeMap<NetworkName, Vec<IpNet>>,
    /// The rules; the first that covers a request decides it.
    pub rules: Vec<Rule>,
}

/// One rule: what it covers, who may, and how much.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it is for, in a few words; may be empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub note: String,
    /// On which instance; none: on all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceId>,
    /// Where the request comes from; empty: anywhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub from: Vec<Source>,
    /// What it is for; empty: everything of the gate. The console is covered only where it is named.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub areas: BTreeSet<Area>,
    /// Below which paths; empty: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<PathPrefix>,
    /// With which methods; empty: all. GET covers HEAD and opening a `WebSocket`.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub methods: BTreeSet<Method>,
    /// Who may.
    pub who: Who,
    /// How requests must be signed besides; only for endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<SignedBy>,
    /// How much.
    #[serde(default, skip_serializing_if = "Bounds::is_empty")]
    pub bounds: Bounds,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Area {
    /// The editor's page and its `WebSocket`.
    Editor,
    /// The editor's files: scripts, styles, pictures.
    Files,
    /// Node-RED's admin API: what the editor and command-line clients read and send.
    AdminApi,
    /// http-in nodes and `WebSocket` listeners.
    Endpoints,
    /// Dashboard 1 (`/ui`) with its socket.
    #[serde(rename = "dashboard-1")]
    Dashboard1,
    /// Dashboard 2 with its socket.
    #[serde(rename = "dashboard-2")]
    Dashboard2,
    /// Coming in from the console's login, and going out: whoever is to use anything of an instance
    /// in a browser needs it.
    SignIn,
    /// The console: its login, pages and API.
    Console,
}

impl Area {
    /// Every area, in the order people list them.
    pub const ALL: [Self; 8] = [
        Self::Editor,
        Self::Files,
        Self::AdminApi,
        Self::Endpoints,
        Self::Dashboard1,
        Self::Dashboard2,
        Self::SignIn,
        Self::Console,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Editor => "editor",
            Self::Files => "files",
            Self::AdminApi => "admin-api",
            Self::Endpoints => "endpoints",
            Self::Dashboard1 => "dashboard-1",
            Self::Dashboard2 => "dashboard-2",
            Self::SignIn => "sign-in",
            Self::Console => "console",
        }
    }

    /// Whether a rule may open it to everybody: what the flows themselves offer, and nothing by
    /// which flows are read or changed.
    pub fn can_be_public(self) -> bool {
        matches!(self, Self::Endpoints | Self::Dashboard1 | Self::Dashboard2)
    }
}

impl FromStr for Area {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let mut all = Self::ALL.into_iter();
        all.find(|area| area.as_str() == text)
            .ok_or_else(|| UnknownWord {
                text: text.chars().take(64).collect(),
                expected: "editor, files, admin-api, endpoints, dashboard-1, dashboard-2, sign-in \
                           or console",
            })
    }
}

/// A method a rule can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    /// GET, and HEAD with it.
    Get,
    /// POST.
    Post,
    /// PUT.
    Put,
    /// PATCH.
    Patch,
    /// DELETE.
    Delete,
    /// OPTIONS.
    Options,
}

impl Method {
    /// Every method, in the order people list them.
    pub const ALL: [Self; 6] = [
        Self::Get,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Options,
    ];

    /// As it stands in a request.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }

    /// Whether a rule that names this covers a request with `method`. Express answers HEAD by the
    /// handler of GET.
    pub fn covers(self, method: &str) -> bool {
        method == self.as_str() || (self == Self::Get && method == "HEAD")
    }
}

impl FromStr for Method {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let mut all = Self::ALL.into_iter();
        all.find(|method| method.as_str().eq_ignore_ascii_case(text))
            .ok_or_else(|| UnknownWord {
                text: text.chars().take(64).collect(),
                expected: "GET, POST, PUT, PATCH, DELETE or OPTIONS",
            })
    }
}

/// Who may.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Nobody.
    Nobody,
    /// Whoever is logged in or has a token, within their role.
    Login,
    /// Whoever has one of these roles, within it.
    Roles(BTreeSet<Role>),
    /// Whoever sends an access token, within its scopes: programs, no browser.
    Token,
    /// Whatever shows such a client certificate, without a login: devices. Only where
    /// [`Area::can_be_public`].
    Certificate(Bearer),
    /// Everybody, without a login. Only where [`Area::can_be_public`]; elsewhere it is `Login`.
    Public,
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nobody => f.write_str("nobody"),
            Self::Login => f.write_str("whoever is logged in"),
            Self::Roles(roles) => {
                let roles: Vec<_> = roles.iter().map(Role::as_str).collect();
                write!(f, "whoever is {}", roles.join(" or "))
            }
            Self::Token => f.write_str("whoever has an access token"),
            Self::Certificate(bearer) => write!(f, "whatever shows {bearer}"),
            Self::Public => f.write_str("everybody, without a login"),
        }
    }
}

/// How much one asker may (a user; without a login an IPv4 address or an IPv6 /64).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Bounds {
    /// Requests a minute; as many may come at once after a quiet minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests_a_minute: Option<NonZeroU32>,
    /// Requests at a time, live sockets among them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_once: Option<NonZeroU16>,
    /// Bytes of a request's body. On the admin API it can only lower what is fixed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_bytes: Option<NonZeroU64>,
    /// Seconds Node-RED may take to begin its answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer_seconds: Option<NonZeroU16>,
}

impl Bounds {
    /// Whether it bounds nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is wrong with a set of rules.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RulesError {
    /// Too much of something.
    #[error("there can be at most {max} {what}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// How many.
        max: usize,
    },
    /// A network without an address covers nobody.
    #[error("the network {0} has no addresses; name at least one block, such as 10.0.0.0/8")]
    EmptyNetwork(NetworkName),
    /// A rule names a network that is not there.
    #[error("rule {rule} names the network {name}, which does not exist; add it first")]
    UnknownNetwork {
        /// The rule's place, from 1.
        rule: usize,
        /// The network.
        name: NetworkName,
    },
    /// The console has neither instances nor paths to tell apart.
    #[error(
        "rule {0} names the console among other things; give the console a rule of its own, \
         without instance, paths and methods"
    )]
    ConsoleAmongOthers(usize),
    /// What cannot be opened to everybody was.
    #[error(
        "rule {rule} opens {area} without a login; only endpoints and dashboards can be opened so, \
         name those it is for"
    )]
    NotPublic {
        /// The rule's place, from 1.
        rule: usize,
        /// What it opens.
        area: &'static str,
    },
    /// A signature that cannot be asked for.
    #[error(
        "rule {0} asks for a signature that cannot be: it is for endpoints alone, with a header and a \
         secret by their names (lower-case letters, digits and hyphens)"
    )]
    Signature(usize),
    /// An authority or a name that cannot be one.
    #[error(
        "rule {0} asks for a certificate that cannot be: an authority's name has lower-case \
         letters, digits and hyphens, as in the configuration, and a certificate's is not empty"
    )]
    Certificate(usize),
    /// A rule for roles names none.
    #[error("rule {0} is for roles and names none; name one, or write nobody")]
    NoRole(usize),
}

impl AccessRules {
    /// Whether a rule that can hold at this instance asks for a client certificate.
    pub fn asks_for_certificates(&self, instance: &InstanceId) -> bool {
        let here = |rule: &&Rule| rule.instance.as_ref().is_none_or(|it| it == instance);
        let mut rules = self.rules.iter().filter(here);
        rules.any(|rule| matches!(rule.who, Who::Certificate(_)))
    }

    /// Whether these rules can be kept: everything named is there, and nothing is opened that
    /// must not be.
    pub fn check(&self) -> Result<(), RulesError> {
        let bounded = |what, count, max| {
            if count > max {
                Err(RulesError::TooMany { what, max })
            } else {
                Ok(())
            }
        };
        bounded("named networks", self.networks.len(), NETWORKS_MAX)?;
        bounded("rules", self.rules.len(), RULES_MAX)?;
        for (name, blocks) in &self.networks {
            bounded("blocks in a network", blocks.len(), LIST_MAX)?;
            if blocks.is_empty() {
                return Err(RulesError::EmptyNetwork(name.clone()));
            }
        }
        for (place, rule) in (1..).zip(&self.rules) {
            bounded("networks in a rule", rule.from.len(), LIST_MAX)?;
            bounded("paths in a rule", rule.paths.len(), LIST_MAX)?;
            bounded(
                "characters in a note",
                rule.note.chars().count(),
                NOTE_CHARS,
            )?;
            self.check_rule(place, rule)?;
        }
        Ok(())
    }

    fn check_rule(&self, place: usize, rule: &Rule) -> Result<(), RulesError> {
        for source in &rule.from {
            if let Source::Named(name) = source
                && !self.networks.contains_key(name)
            {
                let name = name.clone();
                return Err(RulesError::UnknownNetwork { rule: place, name });
            }
        }
        let is_narrowed =
            rule.instance.is_some() || !rule.paths.is_empty() || !rule.methods.is_empty();
        if rule.areas.contains(&Area::Console) && (rule.areas.len() > 1 || is_narrowed) {
            return Err(RulesError::ConsoleAmongOthers(place));
        }
        if let Some(signed_by) = &rule.signed_by {
            let is_for_endpoints = rule.areas.iter().eq([&Area::Endpoints]);
            if !is_for_endpoints || !signed_by.is_readable() {
                return Err(RulesError::Signature(place));
            }
        }
        if matches!(rule.who, Who::Public | Who::Certificate(_)) {
            let closed = rule.areas.iter().find(|area| !area.can_be_public());
            let area = match closed {
                Some(area) => area.as_str(),
                None if rule.areas.is_empty() => "everything",
                None => "",
            };
            if area.is_empty() {
                return match &rule.who {
                    Who::Certificate(bearer) if !bearer.is_readable() => {
                        Err(RulesError::Certificate(place))
                    }
                    _ => Ok(()),
                };
            }
            return Err(RulesError::NotPublic { rule: place, area });
        }
        match &rule.who {
            Who::Roles(roles) if roles.is_empty() => Err(RulesError::NoRole(place)),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
