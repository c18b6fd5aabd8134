//! What policy asks where findings stay open: of who approves a change, of who confirms the whole,
//! and once more before it runs. A decision may be older than the policy, or than the finding.

use std::collections::BTreeMap;

use model::{
    access::{Permission, Role, may},
    deployment::{Decision, Skipped, Verdict},
    flow::change::{Change, ChangeId},
    instance::{Ask, OwnChanges, Policy},
    principal::Actor,
};

use crate::{Caller, DeployError, Review, review::Asks};

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

/// Whether what is accepted as a risk by this caller also lifts what policy demands.
pub(crate) fn lifts_demands(caller: &Caller) -> bool {
    may(&caller.principal, Permission::Administer)
}

fn is_of(asked: Role, role: Role) -> bool {
    role == asked || role == Role::Administrator
}

/// Whether two different known people stand behind these.
fn are_two(one: &Actor, other: &Actor) -> bool {
    one.user().is_some() && other.user().is_some() && one.user() != other.user()
}

/// Whether an approval that stands gives what is asked, with `confirmed_by` behind the whole.
fn is_met(ask: Ask, approval: &Decision, confirmed_by: &Actor) -> bool {
    match ask {
        Ask::Refusal => false,
        Ask::Reason => !approval.comment.is_empty(),
        Ask::Role(asked) => approval.role.is_some_and(|role| is_of(asked, role)),
        Ask::TwoReviewers => are_two(&approval.by, confirmed_by),
    }
}

impl Review {
    /// What policy asks before a change may be approved, or run.
    pub fn asks(&self, change: &ChangeId) -> &[Ask] {
        self.asks.get(change).map_or(&[], Vec::as_slice)
    }

    fn approvals(&self) -> impl Iterator<Item = &Decision> {
        let decisions = self.decisions.iter();
        decisions.filter(|it| it.verdict == Verdict::Approve)
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
                Ask::Role(asked) => is_of(*asked, caller.principal.role),
                // Met by who confirms.
                Ask::TwoReviewers => true,
            };
            if !is_met {
                return Err(self.demanded(change, *ask, ""));
            }
        }
        Ok(())
    }

    /// Refuses to let run what policy does not, or not with these approvals and `confirmed_by`
    /// behind the whole. `of_part` is what is asked of the approved changes by themselves, where
    /// others were rejected.
    pub(crate) fn may_run(
        &self,
        confirmed_by: &Actor,
        of_part: Option<&Asks>,
    ) -> Result<(), DeployError> {
        self.four_eyes(confirmed_by)?;
        for approval in self.approvals() {
            let mut asks = self.asks(&approval.change).iter();
            if let Some(ask) = asks.find(|ask| !is_met(**ask, approval, confirmed_by)) {
                return Err(self.demanded(&approval.change, *ask, way_out(*ask)));
            }
        }
        for (change, asks) in of_part.into_iter().flatten() {
            let decision = self.decision(change);
            let approval = decision.filter(|it| it.verdict == Verdict::Approve);
            let is_unmet = |ask: &&Ask| approval.is_none_or(|it| !is_met(**ask, it, confirmed_by));
            if let Some(ask) = asks.iter().find(is_unmet) {
                return Err(self.demanded(change, *ask, OF_PART));
            }
        }
        Ok(())
    }

    /// Four eyes, where policy asks for them, of every approval that counts. Where nobody is known
    /// to have proposed it, nobody else's eyes are on it yet: two reviewers are then.
    fn four_eyes(&self, confirmed_by: &Actor) -> Result<(), DeployError> {
        if self.own_changes == OwnChanges::Allowed {
            return Ok(());
        }
        let proposer = &self.deployment.proposer;
        for approval in self.approvals() {
            if proposer.user().is_none() {
                if !are_two(&approval.by, confirmed_by) {
                    let ask = Ask::TwoReviewers;
                    return Err(self.demanded(&approval.change, ask, way_out(ask)));
                }
            } else if !are_two(proposer, &approval.by) || !are_two(proposer, confirmed_by) {
                return Err(DeployError::OwnChanges {
                    name: proposer.label(),
                });
            }
        }
        Ok(())
    }

    /// Refuses an emergency where policy refuses a change outright: that no emergency lets through.
    pub(crate) fn refuses_emergency(&self) -> Result<(), DeployError> {
        let mut asks = self.asks.iter();
        match asks.find(|(_, asks)| asks.contains(&Ask::Refusal)) {
            Some((change, _)) => Err(self.demanded(change, Ask::Refusal, "")),
            None => Ok(()),
        }
    }

    /// What an emergency declared by this person goes past: what is asked and not given yet.
    pub(crate) fn skipped(&self, declared_by: &Actor) -> Vec<Skipped> {
        let mut by_ask: BTreeMap<String, (Ask, Vec<&ChangeId>)> = BTreeMap::new();
        for (change, asks) in &self.asks {
            let approval = self.decision(change);
            let approval = approval.filter(|it| it.verdict == Verdict::Approve);
            for ask in asks {
                if approval.is_none_or(|it| !is_met(*ask, it, declared_by)) {
                    let of = by_ask.entry(ask.to_string());
                    of.or_insert((*ask, Vec::new())).1.push(change);
                }
            }
        }
        let skipped = by_ask.into_values().map(|(ask, changes)| Skipped::Demand {
            ask,
            count: changes.len(),
            changes: changes
                .into_iter()
                .take(Skipped::NAMED_MAX)
                .cloned()
                .collect(),
        });
        let lacks_eyes = self.own_changes == OwnChanges::FourEyes
            && !are_two(&self.deployment.proposer, declared_by);
        let eyes = lacks_eyes.then_some(Skipped::FourEyes);
        skipped.chain(eyes).collect()
    }

    fn demanded(&self, change: &ChangeId, ask: Ask, way_out: &'static str) -> DeployError {
        DeployError::Demanded {
            change: self.label(change),
            ask,
            way_out,
        }
    }

    pub(crate) fn label(&self, change: &ChangeId) -> String {
        let found = self.diff.changes.iter().find(|it| it.id == *change);
        found.map_or_else(|| change.to_string(), |change| change.label.clone())
    }
}

/// What to do where an approval that stands is not enough (any more).
fn way_out(ask: Ask) -> &'static str {
    match ask {
        // Its sentence says it.
        Ask::Refusal => "",
        Ask::Reason => ". Decide it again with a comment, then confirm",
        Ask::Role(_) => ". Have them decide it again, then confirm",
        Ask::TwoReviewers => {
            ". One person decides it, another confirms: have somebody else confirm, or decide it \
             again first if it is confirmed already"
        }
    }
}

/// What is said where the approved changes ask for more by themselves than with the rejected ones.
const OF_PART: &str = ". The changes that were approved do this without those that were rejected: \
                       decide them again, or reject the deployment";
