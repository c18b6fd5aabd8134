//! To the proposer: what became of a deployment, and what is asked about it.

use deploy::Review;
use model::{
    audit::{Entry, EventKind},
    deployment::State,
    id::DeploymentId,
};

use super::{
    Drafted, LetterError, Part, Sheet, ToTell, name,
    review::{changed, comment_title},
};
use crate::{
    summaries::capital,
    wording::{Who, name_of},
};

pub(super) async fn write(told: &ToTell<'_>, id: DeploymentId) -> Result<Drafted, LetterError> {
    if told.entries.is_empty() {
        return Ok(Drafted::Nothing);
    }
    let review = told.desk.deployments.review(&told.caller, id).await?;
    let deployment = &review.deployment;
    let sentence = name(&capital(&review.diff.summary()));
    let what = news(told, &review);
    let mut sheet = Sheet {
        subject: format!(
            "[{}] Your deployment {id} {what}: {sentence}",
            deployment.instance
        ),
        title: format!("Your deployment {id} on {} {what}", deployment.instance),
        lead: sentence,
        action: "See it, and answer",
        link: told.desk.link(&format!("/deployments/{id}")),
        why: "You get this because you proposed the deployment.",
        ..Sheet::default()
    };
    sheet.fact("Proposed", deployment.created_at.to_string());
    stands(&mut sheet, &deployment.state);
    sheet.fact("Hash", review.shown.to_string());
    for entry in &told.entries {
        sheet.parts.extend(part(&review, entry));
    }
    let known = told.entries.len();
    let older = usize::try_from(told.mail.count)
        .unwrap_or(0)
        .saturating_sub(known);
    if older > 0 {
        let line = format!("{older} earlier; the page shows all of it");
        sheet.parts.push(Part::list("And besides", vec![line]));
    }
    Ok(Drafted::Sheet(Box::new(sheet)))
}

/// The weightiest of what is told.
fn news(told: &ToTell<'_>, review: &Review) -> &'static str {
    let has = |kind| told.entries.iter().any(|entry| entry.event.kind == kind);
    match &review.deployment.state {
        State::Failed { .. } => "was taken back",
        State::Applied { .. } if has(EventKind::Applied) => "runs",
        State::Rejected { .. } if has(EventKind::DeploymentRejected) => "was rejected",
        State::Approved { .. } if has(EventKind::DeploymentApproved) => "was approved",
        _ if has(EventKind::ApplyFailed) => "could not be applied",
        _ if has(EventKind::Decided) => "had changes rejected",
        _ if has(EventKind::Commented) => "was asked about",
        _ => "moved on",
    }
}

/// How it stands now.
fn stands(sheet: &mut Sheet, state: &State) {
    let by = |actor| {
        let who = Who::of(actor);
        name(&who.name)
    };
    match state {
        State::Approved { by: who, at, .. } => {
            sheet.fact(
                "Now",
                format!("approved by {} at {at}, not applied yet", by(who)),
            );
        }
        State::Applied { at, .. } => sheet.fact("Now", format!("it runs since {at}")),
        State::Rejected {
            by: who,
            at,
            reason,
        } => {
            sheet.fact("Now", format!("rejected by {} at {at}", by(who)));
            sheet
                .parts
                .push(Part::quotation("Why it was rejected", reason));
        }
        State::Failed { at, reason } => {
            sheet.fact(
                "Now",
                format!("taken back at {at}; what ran before runs again"),
            );
            sheet
                .parts
                .push(Part::quotation("Why it was taken back", reason));
        }
        State::Stale { .. } => sheet.fact(
            "Now",
            "stale: what runs has changed since you proposed it; put it onto the present",
        ),
        other => sheet.fact("Now", other.word()),
    }
}

/// What one entry says, where the state does not say it already.
fn part(review: &Review, entry: &Entry) -> Option<Part> {
    let detail = |field: &str| entry.event.detail.get(field).and_then(|it| it.as_str());
    match entry.event.kind {
        EventKind::Commented => Some(Part::quotation(
            comment_title(review, entry),
            detail("text").unwrap_or_default(),
        )),
        EventKind::Decided => {
            let who = name(&entry.event.actor.label());
            let label = changed(review, entry).map_or_else(
                || "a change".to_owned(),
                |change| name(&name_of(&change.label)),
            );
            let title = format!("{who} rejected {label}");
            Some(Part::quotation(
                title,
                detail("comment").unwrap_or_default(),
            ))
        }
        _ => None,
    }
}
