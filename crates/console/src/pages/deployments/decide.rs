//! What a step's forms do: approve or reject one change, or all of the step.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use deploy::{Choice, DeployError};
use model::{deployment::Verdict, flow::change::ChangeId};

use super::{
    step::{Again, Look, show},
    view::Looked,
};
use crate::{
    App,
    csrf::Posted,
    pages::deployment_id,
    problem::{PageError, Problem},
    wording::sentence,
};

/// Characters of a comment, as the waiting room takes them.
const COMMENT_MAX: usize = 4_000;

/// `POST /deployments/{id}/steps/{number}`: `change` (or `*`), `verdict`, `comment`, `shown`.
pub(crate) async fn submit(
    State(app): State<App>,
    Path((id, number)): Path<(String, usize)>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    let id = deployment_id(&id)?;
    let verdict = match fields.get("verdict") {
        "approve" => Verdict::Approve,
        "reject" => Verdict::Reject,
        _ => return Err(Problem::bad_form("choose to approve or to reject").into()),
    };
    let shown = fields.get("shown").parse().map_err(Problem::from)?;
    let comment: String = fields.get("comment").chars().take(COMMENT_MAX).collect();
    let review = app.deployments.review(&by.caller, id).await?;
    let step = review.steps.iter().find(|step| step.number == number);
    let step = step.ok_or_else(|| Problem::not_found("such step"))?;
    let one = match fields.get("change") {
        "*" => None,
        name => Some(ChangeId(name.to_owned())),
    };
    let changes = match &one {
        Some(change) => vec![change.clone()],
        None => step.changes.clone(),
    };
    let choices = changes
        .into_iter()
        .map(|change| Choice {
            change,
            verdict,
            comment: comment.clone(),
        })
        .collect();
    match app.deployments.decide(&by.caller, id, shown, choices).await {
        Ok(_) => {}
        Err(error @ (DeployError::ReasonNeeded | DeployError::NotWhatWasShown)) => {
            let again = Again {
                change: one,
                message: sentence(&error.to_string()),
                comment,
            };
            let page = show(&app, &by, id, number, Look::default(), Some(again)).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
        Err(error) => return Err(error.into()),
    }
    let review = app.deployments.review(&by.caller, id).await?;
    let is_open_here = review
        .steps
        .iter()
        .filter(|step| step.number == number)
        .any(|step| {
            step.changes
                .iter()
                .any(|change| review.decision(change).is_none())
        });
    let next = if is_open_here {
        Some(number)
    } else {
        Looked::new(&review).next_undecided(number)
    };
    Ok(match next {
        Some(next) => Redirect::to(&format!("/deployments/{id}/steps/{next}")).into_response(),
        None => Redirect::to(&format!("/deployments/{id}/confirm")).into_response(),
    })
}
