//! What a commit says of a baseline.

use std::{collections::BTreeSet, fmt::Write as _, sync::Arc};

use model::{
    clock::Timestamp,
    deployment::{Deployment, Verdict},
    flow::{
        Flows,
        credentials::{CredentialChanges, CredentialNames, Credentials},
        diff::diff,
    },
    id::InstanceId,
};
use store::{Snapshot, Store, StoreError};

use crate::{HistoryError, object::plain};

/// Everything of one commit but its tree.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) author: String,
    pub(crate) at: Timestamp,
    pub(crate) message: String,
    pub(crate) flows: Arc<str>,
    pub(crate) baseline: String,
    pub(crate) credentials: String,
}

/// Reads from the ledger what there is to say. `is_return`: it runs again, after one that failed.
pub(crate) async fn tell(
    store: &Store,
    instance: &InstanceId,
    snapshot: &Snapshot,
    is_return: bool,
) -> Result<Told, HistoryError> {
    let content = store.baseline_at(instance, snapshot.hash).await?;
    let deployment = match snapshot.deployment {
        Some(id) => Some(store.deployment(id).await?),
        None => None,
    };
    let (author, mut message) = match (&deployment, is_return) {
        (_, true) => ("Redkeep".to_owned(), came_back(snapshot)),
        (Some(deployment), false) => (
            deployment.proposer.label(),
            of_deployment(store, deployment, &content.flows).await?,
        ),
        (None, false) => ("Redkeep".to_owned(), of_platform(snapshot)),
    };
    // Writing to a string cannot fail.
    let _infallible = writeln!(message, "Baseline: {}", snapshot.hash);
    let mut baseline = serde_json::to_string_pretty(&snapshot.baseline).unwrap_or_default();
    baseline.push('\n');
    let at = if is_return {
        store.clock().now()
    } else {
        snapshot.at
    };
    Ok(Told {
        author,
        at,
        message,
        flows: content.flows,
        baseline,
        credentials: names(&content.credentials),
    })
}

fn of_platform(snapshot: &Snapshot) -> String {
    let (node_red, node) = (&snapshot.baseline.node_red, &snapshot.baseline.node);
    format!("Node-RED {node_red} on Node.js {node}\n\n")
}

fn came_back(snapshot: &Snapshot) -> String {
    let short = snapshot.hash.short();
    format!(
        "Back to {short}: the deployment after it did not run\n\n\
         The baseline before was put back; why is in the deployment's record.\n\n"
    )
}

async fn of_deployment(
    store: &Store,
    deployment: &Deployment,
    flows: &Arc<str>,
) -> Result<String, HistoryError> {
    let id = deployment.id;
    let base = store.blob(deployment.proposal.base_flows).await?;
    let flows = flows.clone();
    let summary = tokio::task::spawn_blocking(move || {
        let (base, now) = (
            Flows::from_canonical(base).ok()?,
            Flows::from_canonical(flows).ok()?,
        );
        let none = CredentialChanges::default();
        Some(diff(&base, &now, &none, &CredentialNames::new()).summary())
    });
    let summary = summary.await.ok().flatten();
    let summary = summary.unwrap_or_else(|| "changes that cannot be told in words".to_owned());
    let mut text = format!("Deployment {id}: {}\n\n", one_line(&summary));
    let mut line = |name: &str, value: &str| {
        let _infallible = writeln!(text, "{name}: {}", one_line(value));
    };
    line("Deployment", &id.to_string());
    line("Origin", deployment.origin.label());
    line("Proposed-by", &deployment.proposer.label());
    for name in approvers(store, deployment).await? {
        line("Approved-by", &name);
    }
    if let Some(emergency) = &deployment.emergency {
        line("Emergency", &emergency.reason);
    }
    Ok(text)
}

async fn approvers(store: &Store, deployment: &Deployment) -> Result<BTreeSet<String>, StoreError> {
    let decisions = store.decisions(deployment.id).await?;
    let approved = decisions.iter().filter(|it| it.verdict == Verdict::Approve);
    Ok(approved.map(|it| it.by.label()).collect())
}

/// A value that cannot end its line: else a reason would forge trailers.
fn one_line(text: &str) -> String {
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(200)
        .collect();
    text.trim().to_owned()
}

/// Which credentials there are, node and field; never a value.
fn names(credentials: &Credentials) -> String {
    let mut text = String::new();
    for (node, field) in credentials.names() {
        let _infallible = writeln!(text, "{} {}", plain(&node), plain(&field));
    }
    text
}
