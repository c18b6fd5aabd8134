//! Accepted risks.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use deploy::Acceptance;
use model::{flow::change::ChangeId, id::Hash};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Body;
use crate::{
    App,
    pages::{deployment_id, instance_id},
    problem::ApiError,
    session::Authenticated,
};

/// The body of an acceptance.
#[derive(Deserialize)]
pub(super) struct Accept {
    change: ChangeId,
    mark: Hash,
    owner: String,
    reason: String,
    days: u32,
}

/// `POST /deployments/{id}/risks`.
pub(super) async fn accept(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Body(body): Body<Accept>,
) -> Result<Json<Value>, ApiError> {
    let acceptance = Acceptance {
        change: body.change,
        mark: body.mark,
        owner: body.owner,
        reason: body.reason,
        days: body.days,
    };
    let id = deployment_id(&id)?;
    let risk = app.deployments.accept_risk(&caller, id, acceptance).await?;
    Ok(Json(json!({ "risk": risk })))
}

/// `GET /risks?instance=`.
pub(super) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(asked): Query<HashMap<String, String>>,
) -> Result<Json<Value>, ApiError> {
    let instance = instance_id(asked.get("instance").map(String::as_str))?;
    let found = app.deployments.risks(&caller, instance.as_ref()).await?;
    Ok(Json(json!({ "risks": found })))
}

/// `DELETE /risks/{id}`.
pub(super) async fn withdraw(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    app.deployments.withdraw_risk(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
