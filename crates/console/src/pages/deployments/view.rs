//! What the review pages share: a deployment's head, its steps, its changes, ready to be shown.

mod card;
mod change;
mod finding;
pub(crate) mod rehearsal;
mod ways;

use std::{cmp::Reverse, collections::HashMap, fmt::Write as _};

use deploy::{Review, StepKind};
use inspect::Ways;
use model::{
    deployment::{Comment, State, Verdict},
    flow::change::{Aspect, Change, ChangeId},
    instance::OwnChanges,
};

pub(crate) use self::{
    card::Card,
    change::{ChangeView, CommentView},
    finding::{FindingGroup, FindingLine, Findings},
    ways::WayLine,
};
use crate::{
    App,
    compare::Budget,
    problem::PageError,
    session::SignedIn,
    shell::Shell,
    summaries::capital,
    wording::{Icon, Moment, Pill, Who, counted, name_of, origin_words, severity_pill, state_pill},
};

/// A deployment's head: what, who, from where, when, and what may be done with it.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "one per button the templates ask about"
)]
pub(crate) struct Head {
    pub(crate) id: i64,
    pub(crate) sentence: String,
    pub(crate) pill: Pill,
    pub(crate) instance: String,
    pub(crate) who: Who,
    pub(crate) origin: &'static str,
    pub(crate) at: Moment,
    /// The digest that is shown, decided on and applied.
    pub(crate) shown: String,
    pub(crate) base_short: String,
    pub(crate) restart: &'static str,
    pub(crate) changes: usize,
    pub(crate) approved: usize,
    pub(crate) rejected: usize,
    pub(crate) undecided: usize,
    /// This person may decide here and now.
    pub(crate) may_decide: bool,
    /// Why not, when one might expect it.
    pub(crate) why_not: Option<&'static str>,
    pub(crate) may_apply: bool,
    pub(crate) may_reject: bool,
    pub(crate) may_withdraw: bool,
    pub(crate) may_rebase: bool,
    /// This person may apply it before its review.
    pub(crate) may_apply_emergency: bool,
    pub(crate) is_own: bool,
    pub(crate) may_comment: bool,
    /// Which version of the proposal it is, where it is not the first.
    pub(crate) version: Option<VersionView>,
}

/// A newer version of a proposal.
#[derive(Debug)]
pub(crate) struct VersionView {
    pub(crate) number: u32,
    pub(crate) earlier: i64,
    /// Changes that are new or another than in the version before.
    pub(crate) new: usize,
    /// Decisions that were taken on an earlier version and hold.
    pub(crate) kept: usize,
}

impl Head {
    pub(crate) async fn new(
        app: &App,
        by: &SignedIn,
        shell: &Shell,
        review: &Review,
    ) -> Result<Self, PageError> {
        let deployment = &review.deployment;
        let instance = app.store.instance(&deployment.instance).await?;
        let is_own = deployment.proposer.user() == Some(by.caller.principal.user);
        let needs_other = is_own && instance.policy.own_changes == OwnChanges::FourEyes;
        let is_decidable = matches!(
            deployment.state,
            State::Pending | State::InReview | State::Approved { .. }
        );
        let is_open = is_decidable || matches!(deployment.state, State::Stale { .. });
        let verdicts = |verdict| {
            review
                .decisions
                .iter()
                .filter(|d| d.verdict == verdict)
                .count()
        };
        let why_not = if needs_other && is_open {
            Some("This instance asks for four eyes: somebody other than you must approve.")
        } else if !shell.sees.decides && is_open {
            Some("A reviewer decides on this. You can follow it here.")
        } else {
            None
        };
        let decides = shell.sees.decides && !needs_other;
        Ok(Self {
            id: deployment.id.0,
            sentence: name_of(&capital(&review.diff.summary())),
            pill: state_pill(&deployment.state),
            instance: deployment.instance.to_string(),
            who: Who::of(&deployment.proposer),
            origin: origin_words(deployment),
            at: shell.moment(deployment.created_at),
            shown: review.shown.to_string(),
            base_short: deployment.proposal.base.short(),
            restart: deployment.proposal.deployment_type.as_str(),
            changes: review.diff.changes.len(),
            approved: verdicts(Verdict::Approve),
            rejected: verdicts(Verdict::Reject),
            undecided: review.undecided(),
            may_decide: decides && is_decidable,
            why_not,
            may_apply: decides && is_decidable && shell.sees.applies,
            may_reject: shell.sees.decides && is_open,
            may_withdraw: (is_own || shell.sees.all) && is_open,
            may_rebase: matches!(deployment.state, State::Stale { .. })
                && (is_own || shell.sees.decides),
            may_apply_emergency: app
                .deployments
                .may_apply_emergency(&by.caller, deployment)
                .await,
            is_own,
            may_comment: app.deployments.may_comment(&by.caller, deployment),
            version: review.version.as_ref().map(|version| VersionView {
                number: version.number,
                earlier: version.earlier.0,
                new: review
                    .diff
                    .changes
                    .len()
                    .saturating_sub(version.unchanged.len()),
                kept: review
                    .decisions
                    .iter()
                    .filter(|it| it.taken_on.is_some())
                    .count(),
            }),
        })
    }

