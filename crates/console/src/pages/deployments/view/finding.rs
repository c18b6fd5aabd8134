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
