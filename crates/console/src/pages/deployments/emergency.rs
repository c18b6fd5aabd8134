//! Applying before review: says exactly what will happen, asks for a reason and for the name.

use askama::Template;
use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{Html, IntoResponse, Redirect, Response},
};
use deploy::DeployError;
use model::{
    deployment::{DeploymentType, State as Stands},
    id::{DeploymentId, Hash},
};

use super::view::{Findings, Head, Looked};
use crate::{
    App,
    csrf::Posted,
    pages::deployment_id,
    problem::{PageError, Problem},
    session::SignedIn,
    shell::{Shell, made},
    wording::sentence,
};

#[derive(Template)]
#[template(path = "deployments/emergency.html")]
struct EmergencyPage {
    shell: Shell,
    head: Head,
    findings: Findings,
    restart: &'static str,
    asked: Asked,
}

/// What was typed, and what is wrong with it.
#[derive(Default)]
struct Asked {
    reason: String,
    reason_error: Option<String>,
    name_error: Option<String>,
    error: Option<String>,
}

/// `GET /deployments/{id}/emergency`.
pub(crate) async fn page(
    State(app): State<App>,
    by: SignedIn,
    Path(id): Path<String>,
) -> Result<Html<String>, PageError> {
    let id = deployment_id(&id)?;
    let deployment = app.store.deployment(id).await?;
    app.deployments
        .require_emergency(&by.caller, &deployment)
        .await?;
    show(&app, &by, id, Asked::default()).await
}

async fn show(
    app: &App,
    by: &SignedIn,
    id: DeploymentId,
    asked: Asked,
) -> Result<Html<String>, PageError> {
    let review = app.deployments.review(&by.caller, id).await?;
    let shell = Shell::new(app, by, "queue", format!("Emergency: deployment {id}"))
        .await?
        .on(Some(&review.deployment.instance));
    let head = Head::new(app, by, &shell, &review).await?;
    let build = move || {
        Ok(EmergencyPage {
            findings: Findings::page(Looked::new(&review).findings(), 0),
            restart: match review.deployment.proposal.deployment_type {
                DeploymentType::Full => "all flows start anew",
                DeploymentType::Flows => "flows with changes start anew",
                DeploymentType::Nodes => "changed nodes start anew",
            },
            asked,
            head,
            shell,
        })
    };
    made(app, build).await
}

/// `POST /deployments/{id}/emergency`: `shown`, `reason`, `name` (the instance's).
pub(crate) async fn submit(
    State(app): State<App>,
    Path(id): Path<String>,
    Posted { by, fields }: Posted,
) -> Result<Response, PageError> {
    let id = deployment_id(&id)?;
    let deployment = app.store.deployment(id).await?;
    app.deployments
        .require_emergency(&by.caller, &deployment)
        .await?;
    let shown: Hash = fields.get("shown").parse().map_err(Problem::from)?;
    let reason = fields.get("reason").to_owned();
    let mut asked = Asked {
        reason: reason.clone(),
        ..Asked::default()
    };
    if reason.is_empty() {
        let error = DeployError::EmergencyReasonNeeded;
        asked.reason_error = Some(sentence(&error.to_string()));
    }
    if fields.get("name") != deployment.instance.as_str() {
        let error = format!("Type {}: that is where it will run.", deployment.instance);
        asked.name_error = Some(error);
    }
    if asked.reason_error.is_some() || asked.name_error.is_some() {
        let page = show(&app, &by, id, asked).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let applied = app
        .deployments
        .apply_emergency(&by.caller, id, shown, &reason)
        .await;
    match applied {
        Ok(deployment) => {
            let is_applied = matches!(deployment.state, Stands::Applied { .. });
            let done = if is_applied { "?done=emergency" } else { "" };
            Ok(Redirect::to(&format!("/deployments/{id}{done}")).into_response())
        }
        Err(error @ DeployError::CommentTooLong { .. }) => {
            asked.reason_error = Some(sentence(&error.to_string()));
            let page = show(&app, &by, id, asked).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(
            error @ (DeployError::NotWhatWasShown
            | DeployError::Busy
            | DeployError::NotRunning
            | DeployError::Demanded { .. }
            | DeployError::Store(_)),
        ) => {
            let problem = Problem::from(error);
            asked.error = Some(sentence(&problem.message));
            let page = show(&app, &by, id, asked).await?;
            Ok((problem.status, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}
