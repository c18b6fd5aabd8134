//! Going back to a snapshot: itself a deployment.

use axum::{extract::State, response::Redirect};
use deploy::Proposed;
use model::id::InstanceId;

use crate::{
    App,
    csrf::Posted,
    problem::{PageError, Problem},
};

/// `POST /history/rollback`: `instance`, `to`.
pub(crate) async fn submit(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Redirect, PageError> {
    let instance: InstanceId = fields.get("instance").parse().map_err(Problem::from)?;
    let to = fields.get("to").parse().map_err(Problem::from)?;
    match app.deployments.roll_back(&by.caller, &instance, to).await? {
        Proposed::Queued { deployment, .. } => Ok(Redirect::to(&format!(
            "/deployments/{}?done=rollback",
            deployment.id
        ))),
        Proposed::Applied { deployment, .. } => Ok(Redirect::to(&format!(
            "/deployments/{}?done=applied",
            deployment.id
        ))),
        Proposed::Unchanged { .. } => Err(Problem::new(
            http::StatusCode::CONFLICT,
            "unchanged",
            "these flows and credentials are the ones that run now",
        )
        .into()),
    }
}
