//! Starting Node-RED anew.

use axum::{extract::State, http::StatusCode, response::Redirect};
use model::{access::Permission, id::InstanceId};

use crate::{
    App,
    csrf::Posted,
    problem::{PageError, Problem},
};

/// `POST /settings/restart`: `instance`.
pub(crate) async fn submit(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Redirect, PageError> {
    by.caller.require(Permission::Administer)?;
    let id: InstanceId = fields.get("instance").parse().map_err(Problem::from)?;
    restart(&app, id.clone()).await?;
    Ok(Redirect::to(&format!(
        "/settings?instance={id}&done=restart"
    )))
}

/// Restarts an instance in a task of its own: a browser that goes away must not leave it stopped.
pub(crate) async fn restart(app: &App, id: InstanceId) -> Result<(), Problem> {
    let Some(workshop) = app.workshop.clone() else {
        let why = "Node-RED is not run by this process; start `redkeep up`";
        return Err(Problem::new(StatusCode::CONFLICT, "not-running", why));
    };
    let task = tokio::spawn(async move { workshop.restart(&id).await });
    match task.await {
        Ok(done) => Ok(done?),
        Err(error) => {
            tracing::error!(%error, "a restart ended unexpectedly");
            let why = "the restart ended unexpectedly; look at the overview";
            Err(Problem::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "internal",
                why,
            ))
        }
    }
}
