//! The rehearsal: what waits for review is tried, one at a time, and what was seen is kept.
//!
//! Nothing waits for it but a policy that asks for a clean one. Only placeholders of secrets leave
//! this room.

use std::{collections::BTreeSet, convert::Infallible, sync::Arc};

use model::{
    access::{Permission, may},
    baseline::Baseline,
    deployment::Deployment,
    flow::credentials::Credentials,
    id::{DeploymentId, Hash, InstanceId},
    instance::{Policy, RehearsalPolicy},
    rehearsal::{Observation, Rehearsal, tamed},
};
use serde_json::Value;
use tokio::sync::watch;

use crate::{Caller, DeployError, Deployments, futures::Given, intake::waits};

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

impl Deployments {
    /// How a deployment's rehearsal stands. Needs `ReadQueue`.
    pub async fn rehearsal(
        &self,
        caller: &Caller,
        id: DeploymentId,
    ) -> Result<Option<Rehearsal>, DeployError> {
        caller.require(Permission::ReadQueue)?;
        Ok(self.store.rehearsal(id).await?)
    }

    /// Has what waits tried again, whatever was seen before: what could not be tried, or went badly
    /// by chance, must not wait for an emergency. Needs `Decide`; the record says who asked.
    pub async fn rehearse_again(
        &self,
        caller: &Caller,
        id: DeploymentId,
    ) -> Result<(), DeployError> {
        caller.require(Permission::Decide)?;
        let deployment = self.store.deployment(id).await?;
        let wrong = |why| {
            Err(DeployError::WrongState {
                id,
                state: deployment.state.word(),
                why,
            })
        };
        if !waits(&deployment) {
            return wrong("only what waits for review or to be applied is tried");
        }
        // Forgotten now, what this run sees would be kept for an answer.
        if let Some(Rehearsal::Running { .. }) = self.store.rehearsal(id).await? {
            return wrong("it is being tried now; wait for it");
        }
        let runs = self.runs(&deployment).await?;
        if runs.policy.rehearsal == RehearsalPolicy::Off {
            return wrong(
                "the rules of its instance ask for no rehearsal; an administrator can change \
                 them under Settings",
            );
        }
        let keys = [runs.key(&runs.before), runs.key(&runs.after)];
        let by = caller.actor();
        self.store.forget_rehearsal(&deployment, &keys, &by).await?;
        Ok(())
    }

    /// Whether the caller may have it tried again, for pages that offer it.
    pub fn may_rehearse_again(&self, caller: &Caller, deployment: &Deployment) -> bool {
        may(&caller.principal, Permission::Decide) && waits(deployment)
    }

    /// Tries what waits for review, whenever there is something, one at a time.
    pub async fn rehearse(&self, rehearsals: &dyn Rehearsals) -> Infallible {
        let mut changes = self.store.queue_changes();
        // What the ledger failed for: passed over until the queue moves, so that it holds up nothing.
        let mut failed = BTreeSet::new();
        loop {
            if changes.has_changed().unwrap_or(true) {
                changes.mark_unchanged();
                failed.clear();
            }
            let next = self.next_to_try(&failed).await.unwrap_or_else(|error| {
                tracing::warn!(%error, "nothing could be tried");
                None
            });
            if let Some(deployment) = next {
                let id = deployment.id;
                tokio::select! {
                    tried = self.try_one(&deployment, rehearsals) => if let Err(error) = tried {
                        failed.insert(id);
                        tracing::warn!(%id, %error, "what was seen could not be kept");
                    },
                    // Withdrawn, replaced, rebased or decided meanwhile: the run is let go of.
                    () = self.until_moved(&deployment, self.store.queue_changes()) => {}
                }
            } else if changes.changed().await.is_ok() {
                failed.clear();
            } else {
                // The ledger lives as long as this room, so there is always another change.
                std::future::pending::<()>().await;
            }
        }
    }

    async fn next_to_try(
        &self,
        failed: &BTreeSet<DeploymentId>,
    ) -> Result<Option<Deployment>, DeployError> {
        let untried = self.store.untried().await?;
        let instances = self.store.instances().await?.into_iter();
        let asking: BTreeSet<InstanceId> = instances
            .filter(|instance| instance.policy.rehearsal != RehearsalPolicy::Off)
            .map(|instance| instance.id)
            .collect();
        let mut next = untried.into_iter();
        Ok(next.find(|it| asking.contains(&it.instance) && !failed.contains(&it.id)))
    }

