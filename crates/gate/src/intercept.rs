//! Requests that would change what runs: none is forwarded, each becomes a proposal.

pub(crate) mod request;
mod single;

use deploy::{DeployError, Proposed, Submission};
use http::{HeaderValue, Response, StatusCode, header};
use model::{
    audit::EventKind,
    deployment::{DeploymentType, Origin},
    flow::{Flows, Limits as FlowLimits},
    id::Hash,
    principal::{Actor, Via},
};
use serde_json::{Map, Value, json};

use crate::{
    body::Body,
    gate::{Denial, Inner, Visit},
    identify::Known,
    respond,
    route::Change,
};
use request::{Deploy, Version};

/// Takes a request that would change what runs.
pub(crate) async fn take(
    gate: &Inner,
    mut visit: Visit,
    body: Body,
    change: &Change,
) -> Result<Response<Body>, Denial> {
    let known = visit
        .known
        .take()
        .ok_or(crate::authorize::Refusal::NotIdentified)?;
    match change {
        Change::Flows => flows(gate, visit, body, &known).await,
        Change::AddFlow => {
            let id = single::new_id().ok_or(Denial::Failed("no randomness".to_owned()))?;
            one(gate, visit, body, &known, change, id).await
        }
        Change::UpdateFlow(id) | Change::RemoveFlow(id) => {
            let id = id.clone();
            one(gate, visit, body, &known, change, id).await
        }
        Change::Palette => {
            let why = "packages are not changed from the editor: ask an administrator";
            note(gate, &visit, &known, why).await;
            Err(Denial::Answered {
                status: StatusCode::FORBIDDEN,
                code: "palette_held",
                message: "packages are not installed, enabled or removed from the editor; an \
                          administrator does it in Redkeep"
                    .to_owned(),
            })
        }
    }
}

/// `POST /flows`.
async fn flows(
    gate: &Inner,
    visit: Visit,
    body: Body,
    known: &Known,
) -> Result<Response<Body>, Denial> {
    let version = request::version(visit.request.headers())?;
    let deploy = request::deployment_type(visit.request.headers())?;
    let limits = &gate.config.limits;
    let body = request::read_bytes(
        visit.request.headers(),
        body,
        limits.flows_bytes_max,
        limits,
    )
    .await?;
    let Deploy::Type(deployment_type) = deploy else {
        return reload(gate, &visit, known).await;
    };
    let (flows, revision) = match version {
        Version::V1 => (body.to_vec(), None),
        Version::V2 => request::v2(&body)?,
    };
    let submission = submission(gate, &visit, known, flows, revision, deployment_type);
    propose(gate, &visit, known, submission, Map::new()).await
}

/// `POST /flow`, `PUT /flow/:id`, `DELETE /flow/:id`: what the whole would be after it.
async fn one(
    gate: &Inner,
    visit: Visit,
    body: Body,
    known: &Known,
    change: &Change,
    id: String,
) -> Result<Response<Body>, Denial> {
    let limits = &gate.config.limits;
    let body = match change {
        Change::RemoveFlow(_) => Value::Null,
        _ => {
            request::read_json(
                visit.request.headers(),
                body,
                limits.flows_bytes_max,
                limits,
            )
            .await?
        }
    };
    let base = gate.store.baseline(&gate.config.instance).await?;
    let base = base.ok_or_else(|| Denial::Answered {
        status: StatusCode::SERVICE_UNAVAILABLE,
        code: "starting",
        message: "the instance has not been started yet".to_owned(),
    })?;
    let revision = base.baseline.flows;
    let running =
        Flows::from_canonical(base.flows).map_err(|error| Denial::Failed(error.to_string()))?;
    let whole = match change {
        Change::AddFlow => single::add(&running, body, &id),
        Change::RemoveFlow(_) => single::remove(&running, &id),
        _ => single::update(&running, body, &id),
    };
    let whole = whole.map_err(|error| Denial::Answered {
        status: if error == single::SingleError::Unknown {
            StatusCode::NOT_FOUND
        } else {
            StatusCode::BAD_REQUEST
        },
        code: "invalid_flow",
        message: error.to_string(),
    })?;
    let text = Value::Array(whole).to_string().into_bytes();
    let submission = submission(
        gate,
        &visit,
        known,
        text,
        Some(revision.to_string()),
        DeploymentType::Flows,
    );
    let mut extra = Map::new();
    extra.insert("id".to_owned(), id.into());
    propose(gate, &visit, known, submission, extra).await
}

fn submission(
    gate: &Inner,
    visit: &Visit,
    known: &Known,
    flows: Vec<u8>,
    revision: Option<String>,
    deployment_type: DeploymentType,
) -> Submission {
    Submission {
        instance: gate.config.instance.clone(),
        origin: origin(known),
        proposer: Actor::principal(&known.principal, Some(visit.peer.address().ip())),
        flows,
        revision,
        deployment_type,
        emergency: None,
    }
}

