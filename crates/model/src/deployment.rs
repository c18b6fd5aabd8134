//! A deployment: a proposed change from one baseline to the next, and who decided what of it.

mod emergency;
mod state;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{
    access::Role,
    clock::Timestamp,
    flow::change::ChangeId,
    id::{DeploymentId, Hash, InstanceId},
    principal::Actor,
};

pub use self::{
    emergency::{Emergency, Skipped},
    state::{IllegalStep, State},
};

/// Where a deployment came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// The editor's Deploy button.
    Editor,
    /// The admin API, by a command-line client or a script.
    Api,
    /// Something inside the runtime: a node or a plugin.
    Runtime,
    /// A file on disk.
    Disk,
    /// A package change.
    Package,
    /// Brought from another instance.
    Promotion,
    /// A return to a snapshot.
    Rollback,
}

impl Origin {
    /// A few words for people.
    pub fn label(self) -> &'static str {
        match self {
            Self::Editor => "the editor",
            Self::Api => "the admin API",
            Self::Runtime => "inside Node-RED",
            Self::Disk => "a file on disk",
            Self::Package => "a package change",
            Self::Promotion => "another instance",
            Self::Rollback => "a snapshot",
        }
    }
}

/// Node-RED's deployment types that change flows. `reload` changes nothing and is no deployment.
/// <https://nodered.org/docs/api/admin/methods/post/flows/>
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DeploymentType {
    /// Restarts everything.
    #[default]
    Full,
    /// Restarts flows that contain changed nodes.
    Flows,
    /// Restarts changed nodes only.
    Nodes,
}

impl DeploymentType {
    /// The value of the `Node-RED-Deployment-Type` header.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Flows => "flows",
            Self::Nodes => "nodes",
        }
    }
}

/// A deployment as it stands in the queue. The flows themselves are blobs, named by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    /// Its number.
    pub id: DeploymentId,
    /// Which instance it would change.
    pub instance: InstanceId,
    /// Where it came from.
    pub origin: Origin,
    /// Who proposed it.
    pub proposer: Actor,
    /// When.
    pub created_at: Timestamp,
    /// Its state.
    #[serde(flatten)]
    pub state: State,
    /// What is proposed.
    pub proposal: Proposal,
    /// Applied before review, with this reason; awaits a review afterwards.
    pub emergency: Option<Emergency>,
}

/// What a deployment proposes. Its [`Proposal::hash`] is what is shown, approved and applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// The baseline it starts from.
    pub base: Hash,
    /// Digest of that baseline's flows.
    pub base_flows: Hash,
    /// Digest of the proposed flows' canonical text.
    pub flows: Hash,
    /// Keyed digest of the credential changes (of none: the digest of the empty set).
    pub credentials: Hash,
    /// How Node-RED is asked to restart.
    pub deployment_type: DeploymentType,
}

impl Proposal {
    /// SHA-256 over every part, each on a line with its name.
    pub fn hash(&self) -> Hash {
        let Self {
            base,
            base_flows,
            flows,
            credentials,
            deployment_type,
        } = self;
        let kind = deployment_type.as_str();
        let text = format!(
            "redkeep-proposal-1\nbase {base}\nbase-flows {base_flows}\nflows {flows}\n\
             credentials {credentials}\ntype {kind}\n"
        );
        Hash::of(text.as_bytes())
    }
}

/// What was decided about one change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Which change.
    pub change: ChangeId,
    /// Which way.
    pub verdict: Verdict,
    /// Who.
    pub by: Actor,
    /// Their role then: policy may ask for one later. None: taken before this was kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// When.
    pub at: Timestamp,
    /// Why; required for a rejection.
    pub comment: String,
    /// The earlier version of the proposal it was taken on, whose change is byte for byte the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub taken_on: Option<DeploymentId>,
}

impl Decision {
    /// A digest of the whole decision: what somebody saw before they took their own.
    pub fn mark(&self) -> Hash {
        let text = serde_json::to_string(self).unwrap_or_default();
        Hash::of(text.as_bytes())
    }
}

/// Something said about a change of a deployment, or about the whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comment {
    /// On which deployment: the one that is looked at, or an earlier version of it.
    pub deployment: DeploymentId,
    /// About which change; none: the whole.
    pub change: Option<ChangeId>,
    /// Who.
    pub by: Actor,
    /// When.
    pub at: Timestamp,
    /// What.
    pub text: String,
}

/// That a deployment is a newer version of an earlier one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Which, from 2.
    pub number: u32,
    /// The one before it.
    pub earlier: DeploymentId,
    /// All before it, the first version first.
    pub line: Vec<DeploymentId>,
    /// The changes that are byte for byte those of the one before.
    pub unchanged: BTreeSet<ChangeId>,
}

/// Approve or reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It may run.
    Approve,
    /// It may not.
    Reject,
}
