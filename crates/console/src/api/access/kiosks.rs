//! Wall displays.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use model::{
    access::Permission,
    id::{InstanceId, KioskId, UserName},
    rules::Source,
};
use serde::Deserialize;
use serde_json::{Value, json};
use store::NewKiosk;

use crate::{
    App,
    api::Body,
    pages::{access::kiosk::link_of, account::token::known_networks},
    problem::{ApiError, Problem},
    session::Authenticated,
};

/// `GET /kiosks`.
pub(in crate::api) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, ApiError> {
    caller.require(Permission::Administer)?;
    Ok(Json(json!({ "kiosks": app.store.kiosks().await? })))
}

/// The body of a new wall display.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::api) struct Make {
    /// Whose: with this administrator it goes; the caller's own when left out.
    #[serde(default)]
    user: Option<UserName>,
    name: String,
    instance: InstanceId,
    #[serde(default = "root")]
    path: String,
    /// From where it may be used; anywhere when left out.
    #[serde(default)]
    networks: Vec<Source>,
    /// How long it lasts without being used; as configured when left out.
    #[serde(default)]
    days: Option<i64>,
}

fn root() -> String {
    "/".to_owned()
}

/// `POST /kiosks`.
pub(in crate::api) async fn make(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Body(body): Body<Make>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.require(Permission::Administer)?;
    known_networks(&app, &body.networks).await?;
    let name = body.user.as_ref().unwrap_or(&caller.principal.name);
    let user = app.store.user_by_name(name).await?;
    // The local administrator is no account, so there it must be said.
    let user = user.ok_or_else(|| Problem::bad_form("say whose display it is: `user`"))?;
    let new = NewKiosk {
        name: body.name,
        instance: body.instance,
        networks: body.networks,
        path: body.path,
        life_seconds: match body.days {
            Some(days) => days.saturating_mul(86_400),
            None => app.terms.kiosk_seconds,
        },
    };
    if app.addresses.gate(&new.instance).is_none() {
        let why = "this instance has no gate now: is Redkeep running, and the instance configured?";
        return Err(Problem::new(StatusCode::CONFLICT, "not-running", why).into());
    }
    let (kiosk, secret) = app.store.make_kiosk(user.id, new, &caller.actor()).await?;
    let url = link_of(&app, &kiosk, &secret)?;
    Ok((
        StatusCode::CREATED,
        Json(json!({ "kiosk": kiosk, "url": url })),
    ))
}

/// `DELETE /kiosks/{id}`.
pub(in crate::api) async fn revoke(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    caller.require(Permission::Administer)?;
    app.store.revoke_kiosk(KioskId(id), &caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
