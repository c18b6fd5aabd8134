//! Users.

use std::fmt;

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use deploy::Caller;
use model::{
    access::{Permission, Role},
    id::{UserId, UserName},
};
use serde::Deserialize;
use serde_json::{Value, json};
use store::{LoginAttempt, NewUser, SecondFactor, Secret};

use crate::{
    App,
    api::Body,
    grants,
    pages::access::enrol::LINK_SECONDS,
    problem::{ApiError, Problem},
    session::Authenticated,
};

/// `GET /users`.
pub(in crate::api) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, ApiError> {
    caller.require(Permission::Administer)?;
    Ok(Json(json!({ "users": app.store.users().await? })))
}

/// The body of a new user.
#[derive(Deserialize)]
pub(in crate::api) struct Add {
    name: UserName,
    role: Role,
    password: Password,
    /// Whether a second factor is made; its address is in the answer, this once.
    second_factor: bool,
}

/// A password in a body.
#[derive(Deserialize)]
#[serde(transparent)]
struct Password(String);

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

impl Password {
    fn checked(self, app: &App, name: &UserName) -> Result<Secret, Problem> {
        let checked = app.store.check_password(name, &self.0);
        checked.map_err(|error| Problem::bad_form(error.to_string()))?;
        Ok(Secret::new(self.0.into_bytes()))
    }
}

/// `POST /users`.
pub(in crate::api) async fn add(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Body(body): Body<Add>,
) -> Result<(StatusCode, Json<Value>), ApiError> {
    caller.require(Permission::Administer)?;
    let role = grants::role(&app, &caller, body.role).await?;
    let password = body.password.checked(&app, &body.name)?;
    let factor = body.second_factor.then(SecondFactor::generate);
    let uri = factor
        .as_ref()
        .map(|factor| factor.uri(&body.name, "Redkeep"));
    let new = NewUser {
        name: body.name,
        role,
        password,
        second_factor: factor,
        passkey: None,
    };
    let (user, codes) = app.store.add_user(new, &caller.actor()).await?;
    let body = json!({
        "user": user,
        "second_factor": uri.map(|uri| json!({ "uri": uri })),
        "recovery_codes": codes,
    });
    Ok((StatusCode::CREATED, Json(body)))
}

/// The body of a role.
#[derive(Deserialize)]
pub(in crate::api) struct SetRole {
    role: Role,
}

/// `PUT /users/{id}/role`.
pub(in crate::api) async fn set_role(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<i64>,
    Body(body): Body<SetRole>,
) -> Result<Json<Value>, ApiError> {
    caller.require(Permission::Administer)?;
    let role = grants::role(&app, &caller, body.role).await?;
    grants::user(&app, &caller, UserId(id)).await?;
    app.store
        .set_role(UserId(id), role, &caller.actor())
        .await?;
    Ok(Json(json!({ "user": app.store.user(UserId(id)).await? })))
}

/// The body of a mark.
#[derive(Deserialize)]
pub(in crate::api) struct SetBreakGlass {
    is_break_glass: bool,
}

/// `PUT /users/{id}/break-glass`.
pub(in crate::api) async fn set_break_glass(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<i64>,
    Body(body): Body<SetBreakGlass>,
) -> Result<Json<Value>, ApiError> {
    caller.require(Permission::Administer)?;
    grants::user(&app, &caller, UserId(id)).await?;
    let actor = caller.actor();
    let set = app
        .store
        .set_break_glass(UserId(id), body.is_break_glass, &actor);
    Ok(Json(json!({ "user": set.await? })))
}

/// The body of a password.
#[derive(Deserialize)]
pub(in crate::api) struct SetPassword {
    password: Password,
    /// The present one: needed for oneself.
    #[serde(default)]
    present: Option<Password>,
}

/// `PUT /users/{id}/password`.
pub(in crate::api) async fn set_password(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<i64>,
    Body(body): Body<SetPassword>,
) -> Result<StatusCode, ApiError> {
    caller.require(Permission::Administer)?;
    grants::user(&app, &caller, UserId(id)).await?;
    let user = app.store.user(UserId(id)).await?;
    let password = body.password.checked(&app, &user.name)?;
    if caller.principal.user == user.id {
        confirm_own(&app, &caller, body.present).await?;
    }
    app.store
        .set_password(user.id, &password, &caller.actor())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whoever finds an open browser or a token must not be able to take the account over by it. As on
/// the page, a right password that is answered by "needs a code" is right enough.
async fn confirm_own(app: &App, caller: &Caller, present: Option<Password>) -> Result<(), Problem> {
    let Some(Password(present)) = present else {
        let why = "your own password is changed with the present one: send it as `present`";
        return Err(Problem::bad_form(why));
    };
    let present = Secret::new(present.into_bytes());
    let name = &caller.principal.name;
    let confirm = app
        .store
        .confirm_identity(name, &present, None, caller.address);
    match confirm.await? {
        LoginAttempt::Accepted(_) | LoginAttempt::NeedsCode(_) => Ok(()),
        LoginAttempt::Wrong | LoginAttempt::NeedsPasskey(_) => Err(Problem::new(
            StatusCode::FORBIDDEN,
            "wrong-password",
            "the present password is wrong",
        )),
        LoginAttempt::Limited {
            retry_after_seconds,
        } => Err(Problem::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too-many",
            format!("too many attempts; try again in {retry_after_seconds} seconds"),
        )),
    }
}

/// `POST /users/{id}/reset`.
pub(in crate::api) async fn reset(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<i64>,
) -> Result<Json<Value>, ApiError> {
    caller.require(Permission::Administer)?;
    grants::user(&app, &caller, UserId(id)).await?;
    if caller.principal.user == UserId(id) {
        // Whoever finds an open browser must not get the account by it.
        let why = "you renew your own account under Account, with your password and a code";
        return Err(Problem::bad_form(why).into());
    }
    let made = app
        .store
        .reset_account(UserId(id), LINK_SECONDS, &caller.actor())
        .await?;
    Ok(Json(json!({
        "url": format!("{}/enrol?token={}", app.addresses.console_origin, made.secret),
        "name": made.name,
        "role": made.role,
        "expires_at": made.expires_at,
    })))
}

/// `DELETE /users/{id}`.
pub(in crate::api) async fn remove(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<i64>,
) -> Result<StatusCode, ApiError> {
    caller.require(Permission::Administer)?;
    grants::user(&app, &caller, UserId(id)).await?;
    app.store.remove_user(UserId(id), &caller.actor()).await?;
    Ok(StatusCode::NO_CONTENT)
}
