//! What a step's forms do: approve or reject one change, or those of the step together.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use deploy::{Choice, Choices, DeployError, Review, check_length};
use model::{deployment::Verdict, flow::change::ChangeId, id::DeploymentId};
use store::StoreError;

use super::{
    step::{Again, Form, Look, show},
    view::Looked,
};
use crate::{
    App,
    csrf::{Fields, Posted},
    pages::deployment_id,
    problem::{PageError, Problem},
    wording::sentence,
};

/// `POST /deployments/{id}/steps/{number}`: `change`, `verdict`, `comment`, `shown`, `seen`. With
/// `together`, every `change` of the page that is low-risk, and every `other` that is not. What is
/// refused comes back with what was typed.
pub(crate) async fn submit(
    State(app): State<App>,
    Path((id, number)): Path<(String, usize)>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    let id = deployment_id(&id)?;
    let shown = fields.get("shown").parse().map_err(Problem::from)?;
    // Before it is copied for each change of the form.
    let decided = match check_length(fields.get("comment").trim()) {
        Ok(()) => {
            let choices = chosen(&fields)?;
            app.deployments.decide(&by.caller, id, shown, choices).await
        }
        Err(error) => Err(error),
    };
    match decided {
        Ok(review) => Ok(onward(&review, id, number)),
        Err(
            error @ (DeployError::ReasonNeeded
            | DeployError::NotWhatWasShown
            | DeployError::NotTogether { .. }
            | DeployError::Demanded { .. }
            | DeployError::CommentTooLong { .. }
            | DeployError::Store(StoreError::Overtaken { .. })),
        ) => {
            let is_one = fields.get("together") != "yes";
            let again = Again {
                form: Form::Decide,
                change: is_one.then(|| ChangeId(fields.get("change").to_owned())),
                message: sentence(&error.to_string()),
                comment: fields.get("comment").to_owned(),
            };
            let look = Look::posted(&fields);
            let page = show(&app, &by, id, number, look, Some(again)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// What the form says.
fn chosen(fields: &Fields) -> Result<Choices, Problem> {
    let verdict = match fields.get("verdict") {
        "approve" => Verdict::Approve,
        "reject" => Verdict::Reject,
        _ => return Err(Problem::bad_form("choose to approve or to reject")),
    };
    let named = |name| fields.all(name).map(|text| ChangeId(text.to_owned()));
    if fields.get("together") == "yes" {
        return Ok(match verdict {
            Verdict::Approve => Choices::Together(named("change").collect()),
            Verdict::Reject => {
                let rejected = named("change").chain(named("other")).map(|change| Choice {
                    change,
                    verdict,
                    comment: fields.get("comment").to_owned(),
                    seen: None,
                });
                Choices::Each(rejected.collect())
            }
        });
    }
    let choice = Choice {
        change: ChangeId(fields.get("change").to_owned()),
        verdict,
        comment: fields.get("comment").to_owned(),
        seen: fields.get("seen").parse().ok(),
    };
    Ok(Choices::Each(vec![choice]))
}

/// To what is left: of this step, of the next ones, or to the confirmation.
pub(super) fn onward(review: &Review, id: DeploymentId, number: usize) -> Response {
    let here = review.step(number);
    let is_open_here = here.is_some_and(|step| {
        let mut changes = step.changes.iter();
        changes.any(|change| review.decision(change).is_none())
    });
    let next = if is_open_here {
        Some(number)
    } else {
        Looked::new(review).next_undecided(number)
    };
    match next {
        // A browser keeps the place it was at, which is the end of the page now.
        Some(same) if same == number => {
            Redirect::to(&format!("/deployments/{id}/steps/{same}#changes")).into_response()
        }
        Some(next) => Redirect::to(&format!("/deployments/{id}/steps/{next}")).into_response(),
        None => Redirect::to(&format!("/deployments/{id}/confirm")).into_response(),
    }
}