    async fn until_moved(&self, tried: &Deployment, mut changes: watch::Receiver<u64>) {
        loop {
            match self.store.deployment(tried.id).await {
                Ok(now) if waits(&now) && now.proposal == tried.proposal => {}
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
        let since = self.store.clock().now();
        let running = Rehearsal::Running { since };
        if !self.store.set_rehearsal(deployment, &running).await? {
            return Ok(());
        }
        let runs = self.runs(deployment).await?;
        let seen_before = self.seen(&runs, &runs.before, rehearsals).await?;
        let seen = self.seen(&runs, &runs.after, rehearsals).await?;
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
        // Not kept when it proposes something else by now: that is tried next.
        self.store.set_rehearsal(deployment, &rehearsal).await?;
        Ok(())
    }

    /// What is tried of a deployment.
    async fn runs(&self, deployment: &Deployment) -> Result<Runs, DeployError> {
        let proposal = &deployment.proposal;
        let instance = &deployment.instance;
        let base = self.store.baseline_at(instance, proposal.base).await?;
        let changes = self.store.credential_changes(deployment.id).await?;
        let before = Trial {
            instance: instance.clone(),
            flows: self.store.blob(proposal.base_flows).await?,
            credentials: placeholders(&base.credentials),
        };
        let after = Trial {
            instance: instance.clone(),
            flows: self.store.blob(proposal.flows).await?,
            credentials: placeholders(&base.credentials.after(&changes, |_| true)),
        };
        Ok(Runs {
            before,
            after,
            base: base.baseline,
            policy: self.store.instance(instance).await?.policy,
        })
    }

    /// What is seen of these flows, or was when exactly the same was tried before.
    async fn seen(
        &self,
        runs: &Runs,
        trial: &Trial,
        rehearsals: &dyn Rehearsals,
    ) -> Result<Result<Observation, String>, DeployError> {
        let key = runs.key(trial);
        if let Some(seen) = self.store.observation(key).await? {
            return Ok(Ok(seen));
        }
        let seen = rehearsals.rehearse(trial.clone()).await;
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
        if !self.requires_rehearsal(deployment).await? {
            return Ok(());
        }
        let why = match self.store.rehearsal(deployment.id).await? {
            _ if result != deployment.proposal.flows => {
                "a part of it was not tried by itself; approve all of it, or reject it".to_owned()
            }
            Some(rehearsal) if rehearsal.is_clean() => return Ok(()),
            None | Some(Rehearsal::Running { .. }) => "it is not over yet; wait for it".to_owned(),
            Some(Rehearsal::Impossible { why, .. }) => format!(
                "it could not be tried ({why}). Rehearse it again, or have an administrator set \
                 the rule `rehearsal` of {} to `shown` under Settings",
                deployment.instance
            ),
            Some(Rehearsal::Done { .. }) => {
                "see what it found; rehearse it again, or have it put right or reject it".to_owned()
            }
        };
        Err(DeployError::NotRehearsed { why })
    }

    async fn requires_rehearsal(&self, deployment: &Deployment) -> Result<bool, DeployError> {
        let policy = self.store.instance(&deployment.instance).await?.policy;
        Ok(policy.rehearsal == RehearsalPolicy::Required)
    }

    /// Whether policy asks for a clean rehearsal of a deployment that has none: what an emergency
    /// goes past.
    pub(crate) async fn lacks_rehearsal(
        &self,
        deployment: &Deployment,
    ) -> Result<bool, DeployError> {
        let known = self.store.rehearsal(deployment.id).await?;
        let is_clean = known.is_some_and(|it| it.is_clean());
        Ok(!is_clean && self.requires_rehearsal(deployment).await?)
    }
}

/// What is tried of one deployment, and all that what is seen depends on.
struct Runs {
    /// The flows it starts from.
    before: Trial,
    /// The flows it proposes.
    after: Trial,
    base: Baseline,
    policy: Policy,
}

impl Runs {
    /// The same wherever exactly the same is tried.
    fn key(&self, trial: &Trial) -> Hash {
        let flows = Hash::of(trial.flows.as_bytes());
        let credentials = serde_json::to_string(&trial.credentials).unwrap_or_default();
        let policy = serde_json::to_string(&self.policy).unwrap_or_default();
        let Baseline {
            modules, settings, ..
        } = self.base;
        let text = format!(
            "redkeep-rehearsal-1\nflows {flows}\nmodules {modules}\nsettings {settings}\n\
             credentials {credentials}\npolicy {policy}\n"
        );
        Hash::of(text.as_bytes())
    }
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
