//! What a reviewer is shown.

mod names;

use std::{collections::BTreeMap, sync::Arc};

use inspect::{Context, Ways, inspect};
use model::{
    access::Permission,
    clock::Timestamp,
    deployment::{Comment, Decision, Deployment, State, Version},
    flow::{
        FlowError, Flows,
        change::{Aspect, Change, ChangeId, Subject},
        credentials::{CredentialChanges, CredentialNames},
        diff::{self, Diff},
    },
    id::{DeploymentId, Hash, InstanceId},
    instance::{Ask, OwnChanges, Policy, Together},
    palette::Palette,
    risk::Risk,
};
use serde::{Deserialize, Serialize};
use store::StoreError;

use crate::{Caller, DeployError, Deployments, demand, intake::blocking, risk};

pub use names::{Named, Names, names};

/// Everything the review pages show of one deployment.
#[derive(Debug, Clone)]
pub struct Review {
    /// The deployment.
    pub deployment: Deployment,
    /// The digest that is shown, decided on and applied: [`model::deployment::Proposal::hash`].
    pub shown: Hash,
    /// The flows it starts from.
    pub base: Flows,
    /// The proposed flows.
    pub proposal: Flows,
    /// What differs, with findings.
    pub diff: Diff,
    /// What the instance's packages say of their node types, as installed now.
    pub palette: Arc<Palette>,
    /// What policy asks for changes whose findings make demands.
    pub asks: BTreeMap<ChangeId, Vec<Ask>>,
    /// For each change of the diff, in its order: what feeds it and what it feeds.
    pub ways: Vec<Ways>,
    /// The decisions so far, at most one a change, in the order of their changes.
    pub decisions: Vec<Decision>,
    /// The way through it.
    pub steps: Vec<Step>,
    /// What was said about it and the versions before it, oldest first.
    pub comments: Vec<Comment>,
    /// Which version of a proposal it is; none: the first.
    pub version: Option<Version>,
    /// Which changes the instance's policy lets be approved together.
    pub together: Together,
    /// Whether the proposer's own approval counts.
    pub own_changes: OwnChanges,
}

/// One step of the way through a review: changes that are looked at together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// Its place, from 1.
    pub number: usize,
    /// What it holds.
    pub kind: StepKind,
    /// The changes, in order. All layout-only changes stand in one step.
    pub changes: Vec<ChangeId>,
}

/// What a step holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepKind {
    /// A tab, subflow or group.
    Structure,
    /// A node that is new.
    Added,
    /// A node that goes.
    Removed,
    /// A node that changes.
    Changed,
    /// Wires of one tab.
    Wires,
    /// Everything that only moved on the canvas.
    Layout,
    /// The order of the file.
    Order,
}

impl Review {
    /// The decision on a change, if there is one.
    pub fn decision(&self, change: &ChangeId) -> Option<&Decision> {
        // A hundred thousand of them are looked up one by one.
        let decisions = &self.decisions;
        let at = decisions.binary_search_by(|decision| decision.change.cmp(change));
        at.ok().and_then(|at| decisions.get(at))
    }

    /// Whether the instance's policy lets this change be approved together with others.
    pub fn is_low_risk(&self, change: &Change) -> bool {
        let worst = change.findings.iter().map(|it| it.severity).max();
        self.together.takes(worst)
    }

    /// Whether a change is new or another than in the version before; false on the first version.
    pub fn is_new_in_version(&self, change: &ChangeId) -> bool {
        let version = self.version.as_ref();
        version.is_some_and(|version| !version.unchanged.contains(change))
    }

    /// Which version of the proposal a deployment of its line is, from 1.
    pub fn number_of(&self, version: DeploymentId) -> Option<usize> {
        let line = &self.version.as_ref()?.line;
        line.iter().position(|it| *it == version).map(|at| at + 1)
    }

    /// What was said about a change, or (none) about the whole.
    pub fn thread(&self, change: Option<&ChangeId>) -> impl Iterator<Item = &Comment> {
        let comments = self.comments.iter();
        comments.filter(move |comment| comment.change.as_ref() == change)
    }

