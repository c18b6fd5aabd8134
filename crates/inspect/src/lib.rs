//! What a change does: what it can now reach, what it puts at risk, what depends on it.
//!
//! Pure: two flows and their difference in, findings out. A finding is a hint, not a verdict.
//!
//! [`inspect`] → `look` (one node before and after) → the rules' own files: `code` (facts of `script`),
//! `reach`, `secrets`, `hidden`, `state`, `hygiene`; then `graph` → `consequence`, which look at the
//! whole flow. What each rule is called, how grave it is, why, and an example that fires and one that
//! does not stand in [`rule`], once, for the tests and for `docs/findings.md`.
//!
//! The cost follows what changed; only the graph follows the size of the flow, linearly.
#![forbid(unsafe_code)]

mod code;
mod consequence;
mod document;
mod graph;
mod hidden;
mod hit;
mod hygiene;
mod look;
mod reach;
pub mod rule;
mod secrets;
mod state;

use model::{
    flow::{
        Flows,
        change::{Aspect, Change},
        diff::Diff,
        finding::Finding,
    },
    instance::Policy,
};

pub use document::document;

use crate::{graph::Graph, hit::Hits, look::Look};

/// What is known besides the two flows. All of it may be missing.
#[derive(Default, Clone, Copy)]
pub struct Context<'a> {
    /// The instance's rules.
    pub policy: Option<&'a Policy>,
    /// Tells whether a node type is installed.
    pub is_installed: Option<&'a (dyn Fn(&str) -> bool + Sync)>,
}

impl std::fmt::Debug for Context<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("policy", &self.policy)
            .field("knows_types", &self.is_installed.is_some())
            .finish()
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inspection {
    /// For each change of the diff, in its order: what a reviewer should know, the gravest first.
    pub findings: Vec<Vec<Finding>>,
    /// For each change, in the same order: what feeds it and what it feeds. Empty for what is no
    /// node on a tab.
    pub ways: Vec<Ways>,
}

pub use crate::consequence::Ways;

impl Inspection {
    /// Puts the findings onto their changes.
    pub fn attach(&mut self, diff: &mut Diff) {
        for (change, findings) in diff.changes.iter_mut().zip(self.findings.drain(..)) {
            change.findings = findings;
        }
    }
}

/// Looks at everything `diff` says differs between `base` and `proposal`.
pub fn inspect(base: &Flows, proposal: &Flows, diff: &Diff, context: &Context<'_>) -> Inspection {
    if diff.changes.iter().any(matters) {
        // Code is read for nearly every change.
        return script::with_room(|| all(base, proposal, diff, context));
    }
    all(base, proposal, diff, context)
}

fn all(base: &Flows, proposal: &Flows, diff: &Diff, context: &Context<'_>) -> Inspection {
    let mut hits: Vec<Hits> = Vec::with_capacity(diff.changes.len());
    for change in &diff.changes {
        let mut found = Hits::default();
        if change.aspect != Aspect::Order {
            one(&Look::new(change, base, proposal), context, &mut found);
        }
        hits.push(found);
    }
    let mut ways = vec![Ways::default(); diff.changes.len()];
    if diff.changes.iter().any(matters) {
        let (before, after) = (Graph::new(base), Graph::new(proposal));
        consequence::look(&before, &after, diff, &mut hits, &mut ways);
        hygiene::look_at_ways(&after, proposal, diff, &mut hits);
        hygiene::left_unused(proposal, diff, &mut hits);
    }
    let findings = diff.changes.iter().zip(hits);
    let findings = findings
        .map(|(change, hits)| hits.findings(change))
        .collect();
    Inspection { findings, ways }
}

/// Whether the flow's wiring has to be looked at for this change.
fn matters(change: &Change) -> bool {
    !matches!(change.aspect, Aspect::Layout | Aspect::Order)
}

/// What can be told from one node alone.
fn one(look: &Look<'_>, context: &Context<'_>, hits: &mut Hits) {
    match look.change.aspect {
        Aspect::Added | Aspect::Changed => {
            code::look(look, hits);
            reach::look(look, context, hits);
            secrets::look(look, hits);
            hidden::look(look, hits);
            state::look(look, hits);
            hygiene::look(look, context, hits);
        }
        Aspect::Layout => state::off_canvas(look, hits),
        Aspect::Wired => hygiene::wires_to_nothing(look, hits),
        Aspect::Removed | Aspect::Order => {}
    }
}
