//! What went wrong, and the one place where it becomes an answer.

use askama::Template;
use axum::{
    Json,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use deploy::DeployError;
use runtime::RuntimeError;
use serde_json::json;
use store::{PasskeyError, StoreError};

use crate::assets;

/// A refusal or failure, in a form both pages and API can show.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    /// For programs: kebab-case, stable.
    pub(crate) code: &'static str,
    /// For people: what failed and what to do. Never internals.
    pub(crate) message: String,
}

impl Problem {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            code,
            message: message.into(),
        }
    }

    pub(crate) fn unauthenticated() -> Self {
        let message = "sign in, or send a bearer token that is still good";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", message)
    }

    pub(crate) fn cross_site(why: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, "cross-site", why)
    }

    pub(crate) fn bad_form(why: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "invalid", why)
    }

    pub(crate) fn not_found(what: &str) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            format!("there is no {what}"),
        )
    }

    /// A failure of ours: told in full to the log, in general to the person.
    fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!(%error, "a request failed");
        let message = "Redkeep could not read or write its data; the reason is in its log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(_) => {
                Self::new(StatusCode::NOT_FOUND, "not-found", error.to_string())
            }
            StoreError::Password(_) => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "password",
                error.to_string(),
            ),
            StoreError::Exists(_) => Self::new(StatusCode::CONFLICT, "exists", error.to_string()),
            StoreError::Overtaken { .. } => {
                Self::new(StatusCode::CONFLICT, "overtaken", error.to_string())
            }
            StoreError::Conflict(_) => {
                Self::new(StatusCode::CONFLICT, "conflict", error.to_string())
            }
            StoreError::Damaged { .. } => {
                tracing::error!(%error, "a request met damaged data");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "damaged",
                    error.to_string(),
                )
            }
            StoreError::Keys(_) => {
                tracing::error!(%error, "a request needed a key");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "keys", error.to_string())
            }
            StoreError::Database(_) | StoreError::Newer { .. } | StoreError::File { .. } => {
                Self::internal(&error)
            }
        }
    }
}

impl From<DeployError> for Problem {
    fn from(error: DeployError) -> Self {
        use StatusCode as S;
        let (status, code) = match &error {
            DeployError::NotAllowed { .. } => (S::FORBIDDEN, "not-allowed"),
            DeployError::OwnChanges { .. } => (S::FORBIDDEN, "own-changes"),
            DeployError::NotTogether { .. } => (S::CONFLICT, "not-together"),
            DeployError::CommentEmpty => (S::UNPROCESSABLE_ENTITY, "comment-empty"),
            DeployError::NotInThread { .. } => (S::FORBIDDEN, "not-in-thread"),
            DeployError::NoEmergency { .. } => (S::FORBIDDEN, "no-emergency"),
            DeployError::NotRehearsed { .. } => (S::CONFLICT, "not-rehearsed"),
            DeployError::TouchNeeded { .. } => (S::FORBIDDEN, "touch-needed"),
            DeployError::Passkey(_) => (S::FORBIDDEN, "passkey-refused"),
            DeployError::Flows(_) => (S::UNPROCESSABLE_ENTITY, "not-flows"),
            DeployError::RevisionMismatch { .. } => (S::CONFLICT, "revision-mismatch"),
            DeployError::NotWhatWasShown => (S::CONFLICT, "not-what-was-shown"),
            DeployError::Undecided { .. } => (S::CONFLICT, "undecided"),
            DeployError::NothingApproved => (S::CONFLICT, "nothing-approved"),
            DeployError::ReasonNeeded | DeployError::EmergencyReasonNeeded => {
                (S::UNPROCESSABLE_ENTITY, "reason-needed")
            }
            DeployError::NoSuchChange(_) => (S::NOT_FOUND, "no-such-change"),
            DeployError::NotWhole(_) => (S::CONFLICT, "not-whole"),
            DeployError::Busy => (S::CONFLICT, "busy"),
            DeployError::Crowded => (S::SERVICE_UNAVAILABLE, "crowded"),
            DeployError::Target(_) => (S::BAD_GATEWAY, "node-red-refused"),
            DeployError::NoBaseline => (S::CONFLICT, "no-baseline"),
            DeployError::Store(_) => (S::INTERNAL_SERVER_ERROR, "internal"),
            DeployError::Unreadable => (S::INTERNAL_SERVER_ERROR, "unreadable"),
            DeployError::CommentTooLong { .. } => (S::UNPROCESSABLE_ENTITY, "comment-too-long"),
            DeployError::NotRunning => (S::CONFLICT, "not-running"),
            DeployError::TooMany | DeployError::TooManyWaiting { .. } => {
                (S::TOO_MANY_REQUESTS, "too-many")
            }
            DeployError::WrongState { .. } => (S::CONFLICT, "wrong-state"),
            DeployError::Demanded { .. } => (S::FORBIDDEN, "demanded"),
            DeployError::NoSuchFinding => (S::NOT_FOUND, "no-such-finding"),
            DeployError::RiskIncomplete => (S::UNPROCESSABLE_ENTITY, "risk-incomplete"),
        };
        match error {
            DeployError::Store(error) => error.into(),
            DeployError::Passkey(error) => error.into(),
            error => Self::new(status, code, error.to_string()),
        }
    }
}

