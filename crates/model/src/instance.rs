//! One Node-RED under guard, and the policy it is under.

use serde::{Deserialize, Serialize};

mod demand;
mod memory;

pub use self::{
    demand::{Ask, Demand, DemandError, When},
    memory::{Memory, MemoryError},
};
use crate::{flow::finding::Severity, id::InstanceId};

/// Which Node-RED a baseline runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum NodeRedMajor {
    /// Node-RED 4.1.
    #[serde(rename = "4")]
    V4,
    /// Node-RED 5.
    #[default]
    #[serde(rename = "5")]
    V5,
}

impl NodeRedMajor {
    /// `"4"` or `"5"`, as on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "4",
            Self::V5 => "5",
        }
    }
}

/// What is configured for one instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its name.
    pub id: InstanceId,
    /// Which Node-RED it runs.
    pub node_red: NodeRedMajor,
    /// Its rules.
    pub policy: Policy,
}

/// An instance's rules. The defaults are those of a production site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// When a deployment is applied.
    pub apply: ApplyPolicy,
    /// Whether the proposer's own approval counts.
    pub own_changes: OwnChanges,
    /// Whether an approval must be signed with a fresh touch of a passkey ([`crate::touch`]).
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub touch: bool,
    /// Whether a waiting deployment may be applied before review, for a reason.
    pub emergencies: Emergencies,
    /// Which changes may be approved several at a time, once they were shown.
    pub together: Together,
    /// What the jail lets out to the network.
    pub network: Network,
    /// Absolute paths of commands the flows may run. Empty: none.
    pub commands: Vec<String>,
    /// The most memory Node-RED may take; none: half of the machine's, at most 4 GiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<Memory>,
    /// The most processor time Node-RED may take, in percent of one core; none: all there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu_percent: Option<std::num::NonZeroU16>,
    /// HTTP paths of Node-RED (http-in, dashboards) reachable without a login, as prefixes.
    pub public_paths: Vec<String>,
    /// Whether a deployment is tried before anybody decides on it.
    pub rehearsal: RehearsalPolicy,
    /// Admin routes of nodes that were allowed by hand, as `METHOD /path`.
    pub allowed_routes: Vec<AllowedRoute>,
    /// What findings ask of a reviewer before a change with them may run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub demands: Vec<Demand>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            apply: ApplyPolicy::Reviewed,
            own_changes: OwnChanges::Allowed,
            touch: false,
            emergencies: Emergencies::Allowed,
            together: Together::Notes,
            network: Network::Any,
            commands: Vec::new(),
            memory: None,
            cpu_percent: None,
            public_paths: Vec::new(),
            rehearsal: RehearsalPolicy::Shown,
            allowed_routes: Vec::new(),
            demands: Vec::new(),
        }
    }
}

/// When a deployment is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ApplyPolicy {
    /// A person decides every change and then confirms.
    Reviewed,
    /// What an editor or an API client proposes is applied at once (development). What comes from
    /// inside the runtime or from disk waits for a person all the same.
    Automatic,
}

/// Whether a deployment is tried, in a throw-away Node-RED without a network, before anybody
/// decides on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RehearsalPolicy {
    /// It is not.
    Off,
    /// It is, and what was seen is shown.
    Shown,
    /// It is, and only what went well can be applied, but in an emergency ([`Emergencies`]).
    Required,
}

/// Whether the proposer may approve what they proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnChanges {
    /// A reviewer may approve their own deployment.
    Allowed,
    /// Somebody else must ("four eyes").
    FourEyes,
}

/// Whether something may be applied before review, for a reason.
///
/// Where nobody may, whoever stands before a burning pump goes round Redkeep altogether; so it is
/// allowed unless a site says otherwise, needs the permission to apply, and is flagged until
/// somebody else has looked. It goes past the review, [`OwnChanges::FourEyes`],
/// [`RehearsalPolicy::Required`], a touch and every [`Demand`] but [`Ask::Refusal`], and its record
/// says which of them: see [`crate::deployment::Skipped`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Emergencies {
    /// Reviewers and administrators may ([`crate::access::Permission::Apply`]).
    Allowed,
    /// Administrators alone may.
    Administrators,
    /// Nobody may.
    Never,
}

/// The heaviest finding a change may have to be approved together with others of its kind. A change
/// with a warning or more is always decided by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Together {
    /// Every change is decided by itself.
    Never,
    /// Changes without any finding.
    Plain,
    /// Changes with notes at most.
    Notes,
}

impl Together {
    /// Whether a change whose heaviest finding is `worst` may be approved with others.
    pub fn takes(self, worst: Option<Severity>) -> bool {
        match self {
            Self::Never => false,
            Self::Plain => worst.is_none(),
            Self::Notes => worst.is_none_or(|worst| worst == Severity::Note),
        }
    }
}

/// What the jail lets out to the network. Listening on TCP is never allowed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Network {
    /// Anything may be reached (development).
    Any,
    /// Only these TCP ports, on any host; no UDP.
    Ports(Vec<u16>),
    /// Nothing: an empty network namespace.
    None,
}

/// A route of the admin API that no table of ours knows and an administrator allowed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AllowedRoute {
    /// `GET`, `POST`, `PUT` or `DELETE`.
    pub method: String,
    /// The exact normalised path.
    pub path: String,
}
