//! What the gate must know of an instance to judge a request: its endpoints, its policy and the
//! rules who may come from where. Kept until they change.

use std::sync::{Arc, Mutex, PoisonError};

use model::{
    clock::Timestamp,
    flow::Flows,
    id::{Hash, InstanceId},
    instance::Policy,
    rules::AccessRules,
};
use store::{Store, StoreError};

use crate::route::Endpoints;

/// How long a policy is kept before it is read anew, in milliseconds.
const POLICY_MS: i64 = 1000;

/// Endpoints and policy of one instance.
#[derive(Debug)]
pub(crate) struct Outline {
    store: Store,
    instance: InstanceId,
    flows: Mutex<Option<Known>>,
    policy: Mutex<Option<(Timestamp, Arc<Policy>)>>,
    rules: Mutex<Option<Ruled>>,
}

/// The rules as they were read.
#[derive(Debug, Clone)]
struct Ruled {
    /// How often they had changed by then.
    at: u64,
    /// When they undo themselves.
    until: Option<Timestamp>,
    rules: Arc<AccessRules>,
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
            rules: Mutex::default(),
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

    /// The rules who may come from where, as they hold now.
    pub(crate) async fn rules(&self) -> Result<Arc<AccessRules>, StoreError> {
        // Counted before reading: what changes while we read is read again.
        let at = *self.store.rules_changes().borrow();
        let now = self.store.clock().now();
        let kept = self
            .rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(kept) = kept
            && kept.at == at
            && kept.until.is_none_or(|until| now < until)
        {
            return Ok(kept.rules);
        }
        let read = self.store.access_rules().await?;
        let ruled = Ruled {
            at,
            until: read.trial.map(|trial| trial.undo_at),
            rules: Arc::new(read.rules),
        };
        let rules = Arc::clone(&ruled.rules);
        *self.rules.lock().unwrap_or_else(PoisonError::into_inner) = Some(ruled);
        Ok(rules)
    }
}
