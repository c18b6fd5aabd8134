//! The audit record: append-only, hash-chained, its head signed.

use model::{
    audit::{Entry, Event, EventKind},
    clock::Timestamp,
    id::InstanceId,
    principal::Actor,
};

use crate::{Store, StoreError};

/// Which entries to list.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Only of this kind.
    pub kind: Option<EventKind>,
    /// Only of this instance.
    pub instance: Option<InstanceId>,
    /// Only of this user name.
    pub user: Option<String>,
    /// Only from then on.
    pub since: Option<Timestamp>,
    /// Only entries before this place (for paging backwards).
    pub before: Option<i64>,
    /// At most so many (0: 100).
    pub limit: u32,
}

/// What is wrong with the record, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize)]
#[serde(rename_all = "kebab-case", tag = "problem")]
pub enum AuditProblem {
    /// An entry's text no longer gives its link.
    #[error("entry {sequence} was edited")]
    Edited { sequence: i64 },
    /// A place is empty.
    #[error("entry {sequence} was removed")]
    Removed { sequence: i64 },
    /// An entry does not follow the one before it.
    #[error("entry {sequence} does not follow the entry before it: reordered or replaced")]
    Reordered { sequence: i64 },
    /// The signed head names more entries than there are.
    #[error("the record was cut off after entry {last}; the signed head names {expected} entries")]
    CutOff { last: i64, expected: i64 },
    /// The head's signature is not ours.
    #[error("the signature of the head at entry {sequence} is wrong")]
    BadSignature { sequence: i64 },
}

impl Store {
    /// Writes an event that stands alone. Those that belong to a change are written by the method
    /// that makes the change, in its transaction.
    pub async fn record(
        &self,
        kind: EventKind,
        actor: &Actor,
        instance: Option<&InstanceId>,
        subject: &str,
        detail: serde_json::Value,
    ) -> Result<(), StoreError> {
        let _ = (kind, actor, instance, subject, detail);
        let _: Option<Event> = None;
        unimplemented!()
    }

    /// Entries, newest first.
    pub async fn audit(&self, filter: &AuditFilter) -> Result<Vec<Entry>, StoreError> {
        let _ = filter;
        unimplemented!()
    }

    /// Reads the whole record and checks links, places and signed heads. Returns how many entries
    /// there are, and everything that is wrong (empty: nothing).
    pub async fn verify_audit(&self) -> Result<(i64, Vec<AuditProblem>), StoreError> {
        unimplemented!()
    }
}
