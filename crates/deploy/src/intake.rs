//! Where a proposal comes in, whatever door it came by.

use model::{
    deployment::{Deployment, DeploymentType, Emergency, Origin, State},
    flow::{Flows, Limits, credentials::CredentialChanges},
    id::{Hash, InstanceId},
    instance::{ApplyPolicy, Ask},
    principal::Actor,
};
use store::{BaselineContent, NewDeployment};

use crate::{DeployError, Deployments, secrets};

/// Something somebody wants to run.
#[derive(Debug, Clone)]
pub struct Submission {
    /// On which instance.
    pub instance: InstanceId,
    /// By which door.
    pub origin: Origin,
    /// Who.
    pub proposer: Actor,
    /// The flows: a JSON array, credentials on the nodes, as Node-RED's editor sends it.
    pub flows: Vec<u8>,
    /// The revision it started from; none: whatever runs.
    pub revision: Option<String>,
    /// How Node-RED is to restart.
    pub deployment_type: DeploymentType,
    /// Apply before review, for this reason (needs [`model::access::Permission::Apply`], checked
    /// by the caller).
    pub emergency: Option<Emergency>,
}

/// What became of it.
#[derive(Debug, Clone)]
pub enum Proposed {
    /// It equals what runs. Nothing was queued.
    Unchanged {
        /// The flows' revision.
        revision: Hash,
    },
    /// It waits for review.
    Queued {
        /// The deployment.
        deployment: Deployment,
        /// The revision the flows will have once applied.
        revision: Hash,
    },
    /// The instance's policy (or an emergency) applied it at once.
    Applied {
        /// The deployment.
        deployment: Deployment,
        /// The flows' revision.
        revision: Hash,
    },
}

/// A proposal after it was read: flows without secrets, and the changes to secrets.
pub(crate) struct Intake {
    pub(crate) instance: InstanceId,
    pub(crate) origin: Origin,
    pub(crate) proposer: Actor,
    pub(crate) flows: Flows,
    pub(crate) credentials: CredentialChanges,
    pub(crate) deployment_type: DeploymentType,
    pub(crate) emergency: Option<Emergency>,
}

impl Deployments {
    /// Takes a proposal in. `limits` bound the text.
    pub async fn propose(
        &self,
        submission: Submission,
        limits: &Limits,
    ) -> Result<Proposed, DeployError> {
        let Submission {
            instance,
            origin,
            proposer,
            flows,
            revision,
            deployment_type,
            emergency,
        } = submission;
        let base = self
            .store
            .baseline(&instance)
            .await?
            .ok_or(DeployError::NoBaseline)?;
        let earlier = self.open_proposal_of(&instance, origin, &proposer).await?;
        let current = base.baseline.flows;
        if let Some(revision) = revision {
            let revision = revision.parse::<Hash>().ok();
            // The author may go on from their own waiting proposal: the editor was told its
            // future revision.
            let continues = earlier
                .as_ref()
                .is_some_and(|it| revision == Some(it.proposal.flows));
            if revision != Some(current) && !continues {
                return Err(DeployError::RevisionMismatch { current });
            }
        }
        let limits = *limits;
        let submitted = blocking(move || Flows::submitted(&flows, &limits)).await?;
        let mut credentials = submitted.credential_changes(&base.credentials.names());
        if let Some(earlier) = &earlier {
            // The editor sends a typed password once only; it must survive an amendment.
            let mut carried = self.store.credential_changes(earlier.id).await?;
            secrets::overlay(&mut carried, credentials);
            credentials = carried;
        }
        secrets::prune(&mut credentials, &base.credentials, &submitted.flows);
        let intake = Intake {
            instance,
            origin,
            proposer,
            flows: submitted.flows,
            credentials,
            deployment_type,
            emergency,
        };
        self.take_in(intake, base, earlier).await
    }

