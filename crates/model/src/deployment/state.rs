//! The states a deployment goes through.
//!
//! ```text
//! Pending → InReview → Approved → Applying → Applied ⇢ Failed (did not survive its probation)
//!    │         │           │          ├────→ Failed
//!    │         │           │          └────→ Approved (interrupted before anything was committed)
//!    ├─────────┴───────────┴→ Rejected, Withdrawn, Superseded
//!    └─────────┴───────────┴→ Stale → Pending (rebased; decisions void)
//! ```

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    id::{DeploymentId, Hash},
    principal::Actor,
};

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
