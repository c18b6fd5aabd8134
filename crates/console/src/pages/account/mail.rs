//! Where one gets mails, and which.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use model::mail::{MailAddress, MailWishes};
use store::{LoginAttempt, Secret};

use super::{factor::not_fresh, show::build};
use crate::{
    App,
    csrf::Posted,
    problem::{PageError, Problem},
    shell::page as render,
    wording::sentence,
};

/// `POST /account/mail`: `address`, `wish` (several), `present`. Another address asks for the
/// password: whoever finds an open browser must not come to read along for good.
pub(crate) async fn submit(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    let principal = &by.caller.principal;
    let has = |wish: &str| fields.all("wish").any(|it| it == wish);
    let wishes = MailWishes {
        reviews: has("reviews"),
        answers: has("answers"),
        alerts: has("alerts"),
    };
    let mut wrong = None;
    let address = match fields.get("address").trim() {
        "" => None,
        text => match text.parse::<MailAddress>() {
            Ok(address) => Some(address),
            Err(error) => {
                wrong = Some(sentence(&error.to_string()));
                None
            }
        },
    };
    let user = app.store.user(principal.user).await?;
    if wrong.is_none()
        && user.mail != address
        && let Some(provider) = &user.provider
    {
        wrong = not_fresh(&app, &by, provider);
    } else if wrong.is_none() && user.mail != address {
        let present = Secret::new(fields.raw("present").as_bytes().to_vec());
        let confirmed = app
            .store
            .confirm_identity(&principal.name, &present, None, by.caller.address)
            .await?;
        wrong = match confirmed {
            LoginAttempt::Accepted(_) | LoginAttempt::NeedsCode(_) => None,
            LoginAttempt::Wrong | LoginAttempt::NeedsPasskey(_) => {
                Some("The present password is wrong. Another address asks for it.".to_owned())
            }
            LoginAttempt::Limited {
                retry_after_seconds,
            } => Some(format!(
                "Too many attempts. Try again in {retry_after_seconds} seconds."
            )),
        };
    }
    if let Some(wrong) = wrong {
        let mut page = build(&app, &by).await?;
        page.mail.error = Some(wrong);
        page.mail.address = crate::wording::name_of(fields.get("address"));
        page.mail.wishes = wishes;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, render(&page)?).into_response());
    }
    let (user, actor) = (principal.user, by.caller.actor());
    let set = app.store.set_mail(user, address.as_ref(), wishes, &actor);
    set.await.map_err(Problem::from)?;
    Ok(Redirect::to("/account?done=mail").into_response())
}
