//! To whoever decides: something waits for review.

use std::{cmp::Reverse, collections::BTreeSet};

use deploy::Review;
use model::{
    audit::{Entry, EventKind},
    deployment::{Deployment, State},
    flow::{
        change::{Aspect, Change},
        finding::{Finding, Severity},
    },
    id::{DeploymentId, InstanceId},
    instance::RehearsalPolicy,
    rehearsal::Rehearsal,
};

use super::{Drafted, LetterError, Part, Sheet, ToTell, name, picture, said};
use crate::{
    pages::deployments::view::rehearsal::verdict,
    summaries::capital,
    wording::{Who, counted, origin_words},
};

/// How long a letter waits for its deployment's rehearsal, in seconds.
const REHEARSAL_SECONDS: i64 = 90;
/// Findings named.
const FINDINGS: usize = 8;
/// Other deployments named.
const OTHERS: usize = 8;
/// How many of the queue are looked through for them.
const QUEUE: u32 = 200;

/// The deployment an entry of the record is about.
pub(super) fn deployment_of(entry: &Entry) -> Option<DeploymentId> {
    let number = entry.event.subject.strip_prefix("deployment ")?;
    number.parse().ok()
}

fn waits(deployment: &Deployment) -> bool {
    matches!(deployment.state, State::Pending | State::InReview)
}

pub(super) async fn write(
    told: &ToTell<'_>,
    instance: &InstanceId,
) -> Result<Drafted, LetterError> {
    let (desk, mail) = (told.desk, told.mail);
    let store = desk.deployments.store();
    let mut open = store.deployments(Some(instance), true, QUEUE).await?;
    open.retain(waits);
    // The newest of those it is about that still waits.
    let newest = told.entries.iter().rev().find_map(|entry| {
        let id = deployment_of(entry)?;
        let deployment = open.iter().find(|it| it.id == id)?;
        Some((entry, deployment.id))
    });
    let Some((entry, id)) = newest else {
        return Ok(Drafted::Nothing);
    };
    let policy = store.instance(instance).await?.policy.rehearsal;
    let rehearsal = desk.deployments.rehearsal(&told.caller, id).await?;
    let is_over = rehearsal.as_ref().is_some_and(Rehearsal::is_over);
    let waited = store.clock().now().seconds_since(mail.since);
    if policy != RehearsalPolicy::Off && !is_over && waited < REHEARSAL_SECONDS {
        return Ok(Drafted::Soon);
    }
    let review = desk.deployments.review(&told.caller, id).await?;
    let mut sheet = head(told, entry, &review);
    if let Some(rehearsal) = &rehearsal {
        sheet.fact("Rehearsal", rehearsed(rehearsal));
    }
    sheet.fact("Hash", review.shown.to_string());
    what_was_said(&mut sheet, told, &review);
    sheet.parts.extend(findings(&review));
    sheet.parts.extend(demands(&review));
    let others: Vec<_> = open.iter().filter(|it| it.id != id).collect();
    sheet.parts.extend(others_waiting(told, &others));
    if desk.has_pictures {
        sheet.picture = picture::of(review).await;
    }
    Ok(Drafted::Sheet(Box::new(sheet)))
}

/// What it is, who wants it, and how large it is.
fn head(told: &ToTell<'_>, entry: &Entry, review: &Review) -> Sheet {
    let deployment = &review.deployment;
    let (id, instance) = (deployment.id, &deployment.instance);
    let sentence = name(&capital(&review.diff.summary()));
    let who = Who::of(&deployment.proposer);
    let version = review.version.as_ref().map(|it| it.number);
    let what = match (entry.event.kind, version) {
        (EventKind::Commented, _) => format!("{} answered on deployment {id}", name(&who.name)),
        (EventKind::DeploymentRebased, _) => format!("Deployment {id} waits for review anew"),
        (_, Some(version)) => format!("Deployment {id} (version {version}) waits for review"),
        (_, None) => format!("Deployment {id} waits for review"),
    };
    let more = told.mail.count.saturating_sub(1);
    let lead = match usize::try_from(more) {
        Ok(0) | Err(_) => sentence.clone(),
        Ok(more) => format!(
            "{sentence}. Since the last mail there was this and {} of {instance} besides.",
            counted(more, "other event")
        ),
    };
    let mut sheet = Sheet {
        subject: format!("[{instance}] {what}: {sentence}"),
        title: format!("{what} on {instance}"),
        lead,
        action: "Review it",
        link: told.desk.link(&format!("/deployments/{id}")),
        why: "You get this because you decide on deployments.",
        ..Sheet::default()
    };
    let from = format!(
        "{} {} {}",
        name(&who.name),
        origin_words(deployment),
        who.means
    );
    sheet.fact("Who", from.trim_end());
    sheet.fact("When", deployment.created_at.to_string());
    sheet.fact("Size", size(review));
    if let Some(version) = &review.version {
        let new = review.diff.changes.len();
        let new = new.saturating_sub(version.unchanged.len());
        let text = format!(
            "{} new since deployment {}",
            counted(new, "change"),
            version.earlier
        );
        sheet.fact("Version", text);
    }
    sheet
}

