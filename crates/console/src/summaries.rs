//! One sentence per deployment for the lists, kept because working it out reads two whole flows.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use deploy::{Caller, DeployError, Deployments};
use model::{deployment::Deployment, flow::finding::Severity, id::Hash};

/// Sentences kept at most; then all are forgotten.
const KEPT_MAX: usize = 2_000;

/// What a list says about a deployment.
#[derive(Debug, Clone)]
pub(crate) struct Summary {
    pub(crate) sentence: String,
    pub(crate) changes: usize,
    pub(crate) worst: Option<Severity>,
}

/// Summaries by what their reading depends on ([`Deployments::reading_key`]): a rule that changes or
/// a risk that ends gives another.
#[derive(Debug, Default)]
pub(crate) struct Summaries(Mutex<HashMap<Hash, Summary>>);

impl Summaries {
    /// The summary of a deployment, worked out when it is not known yet.
    pub(crate) async fn of(
        &self,
        deployments: &Deployments,
        caller: &Caller,
        deployment: &Deployment,
    ) -> Result<Summary, DeployError> {
        let key = deployments.reading_key(deployment).await?;
        let known = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if let Some(summary) = known {
            return Ok(summary);
        }
        let review = deployments.review(caller, deployment.id).await?;
        let findings = review
            .diff
            .changes
            .iter()
            .flat_map(|change| &change.findings)
            .filter(|finding| finding.is_open());
        let summary = Summary {
            sentence: crate::wording::name_of(&capital(&review.diff.summary())),
            changes: review.diff.changes.len(),
            worst: findings.map(|finding| finding.severity).max(),
        };
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, summary.clone());
        Ok(summary)
    }
}

/// What stands in the place of a summary that could not be had.
pub(crate) fn unread(error: &DeployError) -> &'static str {
    match error {
        DeployError::Crowded => "Not read yet: too many at once; load again",
        _ => "Cannot be read; open it to see why",
    }
}

/// The text with a capital first; "Changes nothing" when there is none.
pub(crate) fn capital(text: &str) -> String {
    let mut chars = text.chars();
    match chars.next() {
        Some(first) => first.to_uppercase().chain(chars).collect(),
        None => "Changes nothing that can be shown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_waits_is_not_called_unreadable() {
        assert!(unread(&DeployError::Crowded).contains("load again"));
        assert!(unread(&DeployError::Unreadable).contains("Cannot be read"));
    }
}
