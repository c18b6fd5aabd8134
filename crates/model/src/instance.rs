//! One Node-RED under guard, and the policy it is under.

mod demand;

use serde::{Deserialize, Serialize};

pub use self::demand::{Ask, Demand, DemandError, When};
use crate::id::InstanceId;

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
    /// What the jail lets out to the network.
    pub network: Network,
    /// Absolute paths of commands the flows may run. Empty: none.
    pub commands: Vec<String>,
    /// HTTP paths of Node-RED (http-in, dashboards) reachable without a login, as prefixes.
    pub public_paths: Vec<String>,
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
            network: Network::Any,
            commands: Vec::new(),
            public_paths: Vec::new(),
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

/// Whether the proposer may approve what they proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OwnChanges {
    /// A reviewer may approve their own deployment.
    Allowed,
    /// Somebody else must ("four eyes").
    FourEyes,
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
