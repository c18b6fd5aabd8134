//! A review in the terminal: everything the page shows, in its order.
//!
//! `head`, `rehearsal`, `step`, `value` and `rest` fill a [`Sheet`]; nothing here talks to the API.

mod head;
mod rehearsal;
mod rest;
mod step;
mod value;

use std::collections::{BTreeMap, HashMap};

use deploy::{Named, Names, Step, export::Statement};
use inspect::{Context, Ways};
use model::{
    deployment::{Comment, Decision, Deployment, Verdict, Version},
    flow::{
        Flows,
        change::{Change, ChangeId},
        diff::Diff,
    },
    id::{DeploymentId, Hash},
    instance::Ask,
    rehearsal::Rehearsal,
};
use serde::Deserialize;

pub(super) use self::head::weight;
use crate::terminal::sheet::{Look, Sheet};

/// A deployment as the API answers it.
#[derive(Debug, Deserialize)]
pub(crate) struct Reviewed {
    #[serde(flatten)]
    pub(crate) deployment: Deployment,
    pub(crate) shown: Hash,
    summary: String,
    steps: Vec<Step>,
    decisions: Vec<Decision>,
    comments: Vec<Comment>,
    version: Option<Version>,
    /// One for each change, in their order.
    ways: Vec<Ways>,
    asks: BTreeMap<ChangeId, Vec<Ask>>,
    names: Names,
    diff: Diff,
    rehearsal: Option<Rehearsal>,
}

/// The whole review, as text.
pub(crate) fn of_deployment(reviewed: &Reviewed, look: Look) -> String {
    let mut sheet = Sheet::new(look);
    head::write(&mut sheet, reviewed);
    rehearsal::write(&mut sheet, reviewed.rehearsal.as_ref());
    step::write_all(&mut sheet, reviewed);
    rest::write(&mut sheet, reviewed);
    sheet.text().to_owned()
}

/// The same of an exported deployment, whose `flows` were checked: what it was, not what is left.
pub(crate) fn of_statement(statement: &Statement, look: Look) -> Result<String, String> {
    let reviewed = Reviewed::of_statement(statement)?;
    let mut sheet = Sheet::new(look);
    head::write(&mut sheet, &reviewed);
    step::write_all(&mut sheet, &reviewed);
    Ok(sheet.text().to_owned())
}

impl Reviewed {
    fn of_statement(statement: &Statement) -> Result<Self, String> {
        let flows =
            |text: &str| Flows::from_canonical(text.into()).map_err(|error| error.to_string());
        let base = flows(&statement.base_flows)?;
        let proposal = flows(&statement.proposed_flows)?;
        let changes = statement.changes.clone();
        let called = |id: &String| {
            let node = proposal.get(id).or_else(|| base.get(id))?;
            Some((id.clone(), node.label()))
        };
        let tabs = changes.iter().filter_map(|change| change.tab.as_ref());
        let tabs = tabs.filter_map(called).collect();
        let diff = Diff { changes, tabs };
        let ways = inspect::inspect(&base, &proposal, &diff, &Context::default()).ways;
        Ok(Self {
            deployment: statement.deployment.clone(),
            shown: statement.shown,
            summary: diff.summary(),
            steps: deploy::steps(&diff),
            decisions: statement.decisions.clone(),
            comments: Vec::new(),
            version: None,
            names: deploy::names(&base, &proposal, &diff.changes, &ways),
            ways,
            asks: BTreeMap::new(),
            diff,
            rehearsal: None,
        })
    }

    /// The change that `word` means: its name, or its number as shown.
    pub(crate) fn find(&self, word: &str) -> Option<&ChangeId> {
        let by_number = || {
            let (step, place) = word.split_once('.')?;
            let (step, place): (usize, usize) = (step.parse().ok()?, place.parse().ok()?);
            let step = self.steps.iter().find(|it| it.number == step)?;
            step.changes.get(place.checked_sub(1)?)
        };
        let mut changes = self.diff.changes.iter().map(|change| &change.id);
        changes.find(|id| id.0 == word).or_else(by_number)
    }

    fn decision(&self, change: &ChangeId) -> Option<&Decision> {
        self.decisions.iter().find(|it| it.change == *change)
    }

    /// What was said about a change, or (none) about the whole.
    fn thread(&self, change: Option<&ChangeId>) -> impl Iterator<Item = &Comment> {
        let comments = self.comments.iter();
        comments.filter(move |comment| comment.change.as_ref() == change)
    }

    fn count(&self, verdict: Verdict) -> usize {
        let decisions = self.decisions.iter();
        decisions.filter(|it| it.verdict == verdict).count()
    }

    /// What people call a node; its id where it is nowhere.
    fn name(&self, id: &str) -> String {
        let named = self.names.get(id);
        named.map_or_else(|| id.to_owned(), |Named { label, .. }| label.clone())
    }

    /// Which version of the proposal a deployment is, where it has several.
    fn number_of(&self, version: DeploymentId) -> Option<usize> {
        let line = &self.version.as_ref()?.line;
        line.iter().position(|it| *it == version).map(|at| at + 1)
    }
}

/// The changes by their names, with what feeds them and what they feed, and their numbers as shown.
struct Index<'r> {
    changes: HashMap<&'r ChangeId, Entry<'r>>,
}

#[derive(Clone, Copy)]
struct Entry<'r> {
    change: &'r Change,
    ways: Option<&'r Ways>,
    /// Its step and its place in it, from 1.
    number: (usize, usize),
}

impl<'r> Index<'r> {
    fn new(reviewed: &'r Reviewed) -> Self {
        let mut numbers: HashMap<&ChangeId, (usize, usize)> = HashMap::new();
        for step in &reviewed.steps {
            let places = step.changes.iter().zip(1..);
            numbers.extend(places.map(|(id, place)| (id, (step.number, place))));
        }
        let changes = reviewed.diff.changes.iter().enumerate();
        let changes = changes.map(|(at, change)| {
            let entry = Entry {
                change,
                ways: reviewed.ways.get(at),
                number: numbers.get(&change.id).copied().unwrap_or_default(),
            };
            (&change.id, entry)
        });
        Self {
            changes: changes.collect(),
        }
    }

    fn get(&self, id: &ChangeId) -> Option<Entry<'r>> {
        self.changes.get(id).copied()
    }
}

impl Entry<'_> {
    /// Its number as shown: `3.1`.
    fn number(&self) -> String {
        format!("{}.{}", self.number.0, self.number.1)
    }
}
