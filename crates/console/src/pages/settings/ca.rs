//! The root certificate, for import, and what is done with our own authority.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Redirect, Response},
};

use crate::{
    App,
    authority::{self, Act},
    csrf::Posted,
    problem::{PageError, Problem},
    session::SignedIn,
};

/// `GET /settings/ca.pem`.
pub(crate) async fn download(State(app): State<App>, _by: SignedIn) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/x-pem-file"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"redkeep-ca.pem\"",
        ),
    ];
    (headers, authority::root_pem(&app)).into_response()
}

/// `POST /settings/ca`: `do` (`rotate`, `cancel`, `revoke`), `days`, `serial`.
pub(crate) async fn submit(
    State(app): State<App>,
    Posted { by, fields }: Posted,
) -> Result<Redirect, PageError> {
    let act = match fields.get("do") {
        "rotate" => {
            let days = fields.get("days").trim().parse();
            let days = days.map_err(|_| Problem::bad_form("give a number of days, 1 to 366"))?;
            Act::Rotate(days)
        }
        "cancel" => Act::Cancel,
        "revoke" => Act::Revoke(fields.get("serial").to_owned()),
        _ => return Err(Problem::bad_form("say what is to be done").into()),
    };
    authority::act(&app, &by.caller, act).await?;
    Ok(Redirect::to("/settings?done=authority#ca"))
}
