//! Decisions on a deployment's changes, and what voids them.

use std::collections::BTreeMap;

use model::{
    audit::EventKind,
    deployment::{Decision, Deployment, Proposal, State, Verdict},
    flow::change::ChangeId,
    id::{DeploymentId, Hash},
    principal::Actor,
};
use serde_json::json;
use sqlx::SqliteConnection;

use super::{conflict, deployment_in, subject};
use crate::{CheckedTouch, Store, StoreError, baselines, json, open::Change};

/// What somebody saw of the decisions that stand, before deciding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    marks: BTreeMap<ChangeId, Hash>,
    is_lump: bool,
}

impl Seen {
    /// None of those of others; one's own may be replaced.
    pub fn new() -> Self {
        Self::default()
    }

    /// No decision at all: what is decided in a lump replaces none, not even one's own.
    pub fn lump() -> Self {
        Self {
            is_lump: true,
            ..Self::default()
        }
    }

    /// The one on `change` with this mark ([`Decision::mark`]).
    pub fn insert(&mut self, change: ChangeId, mark: Hash) {
        self.marks.insert(change, mark);
    }

    fn lets_replace(&self, standing: &Decision, by: &Actor) -> bool {
        let is_own = standing.by.user().is_some() && standing.by.user() == by.user();
        !self.is_lump && (is_own || self.marks.get(&standing.change) == Some(&standing.mark()))
    }
}

/// Decisions taken at once.
const DECISIONS_MAX: usize = 200_000;

impl Change<'_> {
    async fn put_decision(
        &mut self,
        deployment: &Deployment,
        decision: &Decision,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "INSERT INTO decisions (deployment, change, decision) VALUES (?, ?, ?) \
             ON CONFLICT (deployment, change) DO UPDATE SET decision = excluded.decision",
        )
        .bind(deployment.id.0)
        .bind(&decision.change.0)
        .bind(json::canonical(decision))
        .execute(self.db())
        .await?;
        let detail = json!({
            "change": decision.change,
            "verdict": decision.verdict,
            "comment": decision.comment,
            "proposal": deployment.proposal.hash(),
        });
        let (kind, by) = (EventKind::Decided, &decision.by);
        self.append(
            kind,
            by,
            Some(&deployment.instance),
            &subject(deployment.id),
            detail,
        )
        .await
    }
}

impl Store {
    /// Puts a stale deployment onto a new base (state `Pending`, decisions void). The base must be
    /// the present baseline, and the credential changes stay what they are: `Conflict` otherwise.
    pub async fn rebase(
        &self,
        id: DeploymentId,
        proposal: &Proposal,
        by: &Actor,
    ) -> Result<Deployment, StoreError> {
        let mut change = self.begin().await?;
        let mut deployment = deployment_in(change.db(), id).await?;
        if !matches!(deployment.state, State::Stale { .. }) {
            let now = deployment.state.word();
            return Err(conflict(format!("{} is {now}, not stale", subject(id))));
        }
        if proposal.credentials != deployment.proposal.credentials {
            return Err(conflict(
                "a rebase does not change which credentials are proposed",
            ));
        }
        let current = baselines::current(change.db(), &deployment.instance).await?;
        if current.is_some_and(|current| current.hash != proposal.base) {
            return Err(conflict("the baseline moved again; rebase anew"));
        }
        deployment.proposal = proposal.clone();
        change
            .take_step(&mut deployment, State::Pending, by)
            .await?;
        change.commit().await?;
        Ok(deployment)
    }

    /// Records a decision (replacing an earlier one on the same change) if the deployment is
    /// `Pending`, `InReview` or `Approved` (then it returns to `InReview`) and its proposal still
    /// has digest `shown`; `Conflict` otherwise. A decision somebody else took is replaced only
    /// where `seen` has its mark, so that nobody overrules what they have not seen, and in a lump
    /// none is: `Overtaken` otherwise, and nothing is recorded.
    pub async fn decide(
        &self,
        id: DeploymentId,
        shown: Hash,
        decisions: &[Decision],
        seen: &Seen,
    ) -> Result<Deployment, StoreError> {
        let mut change = self.begin().await?;
        let mut deployment = deployment_in(change.db(), id).await?;
        let can_be_decided = matches!(
            deployment.state,
            State::Pending | State::InReview | State::Approved { .. }
        );
        if !can_be_decided {
            let now = deployment.state.word();
            return Err(conflict(format!(
                "{} is {now} by now; look again",
                subject(id)
            )));
        }
        if deployment.proposal.hash() != shown {
            let message = "the deployment is not the one that was shown any more; look again";
            return Err(conflict(message));
        }
        if decisions.len() > DECISIONS_MAX {
            return Err(conflict(
                "these are more decisions than a deployment has changes",
            ));
        }
        let Some(first) = decisions.first() else {
            return Ok(deployment);
        };
        refuse_overtaken(&decisions_in(change.db(), id).await?, decisions, seen)?;
        if deployment.state != State::InReview {
            change
                .take_step(&mut deployment, State::InReview, &first.by)
                .await?;
        }
        for decision in decisions {
            change.put_decision(&deployment, decision).await?;
        }
        change.moves_queue = true;
        change.commit().await?;
        Ok(deployment)
    }