impl From<PasskeyError> for Problem {
    fn from(error: PasskeyError) -> Self {
        match error {
            PasskeyError::Store(error) => error.into(),
            error => Self::new(StatusCode::FORBIDDEN, "passkey-refused", error.to_string()),
        }
    }
}

impl From<RuntimeError> for Problem {
    fn from(error: RuntimeError) -> Self {
        let (status, code) = match &error {
            RuntimeError::Unknown(_) => (StatusCode::NOT_FOUND, "not-found"),
            _ => (StatusCode::BAD_GATEWAY, "node-red"),
        };
        Self::new(status, code, error.to_string())
    }
}

impl From<model::id::InvalidId> for Problem {
    fn from(error: model::id::InvalidId) -> Self {
        Self::bad_form(error.to_string())
    }
}

impl From<askama::Error> for Problem {
    fn from(error: askama::Error) -> Self {
        Self::internal(&error)
    }
}

/// Why a page is not shown.
#[derive(Debug)]
pub(crate) enum PageError {
    /// Nobody is signed in: the way is to sign in first, and then on to this path.
    SignIn { next: String },
    /// The role signs in with a passkey, and there is none yet: the way is to add one.
    NeedsPasskey,
    /// The password was brought along and is too weak: the way is to choose another.
    NeedsPassword,
    /// Anything else, as a page.
    Problem(Problem),
}

impl<E: Into<Problem>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage {
    style: &'static str,
    status: u16,
    title: &'static str,
    message: String,
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        let problem = match self {
            Self::SignIn { next } => {
                let next = crate::pages::sign_in::show::percent_encoded(&next);
                return Redirect::to(&format!("/sign-in?next={next}")).into_response();
            }
            Self::NeedsPassword => return Redirect::to("/account?done=weak").into_response(),
            Self::NeedsPasskey => return Redirect::to("/account/passkeys").into_response(),
            Self::Problem(problem) => problem,
        };
        let page = ProblemPage {
            style: assets::style_path(),
            status: problem.status.as_u16(),
            title: title_of(problem.status),
            message: crate::wording::sentence(&problem.message),
        };
        let mut response = match page.render() {
            Ok(html) => (problem.status, Html(html)).into_response(),
            Err(_) => (problem.status, problem.message).into_response(),
        };
        ask_again_soon(&mut response);
        response
    }
}

/// Says when to try again, where it was only that too many asked at once.
fn ask_again_soon(response: &mut Response) {
    let status = response.status();
    if status == StatusCode::SERVICE_UNAVAILABLE || status == StatusCode::TOO_MANY_REQUESTS {
        let soon = http::HeaderValue::from_static("5");
        response.headers_mut().insert(header::RETRY_AFTER, soon);
    }
}

fn title_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::FORBIDDEN => "Not allowed",
        StatusCode::NOT_FOUND => "Not found",
        StatusCode::CONFLICT => "Something moved on",
        StatusCode::UNPROCESSABLE_ENTITY | StatusCode::BAD_REQUEST => "That did not work",
        StatusCode::BAD_GATEWAY => "Node-RED did not take it",
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS => "Too many at once",
        _ => "Something failed",
    }
}

/// An error of the API: `{"error": {"code", "message"}}`.
#[derive(Debug)]
pub(crate) struct ApiError(pub(crate) Problem);

impl<E: Into<Problem>> From<E> for ApiError {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let Problem {
            status,
            code,
            message,
        } = self.0;
        let body = Json(json!({ "error": { "code": code, "message": message } }));
        let mut response = (status, body).into_response();
        ask_again_soon(&mut response);
        if status == StatusCode::UNAUTHORIZED {
            let scheme = http::HeaderValue::from_static("Bearer");
            response
                .headers_mut()
                .insert(header::WWW_AUTHENTICATE, scheme);
        }
        response
    }
}
