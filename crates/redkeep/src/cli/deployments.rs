//! `redkeep deployments …`.

mod answer;
mod look;

use model::id::{DeploymentId, Hash};
use serde_json::{Value, json};

pub(super) use self::{
    answer::{CommentArgs, DecideArgs},
    look::PictureArgs,
};
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
            return listing(client, as_json, &path, show_list).await;
        }
        DeploymentVerb::Show { id, full } => return look::show(client, id, full, as_json).await,
        DeploymentVerb::Picture(args) => return look::picture(client, args, as_json).await,
        DeploymentVerb::Comment(args) => {
            let said = answer::comment(client, args).await?;
            terminal::line(&if as_json {
                said.to_string()
            } else {
                "said".to_owned()
            });
            return Ok(Exit::Done);
        }
        DeploymentVerb::Rehearse { id } => return rehearse(client, id, as_json).await,
        DeploymentVerb::Decide(args) => answer::decide(client, args).await?,
        DeploymentVerb::Export { id, out, force } => {
            return export::write(client, id, out, force, as_json).await;
        }
        DeploymentVerb::Rollback { instance, to: None } => {
            let path = format!("/instances/{instance}/snapshots");
            return listing(client, as_json, &path, show_snapshots).await;
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
        } => apply(client, id, emergency, hash).await?,
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

async fn rehearse(client: &Client, id: DeploymentId, as_json: bool) -> Result<Exit, Failure> {
    let path = format!("/deployments/{id}/rehearse");
    let waits = client.post(&path, json!({})).await?;
    terminal::line(&if as_json {
        waits.to_string()
    } else {
        format!(
            "it will be tried again; in a minute `redkeep deployments show {id}` says how it went"
        )
    });
    Ok(Exit::Done)
}

/// What only looks at a list.
async fn listing(
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

async fn apply(
    client: &Client,
    id: DeploymentId,
    emergency: Option<String>,
    hash: Option<Hash>,
) -> Result<Value, Failure> {
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
