//! The head: what it does, who wants it and why, how it stands, and what to know first.

use std::collections::HashMap;

use model::{
    deployment::{Deployment, DeploymentType, Skipped, State},
    flow::{
        change::Aspect,
        finding::{Finding, Severity},
    },
    principal::{Actor, Via},
};

use console::name_of;

use super::{Entry, Index, Reviewed};
use crate::{
    cli::output::{capital, counted},
    terminal::sheet::{Sheet, Span, Style, bold, dim, plain},
};

/// Places of one finding that are named.
const PLACES: usize = 6;

pub(super) fn write(sheet: &mut Sheet, reviewed: &Reviewed) {
    let deployment = &reviewed.deployment;
    sheet.line(0, &[bold(capital(&reviewed.summary))]);
    let version = reviewed.version.as_ref();
    let version = version.map_or_else(String::new, |it| format!(" (version {})", it.number));
    let mut title = vec![plain(format!(
        "deployment {} on {}{version}: ",
        deployment.id, deployment.instance
    ))];
    title.extend(state(&deployment.state));
    sheet.line(0, &title);
    sheet.blank();
    who(sheet, deployment);
    why(sheet, reviewed);
    size(sheet, reviewed);
    if let Some(version) = &reviewed.version {
        let new = reviewed
            .diff
            .changes
            .len()
            .saturating_sub(version.unchanged.len());
        let kept = reviewed
            .decisions
            .iter()
            .filter(|it| it.taken_on.is_some())
            .count();
        let text = format!(
            "{} of the same proposal, after deployment {}: {} new or different, {} taken over",
            version.number,
            version.earlier,
            counted(new, "change"),
            counted(kept, "decision"),
        );
        sheet.fact(0, "version", &[plain(text)]);
    }
    let restart = match deployment.proposal.deployment_type {
        DeploymentType::Full => "all flows",
        DeploymentType::Flows => "flows with changes",
        DeploymentType::Nodes => "changed nodes only",
    };
    sheet.fact(0, "restarts", &[plain(restart)]);
    sheet.fact(0, "base", &[plain(deployment.proposal.base.to_string())]);
    sheet.fact(0, "hash", &[bold(reviewed.shown.to_string())]);
    findings(sheet, reviewed);
}

fn who(sheet: &mut Sheet, deployment: &Deployment) {
    let proposer = &deployment.proposer;
    let mut spans = vec![
        bold(name_of(&proposer.label())),
        plain(format!(" through {}", deployment.origin.label())),
    ];
    spans.push(dim(means(proposer)));
    sheet.fact(0, "who", &spans);
    sheet.fact(0, "when", &[plain(deployment.created_at.to_string())]);
    if let Some(emergency) = &deployment.emergency {
        let by = emergency.declared_by.as_ref().unwrap_or(proposer);
        let looked = match &emergency.reviewed_by {
            Some(by) => format!("looked at afterwards by {}", name_of(&by.label())),
            None => "nobody has looked at it yet".to_owned(),
        };
        let text = format!(
            "{} (declared by {}; {looked})",
            emergency.reason,
            name_of(&by.label())
        );
        sheet.fact(0, "EMERGENCY", &[Span::new(Style::Warn, text)]);
        let skipped: Vec<_> = emergency.skipped.iter().map(Skipped::words).collect();
        if !skipped.is_empty() {
            let text = format!("It went past what policy asks for: {}.", skipped.join(", "));
            sheet.fact(0, "", &[Span::new(Style::Warn, text)]);
        }
    }
}

/// By what they act, and from where.
fn means(actor: &Actor) -> String {
    let (by, address) = match actor {
        Actor::Principal { via, address, .. } => {
            let by = match via {
                Via::GateSession { .. } => "in the editor",
                Via::KioskSession { .. } => "on a wall display",
                Via::ConsoleSession { .. } => "in the console",
                Via::Token { .. } => "by token",
                Via::ControlSocket => "on this machine",
            };
            (by, address)
        }
        Actor::Anonymous { address } => ("", address),
        Actor::Runtime { .. } | Actor::System => return String::new(),
    };
    let from = address.map_or_else(String::new, |address| format!(" from {address}"));
    format!(" ({})", format!("{by}{from}").trim())
}

/// What the proposer said first, and what else was said of the whole.
fn why(sheet: &mut Sheet, reviewed: &Reviewed) {
    let proposer = reviewed.deployment.proposer.user();
    let said: Vec<_> = reviewed.thread(None).collect();
    let is_why = |by: &Actor| proposer.is_some() && by.user() == proposer;
    let why = said.iter().position(|comment| is_why(&comment.by));
    match why.and_then(|at| said.get(at)) {
        Some(comment) => sheet.fact(0, "why", &[plain(&comment.text)]),
        None => sheet.fact(0, "why", &[dim("not said")]),
    }
    for (_, comment) in said.iter().enumerate().filter(|(at, _)| Some(*at) != why) {
        super::step::comment(sheet, 0, reviewed, comment);
    }
}

