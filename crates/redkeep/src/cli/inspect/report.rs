//! The report for people.

use model::flow::{
    change::Change,
    finding::{Finding, Severity},
};

use super::Looked;
use crate::{
    cli::{
        output::{capital, counted},
        review::weight,
    },
    terminal::{
        self,
        sheet::{Look, Sheet, bold, dim, plain},
    },
};

/// Findings listed at most; the rest is counted.
const LISTED_MAX: usize = 500;
/// Columns before what a finding says.
const IN: usize = 9;

pub(super) fn show(looked: &Looked, look: Look) {
    let mut sheet = Sheet::new(look);
    let summary = looked.diff.summary();
    let summary = if summary.is_empty() {
        "changes nothing".to_owned()
    } else {
        summary
    };
    sheet.line(0, &[bold(capital(&summary))]);
    let changes = looked.diff.changes.iter().enumerate();
    let mut all: Vec<_> = changes
        .flat_map(|(place, change)| change.findings.iter().map(move |it| (place, change, it)))
        .collect();
    all.sort_by_key(|(_, _, finding)| std::cmp::Reverse(finding.severity));
    for (place, change, finding) in all.iter().take(LISTED_MAX) {
        one(&mut sheet, looked, *place, change, finding);
    }
    if let Some(more) = all.len().checked_sub(LISTED_MAX).filter(|more| *more > 0) {
        sheet.blank();
        let text = format!(
            "{} not listed; --json has all.",
            counted(more, "more finding")
        );
        sheet.line(0, &[plain(text)]);
    }
    let count = |severity| {
        all.iter()
            .filter(|(_, _, it)| it.severity == severity)
            .count()
    };
    let counts = [Severity::Danger, Severity::Warning, Severity::Note]
        .map(|it| format!("{} {}", count(it), it.word()));
    sheet.blank();
    let changes = counted(looked.diff.changes.len(), "change");
    let text = format!("{changes}; findings: {}", counts.join(", "));
    sheet.line(0, &[plain(text)]);
    terminal::line(sheet.text());
}

/// One finding, with where it is and what it bears on.
fn one(sheet: &mut Sheet, looked: &Looked, place: usize, change: &Change, finding: &Finding) {
    sheet.blank();
    sheet.hanging(0, IN, &weight(finding));
    sheet.line(IN, &[dim(at(looked, change, finding))]);
    let outputs = looked.ways.get(place).map_or(&[][..], |ways| &ways.outputs);
    if finding.severity > Severity::Note && !outputs.is_empty() {
        sheet.line(IN, &[dim(format!("feeds {}", names(looked, outputs)))]);
    }
}

/// A change in words: what, where.
fn at(looked: &Looked, change: &Change, finding: &Finding) -> String {
    let tab = change
        .tab
        .as_deref()
        .and_then(|tab| looked.diff.tabs.get(tab));
    let on = tab.map_or_else(String::new, |tab| format!(" on {tab}"));
    let line = finding
        .line
        .map_or_else(String::new, |line| format!(", line {line}"));
    let within = finding
        .property
        .as_ref()
        .map_or_else(String::new, |property| format!(": {property}{line}"));
    format!(
        "{} {} ({}, {}){on}{within}",
        change.aspect.word(),
        change.label,
        change.node_type,
        change.node
    )
}

/// What a few nodes are called.
fn names(looked: &Looked, ids: &[String]) -> String {
    let node = |id: &String| looked.proposal.get(id).or_else(|| looked.base.get(id));
    let named: Vec<String> = ids
        .iter()
        .take(5)
        .filter_map(node)
        .map(|node| node.label())
        .collect();
    let more = if ids.len() > 5 {
        format!(" and {} more", ids.len() - 5)
    } else {
        String::new()
    };
    format!("{}{more}", named.join(", "))
}
