//! The root certificate, for import.

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};

use crate::{App, session::SignedIn};

/// `GET /settings/ca.pem`.
pub(crate) async fn download(State(app): State<App>, _by: SignedIn) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "application/x-pem-file"),
        (
            header::CONTENT_DISPOSITION,
            "attachment; filename=\"redkeep-ca.pem\"",
        ),
    ];
    (headers, app.ca_pem.clone()).into_response()
}
