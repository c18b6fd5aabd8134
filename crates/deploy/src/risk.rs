//! Accepted risks, and what policy asks where findings stay open.

use std::collections::HashMap;

use model::{
    access::{Permission, Role},
    clock::Timestamp,
    deployment::Verdict,
    flow::{
        change::{Change, ChangeId},
        diff::Diff,
        finding::{Accepted, Finding},
    },
    id::{DeploymentId, Hash, InstanceId},
    instance::{Ask, Policy},
    risk::{DAYS_MAX, Matter, Risk},
};
use store::NewRisk;

use crate::{Caller, DeployError, Deployments, Review};

/// How long a reason may be, in characters.
const REASON_CHARS_MAX: usize = 4_000;
/// How long an owner's name may be, in characters.
const OWNER_CHARS_MAX: usize = 200;
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// Somebody's word that they take a finding on themselves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// In which change.
    pub change: ChangeId,
    /// Which finding.
    pub mark: Hash,
    /// Who answers for it.
    pub owner: String,
    /// Why.
    pub reason: String,
    /// For how many days.
    pub days: u32,
}

/// What the open findings of a change ask, each thing once, as the policy lists them.
pub(crate) fn asks(policy: &Policy, change: &Change) -> Vec<Ask> {
    let mut asks = Vec::new();
    for demand in &policy.demands {
        let is_made = change.findings.iter().any(|it| demand.is_made_by(it));
        if is_made && !asks.contains(&demand.ask) {
            asks.push(demand.ask);
        }
    }
    asks
}

/// Notes on each finding whether it was accepted.
pub(crate) fn note_accepted(diff: &mut Diff, risks: &[Risk], now: Timestamp) {
    let holding = risks.iter().filter(|risk| risk.holds(now));
    let by_mark: HashMap<Hash, &Risk> = holding.map(|risk| (risk.mark, risk)).collect();
    if by_mark.is_empty() {
        return;
    }
    for finding in diff.changes.iter_mut().flat_map(|it| &mut it.findings) {
        finding.accepted = by_mark.get(&finding.mark).map(|risk| Accepted {
            risk: risk.id,
            owner: risk.owner.clone(),
            reason: risk.reason.clone(),
            until: risk.until,
        });
    }
}

impl Review {
    /// What policy asks before a change may be approved, or run.
    pub fn asks(&self, change: &ChangeId) -> &[Ask] {
        self.asks.get(change).map_or(&[], Vec::as_slice)
    }

    /// Refuses an approval that policy does not let this person give, or not so.
    pub(crate) fn may_approve(
        &self,
        caller: &Caller,
        change: &ChangeId,
        comment: &str,
    ) -> Result<(), DeployError> {
        for ask in self.asks(change) {
            let is_met = match ask {
                Ask::Refusal => false,
                Ask::Reason => !comment.is_empty(),
                Ask::Role(role) => {
                    let own = caller.principal.role;
                    own == *role || own == Role::Administrator
                }
                // Met by who confirms.
                Ask::TwoReviewers => true,
            };
            if !is_met {
                return Err(DeployError::Demanded {
                    change: self.label(change),
                    ask: *ask,
                });
            }
        }
        Ok(())
    }

    /// Refuses to confirm what policy does not let run, or not by this person. Decisions are looked
    /// at again: they may be older than the policy.
    pub(crate) fn may_confirm(&self, caller: &Caller) -> Result<(), DeployError> {
        let approved = self
            .decisions
            .iter()
            .filter(|it| it.verdict == Verdict::Approve);
        for decision in approved {
            for ask in self.asks(&decision.change) {
                let is_met = match ask {
                    Ask::Refusal => false,
                    Ask::Reason => !decision.comment.is_empty(),
                    Ask::TwoReviewers => decision.by.user() != Some(caller.principal.user),
                    // Checked when it was decided; the role may have changed since, the decision stands.
                    Ask::Role(_) => true,
                };
                if !is_met {
                    return Err(DeployError::Demanded {
                        change: self.label(&decision.change),
                        ask: *ask,
                    });
                }
            }
        }
        Ok(())
    }

    pub(crate) fn label(&self, change: &ChangeId) -> String {
        let found = self.diff.changes.iter().find(|it| it.id == *change);
        found.map_or_else(|| change.to_string(), |change| change.label.clone())
    }
}

impl Deployments {
    /// Accepts a finding as a risk. Needs `Decide` and eyes other than the proposer's where policy
    /// asks for them; `Administer` where the finding makes a demand, which this would lift.
    pub async fn accept_risk(
        &self,
        caller: &Caller,
        id: DeploymentId,
        acceptance: Acceptance,
    ) -> Result<i64, DeployError> {
        caller.require(Permission::Decide)?;
        let Acceptance {
            change,
            mark,
            owner,
            reason,
            days,
        } = acceptance;
        let (owner, reason) = (owner.trim().to_owned(), reason.trim().to_owned());
        let fits = |text: &str, max: usize| !text.is_empty() && text.chars().count() <= max;
        if !fits(&owner, OWNER_CHARS_MAX)
            || !fits(&reason, REASON_CHARS_MAX)
            || !(1..=DAYS_MAX).contains(&days)
        {
            return Err(DeployError::RiskIncomplete);
        }
        let review = self.examine(id).await?;
        self.require_other_eyes(caller, &review.deployment).await?;
        let mut changes = review.diff.changes.iter();
        let change = changes
            .find(|it| it.id == change)
            .ok_or_else(|| DeployError::NoSuchChange(change.to_string()))?;
        let mut findings = change.findings.iter();
        let finding = findings
            .find(|it| it.mark == mark)
            .ok_or(DeployError::NoSuchFinding)?;
        let instance = review.deployment.instance.clone();
        let policy = self.store.instance(&instance).await?.policy;
        // Accepted already or not: to prolong is to lift the demand once more.
        let open = Finding {
            accepted: None,
            ..finding.clone()
        };
        if policy.demands.iter().any(|demand| demand.is_made_by(&open)) {
            caller.require(Permission::Administer)?;
        }
        let now = self.store.clock().now();
        let risk = NewRisk {
            instance,
            mark,
            matter: Matter {
                rule: finding.rule.clone(),
                message: finding.message.clone(),
                node: change.node.clone(),
                label: change.label.clone(),
            },
            owner,
            reason,
            until: Timestamp(now.0.saturating_add(i64::from(days) * DAY_MS)),
        };
        Ok(self.store.accept_risk(risk, &caller.actor()).await?)
    }

    /// Withdraws an accepted risk. Needs `Decide`.
    pub async fn withdraw_risk(&self, caller: &Caller, id: i64) -> Result<Risk, DeployError> {
        caller.require(Permission::Decide)?;
        Ok(self.store.withdraw_risk(id, &caller.actor()).await?)
    }

    /// Accepted risks, newest first; expired and withdrawn ones too. Needs `ReadQueue`.
    pub async fn risks(
        &self,
        caller: &Caller,
        instance: Option<&InstanceId>,
    ) -> Result<Vec<Risk>, DeployError> {
        caller.require(Permission::ReadQueue)?;
        Ok(self.store.risks(instance).await?)
    }
}
