//! Versions: which waiting proposal a new one replaces, and what in it is the same as before.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use model::{
    deployment::Deployment,
    flow::{
        FlowError, Flows,
        change::{Aspect, Change, ChangeId},
        credentials::CredentialChanges,
        diff::{self, Diff},
    },
    id::Hash,
};
use store::BaselineContent;

use crate::{DeployError, Deployments, emergency::by_a_person};

/// How many waiting proposals of one person are compared with a new one, the newest first.
const COMPARED_MAX: usize = 8;

impl Deployments {
    /// The waiting proposal that new flows replace: the one they go on from (the editor was told
    /// its future revision), else the newest that touches a node they touch too. Another proposal
    /// of the same person that touches other nodes stays and waits beside it.
    pub(crate) async fn earlier_version(
        &self,
        waiting: Vec<Deployment>,
        revision: Option<Hash>,
        base: &BaselineContent,
        flows: &Flows,
        credentials: &CredentialChanges,
    ) -> Result<Option<Deployment>, DeployError> {
        let continued = waiting
            .iter()
            .position(|it| revision == Some(it.proposal.flows));
        let mut waiting = waiting;
        if let Some(place) = continued {
            return Ok(Some(waiting.swap_remove(place)));
        }
        // Somebody deploys what runs, or nobody known proposes: one waiting proposal each.
        let is_nothing = flows.hash() == base.baseline.flows && credentials.is_empty();
        let is_known = waiting
            .first()
            .is_some_and(|it| by_a_person(it.origin) && it.proposer.user().is_some());
        if is_nothing || !is_known {
            return Ok(waiting.into_iter().next());
        }
        let touched = self
            .diff_from(base, flows.clone(), credentials.clone())
            .await?;
        let touched = nodes(&touched);
        for earlier in waiting.into_iter().take(COMPARED_MAX) {
            let theirs = self.diff_of(&earlier, base).await?.0;
            if nodes(&theirs).iter().any(|node| touched.contains(node)) {
                return Ok(Some(earlier));
            }
        }
        Ok(None)
    }

    /// The changes of a new version that are byte for byte those of the earlier one, credentials
    /// included. The order of the file never is: it is told in part only.
    pub(crate) async fn unchanged(
        &self,
        earlier: &Deployment,
        base: &BaselineContent,
        flows: &Flows,
        credentials: &CredentialChanges,
    ) -> Result<BTreeSet<ChangeId>, DeployError> {
        if earlier.proposal.base != base.baseline.hash() {
            return Ok(BTreeSet::new());
        }
        let (then, secrets_then) = self.diff_of(earlier, base).await?;
        let now = self
            .diff_from(base, flows.clone(), credentials.clone())
            .await?;
        let then: BTreeMap<&ChangeId, &Change> = then
            .changes
            .iter()
            .map(|change| (&change.id, change))
            .collect();
        let is_same = |change: &&Change| {
            let same_secrets = secrets_then.0.get(&change.node) == credentials.0.get(&change.node);
            change.aspect != Aspect::Order
                && same_secrets
                && then
                    .get(&change.id)
                    .is_some_and(|then| text(then) == text(change))
        };
        let same = now.changes.iter().filter(is_same);
        Ok(same.map(|change| change.id.clone()).collect())
    }

    async fn diff_of(
        &self,
        deployment: &Deployment,
        base: &BaselineContent,
    ) -> Result<(Diff, CredentialChanges), DeployError> {
        let text = self.store.blob(deployment.proposal.flows).await?;
        let credentials = self.store.credential_changes(deployment.id).await?;
        let turn = self.desk.sure_turn().await?;
        let flows = turn.work(move || Flows::from_canonical(text)).await??;
        let diff = self.diff_from(base, flows, credentials.clone()).await?;
        Ok((diff, credentials))
    }

    async fn diff_from(
        &self,
        base: &BaselineContent,
        flows: Flows,
        credentials: CredentialChanges,
    ) -> Result<Diff, DeployError> {
        let (text, known) = (base.flows.clone(), base.credentials.names());
        let turn = self.desk.sure_turn().await?;
        let compared = turn.work(move || {
            let base = Flows::from_canonical(text)?;
            Ok::<_, FlowError>(diff::diff(&base, &flows, &credentials, &known))
        });
        Ok(compared.await??)
    }
}

/// The nodes a difference touches; the order of the file is nobody's.
fn nodes(diff: &Diff) -> HashSet<String> {
    let touched = diff.changes.iter().filter(|it| it.aspect != Aspect::Order);
    touched.map(|change| change.node.clone()).collect()
}

/// A change, every byte of it: comparing values would take another order of keys for the same.
/// What cannot be written equals nothing.
fn text(change: &Change) -> Option<String> {
    serde_json::to_string(change).ok()
}
