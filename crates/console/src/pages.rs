//! The pages, one file each: what it may show, what it shows, what its form does.

pub(crate) mod access;
pub(crate) mod account;
pub(crate) mod components;
pub(crate) mod deployments;
pub(crate) mod enrol;
pub(crate) mod history;
pub(crate) mod install;
pub(crate) mod logs;
pub(crate) mod overview;
pub(crate) mod record;
pub(crate) mod risks;
pub(crate) mod settings;
pub(crate) mod sign_in;

use std::collections::HashMap;

use axum::{
    Router,
    extract::{DefaultBodyLimit, Query},
    http::Uri,
    routing::{get, post},
};
use model::id::{DeploymentId, InstanceId};

use crate::{App, problem::PageError, problem::Problem};

/// What stands after the question mark.
pub(crate) type Asked = Query<HashMap<String, String>>;

/// Bytes a form may have.
const FORM_MAX: usize = 256 << 10;

macro_rules! pages {
    ($($method:ident $path:literal => $handler:path),* $(,)?) => {
        /// Every page's method and path.
        pub const ROUTES: &[(&str, &str)] = &[$((stringify!($method), $path)),*];

        pub(crate) fn router() -> Router<App> {
            Router::new()
                $(.route($path, $method($handler)))*
                .layer(DefaultBodyLimit::max(FORM_MAX))
        }
    };
}

pages! {
    get "/" => overview::show::page,
    get "/sign-in" => sign_in::show::page,
    post "/sign-in" => sign_in::submit::submit,
    post "/sign-in/passkey" => sign_in::passkey::submit,
    get "/sign-in/continue" => sign_in::show::proceed,
    post "/sign-in/with" => sign_in::provider::leave,
    get "/sign-in/back/{provider}" => sign_in::provider::back,
    post "/sign-out" => sign_in::out::submit,
    get "/enrol" => enrol::show::page,
    post "/enrol" => enrol::begin::submit,
    post "/enrol/confirm" => enrol::confirm::submit,
    post "/enrol/passkey" => enrol::passkey::submit,
    get "/deployments" => deployments::list::page,
    get "/deployments/{id}" => deployments::show::page,
    get "/deployments/{id}/steps/{number}" => deployments::step::page,
    post "/deployments/{id}/steps/{number}" => deployments::decide::submit,
    get "/deployments/{id}/together/{kind}" => deployments::together::page,
    post "/deployments/{id}/together/{kind}" => deployments::together::submit,
    post "/deployments/{id}/comments" => deployments::comment::submit,
    post "/deployments/{id}/steps/{number}/risk" => deployments::risk::submit,
    get "/deployments/{id}/confirm" => deployments::confirm::page,
    post "/deployments/{id}/confirm" => deployments::confirm::submit,
    get "/deployments/{id}/touch" => deployments::touch::page,
    post "/deployments/{id}/touch" => deployments::touch::submit,
    get "/deployments/{id}/reject" => deployments::reject::page,
    post "/deployments/{id}/reject" => deployments::reject::submit,
    get "/deployments/{id}/rebase" => deployments::rebase::page,
    post "/deployments/{id}/rebase" => deployments::rebase::submit,
    get "/deployments/{id}/emergency" => deployments::emergency::page,
    post "/deployments/{id}/emergency" => deployments::emergency::submit,
    post "/deployments/{id}/withdraw" => deployments::close::withdraw,
    post "/deployments/{id}/emergency-review" => deployments::close::review_emergency,
    post "/deployments/{id}/rehearse" => deployments::close::rehearse,
    get "/history" => history::show::page,
    post "/history/rollback" => history::rollback::submit,
    get "/risks" => risks::page,
    post "/risks/{id}/withdraw" => risks::withdraw,
    get "/record" => record::list::page,
    post "/record/verify" => record::verify::submit,
    get "/access" => access::show::page,
    post "/access/enrolments" => access::enrol::submit,
    post "/access/users/{id}/role" => access::role::submit,
    post "/access/users/{id}/reset" => access::reset::submit,
    post "/access/users/{id}/remove" => access::remove::submit,
    post "/access/users/{id}/break-glass" => access::break_glass::submit,
    post "/access/sessions/{id}/revoke" => access::revoke::session,
    post "/access/kiosks" => access::kiosk::submit,
    post "/access/kiosks/{id}/revoke" => access::kiosk::revoke,
    post "/access/tokens/{id}/revoke" => access::revoke::token,
    get "/access/roles" => access::roles::page,
    post "/access/roles" => access::roles::submit,
    post "/access/roles/{name}/remove" => access::roles::remove,
    get "/access/rules" => access::rules::page,
    post "/access/rules" => access::rules::submit,
    post "/access/rules/confirm" => access::rules::confirm,
    post "/access/rules/undo" => access::rules::undo,
    post "/access/secrets" => access::rules::secrets::submit,
    get "/account" => account::show::page,
    post "/account/password" => account::password::submit,
    post "/account/mail" => account::mail::submit,
    post "/account/factor" => account::factor::begin,
    post "/account/factor/confirm" => account::factor::confirm_new,
    get "/account/passkeys" => account::passkey::page,
    post "/account/passkeys/begin" => account::passkey::begin,
    post "/account/passkeys/add" => account::passkey::add,
    post "/account/passkeys/{id}/rename" => account::passkey::rename,
    post "/account/passkeys/{id}/remove" => account::passkey::remove,
    post "/account/recovery-codes" => account::factor::codes,
    post "/account/sessions/revoke-others" => access::revoke::others,
    post "/account/tokens" => account::token::submit,
    get "/settings" => settings::show::page,
    post "/settings/policy" => settings::policy::submit,
    post "/settings/routes" => settings::routes::submit,
    post "/settings/restart" => settings::restart::submit,
    get "/settings/ca.pem" => settings::ca::download,
    post "/settings/ca" => settings::ca::submit,
    get "/install" => install::page,
    get "/install/redkeep-root.pem" => install::pem,
    get "/install/redkeep-root.crt" => install::der,
    get "/install/redkeep-root.mobileconfig" => install::profile,
    get "/install/authority.crl" => install::list,
    get "/logs" => logs::show::page,
    get "/components" => components::page,
}

pub(crate) async fn not_found(uri: Uri) -> axum::response::Response {
    use axum::response::IntoResponse as _;
    let problem = Problem::not_found("such page");
    if uri.path().starts_with("/api/") {
        crate::problem::ApiError(problem).into_response()
    } else {
        PageError::from(problem).into_response()
    }
}

/// The deployment a path names.
pub(crate) fn deployment_id(text: &str) -> Result<DeploymentId, Problem> {
    text.parse()
        .map_err(|_| Problem::not_found("such deployment"))
}

/// The instance a query or form names; none when it names none.
pub(crate) fn instance_id(text: Option<&str>) -> Result<Option<InstanceId>, Problem> {
    match text.filter(|text| !text.is_empty()) {
        Some(text) => text
            .parse()
            .map(Some)
            .map_err(|_| Problem::not_found("such instance")),
        None => Ok(None),
    }
}
