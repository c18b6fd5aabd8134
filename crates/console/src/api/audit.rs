//! The record.

use std::collections::HashMap;

use axum::{
    Json,
    extract::{Query, State},
};
use model::{access::Permission, clock::Timestamp};
use serde_json::{Value, json};
use store::AuditFilter;

use super::instances::limit;
use crate::{
    App,
    pages::{instance_id, record::list::event_kind},
    problem::ApiError,
    session::Authenticated,
};

/// `GET /audit?kind=&instance=&user=&since=&before=&limit=`; `since` in milliseconds since 1970.
pub(super) async fn list(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
    Query(asked): Query<HashMap<String, String>>,
) -> Result<Json<Value>, ApiError> {
    caller.require(Permission::ReadRecord)?;
    let get = |name: &str| asked.get(name).map(String::as_str).unwrap_or_default();
    let filter = AuditFilter {
        kind: event_kind(get("kind"))?,
        instance: instance_id(Some(get("instance")))?,
        user: Some(get("user").to_owned()).filter(|user| !user.is_empty()),
        since: get("since").parse().ok().map(Timestamp),
        before: get("before").parse().ok(),
        limit: limit(&asked, 100, 1_000),
    };
    let entries = app.store.audit(&filter).await?;
    let labelled = entries.iter().map(|entry| {
        let mut value = serde_json::to_value(entry).unwrap_or_default();
        if let Some(members) = value.as_object_mut() {
            members.insert("actor_label".to_owned(), json!(entry.event.actor.label()));
        }
        value
    });
    Ok(Json(json!({ "entries": labelled.collect::<Vec<_>>() })))
}

/// `GET /audit/verify`.
pub(super) async fn verify(
    State(app): State<App>,
    Authenticated(caller): Authenticated,
) -> Result<Json<Value>, ApiError> {
    caller.require(Permission::ReadRecord)?;
    let (entries, problems) = app.store.verify_audit().await?;
    let described = problems
        .iter()
        .map(|problem| json!({ "problem": problem, "message": problem.to_string() }));
    let described: Vec<_> = described.collect();
    Ok(Json(json!({
        "entries": entries,
        "is_whole": problems.is_empty(),
        "problems": described,
    })))
}
