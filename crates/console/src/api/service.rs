//! How everything is, the root certificate, and the API's description.

use axum::{
    Json,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use model::access::Permission;
use serde_json::{Value, json};

use super::instances::describe;
use crate::{App, authority, problem::ApiError, session::Authenticated};

/// `GET /status`: version, addresses, every instance's status, open deployments.
pub(super) async fn status(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, ApiError> {
    caller.require(Permission::ReadRuntime)?;
    let mut instances = Vec::new();
    for instance in app.store.instances().await? {
        instances.push(describe(&app, &caller, &instance.id).await?);
    }
    let open = if caller.require(Permission::ReadQueue).is_ok() {
        Some(app.store.deployments(None, true, 1_000).await?.len())
    } else {
        None
    };
    let mail = match &app.post {
        Some(post) if caller.require(Permission::ReadQueue).is_ok() => Some(post.state().await),
        _ => None,
    };
    Ok(Json(json!({
        "version": app.version,
        "export_key": app.deployments.export_key(),
        "addresses": { "console": app.addresses.console_origin },
        "is_running": app.workshop.is_some(),
        "instances": instances,
        "keys": app.keys,
        "queue": { "open": open },
        "mail": mail,
        "strict_transport": app.issuing.as_ref().and_then(|it| it.strict_transport()),
        "certificates": app.issuing.as_ref().map(|issuing| issuing.certificates()),
    })))
}

/// `GET /ca`: the root certificate as PEM, and how our own authority stands.
pub(super) async fn ca(State(app): State<App>, _by: Authenticated) -> Json<Value> {
    let state = app.issuing.as_ref().and_then(|issuing| issuing.authority());
    let readable = state.as_ref().map(|state| state.root.readable());
    Json(json!({
        "pem": authority::root_pem(&app),
        "fingerprint": readable,
        "authority": state,
    }))
}

/// `GET /openapi.json`. Says nothing about this installation, so nobody needs to sign in for it.
pub(super) async fn openapi() -> Response {
    (
        [(header::CONTENT_TYPE, "application/json")],
        super::openapi(),
    )
        .into_response()
}