    /// How many changes are decided.
    pub(crate) fn decided(&self) -> usize {
        self.changes - self.undecided.min(self.changes)
    }

    pub(crate) fn changes_words(&self) -> String {
        counted(self.changes, "change")
    }
}

/// How a step's changes were decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decided {
    Not,
    Approved,
    Rejected,
    Partly,
    Mixed,
}

impl Decided {
    pub(crate) fn of(review: &Review, changes: &[ChangeId]) -> Self {
        let (mut approved, mut rejected) = (0, 0);
        for change in changes {
            match review.decision(change).map(|decision| decision.verdict) {
                Some(Verdict::Approve) => approved += 1,
                Some(Verdict::Reject) => rejected += 1,
                None => {}
            }
        }
        match (approved, rejected, changes.len() - approved - rejected) {
            (0, 0, _) => Self::Not,
            (_, 0, 0) => Self::Approved,
            (0, _, 0) => Self::Rejected,
            (_, _, 0) => Self::Mixed,
            _ => Self::Partly,
        }
    }

    pub(crate) fn icon(self) -> Icon {
        Icon(match self {
            Self::Not => "circle",
            Self::Approved => "check",
            Self::Rejected => "cross",
            Self::Partly => "dot",
            Self::Mixed => "minus",
        })
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Not => "not decided",
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Partly => "partly decided",
            Self::Mixed => "some approved, some rejected",
        }
    }

    pub(crate) fn tone(self) -> &'static str {
        match self {
            Self::Not => "open",
            Self::Approved => "good",
            Self::Rejected => "bad",
            Self::Partly | Self::Mixed => "look",
        }
    }
}

/// A step as the list shows it.
#[derive(Debug)]
pub(crate) struct StepLine {
    pub(crate) number: usize,
    pub(crate) icon: Icon,
    pub(crate) tone: &'static str,
    pub(crate) verb: &'static str,
    pub(crate) title: String,
    pub(crate) place: String,
    pub(crate) decided: Decided,
    pub(crate) worst: Option<Pill>,
    /// Who decided, by name.
    pub(crate) by: String,
    /// Something in it is new or another than in the version before.
    pub(crate) is_new: bool,
    /// Comments on its changes.
    pub(crate) comments: usize,
}

/// Labels a step's line names.
const LABELS_SHOWN: usize = 3;

/// A review on its way to a page.
pub(crate) struct Looked<'a> {
    pub(crate) review: &'a Review,
    /// What the page may still hold.
    pub(crate) budget: Budget,
    threads: HashMap<&'a ChangeId, Vec<&'a Comment>>,
}

impl<'a> Looked<'a> {
    pub(crate) fn new(review: &'a Review) -> Self {
        let mut threads: HashMap<_, Vec<_>> = HashMap::new();
        for comment in &review.comments {
            if let Some(change) = &comment.change {
                threads.entry(change).or_default().push(comment);
            }
        }
        Self {
            review,
            threads,
            budget: Budget::new(false),
        }
    }

    /// Shows long values whole.
    pub(crate) fn in_full(mut self, is_full: bool) -> Self {
        self.budget = Budget::new(is_full);
        self
    }

