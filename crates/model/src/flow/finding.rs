//! What a reviewer should know about a change, as plain data. What makes one is in `inspect`.
//!
//! A finding is a hint, not a verdict: it says where to look first. What has no finding is reviewed
//! all the same, and code can always be written so that no rule sees what it does.

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, id::Hash};

/// How much attention a finding asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// Look twice.
    Warning,
    /// Can run code or commands, or opens a way in or out.
    Danger,
}

impl Severity {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Danger => "danger",
        }
    }
}

/// One thing worth knowing about a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The rule's name, such as `exec-command`.
    pub rule: String,
    /// How much attention it asks for.
    pub severity: Severity,
    /// One sentence: what, and why it matters.
    pub message: String,
    /// The property it was found in, if in one.
    pub property: Option<String>,
    /// The line within the property, from 1, where it stands in a text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// What it is about: the same node, rule, place and matter always give the same, so that an
    /// accepted risk is known again.
    pub mark: Hash,
    /// The risk it was accepted as, while that holds. It is quiet then, and still told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Accepted>,
}

impl Finding {
    /// Whether it asks for attention: nobody has taken the risk on themselves.
    pub fn is_open(&self) -> bool {
        self.accepted.is_none()
    }
}

/// A finding that somebody took on themselves, for a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// The risk's number on its instance's list.
    pub risk: i64,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// Until when.
    pub until: Timestamp,
    /// Whether it also lifts what policy demands: an administrator accepted it.
    #[serde(default)]
    pub lifts_demands: bool,
}
