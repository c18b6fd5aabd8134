//! The certificates of the doors.

use axum::{Json, extract::State, http::StatusCode};
use model::access::Permission;
use serde_json::{Value, json};

use crate::{
    App,
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
