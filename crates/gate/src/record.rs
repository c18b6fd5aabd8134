//! What the gate writes into the audit record, and not more of it than the record can take.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use model::{
    audit::EventKind,
    clock::Timestamp,
    id::{InstanceId, UserName},
    principal::{Actor, Principal},
};
use serde_json::json;
use store::Store;

use crate::limit::network;

/// Rows of refusals a minute of everybody nobody knows, and as many of those who are known: a crowd
/// of strangers must not hide what a user tries.
const A_MINUTE_MAX: u32 = 120;
/// Rows of refusals a minute, from one network or of one user. Whoever shares a network (an office,
/// a tunnel) with a noisy one is seen all the same.
const A_MINUTE_FROM_ONE_MAX: u32 = 20;
/// Characters of a path in the record.
const SUBJECT_MAX: usize = 200;

/// The record, as the gate writes it.
#[derive(Debug)]
pub(crate) struct Record {
    store: Store,
    instance: InstanceId,
    minute: Mutex<Minute>,
}

#[derive(Debug, Default)]
struct Minute {
    number: i64,
    strangers: u32,
    known: u32,
    left_out: u32,
    by_source: HashMap<Source, u32>,
}

/// Whose refusals are counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Source {
    Network(IpAddr),
    User(UserName),
}

impl Source {
    fn of(principal: Option<&Principal>, address: IpAddr) -> Self {
        match principal {
            Some(principal) => Self::User(principal.name.clone()),
            None => Self::Network(network(address)),
        }
    }
}

impl Minute {
    /// Whether one more row may be written; and how many were left out in the minute before.
    fn admit(&mut self, now: Timestamp, source: Source) -> (bool, u32) {
        let number = now.unix_seconds() / 60;
        let mut left_out = 0;
        if self.number != number {
            left_out = self.left_out;
            *self = Self {
                number,
                ..Self::default()
            };
        }
        let all = match source {
            Source::Network(_) => &mut self.strangers,
            Source::User(_) => &mut self.known,
        };
        let by_one = self.by_source.get(&source).copied().unwrap_or(0);
        let admits = *all < A_MINUTE_MAX && by_one < A_MINUTE_FROM_ONE_MAX;
        if admits {
            *all += 1;
            self.by_source.insert(source, by_one + 1);
        } else {
            self.left_out += 1;
        }
        (admits, left_out)
    }
}

impl Record {
    /// A record of what happens at this instance's gate.
    pub(crate) fn new(store: Store, instance: InstanceId) -> Self {
        Self {
            store,
            instance,
            minute: Mutex::default(),
        }
    }

    /// A request was refused. Bounded, so that nobody fills the disk by knocking.
    pub(crate) async fn refused(
        &self,
        principal: Option<&Principal>,
        address: IpAddr,
        subject: &str,
        reason: &str,
    ) {
        let now = self.store.clock().now();
        let (admits, left_out) = self
            .minute
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .admit(now, Source::of(principal, address));
        if !admits {
            return;
        }
        let mut detail = json!({ "reason": reason });
        if left_out > 0 {
            detail["left_out_before"] = left_out.into();
        }
        self.write(
            EventKind::RequestRefused,
            principal,
            address,
            subject,
            detail,
        )
        .await;
    }

    /// Anything else that happened at the gate.
    pub(crate) async fn write(
        &self,
        kind: EventKind,
        principal: Option<&Principal>,
        address: IpAddr,
        subject: &str,
        detail: serde_json::Value,
    ) {
        let actor = match principal {
            Some(principal) => Actor::principal(principal, Some(address)),
            None => Actor::Anonymous {
                address: Some(address),
            },
        };
        let subject: String = subject.chars().take(SUBJECT_MAX).collect();
        let written = self
            .store
            .record(kind, &actor, Some(&self.instance), &subject, detail)
            .await;
        if let Err(error) = written {
            tracing::error!(%error, kind = kind.word(), "an event could not be recorded");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knocking_does_not_fill_the_record() {
        let mut minute = Minute::default();
        let source = |n: u32| Source::Network(IpAddr::V4(n.into()));
        let rows = (0..1000)
            .filter(|_| minute.admit(Timestamp(60_000), source(7)).0)
            .count();
        assert_eq!(rows, A_MINUTE_FROM_ONE_MAX as usize);
        let rows = (100..1100)
            .filter(|n| minute.admit(Timestamp(60_000), source(*n)).0)
            .count();
        assert_eq!(rows, (A_MINUTE_MAX - A_MINUTE_FROM_ONE_MAX) as usize);
        // Whoever is known is counted by name, behind whatever network.
        for name in ["ann", "bob"] {
            let source = Source::User(name.parse().unwrap());
            let rows = (0..1000)
                .filter(|_| minute.admit(Timestamp(60_000), source.clone()).0)
                .count();
            assert_eq!(rows, A_MINUTE_FROM_ONE_MAX as usize, "{name}");
        }
        let (admits, left_out) = minute.admit(Timestamp(120_000), source(7));
        assert!(admits && left_out > 1000);
    }
}