fn size(review: &Review) -> String {
    let changes = &review.diff.changes;
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
    format!("{}: {}", counted(changes.len(), "change"), parts.join(", "))
}

fn rehearsed(rehearsal: &Rehearsal) -> String {
    match rehearsal {
        Rehearsal::Running { .. } => "being tried; the page will say how it went".to_owned(),
        Rehearsal::Impossible { why, .. } => format!("it could not be tried: {}", name(why)),
        Rehearsal::Done { base, proposal, .. } => {
            let verdict = verdict(base.as_deref(), proposal);
            let tried = match proposal.attempts.len() {
                0 => String::new(),
                count => format!(" It tried {} outside itself.", counted(count, "thing")),
            };
            format!("{} {}{tried}", verdict.words, verdict.sentence)
        }
    }
}

/// Why the proposer wants it, and what the mail's events say.
fn what_was_said(sheet: &mut Sheet, told: &ToTell<'_>, review: &Review) {
    let proposer = review.deployment.proposer.user();
    let is_theirs = |by: &model::principal::Actor| proposer.is_some() && by.user() == proposer;
    let why = review.thread(None).find(|comment| is_theirs(&comment.by));
    if let Some(why) = why {
        sheet
            .parts
            .push(Part::quotation("Why, by its proposer", &why.text));
    }
    for entry in &told.entries {
        let is_here = deployment_of(entry) == Some(review.deployment.id);
        if entry.event.kind != EventKind::Commented || !is_here {
            continue;
        }
        let text = entry.event.detail.get("text").and_then(|it| it.as_str());
        let text = text.unwrap_or_default();
        if why.is_some_and(|why| why.text == text) {
            continue;
        }
        sheet
            .parts
            .push(Part::quotation(comment_title(review, entry), text));
    }
}

/// "ann said about Pump".
pub(super) fn comment_title(review: &Review, entry: &Entry) -> String {
    let who = name(&entry.event.actor.label());
    match changed(review, entry) {
        Some(change) => format!("{who} said about {}", name(&change.label)),
        None => format!("{who} said"),
    }
}

/// The change an entry is about.
pub(super) fn changed<'a>(review: &'a Review, entry: &Entry) -> Option<&'a Change> {
    let id = entry.event.detail.get("change")?.as_str()?;
    review.diff.changes.iter().find(|change| change.id.0 == id)
}

/// Findings, heaviest first, each rule once for a node.
fn findings(review: &Review) -> Option<Part> {
    let mut open: Vec<_> = review
        .diff
        .changes
        .iter()
        .flat_map(|change| change.findings.iter().map(move |finding| (change, finding)))
        .filter(|(_, finding)| finding.is_open())
        .collect();
    if open.is_empty() {
        return None;
    }
    let weights = [Severity::Danger, Severity::Warning, Severity::Note].map(|severity| {
        let count = open
            .iter()
            .filter(|(_, it)| it.severity == severity)
            .count();
        (count, severity.word())
    });
    let weights = weights.into_iter().filter(|(count, _)| *count > 0);
    let weights: Vec<_> = weights.map(|(count, word)| counted(count, word)).collect();
    open.sort_by_key(|(_, finding)| Reverse(finding.severity));
    let mut known = BTreeSet::new();
    open.retain(|(change, finding)| known.insert((&change.label, &finding.rule)));
    let more = open.len().saturating_sub(FINDINGS);
    let lines = open.iter().take(FINDINGS);
    let mut lines: Vec<_> = lines
        .map(|(it, finding)| found(&it.label, finding))
        .collect();
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    Some(Part::list(
        format!("What to know first: {}", weights.join(", ")),
        lines,
    ))
}

/// One finding. The rule's own words: those on the page quote the flow, and values stand in no mail.
pub(super) fn found(label: &str, finding: &Finding) -> String {
    let (weight, label) = (finding.severity.word(), name(label));
    let what = inspect::rule::named(&finding.rule).map_or("", |rule| rule.what);
    format!("{weight}: {label}: {what} ({})", name(&finding.rule))
}

/// What policy asks of who approves it.
fn demands(review: &Review) -> Option<Part> {
    let asks = review.asks.values().flatten();
    let sentences: BTreeSet<String> = asks.map(|ask| ask.sentence()).collect();
    let lines: Vec<String> = sentences.iter().map(|sentence| said(sentence)).collect();
    (!lines.is_empty()).then(|| Part::list("What policy asks", lines))
}

fn others_waiting(told: &ToTell<'_>, others: &[&Deployment]) -> Option<Part> {
    let lines = others.iter().take(OTHERS).map(|deployment| {
        let id = deployment.id;
        let who = name(&deployment.proposer.label());
        let link = told.desk.link(&format!("/deployments/{id}"));
        format!("deployment {id} by {who}: {link}")
    });
    let mut lines: Vec<_> = lines.collect();
    let more = others.len().saturating_sub(OTHERS);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    (!lines.is_empty()).then(|| Part::list("Waiting besides", lines))
}