    /// Confirms a deployment on the whole: it becomes `Approved` with `result`. `Conflict` when it
    /// is not what was `seen` any more, or other decisions stand than those `result` was made of.
    pub async fn confirm(
        &self,
        seen: &Deployment,
        decisions: &[Decision],
        result: Hash,
        by: &Actor,
    ) -> Result<Deployment, StoreError> {
        self.confirm_touched(seen, decisions, result, None, by)
            .await
    }

    /// The same with a touch, kept in the same transaction. `Conflict` also when the touch is not
    /// of this person for exactly this deployment with these decisions, or was used before.
    pub async fn confirm_touched(
        &self,
        seen: &Deployment,
        decisions: &[Decision],
        result: Hash,
        touch: Option<&CheckedTouch>,
        by: &Actor,
    ) -> Result<Deployment, StoreError> {
        let mut change = self.begin().await?;
        let mut deployment = still(change.db(), seen).await?;
        if decisions_in(change.db(), seen.id).await? != decisions {
            return Err(conflict(format!(
                "somebody decided on {} meanwhile; look again",
                subject(seen.id)
            )));
        }
        if let Some(touch) = touch {
            change.keep_touch(&deployment, decisions, touch, by).await?;
        }
        let next = State::Approved {
            by: by.clone(),
            at: change.now,
            result,
        };
        change.take_step(&mut deployment, next, by).await?;
        change.commit().await?;
        Ok(deployment)
    }

    /// The decisions taken so far, in the order of their changes.
    pub async fn decisions(&self, id: DeploymentId) -> Result<Vec<Decision>, StoreError> {
        let mut db = self.read().acquire().await?;
        decisions_in(&mut db, id).await
    }
}

/// The deployment as it stands, if it is still the one that was `seen`: in that state, with that
/// proposal. A rebase leads back to the same state with other flows.
pub(crate) async fn still(
    db: &mut SqliteConnection,
    seen: &Deployment,
) -> Result<Deployment, StoreError> {
    let now = deployment_in(db, seen.id).await?;
    if now.state != seen.state {
        let (id, word) = (subject(seen.id), now.state.word());
        return Err(conflict(format!("{id} is {word} by now; look again")));
    }
    if now.proposal != seen.proposal {
        let id = subject(seen.id);
        return Err(conflict(format!(
            "{id} proposes something else by now; look again"
        )));
    }
    Ok(now)
}

fn refuse_overtaken(
    standing: &[Decision],
    decisions: &[Decision],
    seen: &Seen,
) -> Result<(), StoreError> {
    let standing: BTreeMap<&ChangeId, &Decision> =
        standing.iter().map(|it| (&it.change, it)).collect();
    for decision in decisions {
        let Some(other) = standing.get(&decision.change) else {
            continue;
        };
        if !seen.lets_replace(other, &decision.by) {
            return Err(StoreError::Overtaken {
                by: other.by.label(),
                verdict: match other.verdict {
                    Verdict::Approve => "approved",
                    Verdict::Reject => "rejected",
                },
                change: other.change.to_string(),
            });
        }
    }
    Ok(())
}

pub(crate) async fn decisions_in(
    db: &mut SqliteConnection,
    id: DeploymentId,
) -> Result<Vec<Decision>, StoreError> {
    let query = "SELECT decision FROM decisions WHERE deployment = ? ORDER BY change";
    let texts: Vec<String> = sqlx::query_scalar(query).bind(id.0).fetch_all(db).await?;
    texts
        .iter()
        .map(|text| json::read("decision", text))
        .collect()
}
