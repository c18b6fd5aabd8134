//! The files of Node.js and Node-RED, read again while they are in use.
//!
//! They are read-only inside the jail, so a change comes from outside it. It is told and recorded;
//! the tree is put back at the next start, because Node-RED runs from it now.

use std::{sync::Arc, time::Duration};

use model::{audit::EventKind, instance::Instance, principal::Actor};
use registry::{Lock, Platform, TreeError, Trees, progress::Silent, tree::verify::Pace};
use runtime::InstancePlan;
use serde_json::json;
use store::Store;

use super::super::{House, install::remembered};

pub(super) fn spawn(house: &House, plan: &InstancePlan) {
    let every = Duration::from_secs(house.config.watch.trees_seconds.get().into());
    let (stop, store, trees) = (house.stop.clone(), house.store.clone(), house.trees.clone());
    let (workshop, id) = (house.workshop.clone(), plan.instance.id.clone());
    let instance = plan.instance.clone();
    house.tasks.spawn(async move {
        let mut known = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            let found = tokio::select! {
                () = stop.cancelled() => return,
                found = look(&trees, &store, &instance) => found,
            };
            let damage = match found {
                Ok(damage) => damage,
                Err(error) => {
                    tracing::warn!(%error, instance = %id, "Node-RED's files could not be verified");
                    continue;
                }
            };
            workshop.show_damage(&id, damage.as_deref());
            if damage == known {
                continue;
            }
            let detail = match &damage {
                Some(damage) => json!({ "damage": damage, "found": "while it runs" }),
                None => json!({ "outcome": "whole again" }),
            };
            let (kind, by) = (EventKind::DiskDrift, Actor::System);
            let subject = "tree of Node-RED";
            match store.record(kind, &by, Some(&id), subject, detail).await {
                Ok(()) => known = damage,
                // Told again at the next look.
                Err(error) => tracing::error!(%error, instance = %id, "damage could not be recorded"),
            }
        }
    });
}

/// What is damaged, in words; none: every byte is as it was.
async fn look(trees: &Trees, store: &Store, instance: &Instance) -> anyhow::Result<Option<String>> {
    let lock = Lock::of(instance.node_red, Platform::here()?);
    let expected = remembered(store, instance, &lock).await?;
    match trees
        .verify(&lock, expected, Pace::Gentle, Arc::new(Silent))
        .await
    {
        Ok(_) => Ok(None),
        Err(TreeError::Damaged(damage)) => Ok(Some(damage.to_string())),
        Err(error) => Err(error.into()),
    }
}