    /// What the nodes are called that its changes mention by id.
    pub fn names(&self) -> Names {
        names(&self.base, &self.proposal, &self.diff.changes, &self.ways)
    }

    /// How many changes are not decided yet.
    pub fn undecided(&self) -> usize {
        self.diff
            .changes
            .iter()
            .filter(|change| self.decision(&change.id).is_none())
            .count()
    }
}

/// What policy asks, by change; changes of which it asks nothing are left out.
pub(crate) type Asks = BTreeMap<ChangeId, Vec<Ask>>;

/// What changes are held against.
struct Rules {
    policy: Policy,
    /// The risks that hold.
    risks: Vec<Risk>,
    now: Timestamp,
    palette: Arc<Palette>,
}

impl Rules {
    /// Notes on each change what is found and whether that was accepted as a risk; gives each
    /// change's ways, and what is asked.
    fn look(&self, base: &Flows, proposed: &Flows, diff: &mut Diff) -> (Vec<Ways>, Asks) {
        let types = &self.palette.types;
        let is_installed = |kind: &str| types.contains_key(kind);
        let context = Context {
            policy: Some(&self.policy),
            // An empty palette is one that could not be read: it says nothing of any type.
            is_installed: (!types.is_empty()).then_some(&is_installed),
        };
        let mut found = inspect(base, proposed, diff, &context);
        found.attach(diff);
        risk::note_accepted(diff, &self.risks, self.now);
        let asks = diff.changes.iter().filter_map(|change| {
            let asks = demand::asks(&self.policy, change);
            (!asks.is_empty()).then(|| (change.id.clone(), asks))
        });
        let asks = asks.collect();
        (found.ways, asks)
    }
}

impl Deployments {
    /// Everything about one deployment. Needs `ReadQueue`.
    pub async fn review(&self, caller: &Caller, id: DeploymentId) -> Result<Review, DeployError> {
        caller.require(Permission::ReadQueue)?;
        self.examine(id).await
    }

    /// The same, for the waiting room itself.
    pub(crate) async fn examine(&self, id: DeploymentId) -> Result<Review, DeployError> {
        let deployment = self.store.deployment(id).await?;
        let proposal = &deployment.proposal;
        let base_text = self.store.blob(proposal.base_flows).await?;
        let proposal_text = self.store.blob(proposal.flows).await?;
        let changes = self.store.credential_changes(id).await?;
        let content = self
            .store
            .baseline_at(&deployment.instance, proposal.base)
            .await?;
        let known = content.credentials.names();
        let palette = self.target.palette(&deployment.instance).await;
        let rules = self.rules(&deployment.instance, palette.clone()).await?;
        let (together, own_changes) = (rules.policy.together, rules.policy.own_changes);
        let (base, proposed, diff, ways, asks) = blocking(move || {
            let base = Flows::from_canonical(base_text)?;
            let proposed = Flows::from_canonical(proposal_text)?;
            let mut diff = diff::diff(&base, &proposed, &changes, &known);
            let (ways, asks) = rules.look(&base, &proposed, &mut diff);
            Ok::<_, FlowError>((base, proposed, diff, ways, asks))
        })
        .await?;
        let decisions = self.store.decisions(id).await?;
        let steps = steps(&diff);
        let shown = deployment.proposal.hash();
        Ok(Review {
            deployment,
            shown,
            base,
            proposal: proposed,
            diff,
            palette,
            asks,
            ways,
            decisions,
            steps,
            comments: self.store.comments(id).await?,
            version: self.store.version(id).await?,
            together,
            own_changes,
        })
    }

