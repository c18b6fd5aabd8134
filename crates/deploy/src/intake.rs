//! Where a proposal comes in, whatever door it came by.

use std::collections::BTreeSet;

use model::{
    deployment::{Deployment, DeploymentType, Emergency, Origin, State},
    flow::{Flows, Limits, credentials::CredentialChanges},
    id::{Hash, InstanceId},
    instance::{ApplyPolicy, RehearsalPolicy},
    principal::Actor,
};
use store::{BaselineContent, NewDeployment, StoreError};

use crate::{DeployError, Deployments, emergency::by_a_person, secrets};

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

impl Intake {
    /// Whether it equals what runs.
    fn changes_nothing(&self, base: &BaselineContent) -> bool {
        self.flows.hash() == base.baseline.flows && self.credentials.is_empty()
    }
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
        let open = self.open_of(&instance, origin, &proposer).await?;
        let open_count = open.len();
        let waiting: Vec<Deployment> = open.into_iter().filter(waits).collect();
        let current = base.baseline.flows;
        let named = revision.is_some();
        let revision = revision.and_then(|text| text.parse::<Hash>().ok());
        // The author may go on from their own waiting proposal: the editor was told its future
        // revision.
        let continues = waiting.iter().any(|it| revision == Some(it.proposal.flows));
        if named && revision != Some(current) && !continues {
            return Err(DeployError::RevisionMismatch { current });
        }
        let limits = *limits;
        let submitted = blocking(move || Flows::submitted(&flows, &limits)).await?;
        let mut credentials = submitted.credential_changes(&base.credentials.names());
        let flows = &submitted.flows;
        let earlier = self.earlier_version(waiting, revision, &base, flows, &credentials);
        let earlier = Box::pin(earlier).await?;
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
        // A script of the editor's page proposes in its victim's name: the queue is not its to fill,
        // nor what is stale to pile up until nobody can propose. What changes nothing fills nothing.
        let is_one_more = earlier.is_none() && !intake.changes_nothing(&base);
        if is_one_more && open_count >= WAITING_MAX {
            return Err(DeployError::TooManyWaiting { max: WAITING_MAX });
        }
        // On the heap: a door awaits this inside its own large future.
        Box::pin(self.take_in(intake, base, earlier)).await
    }

    /// Queues what was read, or finds that it changes nothing, or applies it where policy says so.
    pub(crate) async fn take_in(
        &self,
        intake: Intake,
        base: BaselineContent,
        earlier: Option<Deployment>,
    ) -> Result<Proposed, DeployError> {
        let revision = intake.flows.hash();
        if intake.changes_nothing(&base) {
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
        let emergency = intake.emergency.clone().filter(|_| at_once);
        let unchanged = match &earlier {
            Some(earlier) => {
                self.unchanged(earlier, &base, &intake.flows, &intake.credentials)
                    .await?
            }
            None => BTreeSet::new(),
        };
        let new = NewDeployment {
            instance: intake.instance,
            origin: intake.origin,
            proposer: intake.proposer,
            base: base.baseline.hash(),
            base_flows: base.baseline.flows,
            flows: revision,
            credentials: intake.credentials,
            deployment_type: intake.deployment_type,
            supersedes: earlier.map(|earlier| earlier.id),
            unchanged,
        };
        let deployment = self.store.queue(new).await?;
        // Decisions kept from the version before: a person has begun, and a rejection stands.
        let is_untouched =
            emergency.is_some() || self.store.decisions(deployment.id).await?.is_empty();
        let applied = if at_once && is_untouched {
            self.apply_at_once(&deployment, emergency).await
        } else {
            Ok(None)
        };
        let deployment = match applied {
            Ok(Some(deployment)) => {
                return Ok(Proposed::Applied {
                    deployment,
                    revision,
                });
            }
            Ok(None) => deployment,
            // It is in the queue, whatever overtook it: a reviewer who began in that moment, or
            // rules that were changed. A refusal would have it proposed once more.
            Err(
                error
                @ (DeployError::Store(StoreError::Conflict(_)) | DeployError::NotWhatWasShown),
            ) => {
                tracing::info!(id = %deployment.id, %error, "it waits for review after all");
                self.store.deployment(deployment.id).await?
            }
            Err(error) => return Err(error),
        };
        self.read_ahead(deployment.id);
        Ok(Proposed::Queued {
            deployment,
            revision,
        })
    }

    /// Applies what was just queued, unless policy asks for what only a review can give. An
    /// emergency goes past all of it but a refusal.
    async fn apply_at_once(
        &self,
        queued: &Deployment,
        emergency: Option<Emergency>,
    ) -> Result<Option<Deployment>, DeployError> {
        let policy = self.store.instance(&queued.instance).await?.policy;
        let Some(emergency) = emergency else {
            let asks_nothing =
                policy.demands.is_empty() || self.examine(queued.id).await?.asks.is_empty();
            return if asks_nothing {
                Ok(Some(self.apply_unreviewed(queued.clone()).await?))
            } else {
                Ok(None)
            };
        };
        let review = self.examine(queued.id).await?;
        if review.shown != queued.proposal.hash() || review.refuses_emergency().is_err() {
            return Ok(None);
        }
        let by = queued.proposer.clone();
        let applied = self.declare_and_apply(review, emergency, &by).await?;
        Ok(Some(applied))
    }

    async fn applies_at_once(&self, intake: &Intake) -> Result<bool, DeployError> {
        let by_a_person = by_a_person(intake.origin);
        if intake.emergency.is_some() {
            // Who may is asked where the caller is known; here it is whether anybody may.
            self.allows_emergency(&intake.instance, true).await?;
            return Ok(by_a_person);
        }
        let policy = self.store.instance(&intake.instance).await?.policy;
        // A rehearsal takes longer than whoever proposes waits.
        let may_be_at_once = policy.rehearsal != RehearsalPolicy::Required;
        // A touch is a person's: what asks for one waits for them.
        let may_be_at_once = may_be_at_once && !policy.touch;
        Ok(by_a_person && may_be_at_once && policy.apply == ApplyPolicy::Automatic)
    }

    /// The proposals of the same proposer by the same door that still wait, newest first.
    pub(crate) async fn waiting_of(
        &self,
        instance: &InstanceId,
        origin: Origin,
        proposer: &Actor,
    ) -> Result<Vec<Deployment>, DeployError> {
        let open = self.open_of(instance, origin, proposer).await?;
        Ok(open.into_iter().filter(waits).collect())
    }

    /// The same, and those that are stale or being applied.
    async fn open_of(
        &self,
        instance: &InstanceId,
        origin: Origin,
        proposer: &Actor,
    ) -> Result<Vec<Deployment>, DeployError> {
        let mut open = self
            .store
            .deployments(Some(instance), true, OPEN_MAX)
            .await?;
        open.retain(|it| it.origin == origin && same_proposer(&it.proposer, proposer));
        Ok(open)
    }
}

/// Whether it waits for a decision or to be applied.
pub(crate) fn waits(deployment: &Deployment) -> bool {
    match deployment.state {
        State::Pending | State::InReview | State::Approved { .. } => true,
        State::Applying { .. }
        | State::Applied { .. }
        | State::Rejected { .. }
        | State::Withdrawn { .. }
        | State::Superseded { .. }
        | State::Stale { .. }
        | State::Failed { .. } => false,
    }
}

/// Proposals of one person that may be open side by side, at each door, stale ones among them.
const WAITING_MAX: usize = 10;

/// How many open deployments are looked through for those of one person: all an instance may have.
const OPEN_MAX: u32 = 1_000;

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