fn origin(known: &Known) -> Origin {
    match known.principal.via {
        Via::GateSession { .. } | Via::KioskSession { .. } | Via::ConsoleSession { .. } => {
            Origin::Editor
        }
        Via::Token { .. } | Via::ControlSocket => Origin::Api,
    }
}

/// `reload` submits nothing: Node-RED loads what was approved once more, by way of the bridge.
async fn reload(gate: &Inner, visit: &Visit, known: &Known) -> Result<Response<Body>, Denial> {
    let target = gate.upstream.reload(&gate.config.instance).await;
    let detail = json!({ "deployment_type": "reload", "done": target.is_ok() });
    let address = visit.peer.address().ip();
    gate.record
        .write(
            EventKind::Triggered,
            Some(&known.principal),
            address,
            &visit.subject(),
            detail,
        )
        .await;
    target.map_err(|message| Denial::Answered {
        status: StatusCode::BAD_GATEWAY,
        code: "reload_failed",
        message,
    })?;
    let base = gate.store.baseline(&gate.config.instance).await?;
    let revision = base.map(|base| base.baseline.flows.to_string());
    Ok(respond::json(StatusCode::OK, &json!({ "rev": revision })))
}

async fn propose(
    gate: &Inner,
    visit: &Visit,
    known: &Known,
    submission: Submission,
    mut answer: Map<String, Value>,
) -> Result<Response<Body>, Denial> {
    let bounds = FlowLimits {
        bytes_max: gate.config.limits.flows_bytes_max * 2,
        ..FlowLimits::default()
    };
    let is_editor = submission.origin == Origin::Editor;
    let proposed = match gate.deployments.propose(submission, &bounds).await {
        Ok(proposed) => proposed,
        Err(error) => {
            if !matches!(
                error,
                DeployError::Store(_) | DeployError::RevisionMismatch { .. }
            ) {
                note(gate, visit, known, &error.to_string()).await;
            }
            return Err(refused(&error));
        }
    };
    let (status, revision, deployment) = match proposed {
        Proposed::Unchanged { revision } => (StatusCode::OK, revision, None),
        Proposed::Applied {
            deployment,
            revision,
        } => (StatusCode::OK, revision, Some(deployment)),
        // Never 204: the editor would stand still under its shade for ever.
        Proposed::Queued {
            deployment,
            revision,
        } => (StatusCode::ACCEPTED, revision, Some(deployment)),
    };
    answer.insert("rev".to_owned(), Hash::to_string(&revision).into());
    let review = deployment
        .as_ref()
        .map(|d| format!("{}/deployments/{}", gate.config.console_origin, d.id));
    if let (Some(deployment), Some(review), false) = (&deployment, &review, is_editor) {
        let told = json!({
            "deployment": deployment.id, "state": deployment.state.word(), "review": review,
        });
        answer.insert("redkeep".to_owned(), told);
    }
    let mut response = respond::json(status, &Value::Object(answer));
    if let Some(Ok(location)) = review.map(|review| HeaderValue::from_str(&review)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

/// A refusal, as Node-RED's API and its editor understand it.
fn refused(error: &DeployError) -> Denial {
    let (status, code) = match error {
        DeployError::NotAllowed { .. } | DeployError::OwnChanges { .. } => {
            (StatusCode::FORBIDDEN, "forbidden")
        }
        DeployError::RevisionMismatch { .. } => (StatusCode::CONFLICT, "version_mismatch"),
        DeployError::Flows(model::flow::FlowError::TooLarge { .. }) => {
            (StatusCode::PAYLOAD_TOO_LARGE, "too_large")
        }
        DeployError::Busy | DeployError::NoBaseline => (StatusCode::SERVICE_UNAVAILABLE, "busy"),
        DeployError::TooManyWaiting { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_waiting"),
        DeployError::Target(_) => (StatusCode::BAD_GATEWAY, "not_taken"),
        DeployError::Store(_) => {
            tracing::error!(%error, "a proposal could not be kept");
            return Denial::Failed(
                "the proposal could not be kept; nothing was changed".to_owned(),
            );
        }
        _ => (StatusCode::BAD_REQUEST, "invalid_flow"),
    };
    Denial::Answered {
        status,
        code,
        message: error.to_string(),
    }
}

async fn note(gate: &Inner, visit: &Visit, known: &Known, reason: &str) {
    let detail = json!({ "reason": reason });
    let address = visit.peer.address().ip();
    let who = Some(&known.principal);
    gate.record
        .write(
            EventKind::ProposalRefused,
            who,
            address,
            &visit.subject(),
            detail,
        )
        .await;
}