    /// What policy asks of the approved changes by themselves: without the others they may do what
    /// the proposal as a whole does not.
    pub(crate) async fn asks_of_part(
        &self,
        review: &Review,
        result: &Flows,
    ) -> Result<Asks, DeployError> {
        let palette = review.palette.clone();
        let rules = self.rules(&review.deployment.instance, palette).await?;
        let (base, result) = (review.base.clone(), result.clone());
        blocking(move || {
            let none = CredentialChanges::default();
            let mut diff = diff::diff(&base, &result, &none, &CredentialNames::new());
            Ok::<_, FlowError>(rules.look(&base, &result, &mut diff).1)
        })
        .await
    }

    async fn rules(
        &self,
        instance: &InstanceId,
        palette: Arc<Palette>,
    ) -> Result<Rules, DeployError> {
        Ok(Rules {
            policy: self.store.instance(instance).await?.policy,
            risks: self.store.holding_risks(instance).await?,
            now: self.store.clock().now(),
            palette,
        })
    }

    /// What changed in what runs since this deployment was made: what a rebase would put it onto.
    pub async fn changed_since(
        &self,
        caller: &Caller,
        id: DeploymentId,
    ) -> Result<Diff, DeployError> {
        caller.require(Permission::ReadQueue)?;
        let deployment = self.store.deployment(id).await?;
        let then = self.store.blob(deployment.proposal.base_flows).await?;
        let now = self.store.baseline(&deployment.instance).await?;
        let now = now.ok_or(DeployError::NoBaseline)?.flows;
        blocking(move || {
            let (then, now) = (Flows::from_canonical(then)?, Flows::from_canonical(now)?);
            let none = CredentialChanges::default();
            Ok::<_, FlowError>(diff::diff(&then, &now, &none, &CredentialNames::new()))
        })
        .await
    }

    /// Notes that a reviewer has opened it (`Pending` → `InReview`). Needs `Decide`; nothing
    /// happens for others or in other states.
    pub async fn start_review(&self, caller: &Caller, id: DeploymentId) -> Result<(), DeployError> {
        if caller.require(Permission::Decide).is_err() {
            return Ok(());
        }
        let deployment = self.store.deployment(id).await?;
        if deployment.state == State::Pending {
            let from = &deployment.state;
            match self
                .store
                .step(id, from, State::InReview, &caller.actor())
                .await
            {
                // Somebody else opened it in the same moment.
                Ok(_) | Err(StoreError::Conflict(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// The way through a diff: structure first, then nodes added, removed and changed tab by tab, then
/// wires tab by tab, then what only moved, then the order.
pub fn steps(diff: &Diff) -> Vec<Step> {
    let mut steps: Vec<(StepKind, Option<&str>, Vec<ChangeId>)> = Vec::new();
    for change in &diff.changes {
        let (kind, place) = place(change);
        let at = steps.iter().position(|(k, p, _)| *k == kind && *p == place);
        match at.and_then(|at| steps.get_mut(at)) {
            Some((_, _, changes)) => changes.push(change.id.clone()),
            None => steps.push((kind, place, vec![change.id.clone()])),
        }
    }
    steps.sort_by_key(|(kind, _, _)| *kind);
    let numbered = steps.into_iter().zip(1..);
    numbered
        .map(|((kind, _, changes), number)| Step {
            number,
            kind,
            changes,
        })
        .collect()
}

/// In which step a change is looked at: its kind, and the tab it is on where steps go by tab.
fn place(change: &Change) -> (StepKind, Option<&str>) {
    let tab = change.tab.as_deref();
    match (change.aspect, change.subject) {
        (Aspect::Order, _) => (StepKind::Order, None),
        (Aspect::Layout, _) => (StepKind::Layout, None),
        (_, Subject::Tab | Subject::Subflow) => (StepKind::Structure, Some(change.node.as_str())),
        (_, Subject::Group) => (StepKind::Structure, tab),
        (Aspect::Added, _) => (StepKind::Added, tab),
        (Aspect::Removed, _) => (StepKind::Removed, tab),
        (Aspect::Changed, _) => (StepKind::Changed, tab),
        (Aspect::Wired, _) => (StepKind::Wires, tab),
    }
}

#[cfg(test)]
mod tests;
