//! Findings, ready to be shown: of one change, and of a whole deployment.

use model::flow::{
    change::Change,
    finding::{Finding, Severity},
};

use crate::{
    shell::Shell,
    wording::{Moment, Pill, name_of, severity_pill, shown},
};

/// A finding of one change.
#[derive(Debug)]
pub(crate) struct FindingLine {
    pub(crate) pill: Pill,
    pub(crate) message: String,
    pub(crate) property: Option<String>,
    pub(crate) line: Option<u32>,
    /// The finding's mark, as its form names it.
    pub(crate) mark: String,
    /// Who took it on themselves, and why, where somebody did.
    pub(crate) accepted: Option<AcceptedLine>,
}

/// An accepted risk beside its finding.
#[derive(Debug)]
pub(crate) struct AcceptedLine {
    pub(crate) owner: String,
    pub(crate) reason: String,
    pub(crate) until: Moment,
}

impl FindingLine {
    pub(super) fn all(change: &Change, shell: &Shell) -> Vec<Self> {
        let findings = change.findings.iter();
        findings.map(|finding| Self::new(finding, shell)).collect()
    }

    fn new(finding: &Finding, shell: &Shell) -> Self {
        let accepted = finding.accepted.as_ref().map(|accepted| AcceptedLine {
            owner: name_of(&accepted.owner),
            reason: shown(&accepted.reason),
            until: shell.moment(accepted.until),
        });
        Self {
            pill: severity_pill(finding.severity),
            message: shown(&finding.message),
            property: finding.property.as_deref().map(name_of),
            line: finding.line,
            mark: finding.mark.to_string(),
            accepted,
        }
    }
}

/// A finding of a whole deployment, with the changes it was made in.
#[derive(Debug)]
pub(crate) struct FindingGroup {
    pub(super) severity: Severity,
    pub(crate) pill: Pill,
    pub(crate) message: String,
    pub(crate) places: Vec<FindingPlace>,
    /// Changes that are not named.
    pub(crate) more: usize,
}

/// Where a finding was made.
#[derive(Debug)]
pub(crate) struct FindingPlace {
    pub(crate) label: String,
    pub(crate) property: Option<String>,
    pub(crate) step: usize,
}

/// Changes a finding names at most.
const PLACES_SHOWN: usize = 12;

impl FindingGroup {
    pub(super) fn new(finding: &Finding) -> Self {
        Self {
            severity: finding.severity,
            pill: severity_pill(finding.severity),
            message: shown(&finding.message),
            places: Vec::new(),
            more: 0,
        }
    }

    /// Whether it only wants to be known.
    pub(crate) fn is_note(&self) -> bool {
        self.severity == Severity::Note
    }

    pub(super) fn add(&mut self, finding: &Finding, change: &Change, step: usize) {
        if self.places.len() >= PLACES_SHOWN {
            self.more += 1;
            return;
        }
        self.places.push(FindingPlace {
            label: name_of(&change.label),
            property: finding.property.as_deref().map(name_of),
            step,
        });
    }
}

/// Findings listed on one page, heaviest first: a hostile deployment has as many as it likes.
const GROUPS_SHOWN: usize = 60;

/// A page of what is to be known.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) groups: Vec<FindingGroup>,
    /// How many of the groups here are notes, which stand folded.
    pub(crate) notes: usize,
    /// Where the pages before and after this one begin.
    pub(crate) earlier: Option<usize>,
    pub(crate) later: Option<usize>,
    /// Groups that are not on this page.
    pub(crate) more: usize,
}

impl Findings {
    /// The page that begins with group `from`, counted from 0.
    pub(crate) fn page(all: Vec<FindingGroup>, from: usize) -> Self {
        let count = all.len();
        let from = if from < count { from } else { 0 };
        let groups: Vec<_> = all.into_iter().skip(from).take(GROUPS_SHOWN).collect();
        let later = from + groups.len();
        Self {
            notes: groups.iter().filter(|group| group.is_note()).count(),
            earlier: (from > 0).then(|| from.saturating_sub(GROUPS_SHOWN)),
            later: (later < count).then_some(later),
            more: count - groups.len(),
            groups,
        }
    }
}
