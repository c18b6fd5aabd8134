//! `redkeep deployments …`.

use model::id::{DeploymentId, Hash};
use serde_json::{Value, json};

use super::{
    DeploymentVerb,
    client::Client,
    export,
    output::{actor, list, table, text, time},
};
use crate::{
    exit::{Exit, Failure},
    terminal,
};

pub(crate) async fn run(
    client: &Client,
    as_json: bool,
    verb: DeploymentVerb,
) -> Result<Exit, Failure> {
    let is_apply = matches!(verb, DeploymentVerb::Apply { .. });
    let answer = match verb {
        DeploymentVerb::List { instance, all } => {
            let instance = instance
                .map(|it| format!("&instance={it}"))
                .unwrap_or_default();
            let path = format!("/deployments?open={}{instance}", !all);
            return look(client, as_json, &path, show_list).await;
        }
        DeploymentVerb::Show { id } => {
            return look(client, as_json, &format!("/deployments/{id}"), show_one).await;
        }
        DeploymentVerb::Export { id, out } => return export::write(client, id, out, as_json).await,
        DeploymentVerb::Rollback { instance, to: None } => {
            let path = format!("/instances/{instance}/snapshots");
            return look(client, as_json, &path, show_snapshots).await;
        }
        DeploymentVerb::Approve { id, hash } => approve(client, id, hash).await?,
        DeploymentVerb::Reject { id, reason } => {
            client
                .post(
                    &format!("/deployments/{id}/reject"),
                    json!({ "reason": reason }),
                )
                .await?
        }
        DeploymentVerb::Apply {
            id,
            emergency,
            hash,
        } => {
            let shown = shown(client, id, hash).await?;
            let (verb, body) = match emergency {
                Some(reason) => (
                    "emergency-apply",
                    json!({ "shown": shown, "reason": reason }),
                ),
                None => ("apply", json!({ "shown": shown })),
            };
            client
                .post(&format!("/deployments/{id}/{verb}"), body)
                .await?
        }
        DeploymentVerb::Rollback {
            instance,
            to: Some(to),
        } => {
            client
                .post(
                    &format!("/instances/{instance}/rollback"),
                    json!({ "to": to }),
                )
                .await?
        }
    };
    if as_json {
        terminal::line(&answer.to_string());
    } else {
        show_outcome(&answer);
    }
    let failed = is_apply && text(&answer, "/state") == "failed";
    Ok(if failed { Exit::Failed } else { Exit::Done })
}

/// What only looks.
async fn look(
    client: &Client,
    as_json: bool,
    path: &str,
    show: fn(&Value),
) -> Result<Exit, Failure> {
    let found = client.get(path).await?;
    if as_json {
        terminal::line(&found.to_string());
    } else {
        show(&found);
    }
    Ok(Exit::Done)
}

/// Approves whatever is not decided yet, then the whole: the one who types this has read
/// `redkeep deployments show`, whose hash this is held against.
async fn approve(client: &Client, id: DeploymentId, hash: Option<Hash>) -> Result<Value, Failure> {
    let shown = shown(client, id, hash).await?;
    let path = format!("/deployments/{id}");
    let body = json!({ "shown": shown, "choices": "all-approve" });
    client.post(&format!("{path}/decisions"), body).await?;
    client
        .post(&format!("{path}/approve"), json!({ "shown": shown }))
        .await
}

async fn shown(client: &Client, id: DeploymentId, hash: Option<Hash>) -> Result<String, Failure> {
    if let Some(hash) = hash {
        return Ok(hash.to_string());
    }
    let path = format!("/deployments/{id}?changes=false");
    Ok(text(&client.get(&path).await?, "/shown"))
}

fn show_list(found: &Value) {
    let deployments = list(found, "/deployments");
    if deployments.is_empty() {
        terminal::line("Nothing waits. What is deployed in the editor appears here.");
        return;
    }
    let row = |it: &Value| {
        [
            text(it, "/id"),
            text(it, "/instance"),
            text(it, "/state"),
            actor(it, "/proposer"),
            text(it, "/origin"),
            time(it, "/created_at"),
        ]
    };
    let rows: Vec<_> = deployments.iter().map(row).collect();
    table(["ID", "INSTANCE", "STATE", "BY", "FROM", "AT"], &rows);
}

fn show_one(found: &Value) {
    let get = |pointer| text(found, pointer);
    terminal::line(&format!(
        "deployment {} on {}: {}",
        get("/id"),
        get("/instance"),
        get("/state")
    ));
    terminal::line(&format!("hash     {}", get("/shown")));
    terminal::line(&format!(
        "proposed by {} through {}",
        actor(found, "/proposer"),
        get("/origin")
    ));
    terminal::line(&format!("summary  {}", get("/summary")));
    for change in list(found, "/diff/changes") {
        let at = |pointer| text(change, pointer);
        terminal::line(&format!(
            "\n{} {} ({})",
            at("/aspect"),
            at("/label"),
            at("/node_type")
        ));
        for property in list(change, "/properties") {
            let side = |pointer| {
                let is_there = property.pointer(pointer).is_some_and(|it| !it.is_null());
                is_there.then(|| text(property, pointer))
            };
            let (before, after) = (side("/before"), side("/after"));
            let key = text(property, "/key");
            terminal::line(&format!(
                "  {key}: {} -> {}",
                before.unwrap_or_else(|| "(none)".into()),
                after.unwrap_or_else(|| "(none)".into())
            ));
        }
        for wire in list(change, "/wires") {
            let sign = if wire.pointer("/added") == Some(&Value::Bool(true)) {
                '+'
            } else {
                '-'
            };
            let (from, port, to) = (text(wire, "/from"), text(wire, "/port"), text(wire, "/to"));
            terminal::line(&format!("  {sign} wire {from}[{port}] -> {to}"));
        }
        for credential in list(change, "/credentials") {
            let (field, action) = (text(credential, "/field"), text(credential, "/action"));
            terminal::line(&format!("  credential {field}: {action}"));
        }
        for finding in list(change, "/findings") {
            let (severity, message) = (text(finding, "/severity"), text(finding, "/message"));
            terminal::line(&format!("  ! {severity}: {message}"));
        }
    }
}

fn show_snapshots(found: &Value) {
    let row = |it: &Value| {
        let current = if it.pointer("/is_current") == Some(&Value::Bool(true)) {
            "now"
        } else {
            ""
        };
        [
            text(it, "/hash"),
            time(it, "/at"),
            text(it, "/deployment"),
            current.to_owned(),
        ]
    };
    let rows: Vec<_> = list(found, "/snapshots").iter().map(row).collect();
    table(["HASH", "SINCE", "DEPLOYMENT", ""], &rows);
}

fn show_outcome(answer: &Value) {
    let deployment = answer.pointer("/deployment").unwrap_or(answer);
    let (id, state) = (text(deployment, "/id"), text(deployment, "/state"));
    if id.is_empty() {
        terminal::line(&answer.to_string());
        return;
    }
    let reason = text(deployment, "/reason");
    let why = if reason.is_empty() {
        reason
    } else {
        format!(": {reason}")
    };
    terminal::line(&format!("deployment {id} is {state}{why}"));
}
