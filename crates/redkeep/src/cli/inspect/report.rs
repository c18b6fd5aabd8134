//! The report for people.

use model::flow::{
    change::Change,
    finding::{Finding, Severity},
};

use super::Looked;
use crate::{cli::output::printable, terminal};

/// Findings listed at most; the rest is counted.
const LISTED_MAX: usize = 500;

pub(super) fn show(looked: &Looked, in_colour: bool) {
    let paint = |code: &str, text: &str| {
        if in_colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    };
    let summary = looked.diff.summary();
    let summary = if summary.is_empty() {
        "changes nothing".to_owned()
    } else {
        summary
    };
    terminal::line(&paint("1", &capital(&printable(&summary))));
    let mut all: Vec<_> = looked
        .diff
        .changes
        .iter()
        .enumerate()
        .flat_map(|(place, change)| {
            change
                .findings
                .iter()
                .map(move |finding| (place, change, finding))
        })
        .collect();
    all.sort_by_key(|(_, _, finding)| std::cmp::Reverse(finding.severity));
    for (place, change, finding) in all.iter().take(LISTED_MAX) {
        one(looked, *place, change, finding, &paint);
    }
    if all.len() > LISTED_MAX {
        terminal::line(&format!(
            "\n{} more findings are not listed; --json has all of them.",
            all.len() - LISTED_MAX
        ));
    }
    let count = |severity| {
        all.iter()
            .filter(|(_, _, it)| it.severity == severity)
            .count()
    };
    let counts = [Severity::Danger, Severity::Warning, Severity::Note]
        .map(|it| format!("{} {}", count(it), it.word()));
    terminal::line("");
    terminal::line(&format!(
        "{} changes; findings: {}",
        looked.diff.changes.len(),
        counts.join(", ")
    ));
}

/// One finding, with where it is and what it bears on.
fn one(
    looked: &Looked,
    place: usize,
    change: &Change,
    finding: &Finding,
    paint: &dyn Fn(&str, &str) -> String,
) {
    let code = match finding.severity {
        Severity::Danger => "1;31",
        Severity::Warning => "33",
        Severity::Note => "36",
    };
    let word = paint(code, &format!("{:<8}", finding.severity.word()));
    let rule = paint("2", &format!("[{}]", finding.rule));
    terminal::line("");
    terminal::line(&format!("{word}{} {rule}", at(looked, change)));
    terminal::line(&format!("        {}", printable(&finding.message)));
    if let Some(property) = &finding.property {
        let line = finding
            .line
            .map_or_else(String::new, |line| format!(", line {line}"));
        terminal::line(&paint(
            "2",
            &format!("        in {}{line}", printable(property)),
        ));
    }
    let outputs = looked.ways.get(place).map_or(&[][..], |ways| &ways.outputs);
    if finding.severity > Severity::Note && !outputs.is_empty() {
        let feeds = format!("        feeds {}", names(looked, outputs));
        terminal::line(&paint("2", &feeds));
    }
}

/// A change in words: what, where.
fn at(looked: &Looked, change: &Change) -> String {
    let tab = change
        .tab
        .as_deref()
        .and_then(|tab| looked.diff.tabs.get(tab));
    let on = tab.map_or_else(String::new, |tab| format!(" on {tab}"));
    printable(&format!(
        "{} {} ({}, {}){on}",
        change.aspect.word(),
        change.label,
        change.node_type,
        change.node
    ))
}

/// What a few nodes are called.
fn names(looked: &Looked, ids: &[String]) -> String {
    let node = |id: &String| looked.proposal.get(id).or_else(|| looked.base.get(id));
    let named: Vec<String> = ids
        .iter()
        .take(5)
        .filter_map(node)
        .map(|node| printable(&node.label()))
        .collect();
    let more = if ids.len() > 5 {
        format!(" and {} more", ids.len() - 5)
    } else {
        String::new()
    };
    format!("{}{more}", named.join(", "))
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(chars).collect()
    })
}
