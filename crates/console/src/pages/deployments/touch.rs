//! The touch for an approval: says what the passkey signs, asks for it, and applies.
//!
//! A page of its own, after the last page of the review: asking a browser for a passkey takes script, and no
//! page that shows what strangers wrote about nodes holds any.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use deploy::{DeployError, Review, ToTouch};
use model::{
    access::Permission,
    deployment::State as Stands,
    id::{DeploymentId, Hash},
    touch::decisions_digest,
};
use store::{Ceremony, RelyingParty};

use super::{confirm::approve_and_apply, view::Head};
use crate::{
    App, assets,
    csrf::Posted,
    pages::deployment_id,
    problem::{PageError, Problem},
    session::SignedIn,
    shell::{Shell, scripted},
    wording::{counted, sentence},
};

#[derive(Template)]
#[template(path = "deployments/touch.html")]
struct TouchPage {
    shell: Shell,
    head: Head,
    script: &'static str,
    error: Option<String>,
    not_offered: Option<String>,
    asked: Option<Ceremony>,
    needs_key: bool,
    button: String,
    base: String,
    decisions: String,
    origin: String,
}

/// `GET /deployments/{id}/touch`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Path(id): Path<String>,
) -> Result<Response, PageError> {
    by.caller.require(Permission::Apply)?;
    show(&app, &by, deployment_id(&id)?, None).await
}

/// What is asked of whom, as far as it can be asked.
struct Question {
    asked: Option<Ceremony>,
    needs_key: bool,
    not_offered: Option<String>,
    review: Review,
}

async fn question(app: &App, by: &SignedIn, id: DeploymentId) -> Result<Question, PageError> {
    let rp = match RelyingParty::of(&app.addresses.console_origin) {
        Ok(rp) => rp,
        Err(why) => {
            return Ok(Question {
                asked: None,
                needs_key: false,
                not_offered: Some(sentence(&why.to_string())),
                review: app.deployments.review(&by.caller, id).await?,
            });
        }
    };
    match app.deployments.begin_touch(&by.caller, &rp, id).await {
        Ok(ToTouch { asked, review }) => {
            let is_open = matches!(
                review.deployment.state,
                Stands::InReview | Stands::Approved { .. }
            );
            Ok(Question {
                needs_key: asked.is_none(),
                asked: asked.filter(|_| is_open).map(|(ceremony, _)| ceremony),
                not_offered: None,
                review,
            })
        }
        // Nothing to sign yet: the page says where to go.
        Err(DeployError::Undecided { .. }) => Ok(Question {
            asked: None,
            needs_key: false,
            not_offered: None,
            review: app.deployments.review(&by.caller, id).await?,
        }),
        Err(error) => Err(error.into()),
    }
}

async fn show(
    app: &App,
    by: &SignedIn,
    id: DeploymentId,
    error: Option<String>,
) -> Result<Response, PageError> {
    let Question {
        asked,
        needs_key,
        not_offered,
        review,
    } = question(app, by, id).await?;
    let shell = Shell::new(app, by, "queue", format!("Touch for deployment {id}"))
        .await?
        .on(Some(&review.deployment.instance));
    let head = Head::new(app, by, &shell, &review).await?;
    scripted(&TouchPage {
        script: assets::script_path(),
        error,
        not_offered,
        asked,
        needs_key,
        button: format!(
            "apply {} to {}",
            counted(head.approved, "change"),
            head.instance
        ),
        base: review.deployment.proposal.base.to_string(),
        decisions: decisions_digest(&review.decisions).to_string(),
        origin: app.addresses.console_origin.clone(),
        head,
        shell,
    })
}

/// `POST /deployments/{id}/touch`: `shown`, `ceremony`, `answer`. Confirms with the touch, then
/// applies.
pub(crate) async fn submit(
    State(app): State<App>,
    Path(id): Path<String>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    let id = deployment_id(&id)?;
    let shown: Hash = fields.get("shown").parse().map_err(Problem::from)?;
    let rp = RelyingParty::of(&app.addresses.console_origin)?;
    let (asked, answer) = (fields.get("ceremony"), fields.get("answer"));
    let touched = app
        .deployments
        .approve_touched(&by.caller, &rp, id, asked, answer);
    let done = match touched.await {
        Ok(_) => approve_and_apply(app.deployments.clone(), by.caller.clone(), id, shown).await?,
        Err(error) => Err(error),
    };
    match done {
        Ok(deployment) => {
            let is_applied = matches!(deployment.state, Stands::Applied { .. });
            let done = if is_applied { "?done=applied" } else { "" };
            Ok(Redirect::to(&format!("/deployments/{id}{done}")).into_response())
        }
        Err(DeployError::Target(_)) => {
            Ok(Redirect::to(&format!("/deployments/{id}")).into_response())
        }
        Err(error) => {
            let why = sentence(&error.to_string());
            let mut page = show(&app, &by, id, Some(why)).await?;
            *page.status_mut() = StatusCode::CONFLICT;
            Ok(page)
        }
    }
}
