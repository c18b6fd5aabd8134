//! Accepting a finding as a risk, on the step it stands in.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use deploy::{Acceptance, DeployError};
use model::flow::change::ChangeId;

use super::step::{Again, Form, Look, show};
use crate::{
    App,
    csrf::Posted,
    pages::deployment_id,
    problem::{PageError, Problem},
    wording::sentence,
};

/// `POST /deployments/{id}/steps/{number}/risk`: `change`, `mark`, `owner`, `reason`, `days`.
pub(crate) async fn submit(
    State(app): State<App>,
    Path((id, number)): Path<(String, usize)>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    let id = deployment_id(&id)?;
    let change = ChangeId(fields.get("change").to_owned());
    let acceptance = Acceptance {
        change: change.clone(),
        mark: fields.get("mark").parse().map_err(Problem::from)?,
        owner: fields.get("owner").to_owned(),
        reason: fields.get("reason").to_owned(),
        days: fields.get("days").trim().parse().unwrap_or(0),
    };
    match app
        .deployments
        .accept_risk(&by.caller, id, acceptance)
        .await
    {
        Ok(_) => {
            let to = format!("/deployments/{id}/steps/{number}");
            Ok(Redirect::to(&to).into_response())
        }
        Err(DeployError::Store(error)) => Err(error.into()),
        Err(error) => {
            let again = Again {
                form: Form::Decide,
                change: Some(change),
                message: sentence(&error.to_string()),
                comment: String::new(),
            };
            let page = show(&app, &by, id, number, Look::default(), Some(again)).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
    }
}
