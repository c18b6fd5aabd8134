//! What the throw-away Node-RED loads, and that it keeps nothing.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use model::{flow::credentials::Credentials, id::InstanceId};

use crate::{Baselines, Boxed, Saved};

/// Stands where the waiting room stands for a real Node-RED.
#[derive(Debug)]
pub(super) struct Stage {
    flows: Arc<str>,
    credentials: Credentials,
    saved: AtomicBool,
}

impl Stage {
    pub(super) fn new(flows: Arc<str>, credentials: Credentials) -> Self {
        Self {
            flows,
            credentials,
            saved: AtomicBool::new(false),
        }
    }

    /// Whether something inside tried to change the flows.
    pub(super) fn was_saved(&self) -> bool {
        self.saved.load(Ordering::Relaxed)
    }
}

impl Baselines for Stage {
    fn load(&self, _: &InstanceId) -> Boxed<'_, Result<(Arc<str>, Credentials), String>> {
        let loaded = (self.flows.clone(), self.credentials.clone());
        Box::pin(std::future::ready(Ok(loaded)))
    }

    fn save_credentials(&self, _: &InstanceId, _: Credentials) -> Boxed<'_, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }

    fn save_flows(&self, _: &InstanceId, _: Vec<u8>, _: Option<String>) -> Boxed<'_, Saved> {
        self.saved.store(true, Ordering::Relaxed);
        let refused = Saved::Refused("nothing is saved while flows are tried".to_owned());
        Box::pin(std::future::ready(refused))
    }
}
