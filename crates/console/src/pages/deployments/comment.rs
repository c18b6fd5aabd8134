//! Saying something about a change, or about the whole.

use std::collections::HashMap;

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use deploy::DeployError;
use model::{flow::change::ChangeId, id::DeploymentId};

use super::{
    show::{self, Unsaid},
    step::{self, Again, Form, Look},
};
use crate::{
    App,
    csrf::{Fields, Posted},
    pages::deployment_id,
    problem::PageError,
    session::SignedIn,
    wording::sentence,
};

/// `POST /deployments/{id}/comments`: `text`, `change` (empty: the whole), `step` to go back to.
/// What is refused comes back with what was typed.
pub(crate) async fn submit(
    State(app): State<App>,
    Path(id): Path<String>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    let id = deployment_id(&id)?;
    let change = change(&fields);
    let text = fields.get("text");
    let said = app.deployments.comment(&by.caller, id, change, text).await;
    match said {
        Ok(_) => {
            let back = match fields.get("step").parse::<usize>() {
                Ok(step) => format!("/deployments/{id}/steps/{step}"),
                Err(_) => format!("/deployments/{id}?done=comment#said"),
            };
            Ok(Redirect::to(&back).into_response())
        }
        Err(error @ (DeployError::CommentEmpty | DeployError::CommentTooLong { .. })) => {
            again(&app, &by, id, &fields, &error).await
        }
        Err(error) => Err(error.into()),
    }
}

fn change(fields: &Fields) -> Option<ChangeId> {
    let change = Some(fields.get("change")).filter(|text| !text.is_empty());
    change.map(|text| ChangeId(text.to_owned()))
}

/// The page it was typed on, with the text and why it was not taken.
async fn again(
    app: &App,
    by: &SignedIn,
    id: DeploymentId,
    fields: &Fields,
    error: &DeployError,
) -> Result<Response, PageError> {
    let error = sentence(&error.to_string());
    let text = fields.get("text").to_owned();
    let step = fields.get("step").parse::<usize>();
    let page = if let (Ok(number), Some(change)) = (step, change(fields)) {
        let again = Again {
            form: Form::Say,
            change: Some(change),
            message: error,
            comment: text,
        };
        step::show(app, by, id, number, Look::default(), Some(again)).await?
    } else {
        let unsaid = Unsaid { text, error };
        show::show(app, by, id, HashMap::new(), Some(unsaid)).await?
    };
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}
