//! A deployment: a proposed change from one baseline to the next, and the states it goes through.
//!
//! ```text
//! Pending → InReview → Approved → Applying → Applied ⇢ Failed (did not survive its probation)
//!    │         │           │          ├────→ Failed
//!    │         │           │          └────→ Approved (interrupted before anything was committed)
//!    ├─────────┴───────────┴→ Rejected, Withdrawn, Superseded
//!    └─────────┴───────────┴→ Stale → Pending (rebased; decisions void)
//! ```

mod emergency;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use self::emergency::{Emergency, Skipped};
use crate::{
    access::Role,
    clock::Timestamp,
    flow::change::ChangeId,
    id::{DeploymentId, Hash, InstanceId},
    principal::Actor,
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

/// A deployment's state. Data lives in the state in which it is true.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "state")]
pub enum State {
    /// Waits for a reviewer.
    Pending,
    /// A reviewer has opened it or decided some of its changes.
    InReview,
    /// Every change is decided and the whole confirmed; `approved` names what is applied.
    Approved {
        /// Who confirmed.
        by: Actor,
        /// When.
        at: Timestamp,
        /// Digest of the flows that result from the approved changes.
        result: Hash,
    },
    /// Node-RED is being given it.
    Applying {
        /// Since when.
        since: Timestamp,
        /// Digest of the flows being applied.
        result: Hash,
        /// Who confirmed what is applied: it is theirs again when this is interrupted.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<Actor>,
    },
    /// It runs (or ran). The baseline it made.
    Applied {
        /// When.
        at: Timestamp,
        /// The baseline it made.
        baseline: Hash,
    },
    /// A reviewer refused it.
    Rejected {
        /// Who.
        by: Actor,
        /// When.
        at: Timestamp,
        /// Why.
        reason: String,
    },
    /// Its proposer took it back.
    Withdrawn {
        /// When.
        at: Timestamp,
    },
    /// A newer version of the same proposal replaced it.
    Superseded {
        /// When.
        at: Timestamp,
        /// By which.
        by: DeploymentId,
    },
    /// The baseline moved; approvals are void until it is rebased.
    Stale {
        /// When.
        at: Timestamp,
    },
    /// Node-RED refused it or did not survive it; the old baseline was restored.
    Failed {
        /// When.
        at: Timestamp,
        /// Why, for people.
        reason: String,
    },
}

impl State {
    /// The word for it, as in the store, the API and on pages.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::InReview => "in-review",
            Self::Approved { .. } => "approved",
            Self::Applying { .. } => "applying",
            Self::Applied { .. } => "applied",
            Self::Rejected { .. } => "rejected",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Superseded { .. } => "superseded",
            Self::Stale { .. } => "stale",
            Self::Failed { .. } => "failed",
        }
    }

    /// Whether it still needs somebody or something.
    pub fn is_open(&self) -> bool {
        match self {
            Self::Pending
            | Self::InReview
            | Self::Approved { .. }
            | Self::Applying { .. }
            | Self::Stale { .. } => true,
            Self::Applied { .. }
            | Self::Rejected { .. }
            | Self::Withdrawn { .. }
            | Self::Superseded { .. }
            | Self::Failed { .. } => false,
        }
    }

    /// Moves on to `next`, if that is a legal step.
    pub fn step(self, next: Self) -> Result<Self, IllegalStep> {
        use State as S;
        let legal = match (&self, &next) {
            (
                S::Pending | S::InReview | S::Approved { .. } | S::Stale { .. },
                S::Rejected { .. } | S::Withdrawn { .. } | S::Superseded { .. },
            )
            | (S::Pending | S::InReview | S::Approved { .. }, S::Stale { .. })
            | (S::Pending | S::Approved { .. }, S::InReview)
            | (S::Pending | S::InReview, S::Approved { .. })
            | (S::Stale { .. }, S::Pending)
            | (S::Applying { .. }, S::Applied { .. } | S::Failed { .. } | S::Approved { .. })
            | (S::Applied { .. }, S::Failed { .. }) => true,
            // What is applied is what was approved, and nothing else.
            (
                S::Approved {
                    result: approved, ..
                },
                S::Applying { result, .. },
            ) => approved == result,
            _ => false,
        };
        if legal {
            Ok(next)
        } else {
            Err(IllegalStep {
                from: self.word(),
                to: next.word(),
            })
        }
    }
}

/// A step the state machine does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a deployment that is {from} cannot become {to}")]
pub struct IllegalStep {
    /// From.
    pub from: &'static str,
    /// To.
    pub to: &'static str,
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

#[cfg(test)]
mod tests {
    use super::*;

    fn every_state() -> Vec<State> {
        let at = Timestamp(1);
        let result = Hash::of(b"r");
        let by = Actor::System;
        vec![
            State::Pending,
            State::InReview,
            State::Approved {
                by: by.clone(),
                at,
                result,
            },
            State::Applying {
                since: at,
                result,
                approved_by: None,
            },
            State::Applied {
                at,
                baseline: result,
            },
            State::Rejected {
                by,
                at,
                reason: "no".into(),
            },
            State::Withdrawn { at },
            State::Superseded {
                at,
                by: DeploymentId(2),
            },
            State::Stale { at },
            State::Failed {
                at,
                reason: "died".into(),
            },
        ]
    }

    #[test]
    fn every_pair_of_states_is_legal_or_refused_as_the_table_says() {
        let legal = [
            "pending in-review",
            "pending approved",
            "pending rejected",
            "pending withdrawn",
            "pending superseded",
            "pending stale",
            "in-review approved",
            "in-review rejected",
            "in-review withdrawn",
            "in-review superseded",
            "in-review stale",
            "approved in-review",
            "approved applying",
            "approved rejected",
            "approved withdrawn",
            "approved superseded",
            "approved stale",
            "applying applied",
            "applying failed",
            "applying approved",
            "applied failed",
            "stale pending",
            "stale rejected",
            "stale withdrawn",
            "stale superseded",
        ];
        for from in every_state() {
            for to in every_state() {
                let pair = format!("{} {}", from.word(), to.word());
                let stepped = from.clone().step(to.clone());
                assert_eq!(stepped.is_ok(), legal.contains(&pair.as_str()), "{pair}");
            }
        }
    }

    #[test]
    fn what_is_applied_is_what_was_approved() {
        let approved = State::Approved {
            by: Actor::System,
            at: Timestamp(1),
            result: Hash::of(b"shown"),
        };
        let other = State::Applying {
            since: Timestamp(2),
            result: Hash::of(b"other"),
            approved_by: None,
        };
        assert!(approved.step(other).is_err());
    }
}
