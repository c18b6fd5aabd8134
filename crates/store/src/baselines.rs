//! Baselines and snapshots: what was approved to run, now and before.

use std::sync::Arc;

use model::{
    baseline::Baseline,
    clock::Timestamp,
    flow::credentials::Credentials,
    id::{DeploymentId, Hash, InstanceId},
};

use crate::{Store, StoreError};

/// A baseline with its content.
#[derive(Debug, Clone)]
pub struct BaselineContent {
    /// The baseline.
    pub baseline: Baseline,
    /// The flows' canonical text.
    pub flows: Arc<str>,
    /// All credentials, unsealed.
    pub credentials: Credentials,
}

/// A baseline one can go back to.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Snapshot {
    /// The baseline's digest.
    pub hash: Hash,
    /// The baseline.
    pub baseline: Baseline,
    /// Since when it was the baseline.
    pub at: Timestamp,
    /// The deployment that made it; none for the first.
    pub deployment: Option<DeploymentId>,
    /// Whether Node-RED was seen running well with it.
    pub ran_well: bool,
    /// Whether it is the present one.
    pub is_current: bool,
}

impl Store {
    /// Keeps a text by its SHA-256.
    pub async fn keep_blob(&self, text: &str) -> Result<Hash, StoreError> {
        let _ = text;
        unimplemented!()
    }

    /// A text by its SHA-256, checked against it.
    pub async fn blob(&self, hash: Hash) -> Result<Arc<str>, StoreError> {
        let _ = hash;
        unimplemented!()
    }

    /// The keyed digest under which credentials are named.
    pub fn credentials_digest(&self, credentials: &Credentials) -> Hash {
        let _ = credentials;
        unimplemented!()
    }

    /// The instance's present baseline; none before the first start.
    pub async fn baseline(&self, id: &InstanceId) -> Result<Option<BaselineContent>, StoreError> {
        let _ = id;
        unimplemented!()
    }

    /// Any baseline the instance ever had, by digest.
    pub async fn baseline_at(&self, id: &InstanceId, hash: Hash) -> Result<BaselineContent, StoreError> {
        let _ = (id, hash);
        unimplemented!()
    }

    /// Sets the first baseline, or one that differs only in versions, modules and settings (made
    /// by Redkeep itself at start). Flows and credentials change only through a deployment.
    pub async fn set_platform_baseline(&self, id: &InstanceId, content: &BaselineContent) -> Result<(), StoreError> {
        let _ = (id, content);
        unimplemented!()
    }

    /// Snapshots, newest first, at most `limit`.
    pub async fn snapshots(&self, id: &InstanceId, limit: u32) -> Result<Vec<Snapshot>, StoreError> {
        let _ = (id, limit);
        unimplemented!()
    }

    /// Notes that Node-RED ran well with this baseline.
    pub async fn mark_ran_well(&self, id: &InstanceId, hash: Hash) -> Result<(), StoreError> {
        let _ = (id, hash);
        unimplemented!()
    }
}
