//! What a proposal says once both flows are read: all that hangs on hashes alone.

use std::collections::{BTreeMap, HashMap};

use inspect::{Context, Ways, inspect};
use model::{
    clock::Timestamp,
    flow::{
        FlowError, Flows,
        change::{Aspect, Change, ChangeId, Subject},
        credentials::{CredentialChanges, CredentialNames},
        diff::{self, Diff},
    },
    id::{Hash, InstanceId},
    instance::{Ask, Policy},
    palette::Palette,
    risk::Risk,
};
use serde::{Deserialize, Serialize};

use super::weight::weigh;
use crate::{DeployError, demand, risk};

/// Both flows, what differs, and what is to be known of it.
#[derive(Debug)]
pub struct Reading {
    /// The flows it starts from.
    pub base: Flows,
    /// The proposed flows.
    pub proposal: Flows,
    /// What differs, with findings.
    pub diff: Diff,
    /// What policy asks for changes whose findings make demands.
    pub asks: BTreeMap<ChangeId, Vec<Ask>>,
    /// For each change of the diff, in its order: what feeds it and what it feeds.
    pub ways: Vec<Ways>,
    /// The way through it.
    pub steps: Vec<Step>,
    places: Places,
    /// About how many bytes of memory it takes.
    pub(super) weight: usize,
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

/// What a reading is made from.
pub(super) struct Grounds {
    pub(super) base: std::sync::Arc<str>,
    pub(super) proposal: std::sync::Arc<str>,
    pub(super) credentials: CredentialChanges,
    pub(super) known: CredentialNames,
    pub(super) rules: Rules,
}

/// What policy asks, by change; changes of which it asks nothing are left out.
pub(crate) type Asks = BTreeMap<ChangeId, Vec<Ask>>;

/// What changes are held against.
pub(super) struct Rules {
    pub(super) policy: Policy,
    /// The risks that hold.
    pub(super) risks: Vec<Risk>,
    pub(super) now: Timestamp,
    pub(super) palette: std::sync::Arc<Palette>,
}

impl Rules {
    /// Notes on each change what is found and whether that was accepted as a risk; gives each
    /// change's ways, and what is asked.
    pub(super) fn look(
        &self,
        base: &Flows,
        proposed: &Flows,
        diff: &mut Diff,
    ) -> (Vec<Ways>, Asks) {
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

/// The digest of everything a reading depends on: `shown` stands for the flows, the baseline with
/// its credentials, and the credential changes. The same digest always gives the same reading.
pub(super) fn key(instance: &InstanceId, shown: Hash, rules: &Rules) -> Result<Hash, DeployError> {
    let types: Vec<&String> = rules.palette.types.keys().collect();
    // A risk is never rewritten, only withdrawn, and holds no more then: its number says it all.
    let risks: Vec<i64> = rules.risks.iter().map(|risk| risk.id).collect();
    let text = serde_json::to_vec(&(instance, shown, &rules.policy, types, risks));
    Ok(Hash::of(&text.map_err(|_| DeployError::Unreadable)?))
}

impl Reading {
    pub(super) fn new(grounds: Grounds) -> Result<Self, FlowError> {
        let base = Flows::from_canonical(grounds.base)?;
        let proposal = Flows::from_canonical(grounds.proposal)?;
        let mut diff = diff::diff(&base, &proposal, &grounds.credentials, &grounds.known);
        let (ways, asks) = grounds.rules.look(&base, &proposal, &mut diff);
        let steps = steps(&diff);
        let mut reading = Self {
            places: Places::of(&diff, &steps),
            base,
            proposal,
            asks,
            ways,
            steps,
            diff,
            weight: 0,
        };
        reading.weight = weigh(&reading);
        Ok(reading)
    }

    /// The change of that name.
    pub fn change(&self, id: &ChangeId) -> Option<&Change> {
        self.diff.changes.get(self.places.find(&self.diff, id)?)
    }

    /// What feeds a change and what it feeds.
    pub fn ways_of(&self, id: &ChangeId) -> Option<&Ways> {
        self.ways.get(self.places.find(&self.diff, id)?)
    }

    /// The number of the step a change stands in.
    pub fn step_of(&self, id: &ChangeId) -> Option<usize> {
        let at = self.places.find(&self.diff, id)?;
        self.places.step.get(at).map(|step| *step as usize)
    }

    /// The step of that number.
    pub fn step(&self, number: usize) -> Option<&Step> {
        self.steps.get(number.checked_sub(1)?)
    }
}

/// Where each change stands: a page looks up hundreds of them, a deployment may hold 100,000.
#[derive(Debug)]
struct Places {
    /// The changes' places in the diff, in the order of their names.
    by_name: Vec<u32>,
    /// For each change of the diff the number of its step.
    step: Vec<u32>,
}

impl Places {
    fn of(diff: &Diff, steps: &[Step]) -> Self {
        let changes = &diff.changes;
        // A flows file has far fewer entries than that.
        let count = u32::try_from(changes.len()).unwrap_or(u32::MAX);
        let mut by_name: Vec<u32> = (0..count).collect();
        by_name.sort_by_key(|at| changes.get(*at as usize).map(|change| &change.id));
        let mut places = Self {
            by_name,
            step: vec![0; changes.len()],
        };
        for step in steps {
            let number = u32::try_from(step.number).unwrap_or(u32::MAX);
            for id in &step.changes {
                let at = places.find(diff, id);
                if let Some(place) = at.and_then(|at| places.step.get_mut(at)) {
                    *place = number;
                }
            }
        }
        places
    }

    fn find(&self, diff: &Diff, id: &ChangeId) -> Option<usize> {
        let named = |at: &u32| diff.changes.get(*at as usize).map(|change| &change.id);
        let at = self.by_name.binary_search_by(|at| named(at).cmp(&Some(id)));
        self.by_name.get(at.ok()?).map(|at| *at as usize)
    }
}

/// The way through a diff: structure first, then nodes added, removed and changed tab by tab, then
/// wires tab by tab, then what only moved, then the order.
pub fn steps(diff: &Diff) -> Vec<Step> {
    let mut steps: Vec<(StepKind, Vec<ChangeId>)> = Vec::new();
    // A hundred thousand tabs are a hundred thousand steps: they are found, not searched.
    let mut known: HashMap<(StepKind, Option<&str>), usize> = HashMap::new();
    for change in &diff.changes {
        let (kind, place) = place(change);
        let next = steps.len();
        let at = *known.entry((kind, place)).or_insert(next);
        match steps.get_mut(at) {
            Some((_, changes)) => changes.push(change.id.clone()),
            None => steps.push((kind, vec![change.id.clone()])),
        }
    }
    steps.sort_by_key(|(kind, _)| *kind);
    let numbered = steps.into_iter().zip(1..);
    numbered
        .map(|((kind, changes), number)| Step {
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
