//! What the gate writes into the audit record, and not more of it than the record can take.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use model::{
    audit::EventKind,
    clock::Timestamp,
    id::InstanceId,
    principal::{Actor, Principal},
};
use serde_json::json;
use store::Store;

use crate::limit::network;

/// Rows of refusals a minute, over all.
const A_MINUTE_MAX: u32 = 120;
/// Rows of refusals a minute, from one network.
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
    all: u32,
    left_out: u32,
    by_network: HashMap<IpAddr, u32>,
}

impl Minute {
    /// Whether one more row may be written; and how many were left out in the minute before.
    fn admit(&mut self, now: Timestamp, address: IpAddr) -> (bool, u32) {
        let number = now.unix_seconds() / 60;
        let mut left_out = 0;
        if self.number != number {
            left_out = self.left_out;
            *self = Self {
                number,
                ..Self::default()
            };
        }
        let by_one = self.by_network.get(&network(address)).copied().unwrap_or(0);
        let admits = self.all < A_MINUTE_MAX && by_one < A_MINUTE_FROM_ONE_MAX;
        if admits {
            self.all += 1;
            self.by_network.insert(network(address), by_one + 1);
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
            .admit(now, address);
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
        let address = [192, 0, 2, 1].into();
        let rows = (0..1000)
            .filter(|_| minute.admit(Timestamp(60_000), address).0)
            .count();
        assert_eq!(rows, A_MINUTE_FROM_ONE_MAX as usize);
        let rows = (0..1000u32)
            .filter(|n| minute.admit(Timestamp(60_000), IpAddr::V4((*n).into())).0)
            .count();
        assert_eq!(rows, (A_MINUTE_MAX - A_MINUTE_FROM_ONE_MAX) as usize);
        let (admits, left_out) = minute.admit(Timestamp(120_000), address);
        assert!(admits && left_out > 1000);
    }
}
