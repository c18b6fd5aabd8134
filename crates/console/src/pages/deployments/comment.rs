//! Saying something about a change, or about the whole.

use axum::{
    extract::{Path, State},
    response::Redirect,
};
use model::flow::change::ChangeId;

use crate::{App, csrf::Posted, pages::deployment_id, problem::PageError};

/// `POST /deployments/{id}/comments`: `text`, `change` (empty: the whole), `step` to go back to.
pub(crate) async fn submit(
    State(app): State<App>,
    Path(id): Path<String>,
    Posted { by, fields }: Posted,
) -> Result<Redirect, PageError> {
    let id = deployment_id(&id)?;
    let change = Some(fields.get("change")).filter(|text| !text.is_empty());
    let change = change.map(|text| ChangeId(text.to_owned()));
    let text = fields.get("text");
    app.deployments
        .comment(&by.caller, id, change, text)
        .await?;
    Ok(match fields.get("step").parse::<usize>() {
        Ok(step) => Redirect::to(&format!("/deployments/{id}/steps/{step}")),
        Err(_) => Redirect::to(&format!("/deployments/{id}?done=comment#said")),
    })
}
