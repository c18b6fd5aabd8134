//! The night watch's rounds: what runs in memory, Node-RED's own files, and the flows file of each instance: exported
//! when the baseline moves, and whatever another hand writes there becomes a proposal.

mod memory;
mod trees;

use std::time::Duration;

use deploy::{Deployments, Proposed, Submission};
use integrity::{Drift, FlowFile};
use model::{
    audit::EventKind,
    deployment::{DeploymentType, Origin},
    flow::Limits,
    id::{Hash, InstanceId},
    principal::Actor,
};
use runtime::InstancePlan;
use serde_json::json;

use super::House;

/// How often the files are looked at. Only metadata is read while nothing changed.
const EVERY: Duration = Duration::from_secs(1);

pub(super) fn spawn(house: &House, plans: &[InstancePlan]) {
    for plan in plans {
        memory::spawn(house, plan);
        trees::spawn(house, plan);
        let deployments = house.deployments.clone();
        let (stop, id) = (house.stop.clone(), plan.instance.id.clone());
        let limits = Limits::default();
        let bytes_max = u64::try_from(limits.bytes_max).unwrap_or(u64::MAX);
        let mut file = FlowFile::new(plan.dir.join("flows.json"), bytes_max);
        house.tasks.spawn(async move {
            // A file that is not there yet is an export that was never made, not an edit.
            let mut is_new = !file.path().exists();
            // What the file was exported from: a baseline that moved is no edit.
            let mut exported = None;
            loop {
                let looked = look(&deployments, &id, &mut file, &mut exported, is_new).await;
                is_new = false;
                if let Err(error) = looked {
                    tracing::warn!(%error, instance = %id, "the flows file could not be watched");
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(EVERY) => {}
                }
            }
        });
    }
}

async fn look(
    deployments: &Deployments,
    id: &InstanceId,
    file: &mut FlowFile,
    exported: &mut Option<std::sync::Arc<str>>,
    is_new: bool,
) -> anyhow::Result<()> {
    let store = deployments.store();
    let Some(content) = store.baseline(id).await? else {
        return Ok(());
    };
    let before = exported.clone().unwrap_or_else(|| content.flows.clone());
    match file.check(&before)? {
        _ if is_new => {}
        // Redkeep ended between moving the baseline and exporting it: nobody edited anything.
        Some(Drift::Edited(text))
            if exported.is_none() && was_before(deployments, id, &text).await? => {}
        Some(drift) => handle(deployments, id, drift).await?,
        None if exported.as_ref() == Some(&content.flows) => return Ok(()),
        None => {}
    }
    file.export(&content.flows)?;
    *exported = Some(content.flows);
    Ok(())
}

/// Whether this is the text of the baseline before the present one.
async fn was_before(
    deployments: &Deployments,
    id: &InstanceId,
    text: &[u8],
) -> anyhow::Result<bool> {
    let snapshots = deployments.store().snapshots(id, 2).await?;
    let before = snapshots.iter().find(|it| !it.is_current);
    Ok(before.is_some_and(|it| it.baseline.flows == Hash::of(text)))
}

async fn handle(deployments: &Deployments, id: &InstanceId, drift: Drift) -> anyhow::Result<()> {
    let (what, proposal) = match drift {
        Drift::Edited(flows) => {
            let submission = Submission {
                instance: id.clone(),
                origin: Origin::Disk,
                proposer: Actor::System,
                flows,
                revision: None,
                deployment_type: DeploymentType::Full,
                emergency: None,
            };
            (
                "edited",
                Some(deployments.propose(submission, &Limits::default()).await),
            )
        }
        Drift::Gone => ("removed", None),
        Drift::NotAFlowsFile { what } => {
            tracing::warn!(instance = %id, %what, "the flows file was replaced; put back");
            ("replaced by something else", None)
        }
    };
    let outcome = match proposal {
        Some(Ok(Proposed::Queued { deployment, .. } | Proposed::Applied { deployment, .. })) => {
            format!("waits for review as deployment {}", deployment.id)
        }
        Some(Ok(Proposed::Unchanged { .. })) => "says the same as what runs".to_owned(),
        Some(Err(error)) => format!("refused: {error}"),
        None => "put back".to_owned(),
    };
    let detail = json!({ "what": what, "outcome": outcome });
    let store = deployments.store();
    store
        .record(
            EventKind::DiskDrift,
            &Actor::System,
            Some(id),
            "flows.json",
            detail,
        )
        .await?;
    Ok(())
}
