//! Instances: how they are, their rules, snapshots, logs and refused routes.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Path, Query, State},
};
use deploy::Caller;
use model::{
    access::Permission,
    id::{Hash, InstanceId},
    instance::{AllowedRoute, Policy},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Body, deployments::proposed_json};
use crate::{
    App,
    pages::settings::{restart, routes::allow},
    problem::{ApiError, Problem},
    session::Authenticated,
};

type Answer = Result<Json<Value>, ApiError>;

fn id_of(text: &str) -> Result<InstanceId, Problem> {
    text.parse()
        .map_err(|_| Problem::not_found("such instance"))
}

/// An instance: what is configured, what was approved, and how it is, in one flat object.
pub(super) async fn describe(
    app: &App,
    caller: &Caller,
    id: &InstanceId,
) -> Result<Value, ApiError> {
    let instance = app.store.instance(id).await?;
    let baseline = app
        .store
        .baseline(id)
        .await?
        .map(|content| content.baseline);
    let status = app
        .workshop
        .as_ref()
        .and_then(|workshop| workshop.status(id));
    // The rules name commands and open paths: what a viewer needs not know.
    let policy = caller
        .require(Permission::ReadQueue)
        .is_ok()
        .then_some(&instance.policy);
    let mut found = json!({
        "id": instance.id,
        "node_red_major": instance.node_red,
        "node_red": baseline.as_ref().map(|baseline| &baseline.node_red),
        "node": baseline.as_ref().map(|baseline| &baseline.node),
        "phase": "stopped",
        "address": app.addresses.gate(id),
        "policy": policy,
        "baseline": baseline.as_ref().map(|baseline| json!({
            "hash": baseline.hash(),
            "flows": baseline.flows,
        })),
    });
    let status = serde_json::to_value(status).unwrap_or_default();
    if let (Some(members), Some(status)) = (found.as_object_mut(), status.as_object()) {
        members.extend(status.clone());
    }
    Ok(found)
}

/// `GET /instances`.
pub(super) async fn list(State(app): State<App>, Authenticated(caller): Authenticated) -> Answer {
    caller.require(Permission::ReadRuntime)?;
    let mut instances = Vec::new();
    for instance in app.store.instances().await? {
        instances.push(describe(&app, &caller, &instance.id).await?);
    }
    Ok(Json(json!({ "instances": instances })))
}

/// `GET /instances/{id}`.
pub(super) async fn show(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Answer {
    caller.require(Permission::ReadRuntime)?;
    Ok(Json(describe(&app, &caller, &id_of(&id)?).await?))
}

/// `PUT /instances/{id}/policy`.
pub(super) async fn set_policy(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Body(policy): Body<Policy>,
) -> Answer {
    caller.require(Permission::Administer)?;
    let id = id_of(&id)?;
    check(&policy)?;
    app.store.set_policy(&id, &policy, &caller.actor()).await?;
    Ok(Json(describe(&app, &caller, &id).await?))
}

fn check(policy: &Policy) -> Result<(), Problem> {
    use crate::pages::settings::policy::is_plain_path;
    let mut paths = policy.commands.iter().chain(&policy.public_paths);
    if let Some(bad) = paths.find(|path| !is_plain_path(path)) {
        return Err(Problem::bad_form(format!(
            "{bad:?} is not a plain absolute path"
        )));
    }
    let lists = [
        policy.commands.len(),
        policy.public_paths.len(),
        policy.allowed_routes.len(),
    ];
    if lists.into_iter().any(|length| length > 200) {
        return Err(Problem::bad_form(
            "a list of the policy has at most 200 entries",
        ));
    }
    Ok(())
}

/// `POST /instances/{id}/restart`.
pub(super) async fn restart(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Answer {
    caller.require(Permission::Administer)?;
    let id = id_of(&id)?;
    app.store.instance(&id).await?;
    restart::restart(&app, id.clone()).await?;
    Ok(Json(describe(&app, &caller, &id).await?))
}

/// `GET /instances/{id}/snapshots?limit=`.
pub(super) async fn snapshots(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Query(asked): Query<HashMap<String, String>>,
) -> Answer {
    caller.require(Permission::ReadQueue)?;
    let limit = limit(&asked, 50, 500);
    let snapshots = app.store.snapshots(&id_of(&id)?, limit).await?;
    Ok(Json(json!({ "snapshots": snapshots })))
}

/// A `limit` parameter, between 1 and `most`.
pub(super) fn limit(asked: &HashMap<String, String>, default: u32, most: u32) -> u32 {
    let limit = asked.get("limit").and_then(|text| text.parse::<u32>().ok());
    limit.unwrap_or(default).clamp(1, most)
}

/// The body of a rollback.
#[derive(Deserialize)]
pub(super) struct RollBack {
    to: Hash,
}

/// `POST /instances/{id}/rollback`.
pub(super) async fn roll_back(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Body(RollBack { to }): Body<RollBack>,
) -> Answer {
    let proposed = app.deployments.roll_back(&caller, &id_of(&id)?, to).await?;
    Ok(Json(proposed_json(&proposed)))
}

/// `GET /instances/{id}/logs?after=&limit=`.
pub(super) async fn logs(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Query(asked): Query<HashMap<String, String>>,
) -> Answer {
    caller.require(Permission::ReadLogs)?;
    let id = app.store.instance(&id_of(&id)?).await?.id;
    let after = asked
        .get("after")
        .and_then(|text| text.parse::<i64>().ok())
        .unwrap_or(0)
        .max(0);
    let lines = app.store.log(&id, after, limit(&asked, 200, 5_000)).await?;
    let last = lines.last().map_or(after, |line| line.sequence);
    Ok(Json(json!({ "lines": lines, "last": last })))
}

/// `GET /instances/{id}/refused-routes`.
pub(super) async fn refused_routes(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
) -> Answer {
    caller.require(Permission::Administer)?;
    let refused = app.store.refused_routes(&id_of(&id)?).await?;
    Ok(Json(json!({ "refused_routes": refused })))
}

/// `POST /instances/{id}/allowed-routes`.
pub(super) async fn allow_route(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Path(id): Path<String>,
    Body(route): Body<AllowedRoute>,
) -> Answer {
    caller.require(Permission::Administer)?;
    let mut instance = app.store.instance(&id_of(&id)?).await?;
    allow(&mut instance, route)?;
    app.store
        .set_policy(&instance.id, &instance.policy, &caller.actor())
        .await?;
    Ok(Json(
        json!({ "allowed_routes": instance.policy.allowed_routes }),
    ))
}