    pub(crate) fn change(&self, id: &ChangeId) -> Option<&'a Change> {
        self.review.change(id)
    }

    /// What feeds a change and what it feeds.
    fn ways(&self, id: &ChangeId) -> Option<&'a Ways> {
        self.review.ways_of(id)
    }

    /// What was said about a change.
    fn thread(&self, id: &ChangeId) -> &[&'a Comment] {
        self.threads.get(id).map_or(&[], Vec::as_slice)
    }

    /// How many changes were talked about.
    pub(crate) fn discussed(&self) -> usize {
        let known = self.threads.keys().filter(|id| self.change(id).is_some());
        known.count()
    }

    /// What people call a node, after the change or before it.
    pub(crate) fn name(&self, id: &str) -> String {
        let node = self
            .review
            .proposal
            .get(id)
            .or_else(|| self.review.base.get(id));
        node.map_or_else(|| name_of(id), |node| name_of(&node.label()))
    }

    pub(crate) fn place(&self, change: &Change) -> String {
        change
            .tab
            .as_deref()
            .map(|tab| self.name(tab))
            .unwrap_or_default()
    }

    pub(crate) fn line(&self, step: &deploy::Step) -> StepLine {
        let first = step.changes.first().and_then(|id| self.change(id));
        let (icon, tone, verb) = kind_words(step.kind, first);
        let title = match step.kind {
            StepKind::Layout => format!("{} on the canvas", counted(step.changes.len(), "node")),
            StepKind::Order => "Order of the file".to_owned(),
            _ => self.labels(&step.changes),
        };
        let place = match (step.kind, first) {
            (StepKind::Layout | StepKind::Order, _) | (_, None) => String::new(),
            (_, Some(change)) => self.place(change),
        };
        let found = step.changes.iter().filter_map(|id| self.change(id));
        let worst = found
            .flat_map(|c| &c.findings)
            .filter(|finding| finding.is_open())
            .map(|finding| finding.severity)
            .max();
        StepLine {
            number: step.number,
            icon: Icon(icon),
            tone,
            verb,
            title,
            place,
            decided: Decided::of(self.review, &step.changes),
            worst: worst.map(severity_pill),
            by: self.deciders(&step.changes),
            is_new: step
                .changes
                .iter()
                .any(|id| self.review.is_new_in_version(id)),
            comments: step.changes.iter().map(|id| self.thread(id).len()).sum(),
        }
    }

    /// Who decided these changes, each once.
    fn deciders(&self, changes: &[ChangeId]) -> String {
        let mut names: Vec<String> = Vec::new();
        for decision in changes.iter().filter_map(|id| self.review.decision(id)) {
            let name = Who::of(&decision.by).name;
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names.join(", ")
    }

    /// The labels of a few changes, and how many more there are.
    fn labels(&self, changes: &[ChangeId]) -> String {
        let named = changes
            .iter()
            .take(LABELS_SHOWN)
            .filter_map(|id| self.change(id));
        let mut text = named
            .map(|change| name_of(&change.label))
            .collect::<Vec<_>>()
            .join(", ");
        if changes.len() > LABELS_SHOWN {
            // Writing to a string cannot fail.
            write!(text, " and {} more", changes.len() - LABELS_SHOWN).ok();
        }
        text
    }

    /// The step a change stands in.
    pub(crate) fn step_of(&self, change: &ChangeId) -> Option<usize> {
        self.review.step_of(change)
    }

    /// The first step after `number` (then from the start) with something undecided.
    pub(crate) fn next_undecided(&self, number: usize) -> Option<usize> {
        let is_open = |step: &&deploy::Step| {
            step.changes
                .iter()
                .any(|change| self.review.decision(change).is_none())
        };
        let steps = &self.review.steps;
        let after = steps
            .iter()
            .filter(|step| step.number > number)
            .find(is_open);
        after
            .or_else(|| steps.iter().find(is_open))
            .map(|step| step.number)
    }

    /// Every finding, heaviest first; the same sentence stands once, with all it is about.
    pub(crate) fn findings(&self) -> Vec<FindingGroup> {
        let mut groups: Vec<FindingGroup> = Vec::new();
        let mut known: HashMap<&str, usize> = HashMap::new();
        for step in &self.review.steps {
            for change in step.changes.iter().filter_map(|id| self.change(id)) {
                // What was accepted is listed with its change, folded.
                for finding in change.findings.iter().filter(|finding| finding.is_open()) {
                    let next = groups.len();
                    let index = *known.entry(&finding.message).or_insert(next);
                    if index == next {
                        groups.push(FindingGroup::new(finding));
                    }
                    if let Some(group) = groups.get_mut(index) {
                        group.add(finding, change, step.number);
                    }
                }
            }
        }
        groups.sort_by_key(|group| Reverse(group.severity));
        groups
    }
}

fn kind_words(
    kind: StepKind,
    change: Option<&Change>,
) -> (&'static str, &'static str, &'static str) {
    match (kind, change.map(|change| change.aspect)) {
        (StepKind::Added, _) | (StepKind::Structure, Some(Aspect::Added)) => {
            ("plus", "good", "Add")
        }
        (StepKind::Removed, _) | (StepKind::Structure, Some(Aspect::Removed)) => {
            ("minus", "bad", "Remove")
        }
        (StepKind::Changed | StepKind::Structure, _) => ("change", "warn", "Change"),
        (StepKind::Wires, _) => ("wire", "look", "Rewire"),
        (StepKind::Layout, _) => ("move", "quiet", "Move"),
        (StepKind::Order, _) => ("lines", "quiet", "Reorder"),
    }
}