fn size(sheet: &mut Sheet, reviewed: &Reviewed) {
    let changes = &reviewed.diff.changes;
    let of = |aspect| changes.iter().filter(|it| it.aspect == aspect).count();
    let parts = [
        (Aspect::Added, "added"),
        (Aspect::Removed, "removed"),
        (Aspect::Changed, "changed"),
        (Aspect::Wired, "rewired"),
        (Aspect::Layout, "moved"),
        (Aspect::Order, "reordered"),
    ]
    .map(|(aspect, word)| (of(aspect), word));
    let parts = parts.iter().filter(|(count, _)| *count > 0);
    let parts: Vec<_> = parts
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    let text = format!(
        "{} in {}: {}",
        counted(changes.len(), "change"),
        counted(reviewed.steps.len(), "step"),
        parts.join(", ")
    );
    sheet.fact(0, "size", &[plain(text)]);
}

/// How it stands, with what belongs to that.
fn state(state: &State) -> Vec<Span> {
    let by = |who: &Actor| name_of(&who.label());
    let (style, text) = match state {
        State::Pending => (Style::Note, "waits for review".to_owned()),
        State::InReview => (Style::Note, "in review".to_owned()),
        State::Approved { by: who, at, .. } => (
            Style::Note,
            format!("approved by {} at {at}, not applied yet", by(who)),
        ),
        State::Applying { since, .. } => (Style::Note, format!("being applied since {since}")),
        State::Applied { at, .. } => (Style::Good, format!("applied at {at}")),
        State::Rejected {
            by: who,
            at,
            reason,
        } => (
            Style::Bad,
            format!("rejected by {} at {at}: {reason}", by(who)),
        ),
        State::Withdrawn { at } => (Style::Dim, format!("withdrawn by its proposer at {at}")),
        State::Superseded { at, by } => {
            (Style::Dim, format!("replaced by deployment {by} at {at}"))
        }
        State::Stale { at } => (
            Style::Warn,
            format!(
                "stale: what runs has changed since it was proposed (at {at}); approvals are void"
            ),
        ),
        State::Failed { at, reason } => (
            Style::Bad,
            format!("failed at {at}: {reason}; the baseline before it is back"),
        ),
    };
    vec![Span::new(style, text)]
}

/// Every finding, heaviest first; the same sentence stands once, with all it is about.
fn findings(sheet: &mut Sheet, reviewed: &Reviewed) {
    let index = Index::new(reviewed);
    let mut groups: Vec<(&Finding, Vec<String>)> = Vec::new();
    let mut known: HashMap<(&str, bool), usize> = HashMap::new();
    for id in reviewed.steps.iter().flat_map(|step| &step.changes) {
        let Some(entry) = index.get(id) else { continue };
        for finding in &entry.change.findings {
            let next = groups.len();
            let at = *known
                .entry((&finding.message, finding.is_open()))
                .or_insert(next);
            if at == next {
                groups.push((finding, Vec::new()));
            }
            if let Some((_, places)) = groups.get_mut(at) {
                places.push(place(entry, finding));
            }
        }
    }
    // What was accepted as a risk comes last.
    groups.sort_by_key(|(finding, _)| (!finding.is_open(), std::cmp::Reverse(finding.severity)));
    let weigh = |severity| {
        let open = reviewed
            .diff
            .changes
            .iter()
            .flat_map(|change| &change.findings);
        open.filter(|it| it.is_open() && it.severity == severity)
            .count()
    };
    let weights = [Severity::Danger, Severity::Warning, Severity::Note]
        .map(|severity| format!("{} {}", weigh(severity), severity.word()));
    sheet.heading(&format!("What to know first: {}", weights.join(", ")));
    for (finding, places) in groups {
        sheet.hanging(0, 9, &weight(finding));
        let more = places.len().saturating_sub(PLACES);
        let mut places = places
            .into_iter()
            .take(PLACES)
            .collect::<Vec<_>>()
            .join("; ");
        if more > 0 {
            places = format!("{places}; and {more} more");
        }
        sheet.line(9, &[dim(format!("in {places}"))]);
    }
}

fn place(entry: Entry<'_>, finding: &Finding) -> String {
    let number = entry.number();
    let label = name_of(&entry.change.label);
    match (&finding.property, finding.line) {
        (Some(property), Some(line)) => {
            format!("{number} {label} ({}, line {line})", name_of(property))
        }
        (Some(property), None) => format!("{number} {label} ({})", name_of(property)),
        (None, _) => format!("{number} {label}"),
    }
}

/// A finding's weight, sentence and rule.
pub(in crate::cli) fn weight(finding: &Finding) -> Vec<Span> {
    let style = match finding.severity {
        _ if !finding.is_open() => Style::Dim,
        Severity::Danger => Style::Danger,
        Severity::Warning => Style::Warn,
        Severity::Note => Style::Note,
    };
    let mut spans = vec![
        Span::new(style, format!("{:<8} ", finding.severity.word())),
        plain(&finding.message),
        dim(format!(" [{}]", finding.rule)),
    ];
    if let Some(accepted) = &finding.accepted {
        spans.push(dim(format!(
            " accepted as risk {} by {} until {}: {}",
            accepted.risk, accepted.owner, accepted.until, accepted.reason
        )));
    }
    spans
}
