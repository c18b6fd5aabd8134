//! Withdrawing, the review afterwards of an emergency deployment, and asking for another rehearsal.

use axum::{
    extract::{Path, State},
    response::Redirect,
};

use crate::{App, csrf::Posted, pages::deployment_id, problem::PageError};

/// `POST /deployments/{id}/withdraw`.
pub(crate) async fn withdraw(
    State(app): State<App>,
    Path(id): Path<String>,
    Posted { by, .. }: Posted,
) -> Result<Redirect, PageError> {
    let id = deployment_id(&id)?;
    app.deployments.withdraw(&by.caller, id).await?;
    Ok(Redirect::to(&format!("/deployments/{id}?done=withdrawn")))
}

/// `POST /deployments/{id}/emergency-review`.
pub(crate) async fn review_emergency(
    State(app): State<App>,
    Path(id): Path<String>,
    Posted { by, .. }: Posted,
) -> Result<Redirect, PageError> {
    let id = deployment_id(&id)?;
    app.deployments.review_emergency(&by.caller, id).await?;
    Ok(Redirect::to(&format!("/deployments/{id}?done=reviewed")))
}

/// `POST /deployments/{id}/rehearse`.
pub(crate) async fn rehearse(
    State(app): State<App>,
    Path(id): Path<String>,
    Posted { by, .. }: Posted,
) -> Result<Redirect, PageError> {
    let id = deployment_id(&id)?;
    app.deployments.rehearse_again(&by.caller, id).await?;
    Ok(Redirect::to(&format!("/deployments/{id}?done=rehearse")))
}
