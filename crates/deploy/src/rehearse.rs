//! The rehearsal: what waits for review is tried, one at a time, and what was seen is kept.
//!
//! Nothing waits for it but a policy that asks for a clean one. Only placeholders of secrets leave
//! this room.

use std::{collections::BTreeSet, convert::Infallible, sync::Arc};

use model::{
    deployment::{Deployment, State},
    flow::credentials::Credentials,
    id::{DeploymentId, Hash, InstanceId},
    instance::{Policy, RehearsalPolicy},
    rehearsal::{Observation, Rehearsal, tamed},
};
use serde_json::Value;
use store::BaselineContent;
use tokio::sync::watch;

use crate::{Caller, DeployError, Deployments, futures::Given};

/// Flows to be tried.
#[derive(Debug, Clone)]
pub struct Trial {
    /// For which instance.
    pub instance: InstanceId,
    /// The flows' canonical text.
    pub flows: Arc<str>,
    /// Placeholders for their credentials.
    pub credentials: Credentials,
}

/// What the waiting room needs of the workshop: a Node-RED to try flows on. Joined in
/// `redkeep::wire`.
pub trait Rehearsals: Send + Sync + std::fmt::Debug {
    /// Tries the flows where nothing can come of it. Dropped, it is over.
    fn rehearse(&self, trial: Trial) -> Given<'_, Observation>;
}

/// How many open deployments are looked through for one that waits.
const OPEN_MAX: u32 = 500;

impl Deployments {
    /// How a deployment's rehearsal stands. Needs `ReadQueue`.
    pub async fn rehearsal(
        &self,
        caller: &Caller,
        id: DeploymentId,
    ) -> Result<Option<Rehearsal>, DeployError> {
        caller.require(model::access::Permission::ReadQueue)?;
        Ok(self.store.rehearsal(id).await?)
    }

