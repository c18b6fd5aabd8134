//! Accepted risks: findings that somebody took on themselves, for a time.

use serde::{Deserialize, Serialize};

use crate::{
    clock::Timestamp,
    id::{Hash, InstanceId},
    principal::Actor,
};

/// How long a risk may be accepted for at most: then it is looked at again.
pub const DAYS_MAX: u32 = 366;

/// An accepted risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Risk {
    /// Its number.
    pub id: i64,
    /// On which instance.
    pub instance: InstanceId,
    /// The mark of the finding.
    pub mark: Hash,
    /// What was accepted.
    pub matter: Matter,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Who accepted it.
    pub by: Actor,
    /// Whether it also lifts what policy demands: who accepted it was an administrator. A demand
    /// made later is not lifted by somebody who could not have lifted it.
    #[serde(default)]
    pub lifts_demands: bool,
    /// When.
    pub at: Timestamp,
    /// Until when; the finding speaks again then.
    pub until: Timestamp,
    /// When it was withdrawn, if it was.
    pub withdrawn_at: Option<Timestamp>,
}

impl Risk {
    /// Whether it holds at `now`.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.withdrawn_at.is_none() && now < self.until
    }
}

/// What a risk is about, as the finding said it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Matter {
    /// The rule.
    pub rule: String,
    /// Its sentence.
    pub message: String,
    /// The node's id.
    pub node: String,
    /// What people called the node.
    pub label: String,
}
