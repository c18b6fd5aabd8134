//! Demands: what a finding asks of a reviewer, by an instance's policy.
//!
//! It holds for every approval that counts, when it is given, when the whole is confirmed and when it
//! is applied. An emergency goes past all but a refusal ([`super::Emergencies`]), and says so.
//!
//! As text, one a line: what it is about, a colon, what it asks. `danger: two reviewers`,
//! `exec-command: refuse`, `new-host: reason`, `plc-write: role administrator`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    access::Role,
    flow::finding::{Finding, Severity},
};

/// A demand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Demand {
    /// Which findings make it.
    pub when: When,
    /// What is asked.
    pub ask: Ask,
}

/// Which findings make a demand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// Those of this rule.
    Rule(String),
    /// Those of this severity or a graver one.
    Severity(Severity),
}

/// What is asked before a change may run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ask {
    /// One person approves the change, another confirms the whole.
    TwoReviewers,
    /// Who approves it has this role (or is an administrator).
    Role(Role),
    /// An approval says why.
    Reason,
    /// It is not approved at all.
    Refusal,
}

/// Why a line is no demand.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is no demand; write a rule or a severity, a colon, and one of: two reviewers, role administrator, reason, refuse"
)]
pub struct DemandError {
    text: String,
}

impl Demand {
    /// Whether `finding` makes it. A risk asks for nothing, where who accepted it could lift demands.
    pub fn is_made_by(&self, finding: &Finding) -> bool {
        let accepted = finding.accepted.as_ref();
        accepted.is_none_or(|risk| !risk.lifts_demands)
            && match &self.when {
                When::Rule(rule) => *rule == finding.rule,
                When::Severity(severity) => finding.severity >= *severity,
            }
    }
}

impl Ask {
    /// What is asked, for people.
    pub fn sentence(self) -> String {
        match self {
            Self::TwoReviewers => {
                "Policy asks for two reviewers: one approves this change, another confirms the deployment.".to_owned()
            }
            Self::Role(role) => format!("Policy asks that somebody with the role {role} approves this change."),
            Self::Reason => "Policy asks for a reason: say in the comment why this is approved.".to_owned(),
            Self::Refusal => {
                "Policy does not let this change run. Reject it, or have an administrator accept the finding as a risk.".to_owned()
            }
        }
    }
}

impl fmt::Display for Demand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.when {
            When::Rule(rule) => write!(f, "{rule}: "),
            When::Severity(severity) => write!(f, "{}: ", severity.word()),
        }?;
        self.ask.fmt(f)
    }
}

impl fmt::Display for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TwoReviewers => f.write_str("two reviewers"),
            Self::Role(role) => write!(f, "role {role}"),
            Self::Reason => f.write_str("reason"),
            Self::Refusal => f.write_str("refuse"),
        }
    }
}

impl FromStr for Demand {
    type Err = DemandError;

    fn from_str(text: &str) -> Result<Self, DemandError> {
        let error = || DemandError {
            text: text.chars().take(80).collect(),
        };
        let (when, ask) = text.split_once(':').ok_or_else(error)?;
        let is_name = |name: &str| {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            (1..=64).contains(&name.len()) && name.chars().all(fits)
        };
        let when = match when.trim() {
            "note" => When::Severity(Severity::Note),
            "warning" => When::Severity(Severity::Warning),
            "danger" => When::Severity(Severity::Danger),
            rule if is_name(rule) => When::Rule(rule.to_owned()),
            _ => return Err(error()),
        };
        let ask = match ask.trim() {
            "two reviewers" => Ask::TwoReviewers,
            "reason" => Ask::Reason,
            "refuse" => Ask::Refusal,
            other => {
                let role = other.strip_prefix("role ").ok_or_else(error)?;
                let role = role.trim().parse().map_err(|_| error())?;
                if !matches!(role, Role::Reviewer | Role::Administrator) {
                    // Others may not decide: nothing would ever be approved.
                    return Err(error());
                }
                Ask::Role(role)
            }
        };
        Ok(Self { when, ask })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demand_is_written_as_it_is_read() {
        for text in [
            "danger: two reviewers",
            "exec-command: refuse",
            "new-host: reason",
            "plc-write: role administrator",
        ] {
            assert_eq!(text.parse::<Demand>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "danger",
            "danger: perhaps",
            "a b: reason",
            "danger: role viewer",
            ": reason",
        ] {
            assert!(bad.parse::<Demand>().is_err(), "{bad:?}");
        }
    }
}
