//! Rejecting the whole, with a reason.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use deploy::DeployError;
use model::{access::Permission, id::DeploymentId};

use super::view::Head;
use crate::{
    App,
    csrf::Posted,
    pages::deployment_id,
    problem::PageError,
    session::SignedIn,
    shell::{Shell, page as render},
    wording::sentence,
};

#[derive(Template)]
#[template(path = "deployments/reject.html")]
struct RejectPage {
    shell: Shell,
    head: Head,
    reason: String,
    error: Option<String>,
}

/// `GET /deployments/{id}/reject`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Path(id): Path<String>,
) -> Result<Html<String>, PageError> {
    by.caller.require(Permission::Decide)?;
    show(&app, &by, deployment_id(&id)?, String::new(), None).await
}

async fn show(
    app: &App,
    by: &SignedIn,
    id: DeploymentId,
    reason: String,
    error: Option<String>,
) -> Result<Html<String>, PageError> {
    let review = app.deployments.review(&by.caller, id).await?;
    let shell = Shell::new(app, by, "queue", format!("Reject deployment {id}"))
        .await?
        .on(Some(&review.deployment.instance));
    let head = Head::new(app, by, &shell, &review).await?;
    render(&RejectPage {
        shell,
        head,
        reason,
        error,
    })
}

/// `POST /deployments/{id}/reject`: `reason`.
pub(crate) async fn submit(
    State(app): State<App>,
    Path(id): Path<String>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    let id = deployment_id(&id)?;
    let reason = fields.get("reason").to_owned();
    match app.deployments.reject(&by.caller, id, &reason).await {
        Ok(_) => Ok(Redirect::to(&format!("/deployments/{id}?done=rejected")).into_response()),
        Err(error @ (DeployError::ReasonNeeded | DeployError::CommentTooLong { .. })) => {
            let error = Some(sentence(&error.to_string()));
            let page = show(&app, &by, id, reason, error).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}
