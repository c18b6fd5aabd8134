//! Emergencies: applied before review, for a reason, until somebody else has looked.

use serde::{Deserialize, Serialize};

use crate::{flow::change::ChangeId, id::UserId, instance::Ask, principal::Actor};

/// An emergency deployment's reason, who had a hand in it, and its review afterwards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emergency {
    /// Why it could not wait.
    pub reason: String,
    /// Who said so, the last of them; none: its proposer.
    #[serde(default)]
    pub declared_by: Option<Actor>,
    /// Who began to apply it or declared it before, each person once: an interrupted one may be
    /// tried again by another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub applied_by: Vec<Actor>,
    /// What policy asks for and did not get.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub skipped: Vec<Skipped>,
    /// Who reviewed it afterwards, once somebody has.
    pub reviewed_by: Option<Actor>,
}

impl Emergency {
    /// An emergency nobody has looked at yet.
    pub fn new(reason: impl Into<String>, declared_by: Option<Actor>) -> Self {
        Self {
            reason: reason.into(),
            declared_by,
            applied_by: Vec::new(),
            skipped: Vec::new(),
            reviewed_by: None,
        }
    }

    /// This declaration after an interrupted one: whoever had a hand in that keeps it.
    #[must_use]
    pub fn after(mut self, earlier: &Self) -> Self {
        self.applied_by.clone_from(&earlier.applied_by);
        if let Some(by) = &earlier.declared_by {
            self.note_applied_by(by);
        }
        self
    }

    /// Whether this user declared it or applied it, in any attempt of this declaration: theirs
    /// is no second look.
    pub fn is_by(&self, user: UserId) -> bool {
        let hands = self.declared_by.iter().chain(&self.applied_by);
        hands.into_iter().any(|it| it.user() == Some(user))
    }

    /// Notes who begins to apply it.
    pub fn note_applied_by(&mut self, by: &Actor) {
        if self.applied_by.iter().all(|it| it.user() != by.user()) {
            self.applied_by.push(by.clone());
        }
    }
}

/// Something policy asks for before a change may run, which an emergency went past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "what")]
pub enum Skipped {
    /// What findings of changes ask.
    Demand {
        /// What was asked.
        ask: Ask,
        /// Of how many changes.
        count: usize,
        /// The first of them, at most [`Skipped::NAMED_MAX`].
        changes: Vec<ChangeId>,
    },
    /// Another person than the proposer behind it.
    FourEyes,
    /// A clean rehearsal of exactly these flows.
    Rehearsal,
    /// A touch of a passkey.
    Touch,
}

impl Skipped {
    /// Changes named one by one; all are counted.
    pub const NAMED_MAX: usize = 20;

    /// It in words.
    pub fn words(&self) -> String {
        match self {
            Self::Demand { ask, count: 1, .. } => format!("{ask} (1 change)"),
            Self::Demand { ask, count, .. } => format!("{ask} ({count} changes)"),
            Self::FourEyes => "four eyes".to_owned(),
            Self::Rehearsal => "a clean rehearsal".to_owned(),
            Self::Touch => "a touch of a passkey".to_owned(),
        }
    }
}