    /// Queues what was read, or finds that it changes nothing, or applies it where policy says so.
    pub(crate) async fn take_in(
        &self,
        intake: Intake,
        base: BaselineContent,
        earlier: Option<Deployment>,
    ) -> Result<Proposed, DeployError> {
        let revision = intake.flows.hash();
        if revision == base.baseline.flows && intake.credentials.is_empty() {
            if let Some(earlier) = earlier {
                let at = self.store.clock().now();
                let next = State::Withdrawn { at };
                self.store
                    .step(earlier.id, &earlier.state, next, &intake.proposer)
                    .await?;
            }
            return Ok(Proposed::Unchanged { revision });
        }
        self.store.keep_blob(intake.flows.text()).await?;
        let at_once = self.applies_at_once(&intake).await?;
        let new = NewDeployment {
            instance: intake.instance,
            origin: intake.origin,
            proposer: intake.proposer,
            base: base.baseline.hash(),
            base_flows: base.baseline.flows,
            flows: revision,
            credentials: intake.credentials,
            deployment_type: intake.deployment_type,
            emergency: intake.emergency,
            supersedes: earlier.map(|earlier| earlier.id),
        };
        let deployment = self.store.queue(new).await?;
        if at_once && self.asks_nothing(&deployment).await? {
            let deployment = self.apply_unreviewed(deployment).await?;
            return Ok(Proposed::Applied {
                deployment,
                revision,
            });
        }
        Ok(Proposed::Queued {
            deployment,
            revision,
        })
    }

    /// Whether policy asks for nothing that only a review can give. An emergency goes past all of
    /// it but a refusal.
    async fn asks_nothing(&self, deployment: &Deployment) -> Result<bool, DeployError> {
        let policy = self.store.instance(&deployment.instance).await?.policy;
        if policy.demands.is_empty() {
            return Ok(true);
        }
        let review = self.examine(deployment.id).await?;
        let mut asks = review.asks.values().flatten();
        let is_emergency = deployment.emergency.is_some();
        Ok(!asks.any(|ask| !is_emergency || *ask == Ask::Refusal))
    }

    async fn applies_at_once(&self, intake: &Intake) -> Result<bool, DeployError> {
        let by_a_person = match intake.origin {
            Origin::Editor | Origin::Api | Origin::Rollback => true,
            // What nobody is known to have asked for waits for a person, whatever the policy.
            Origin::Runtime | Origin::Disk | Origin::Package | Origin::Promotion => false,
        };
        if intake.emergency.is_some() {
            return Ok(by_a_person);
        }
        let policy = self.store.instance(&intake.instance).await?.policy;
        Ok(by_a_person && policy.apply == ApplyPolicy::Automatic)
    }

    /// The proposal of the same proposer by the same door that still waits: a new one replaces it.
    pub(crate) async fn open_proposal_of(
        &self,
        instance: &InstanceId,
        origin: Origin,
        proposer: &Actor,
    ) -> Result<Option<Deployment>, DeployError> {
        let open = self
            .store
            .deployments(Some(instance), true, OPEN_MAX)
            .await?;
        Ok(open.into_iter().find(|it| {
            let waits = match it.state {
                State::Pending | State::InReview | State::Approved { .. } => true,
                State::Applying { .. }
                | State::Applied { .. }
                | State::Rejected { .. }
                | State::Withdrawn { .. }
                | State::Superseded { .. }
                | State::Stale { .. }
                | State::Failed { .. } => false,
            };
            waits && it.origin == origin && same_proposer(&it.proposer, proposer)
        }))
    }
}

/// How many open deployments are looked through for one to replace.
const OPEN_MAX: u32 = 500;

/// The same person (whatever the session), or both without a person: one waiting proposal each.
fn same_proposer(one: &Actor, other: &Actor) -> bool {
    one.user() == other.user()
}

/// Runs something that takes the processor for a while where it does not hold up others.
pub(crate) async fn blocking<T: Send + 'static, E: Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, DeployError>
where
    DeployError: From<E>,
{
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done.map_err(DeployError::from),
        // A panic on hostile input ends here, as a refusal, and nowhere else.
        Err(_) => Err(DeployError::Unreadable),
    }
}
