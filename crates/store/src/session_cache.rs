//! Principals looked up a moment ago: one page of the editor asks for a hundred files.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use model::{
    clock::Timestamp,
    id::{Hash, InstanceId},
    principal::Principal,
    rules::Source,
};

/// How long an answer is good while nothing is revoked. Bounds what a second process may change.
const GOOD_SECONDS: i64 = 5;
/// How many are kept.
const ENTRIES_MAX: usize = 4096;

/// Answers by the digest of the secret and the kind of session. An answer holds only as long as
/// the count of revocations is the one it was read at.
#[derive(Debug, Default)]
pub(crate) struct SessionCache(Mutex<HashMap<(Hash, &'static str), Answer>>);

/// Whom a secret stands for, and where it is good.
#[derive(Debug, Clone)]
pub(crate) struct Found {
    pub(crate) principal: Principal,
    /// Since when it is known that its owner holds the factors; of console sessions.
    pub(crate) proven_at: Timestamp,
    /// From where it may be used; empty: from anywhere.
    pub(crate) networks: Vec<Source>,
    /// Before which instance it is good; none: before all.
    pub(crate) instance: Option<InstanceId>,
}

impl Found {
    /// Somebody, anywhere.
    pub(crate) fn anywhere(principal: Principal, proven_at: Timestamp) -> Self {
        Self {
            principal,
            proven_at,
            networks: Vec::new(),
            instance: None,
        }
    }
}

#[derive(Debug)]
struct Answer {
    found: Found,
    revocations: u64,
    at: Timestamp,
    /// When the session or token ends by itself.
    until: Timestamp,
}

impl SessionCache {
    pub(crate) fn get(
        &self,
        key: (Hash, &'static str),
        revocations: u64,
        now: Timestamp,
    ) -> Option<Found> {
        let answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = answers.get(&key)?;
        let is_good = answer.revocations == revocations
            && answer.at <= now
            && now < answer.at.plus_seconds(GOOD_SECONDS)
            && now < answer.until;
        is_good.then(|| answer.found.clone())
    }

    /// Keeps an answer; `revocations` is the count from before it was read.
    pub(crate) fn put(
        &self,
        key: (Hash, &'static str),
        found: Found,
        revocations: u64,
        now: Timestamp,
        until: Timestamp,
    ) {
        let mut answers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if answers.len() >= ENTRIES_MAX {
            answers.clear();
        }
        answers.insert(
            key,
            Answer {
                found,
                revocations,
                at: now,
                until,
            },
        );
    }
}
