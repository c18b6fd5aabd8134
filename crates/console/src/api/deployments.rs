//! Deployments: the queue, one of them, its picture, a new one.

pub(super) mod decide;
pub(super) mod picture;

use std::collections::{BTreeMap, HashMap};

use axum::{
    Json,
    extract::{DefaultBodyLimit, FromRequest as _, Path, Query, Request, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use deploy::{Proposed, Review, Step, Submission};
use inspect::Ways;
use model::{
    access::Permission,
    deployment::{Comment, Decision, Deployment, DeploymentType, Emergency, Origin, Version},
    flow::{Limits, change::ChangeId, diff::Diff},
    id::{Hash, InstanceId},
    instance::Ask,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json, value::RawValue};
use tower::Layer as _;

use super::{Body, FLOWS_MAX, instances::limit};
use crate::{
    App,
    pages::{deployment_id, instance_id},
    problem::{ApiError, Problem},
    session::Authenticated,
    summaries::unread,
};

/// A deployment with what one needs to act on it.
pub(super) fn deployment_json(deployment: &Deployment) -> Value {
    let mut value = serde_json::to_value(deployment).unwrap_or_default();
    if let Some(members) = value.as_object_mut() {
        let hash = deployment.proposal.hash();
        members.insert("hash".to_owned(), json!(hash));
        members.insert("shown".to_owned(), json!(hash));
        members.insert("is_open".to_owned(), json!(deployment.state.is_open()));
        members.insert(
            "proposer_label".to_owned(),
            json!(deployment.proposer.label()),
        );
    }
    value
}

/// What became of a proposal.
pub(super) fn proposed_json(proposed: &Proposed) -> Value {
    match proposed {
        Proposed::Unchanged { revision } => json!({ "result": "unchanged", "revision": revision }),
        Proposed::Queued {
            deployment,
            revision,
        } => json!({
            "result": "queued",
            "revision": revision,
            "deployment": deployment_json(deployment),
        }),
        Proposed::Applied {
            deployment,
            revision,
        } => json!({
            "result": "applied",
            "revision": revision,
            "deployment": deployment_json(deployment),
        }),
    }
}

/// `GET /deployments?instance=&open=&limit=`.
pub(super) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(asked): Query<HashMap<String, String>>,
) -> Result<Json<Value>, ApiError> {
    caller.require(Permission::ReadQueue)?;
    let instance = instance_id(asked.get("instance").map(String::as_str))?;
    let open = asked
        .get("open")
        .is_some_and(|open| matches!(open.as_str(), "1" | "true" | ""));
    let found = app
        .store
        .deployments(instance.as_ref(), open, limit(&asked, 100, 1_000))
        .await?;
    let mut listed = Vec::with_capacity(found.len());
    for deployment in &found {
        let mut value = deployment_json(deployment);
        let summary = app
            .summaries
            .of(&app.deployments, &caller, deployment)
            .await;
        if let Some(members) = value.as_object_mut() {
            let sentence = match &summary {
                Ok(summary) => summary.sentence.as_str(),
                Err(error) => unread(error),
            };
            members.insert("summary".to_owned(), json!(sentence));
            let changes = summary.ok().map(|summary| summary.changes);
            members.extend(changes.map(|count| ("change_count".to_owned(), json!(count))));
        }
        listed.push(value);
    }
    Ok(Json(json!({ "deployments": listed })))
}

/// `GET /deployments/{id}?changes=`: with its diff, steps and decisions; with `changes=false` only
/// how it stands.
pub(super) async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Query(asked): Query<HashMap<String, String>>,
) -> Result<Response, ApiError> {
    let id = deployment_id(&id)?;
    if asked
        .get("changes")
        .is_some_and(|changes| changes == "false")
    {
        caller.require(Permission::ReadQueue)?;
        let deployment = app.store.deployment(id).await?;
        return Ok(Json(deployment_json(&deployment)).into_response());
    }
    let review = app.deployments.review(&caller, id).await?;
    let rehearsal = app.deployments.rehearsal(&caller, id).await?;
    // 100,000 changes are 90 MB of text: seconds of work.
    let desk = app.deployments.desk();
    let written = desk.work(move || write_review(&review, &json!(rehearsal)));
    let text = written.await?.map_err(|error| {
        tracing::error!(%error, "a deployment could not be written as JSON");
        let why = "the deployment could not be written; Redkeep's log says why";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", why)
    })?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text).into_response())
}