    /// Tries what waits for review, whenever there is something, one at a time.
    pub async fn rehearse(&self, rehearsals: &dyn Rehearsals) -> Infallible {
        let mut changes = self.store.queue_changes();
        let mut given_up = BTreeSet::new();
        loop {
            changes.mark_unchanged();
            let next = self.next_to_try(&given_up).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "nothing could be tried");
                None
            });
            if let Some(deployment) = next {
                let id = deployment.id;
                tokio::select! {
                    tried = self.try_one(&deployment, rehearsals) => if let Err(error) = tried {
                        given_up.insert(id);
                        tracing::warn!(%id, %error, "what was seen could not be kept");
                    },
                    // Withdrawn, replaced or decided meanwhile: the run is let go of.
                    () = self.until_closed(id, self.store.queue_changes()) => {}
                }
            } else if changes.changed().await.is_err() {
                // The ledger lives as long as this room, so there is always another change.
                std::future::pending::<()>().await;
            }
        }
    }

    async fn next_to_try(
        &self,
        given_up: &BTreeSet<DeploymentId>,
    ) -> Result<Option<Deployment>, DeployError> {
        let mut open = self.store.deployments(None, true, OPEN_MAX).await?;
        open.sort_by_key(|deployment| deployment.id);
        for deployment in open {
            if given_up.contains(&deployment.id) || !waits(&deployment) {
                continue;
            }
            let policy = self.store.instance(&deployment.instance).await?.policy;
            if policy.rehearsal == RehearsalPolicy::Off {
                continue;
            }
            // One that was running belongs to a Redkeep that was stopped meanwhile.
            let known = self.store.rehearsal(deployment.id).await?;
            if !known.is_some_and(|known| known.is_over()) {
                return Ok(Some(deployment));
            }
        }
        Ok(None)
    }

    async fn until_closed(&self, id: DeploymentId, mut changes: watch::Receiver<u64>) {
        loop {
            match self.store.deployment(id).await {
                Ok(deployment) if waits(&deployment) => {}
                _ => return,
            }
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    async fn try_one(
        &self,
        deployment: &Deployment,
        rehearsals: &dyn Rehearsals,
    ) -> Result<(), DeployError> {
        let id = deployment.id;
        let since = self.store.clock().now();
        self.store
            .set_rehearsal(id, &Rehearsal::Running { since })
            .await?;
        let proposal = &deployment.proposal;
        let base = self
            .store
            .baseline_at(&deployment.instance, proposal.base)
            .await?;
        let changes = self.store.credential_changes(id).await?;
        let policy = self.store.instance(&deployment.instance).await?.policy;
        let before = Trial {
            instance: deployment.instance.clone(),
            flows: self.store.blob(proposal.base_flows).await?,
            credentials: placeholders(&base.credentials),
        };
        let after = Trial {
            instance: deployment.instance.clone(),
            flows: self.store.blob(proposal.flows).await?,
            credentials: placeholders(&base.credentials.after(&changes, |_| true)),
        };
        let seen_before = self.seen(before, &base, &policy, rehearsals).await?;
        let seen = self.seen(after, &base, &policy, rehearsals).await?;
        let at = self.store.clock().now();
        let rehearsal = match seen {
            Ok(proposal) => Rehearsal::Done {
                at,
                base: seen_before.ok().map(Box::new),
                proposal: Box::new(proposal),
            },
            Err(why) => Rehearsal::Impossible {
                at,
                why: tamed(&why),
            },
        };
        Ok(self.store.set_rehearsal(id, &rehearsal).await?)
    }

    /// What is seen of these flows, or was when exactly the same was tried before.
    async fn seen(
        &self,
        trial: Trial,
        base: &BaselineContent,
        policy: &Policy,
        rehearsals: &dyn Rehearsals,
    ) -> Result<Result<Observation, String>, DeployError> {
        let key = key(&trial, base, policy);
        if let Some(seen) = self.store.observation(key).await? {
            return Ok(Ok(seen));
        }
        let seen = rehearsals.rehearse(trial).await;
        if let Ok(seen) = &seen {
            self.store.keep_observation(key, seen).await?;
        }
        Ok(seen)
    }

    /// A clean rehearsal of exactly these flows, where policy asks for one.
    pub(crate) async fn require_clean_rehearsal(
        &self,
        deployment: &Deployment,
        result: Hash,
    ) -> Result<(), DeployError> {
        let policy = self.store.instance(&deployment.instance).await?.policy;
        if policy.rehearsal != RehearsalPolicy::Required {
            return Ok(());
        }
        let why = match self.store.rehearsal(deployment.id).await? {
            _ if result != deployment.proposal.flows => {
                "a part of it was not tried by itself; approve all of it, or reject it"
            }
            Some(rehearsal) if rehearsal.is_clean() => return Ok(()),
            None | Some(Rehearsal::Running { .. }) => "it is not over yet; wait for it",
            Some(_) => "see what it found, and have it put right or reject it",
        };
        Err(DeployError::NotRehearsed { why })
    }
}

fn waits(deployment: &Deployment) -> bool {
    matches!(
        deployment.state,
        State::Pending | State::InReview | State::Approved { .. }
    )
}

/// All that what is seen depends on.
fn key(trial: &Trial, base: &BaselineContent, policy: &Policy) -> Hash {
    let flows = Hash::of(trial.flows.as_bytes());
    let credentials = serde_json::to_string(&trial.credentials).unwrap_or_default();
    let policy = serde_json::to_string(policy).unwrap_or_default();
    let modules = base.baseline.modules;
    let settings = base.baseline.settings;
    let text = format!(
        "redkeep-rehearsal-1\nflows {flows}\nmodules {modules}\nsettings {settings}\n\
         credentials {credentials}\npolicy {policy}\n"
    );
    Hash::of(text.as_bytes())
}

/// The same fields with nothing of their values but their shape.
fn placeholders(credentials: &Credentials) -> Credentials {
    let fields = credentials.0.iter().map(|(node, fields)| {
        let fields = fields.iter();
        let fields = fields.map(|(name, value)| (name.clone(), placeholder(value)));
        (node.clone(), fields.collect())
    });
    Credentials(fields.collect())
}

fn placeholder(value: &Value) -> Value {
    match value {
        Value::String(text) if text.is_empty() => "".into(),
        Value::String(_) => "placeholder".into(),
        Value::Number(_) => 0.into(),
        Value::Array(items) => items.iter().map(placeholder).collect(),
        Value::Object(entries) => entries
            .iter()
            .map(|(name, value)| (name.clone(), placeholder(value)))
            .collect(),
        // Only says that there is one.
        Value::Bool(_) | Value::Null => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn of_a_secret_only_its_shape_leaves_the_room() {
        let secret = json!({"n1": {"user": "ann", "password": "s3cret", "empty": "", "pin": 1234,
            "map": {"token": "abc", "has_token": true}, "list": ["x"]}});
        let secret: Credentials = serde_json::from_value(secret).unwrap();
        let shown = serde_json::to_value(placeholders(&secret)).unwrap();
        let expected = json!({"n1": {"user": "placeholder", "password": "placeholder",
            "empty": "", "pin": 0, "map": {"token": "placeholder", "has_token": true},
            "list": ["placeholder"]}});
        assert_eq!(shown, expected);
    }
}
