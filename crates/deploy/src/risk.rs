//! Accepted risks: findings that somebody takes on themselves.

use std::collections::HashMap;

use model::{
    access::Permission,
    clock::Timestamp,
    flow::{
        change::ChangeId,
        diff::Diff,
        finding::{Accepted, Finding},
    },
    id::{DeploymentId, Hash, InstanceId},
    risk::{DAYS_MAX, Matter, Risk},
};
use store::NewRisk;

use crate::{Caller, DeployError, Deployments, demand::lifts_demands};

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
            lifts_demands: risk.lifts_demands,
        });
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
            // A demand made later is lifted by nobody who could not lift it now.
            lifts_demands: lifts_demands(caller),
        };
        Ok(self.store.accept_risk(risk, &caller.actor()).await?)
    }

    /// Withdraws an accepted risk. Needs `Decide`.
    pub async fn withdraw_risk(&self, caller: &Caller, id: i64) -> Result<Risk, DeployError> {
        caller.require(Permission::Decide)?;
        Ok(self.store.withdraw_risk(id, &caller.actor()).await?)
    }

    /// Accepted risks, newest first; those that ended lately too. Needs `ReadQueue`.
    pub async fn risks(
        &self,
        caller: &Caller,
        instance: Option<&InstanceId>,
    ) -> Result<Vec<Risk>, DeployError> {
        caller.require(Permission::ReadQueue)?;
        Ok(self.store.risks(instance).await?)
    }
}
