//! What the gate must know of an instance to judge a request: its endpoints and its policy. Kept
//! until they change.

use std::sync::{Arc, Mutex, PoisonError};

use model::{
    clock::Timestamp,
    flow::Flows,
    id::{Hash, InstanceId},
    instance::Policy,
};
use store::{Store, StoreError};

use crate::route::{Endpoints, Target};

/// How long a policy is kept before it is read anew, in milliseconds.
const POLICY_MS: i64 = 1000;

/// Endpoints and policy of one instance.
#[derive(Debug)]
pub(crate) struct Outline {
    store: Store,
    instance: InstanceId,
    flows: Mutex<Option<Known>>,
    policy: Mutex<Option<(Timestamp, Arc<Policy>)>>,
}

#[derive(Debug, Clone)]
struct Known {
    /// The queue's state this was read at.
    at: u64,
    flows: Option<Hash>,
    endpoints: Arc<Endpoints>,
}

impl Outline {
    /// Of this instance; nothing read yet.
    pub(crate) fn new(store: Store, instance: InstanceId) -> Self {
        Self {
            store,
            instance,
            flows: Mutex::default(),
            policy: Mutex::default(),
        }
    }

    /// What the baseline's flows offer. Without a baseline: nothing.
    pub(crate) async fn endpoints(&self) -> Result<Arc<Endpoints>, StoreError> {
        let at = *self.store.queue_changes().borrow();
        let known = self
            .flows
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        // No baseline yet: the first one is set without the queue telling.
        if let Some(known) = known
            .as_ref()
            .filter(|known| known.at == at && known.flows.is_some())
        {
            return Ok(Arc::clone(&known.endpoints));
        }
        let content = self.store.baseline(&self.instance).await?;
        let flows = content.as_ref().map(|content| content.baseline.flows);
        let endpoints = match (known, content) {
            (Some(known), Some(_)) if known.flows == flows => known.endpoints,
            (_, Some(content)) => {
                let flows =
                    Flows::from_canonical(content.flows).map_err(|error| StoreError::Damaged {
                        what: "baseline".to_owned(),
                        why: error.to_string(),
                    })?;
                Arc::new(Endpoints::of(&flows))
            }
            (_, None) => Arc::default(),
        };
        let known = Known {
            at,
            flows,
            endpoints: Arc::clone(&endpoints),
        };
        *self.flows.lock().unwrap_or_else(PoisonError::into_inner) = Some(known);
        Ok(endpoints)
    }

    /// The digest of the baseline's flows.
    pub(crate) async fn flows(&self) -> Result<Option<Hash>, StoreError> {
        self.endpoints().await?;
        let known = self.flows.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(known.as_ref().and_then(|known| known.flows))
    }

    /// The instance's policy, at most a second old.
    pub(crate) async fn policy(&self) -> Result<Arc<Policy>, StoreError> {
        let now = self.store.clock().now();
        let kept = self
            .policy
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some((at, policy)) = kept
            && (0..POLICY_MS).contains(&(now.0 - at.0))
        {
            return Ok(policy);
        }
        let policy = Arc::new(self.store.instance(&self.instance).await?.policy);
        *self.policy.lock().unwrap_or_else(PoisonError::into_inner) =
            Some((now, Arc::clone(&policy)));
        Ok(policy)
    }
}

/// Whether policy makes this path public: by whole segments, so that `/api` is not `/apiary`.
pub(crate) fn is_public(policy: &Policy, target: &Target) -> bool {
    let path = target.normal();
    policy.public_paths.iter().any(|prefix| {
        let prefix = prefix.trim_end_matches('/').to_ascii_lowercase();
        path.strip_prefix(&prefix)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            && (prefix.starts_with('/') || prefix.is_empty())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_public_path_is_whole_segments() {
        let policy = Policy {
            public_paths: vec!["/api/".into(), "bad".into()],
            ..Policy::default()
        };
        let check =
            |path: &str| is_public(&policy, &Target::parse(&path.parse().unwrap()).unwrap());
        assert!(check("/api") && check("/API/x/") && check("/api/x"));
        assert!(!check("/apiary") && !check("/") && !check("/bad") && !check("/x/api"));
    }
}
