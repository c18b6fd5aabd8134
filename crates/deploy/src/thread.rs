//! What is said about a change: reviewers ask, the proposer answers, and the other way round.

use model::{
    access::{Permission, may},
    deployment::{Comment, Deployment, State},
    flow::change::ChangeId,
    id::DeploymentId,
};

use crate::{Caller, DeployError, Deployments, decide::check_length};

impl Deployments {
    /// Says something about a change, or (none) about the whole. Its proposer and whoever decides
    /// may, also after it ended, which is part of its history; but not on one that a newer version
    /// replaced: the thread goes on there.
    pub async fn comment(
        &self,
        caller: &Caller,
        id: DeploymentId,
        change: Option<ChangeId>,
        text: &str,
    ) -> Result<Comment, DeployError> {
        caller.require(Permission::ReadQueue)?;
        let deployment = self.store.deployment(id).await?;
        if matches!(deployment.state, State::Superseded { .. }) {
            return Err(DeployError::WrongState {
                id,
                state: deployment.state.word(),
                why: "a newer version replaced it; say it there",
            });
        }
        if !self.may_comment(caller, &deployment) {
            return Err(DeployError::NotInThread {
                name: caller.principal.name.to_string(),
            });
        }
        let text = text.trim();
        if text.is_empty() {
            return Err(DeployError::CommentEmpty);
        }
        check_length(text)?;
        if let Some(change) = &change {
            let review = self.examine(id).await?;
            if !review.diff.changes.iter().any(|it| it.id == *change) {
                return Err(DeployError::NoSuchChange(change.to_string()));
            }
        }
        let by = caller.actor();
        Ok(self.store.comment(id, change.as_ref(), text, &by).await?)
    }

    /// Whether the caller may say something about it, for pages that offer it.
    pub fn may_comment(&self, caller: &Caller, deployment: &Deployment) -> bool {
        let is_own = deployment.proposer.user() == Some(caller.principal.user);
        let is_part = may(&caller.principal, Permission::Decide)
            || (is_own && may(&caller.principal, Permission::Propose));
        is_part && !matches!(deployment.state, State::Superseded { .. })
    }
}
