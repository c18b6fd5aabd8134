//! The JSON API under `/api/v1`: all that the pages can, for scripts and the command line.
//!
//! Errors are `{"error": {"code", "message"}}`. Described by `assets/openapi.json`, which a test
//! holds against [`ROUTES`].

mod access;
mod audit;
mod certificates;
mod deployments;
mod instances;
mod mail;
mod risks;
mod rules;
mod service;

use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, FromRequest, Request},
    routing::{delete, get, post, put},
};
use serde::de::DeserializeOwned;

use crate::{
    App,
    problem::{ApiError, Problem},
};

/// Bytes of a body, except for flows.
const BODY_MAX: usize = 1 << 20;
/// Bytes of a body that carries flows: their own limit and some room for the frame.
const FLOWS_MAX: usize = 72 << 20;

macro_rules! api {
    ($($method:ident $path:literal => $handler:path),* $(,)?) => {
        /// Every route's method and path, below `/api/v1`.
        pub const ROUTES: &[(&str, &str)] = &[$((stringify!($method), $path)),*];

        fn routes() -> Router<App> {
            Router::new()$(.route($path, $method($handler)))*
        }
    };
}

api! {
    get "/status" => service::status,
    get "/ca" => service::ca,
    get "/openapi.json" => service::openapi,
    get "/certificates" => certificates::list,
    post "/certificates/renew" => certificates::renew,
    get "/instances" => instances::list,
    get "/instances/{id}" => instances::show,
    put "/instances/{id}/policy" => instances::set_policy,
    post "/instances/{id}/restart" => instances::restart,
    get "/instances/{id}/snapshots" => instances::snapshots,
    post "/instances/{id}/rollback" => instances::roll_back,
    get "/instances/{id}/logs" => instances::logs,
    get "/instances/{id}/refused-routes" => instances::refused_routes,
    post "/instances/{id}/allowed-routes" => instances::allow_route,
    get "/deployments" => deployments::list,
    post "/deployments" => deployments::propose,
    get "/deployments/{id}" => deployments::show,
    post "/deployments/{id}/decisions" => deployments::decide::decide,
    get "/deployments/{id}/comments" => deployments::decide::comments,
    post "/deployments/{id}/comments" => deployments::decide::comment,
    post "/deployments/{id}/approve" => deployments::decide::approve,
    post "/deployments/{id}/apply" => deployments::decide::apply,
    post "/deployments/{id}/reject" => deployments::decide::reject,
    post "/deployments/{id}/withdraw" => deployments::decide::withdraw,
    post "/deployments/{id}/rebase" => deployments::decide::rebase,
    post "/deployments/{id}/emergency-apply" => deployments::decide::apply_emergency,
    post "/deployments/{id}/emergency-review" => deployments::decide::review_emergency,
    post "/deployments/{id}/rehearse" => deployments::decide::rehearse,
    get "/deployments/{id}/picture.svg" => deployments::picture::svg,
    get "/deployments/{id}/picture.png" => deployments::picture::png,
    get "/deployments/{id}/export" => deployments::export,
    post "/deployments/{id}/risks" => risks::accept,
    get "/risks" => risks::list,
    delete "/risks/{id}" => risks::withdraw,
    get "/users" => access::users::list,
    post "/users" => access::users::add,
    post "/users/import" => access::import::import,
    put "/users/{id}/mail" => mail::set,
    put "/users/{id}/role" => access::users::set_role,
    put "/users/{id}/break-glass" => access::users::set_break_glass,
    put "/users/{id}/password" => access::users::set_password,
    post "/users/{id}/reset" => access::users::reset,
    delete "/users/{id}" => access::users::remove,
    post "/mail/test" => mail::try_out,
    get "/roles" => access::roles::list,
    put "/roles/{name}" => access::roles::set,
    delete "/roles/{name}" => access::roles::remove,
    post "/enrolments" => access::enrol,
    get "/tokens" => access::tokens::list,
    post "/tokens" => access::tokens::make,
    delete "/tokens/{id}" => access::tokens::revoke,
    get "/sessions" => access::sessions,
    delete "/sessions/{id}" => access::revoke_session,
    get "/access/rules" => rules::show,
    put "/access/rules" => rules::set,
    post "/access/rules/confirm" => rules::confirm,
    post "/access/rules/undo" => rules::undo,
    post "/access/simulate" => rules::simulate,
    get "/audit" => audit::list,
    get "/audit/verify" => audit::verify,
}

pub(crate) fn router() -> Router<App> {
    routes().layer(DefaultBodyLimit::max(BODY_MAX))
}

/// The API's description (OpenAPI 3.1).
pub fn openapi() -> &'static str {
    include_str!("../assets/openapi.json")
}

/// A JSON body; whatever is wrong with it is answered in the API's own form.
pub(crate) struct Body<T>(pub(crate) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        match Json::<T>::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(refusal) => Err(ApiError(Problem::new(
                refusal.status(),
                "bad-body",
                refusal.body_text(),
            ))),
        }
    }
}
