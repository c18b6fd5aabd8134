//! Where people get mails, and whether mails arrive.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use model::{
    access::Permission,
    id::UserId,
    mail::{MailAddress, MailWishes},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Body;
use crate::{
    App,
    problem::{ApiError, Problem},
    session::Authenticated,
};

/// The body of an address and what is wished for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SetMail {
    /// None: no mails.
    address: Option<MailAddress>,
    /// As before when left out.
    #[serde(default)]
    wishes: Option<MailWishes>,
}

/// `PUT /users/{id}/mail`. Administrators alone, and not their own address: that is changed on the
/// account page, with the password.
pub(super) async fn set(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<i64>,
    Body(body): Body<SetMail>,
) -> Result<Json<Value>, ApiError> {
    caller.require(Permission::Administer)?;
    let before = app.store.user(UserId(id)).await?;
    if caller.principal.user == UserId(id) && before.mail != body.address {
        // Whoever finds an open browser or a token must not come to read along for good.
        let why = "you change your own address under Account, with your password";
        return Err(Problem::bad_form(why).into());
    }
    let wishes = body.wishes.unwrap_or(before.mail_wishes);
    let by = caller.actor();
    let user = app
        .store
        .set_mail(UserId(id), body.address.as_ref(), wishes, &by)
        .await?;
    Ok(Json(json!({ "user": user })))
}

/// The body of a test.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TryOut {
    address: MailAddress,
}

/// `POST /mail/test`: sends one mail now, and says what went wrong.
pub(super) async fn try_out(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Body(body): Body<TryOut>,
) -> Result<Json<Value>, ApiError> {
    caller.require(Permission::Administer)?;
    let Some(post) = &app.post else {
        let why = if app.workshop.is_some() {
            "no mail server is configured: add [mail] to redkeep.toml and start Redkeep again"
        } else {
            "Redkeep is not running; start it with `redkeep up`"
        };
        return Err(Problem::new(StatusCode::SERVICE_UNAVAILABLE, "no-mail", why).into());
    };
    match post.try_out(body.address.clone()).await {
        Ok(()) => Ok(Json(json!({ "sent": true, "to": body.address }))),
        Err(why) => Err(Problem::new(StatusCode::BAD_GATEWAY, "mail-not-sent", why).into()),
    }
}
