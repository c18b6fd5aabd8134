//! What is done with a deployment.

use axum::{
    Json,
    extract::{Path, State},
};
use deploy::{Choice, Choices};
use model::{access::Permission, deployment::Verdict, flow::change::ChangeId, id::Hash};
use serde::Deserialize;
use serde_json::{Value, json};

use super::deployment_json;
use crate::{
    App,
    api::Body,
    pages::{deployment_id, deployments::confirm::approve_and_apply},
    problem::{ApiError, Problem},
    session::Authenticated,
};

type Answer = Result<Json<Value>, ApiError>;

/// What was looked at.
#[derive(Deserialize)]
pub(in crate::api) struct Shown {
    shown: Hash,
}

/// The body of decisions.
#[derive(Deserialize)]
pub(in crate::api) struct Decisions {
    shown: Hash,
    choices: Wanted,
}

/// One by one, or the word `all-approve`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Wanted {
    Each(Vec<Each>),
    All(AllApprove),
}

#[derive(Deserialize)]
enum AllApprove {
    #[serde(rename = "all-approve")]
    AllApprove,
}

#[derive(Deserialize)]
struct Each {
    change: ChangeId,
    verdict: Verdict,
    #[serde(default)]
    comment: String,
    /// The mark of the decision that was seen on it.
    #[serde(default)]
    seen: Option<Hash>,
}

/// `POST /deployments/{id}/decisions`.
pub(in crate::api) async fn decide(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Body(body): Body<Decisions>,
) -> Answer {
    let id = deployment_id(&id)?;
    let choices = match body.choices {
        Wanted::Each(each) => {
            let each = each.into_iter().map(|each| Choice {
                change: each.change,
                verdict: each.verdict,
                comment: each.comment,
                seen: each.seen,
            });
            Choices::Each(each.collect())
        }
        Wanted::All(AllApprove::AllApprove) => Choices::AllOpen,
    };
    let review = app
        .deployments
        .decide(&caller, id, body.shown, choices)
        .await?;
    Ok(Json(deployment_json(&review.deployment)))
}

/// `POST /deployments/{id}/approve`.
pub(in crate::api) async fn approve(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Body(body): Body<Shown>,
) -> Answer {
    let deployment = app
        .deployments
        .approve(&caller, deployment_id(&id)?, body.shown)
        .await?;
    Ok(Json(deployment_json(&deployment)))
}

/// `POST /deployments/{id}/apply`: approves first, if that was not done yet.
pub(in crate::api) async fn apply(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Body(body): Body<Shown>,
) -> Answer {
    let id = deployment_id(&id)?;
    let done = approve_and_apply(app.deployments.clone(), caller, id, body.shown).await?;
    Ok(Json(deployment_json(&done?)))
}

/// What is said, and about what.
#[derive(Deserialize)]
pub(in crate::api) struct Said {
    #[serde(default)]
    change: Option<ChangeId>,
    text: String,
}

/// `POST /deployments/{id}/comments`.
pub(in crate::api) async fn comment(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Body(body): Body<Said>,
) -> Answer {
    let comment = app
        .deployments
        .comment(&caller, deployment_id(&id)?, body.change, &body.text)
        .await?;
    Ok(Json(json!(comment)))
}

/// `GET /deployments/{id}/comments`: with those on the versions before it, oldest first.
pub(in crate::api) async fn comments(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Answer {
    caller.require(Permission::ReadQueue)?;
    let id = deployment_id(&id)?;
    app.store.deployment(id).await?;
    Ok(Json(json!({ "comments": app.store.comments(id).await? })))
}

/// What was looked at, and why it cannot wait.
#[derive(Deserialize)]
pub(in crate::api) struct InEmergency {
    shown: Hash,
    reason: String,
}

/// `POST /deployments/{id}/emergency-apply`.
pub(in crate::api) async fn apply_emergency(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Body(body): Body<InEmergency>,
) -> Answer {
    let deployment = app
        .deployments
        .apply_emergency(&caller, deployment_id(&id)?, body.shown, &body.reason)
        .await?;
    Ok(Json(deployment_json(&deployment)))
}

/// Why it is refused.
#[derive(Deserialize)]
pub(in crate::api) struct Reason {
    reason: String,
}

/// `POST /deployments/{id}/reject`.
pub(in crate::api) async fn reject(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Body(body): Body<Reason>,
) -> Answer {
    if body.reason.chars().count() > 4_000 {
        return Err(Problem::bad_form("a reason has at most 4,000 characters").into());
    }
    let deployment = app
        .deployments
        .reject(&caller, deployment_id(&id)?, &body.reason)
        .await?;
    Ok(Json(deployment_json(&deployment)))
}

/// `POST /deployments/{id}/withdraw`.
pub(in crate::api) async fn withdraw(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Answer {
    let deployment = app
        .deployments
        .withdraw(&caller, deployment_id(&id)?)
        .await?;
    Ok(Json(deployment_json(&deployment)))
}

/// `POST /deployments/{id}/rebase`.
pub(in crate::api) async fn rebase(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Answer {
    let deployment = app.deployments.rebase(&caller, deployment_id(&id)?).await?;
    Ok(Json(deployment_json(&deployment)))
}

/// `POST /deployments/{id}/emergency-review`.
pub(in crate::api) async fn review_emergency(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Answer {
    app.deployments
        .review_emergency(&caller, deployment_id(&id)?)
        .await?;
    Ok(Json(json!({ "reviewed": true })))
}

/// `POST /deployments/{id}/rehearse`.
pub(in crate::api) async fn rehearse(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Answer {
    let id = deployment_id(&id)?;
    app.deployments.rehearse_again(&caller, id).await?;
    Ok(Json(json!({ "waits": true })))
}
