//! Secrets that are good from some networks alone, and their use from elsewhere.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use model::{audit::EventKind, clock::Timestamp, principal::Actor, rules::Source};
use serde_json::json;

use crate::{Store, StoreError, session_cache::Found};

/// Networks one token or wall display may name.
const NETWORKS_MAX: usize = 50;
/// How often the use of one secret from elsewhere is written down: the record is no tool to fill
/// the disk with.
const TOLD_EVERY_SECONDS: i64 = 60;
/// Secrets remembered as told of.
const TOLD_MAX: usize = 10_000;

/// When the use of a secret from elsewhere was last told.
#[derive(Debug, Default)]
pub(crate) struct Elsewhere(Mutex<HashMap<String, Timestamp>>);

impl Elsewhere {
    /// Whether it is to be told now. Beyond what is remembered nothing is: only whoever holds that
    /// many good secrets gets there.
    fn is_news(&self, about: &str, now: Timestamp) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, at| now.seconds_since(*at) < TOLD_EVERY_SECONDS);
        if told.contains_key(about) || told.len() >= TOLD_MAX {
            return false;
        }
        told.insert(about.to_owned(), now);
        true
    }
}

/// Refuses lists nobody needs.
pub(crate) fn check_networks(networks: &[Source]) -> Result<(), StoreError> {
    if networks.len() <= NETWORKS_MAX {
        return Ok(());
    }
    let why =
        format!("at most {NETWORKS_MAX} networks; name a network in the access rules instead");
    Err(StoreError::Conflict(why))
}

impl Store {
    /// Whether what was found may be used from there. A use from elsewhere is recorded.
    pub(crate) async fn is_here(
        &self,
        found: &Found,
        from: Option<IpAddr>,
        about: &str,
    ) -> Result<bool, StoreError> {
        if found.networks.is_empty() {
            return Ok(true);
        }
        let rules = self.access_rules().await?.rules;
        if from.is_some_and(|from| rules.is_within(&found.networks, from)) {
            return Ok(true);
        }
        if self.inner.elsewhere.is_news(about, self.clock.now()) {
            let by = Actor::principal(&found.principal, from);
            let detail = json!({ "networks": found.networks });
            self.record(EventKind::UsedElsewhere, &by, None, about, detail)
                .await?;
        }
        Ok(false)
    }
}
