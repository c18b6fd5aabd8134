//! The certificates of the doors.

use axum::{Json, extract::State, http::StatusCode};
use model::access::Permission;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Body;
use crate::{
    App,
    authority::{Act, act},
    problem::{ApiError, Problem},
    session::Authenticated,
};

/// `GET /certificates`.
pub(super) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, ApiError> {
    caller.require(Permission::ReadRuntime)?;
    let issuing = app.issuing.as_ref();
    let certificates = issuing.map(|issuing| issuing.certificates());
    Ok(Json(
        json!({ "certificates": certificates.unwrap_or_default() }),
    ))
}

/// `POST /certificates/renew`: begins; how it goes is seen in the list.
pub(super) async fn renew(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, ApiError> {
    caller.require(Permission::Administer)?;
    let Some(issuing) = &app.issuing else {
        let why = "Redkeep is not running; start it with `redkeep up`";
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not-running", why).into());
    };
    match issuing.renew() {
        Ok(()) => Ok(Json(json!({ "renewing": true }))),
        Err(why) => Err(Problem::new(StatusCode::CONFLICT, "not-renewed-here", why).into()),
    }
}

/// The body of `POST /ca/rotate`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rotate {
    days: u16,
}

/// `POST /ca/rotate`: another root, good beside the old one for so many days.
pub(super) async fn rotate(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Body(Rotate { days }): Body<Rotate>,
) -> Result<Json<Value>, ApiError> {
    act(&app, &caller, Act::Rotate(days)).await?;
    let state = app.issuing.as_ref().and_then(|issuing| issuing.authority());
    Ok(Json(json!({ "authority": state })))
}

/// `POST /ca/cancel`: the old root stays.
pub(super) async fn cancel(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, ApiError> {
    act(&app, &caller, Act::Cancel).await?;
    let state = app.issuing.as_ref().and_then(|issuing| issuing.authority());
    Ok(Json(json!({ "authority": state })))
}

/// The body of `POST /ca/revoke`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Revoke {
    serial: String,
}

/// `POST /ca/revoke`: a leaf of our own onto the revocation list.
pub(super) async fn revoke(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Body(Revoke { serial }): Body<Revoke>,
) -> Result<Json<Value>, ApiError> {
    act(&app, &caller, Act::Revoke(serial)).await?;
    let state = app.issuing.as_ref().and_then(|issuing| issuing.authority());
    Ok(Json(json!({ "authority": state })))
}
