//! What Node-RED's own save calls meet: the storage bridge's other end.
//!
//! Whatever reaches this came through Node-RED's storage API: Redkeep's own apply, or something
//! inside the process (a node, a plugin, a stolen header on the local socket).

use model::{
    audit::EventKind,
    deployment::{DeploymentType, Origin},
    flow::{
        Flows, Limits,
        credentials::{CredentialChanges, Credentials},
    },
    id::{Hash, InstanceId},
    principal::Actor,
};
use store::{BaselineContent, Commit};

use crate::{
    DeployError, Deployments, Proposed,
    apply::Slot,
    intake::{Intake, blocking},
    secrets,
};

/// What became of a save from inside Node-RED.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SaveVerdict {
    /// It is what was approved, and now the baseline.
    Committed,
    /// It is what the baseline already is.
    Unchanged,
    /// It was not approved: queued (or only noted), and Node-RED must be reloaded, since a refused
    /// save leaves credentials changed in its memory.
    Refused {
        /// For Node-RED's error and the log.
        message: String,
    },
}

/// How many proposals from inside the runtime are kept in an hour, for one instance. A node in a
/// loop must not fill the disk.
const RUNTIME_PROPOSALS_PER_HOUR: usize = 20;

/// How many refused saves are on record in an hour, for one instance: nothing is ever removed from
/// the record, and a node in a loop must not fill it.
const RUNTIME_REFUSALS_PER_HOUR: usize = 60;

impl Deployments {
    /// Node-RED wants to save credentials: staged until the flows follow.
    pub fn save_credentials(&self, instance: &InstanceId, credentials: Credentials) {
        self.applying.stage(instance, credentials);
    }

    /// Node-RED wants to save flows (the text of its `JSON.stringify`). `claimed` is the user name
    /// it reports, which in-process code can forge.
    pub async fn save_flows(
        &self,
        instance: &InstanceId,
        text: &[u8],
        claimed: Option<String>,
    ) -> Result<SaveVerdict, DeployError> {
        let staged = self.applying.staged(instance);
        let base = self
            .store
            .baseline(instance)
            .await?
            .ok_or(DeployError::NoBaseline)?;
        if let Some(slot) = self.applying.slot(instance)
            && let Some(credentials) = expected(&slot, text, staged.as_ref())
        {
            let flows = Hash::of(text);
            let commit = Commit {
                deployment: slot.deployment,
                flows,
                credentials,
            };
            self.store.commit_apply(commit).await?;
            return Ok(SaveVerdict::Committed);
        }
        let same_credentials = staged.as_ref().is_none_or(|it| *it == base.credentials);
        if text == base.flows.as_bytes() && same_credentials {
            return Ok(SaveVerdict::Unchanged);
        }
        self.refuse(instance, text.to_vec(), staged, claimed, base)
            .await
    }

    /// Refuses, and puts what was attempted into the queue for a person to see.
    async fn refuse(
        &self,
        instance: &InstanceId,
        text: Vec<u8>,
        staged: Option<Credentials>,
        claimed: Option<String>,
        base: BaselineContent,
    ) -> Result<SaveVerdict, DeployError> {
        let actor = Actor::Runtime {
            claimed: claimed.map(|it| it.chars().take(64).collect()),
        };
        let attempt = blocking(move || Flows::submitted(&text, &Limits::default())).await;
        let message = match attempt {
            Ok(submitted) => {
                let credentials = staged
                    .map(|staged| secrets::difference(&base.credentials, &staged))
                    .unwrap_or_default();
                self.queue_attempt(instance, &actor, submitted.flows, credentials, base)
                    .await?
            }
            Err(error) => format!("not a flows file: {error}"),
        };
        let now = self.store.clock().now();
        if self
            .applying
            .is_to_be_recorded(instance, now, RUNTIME_REFUSALS_PER_HOUR)
        {
            let detail = serde_json::json!({ "why": message });
            let kind = EventKind::RuntimeRefused;
            self.store
                .record(kind, &actor, Some(instance), "save of flows", detail)
                .await?;
        }
        Ok(SaveVerdict::Refused { message })
    }

    async fn queue_attempt(
        &self,
        instance: &InstanceId,
        actor: &Actor,
        flows: Flows,
        mut credentials: CredentialChanges,
        base: BaselineContent,
    ) -> Result<String, DeployError> {
        secrets::prune(&mut credentials, &base.credentials, &flows);
        let waiting = self.waiting_of(instance, Origin::Runtime, actor).await?;
        let earlier = waiting.into_iter().next();
        if let Some(earlier) = &earlier {
            let digest = self.store.credential_changes_digest(&credentials)?;
            if earlier.proposal.flows == flows.hash() && earlier.proposal.credentials == digest {
                return Ok(format!(
                    "already waits for review as deployment {}",
                    earlier.id
                ));
            }
        }
        let hour_ago = self.store.clock().now().plus_seconds(-3600);
        let recent = self.store.deployments(Some(instance), false, 200).await?;
        let attempts = recent
            .iter()
            .filter(|it| it.origin == Origin::Runtime && it.created_at >= hour_ago)
            .count();
        if attempts >= RUNTIME_PROPOSALS_PER_HOUR {
            return Ok(DeployError::TooMany.to_string());
        }
        let intake = Intake {
            instance: instance.clone(),
            origin: Origin::Runtime,
            proposer: actor.clone(),
            flows,
            credentials,
            deployment_type: DeploymentType::Full,
            emergency: None,
        };
        Ok(match Box::pin(self.take_in(intake, base, earlier)).await? {
            Proposed::Queued { deployment, .. } | Proposed::Applied { deployment, .. } => {
                format!(
                    "not approved; waits for review as deployment {}",
                    deployment.id
                )
            }
            Proposed::Unchanged { .. } => "not approved".to_owned(),
        })
    }
}

/// The credentials to commit, if what Node-RED saves is byte for byte what was approved and its
/// credentials hold nothing that was neither there before nor approved.
fn expected(slot: &Slot, text: &[u8], staged: Option<&Credentials>) -> Option<Credentials> {
    if text != slot.flows.as_bytes() {
        return None;
    }
    match staged {
        Some(staged) => staged
            .is_within(&slot.base_credentials, &slot.credentials)
            .then(|| staged.clone()),
        // Node-RED saves no credentials when none changed for it.
        None => Some(slot.base_credentials.clone()),
    }
}