/// Straight to text: as `Value`s first, 100,000 changes took 1.6 GB.
fn write_review(review: &Review, rehearsal: &Value) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Shown<'a> {
        #[serde(flatten)]
        deployment: Value,
        summary: String,
        undecided: usize,
        steps: &'a [Step],
        decisions: Vec<Marked<'a>>,
        comments: &'a [Comment],
        version: Option<&'a Version>,
        ways: &'a [Ways],
        asks: &'a BTreeMap<ChangeId, Vec<Ask>>,
        names: Value,
        diff: &'a Diff,
        rehearsal: &'a Value,
    }
    #[derive(Serialize)]
    struct Marked<'a> {
        #[serde(flatten)]
        decision: &'a Decision,
        mark: Hash,
    }
    let marked = |decision| Marked {
        decision,
        mark: Decision::mark(decision),
    };
    serde_json::to_vec(&Shown {
        deployment: deployment_json(&review.deployment),
        summary: review.diff.summary(),
        undecided: review.undecided(),
        steps: &review.steps,
        decisions: review.decisions.iter().map(marked).collect(),
        comments: &review.comments,
        version: review.version.as_ref(),
        ways: &review.ways,
        asks: &review.asks,
        names: json!(review.names()),
        diff: &review.diff,
        rehearsal,
    })
}

/// `GET /deployments/{id}/export`: one signed file, for `redkeep verify`.
pub(super) async fn export(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let id = deployment_id(&id)?;
    let file = app.deployments.export(&caller, id).await?;
    let name = format!("attachment; filename=\"deployment-{id}.redkeep.json\"");
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_DISPOSITION, name),
    ];
    Ok((headers, file).into_response())
}

/// The body of a proposal. The flows are kept as they were sent.
#[derive(Deserialize)]
struct Propose {
    instance: InstanceId,
    flows: Box<RawValue>,
    #[serde(default)]
    deployment_type: DeploymentType,
    #[serde(default)]
    revision: Option<String>,
    #[serde(default)]
    emergency_reason: Option<String>,
}

/// `POST /deployments`.
pub(super) async fn propose(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    request: Request,
) -> Result<Response, ApiError> {
    caller.require(Permission::Propose)?;
    let emergency = |reason: String| Emergency::new(reason, Some(caller.actor()));
    // Flows may be larger than other bodies; only somebody who may propose gets this far.
    let Body(body): Body<Propose> = read_large(request).await?;
    app.store.instance(&body.instance).await?;
    let reason = body.emergency_reason.map(|reason| reason.trim().to_owned());
    if let Some(reason) = &reason {
        app.deployments
            .require_emergencies(&caller, &body.instance)
            .await?;
        if reason.is_empty() || reason.chars().count() > 4_000 {
            let why = "an emergency needs a reason of at most 4,000 characters";
            return Err(Problem::bad_form(why).into());
        }
    }
    let submission = Submission {
        instance: body.instance,
        origin: Origin::Api,
        proposer: caller.actor(),
        flows: body.flows.get().as_bytes().to_vec(),
        revision: body.revision,
        deployment_type: body.deployment_type,
        emergency: reason.map(emergency),
    };
    // In a task of its own: an automatic apply must not stop because the client went away.
    let deployments = app.deployments.clone();
    let task =
        tokio::spawn(async move { deployments.propose(submission, &Limits::default()).await });
    let proposed = task.await.map_err(|error| {
        tracing::error!(%error, "a proposal ended unexpectedly");
        let why = "taking the proposal in ended unexpectedly; look at the queue";
        Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", why)
    })??;
    let status = match &proposed {
        Proposed::Queued { .. } => StatusCode::ACCEPTED,
        Proposed::Unchanged { .. } | Proposed::Applied { .. } => StatusCode::OK,
    };
    Ok((status, Json(proposed_json(&proposed))).into_response())
}

async fn read_large(request: Request) -> Result<Body<Propose>, ApiError> {
    let read = tower::service_fn(|request: Request| async move {
        Ok::<_, std::convert::Infallible>(Body::<Propose>::from_request(request, &()).await)
    });
    match tower::ServiceExt::oneshot(DefaultBodyLimit::max(FLOWS_MAX).layer(read), request).await {
        Ok(read) => read,
        Err(never) => match never {},
    }
}
