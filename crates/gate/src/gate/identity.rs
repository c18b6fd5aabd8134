//! Who acts, told to Node-RED: signed headers, kept for half their life.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use http::HeaderValue;
use model::{
    access::{Permission, may},
    clock::Timestamp,
    id::UserName,
    principal::Principal,
};

use crate::forward::Upstream;

/// Milliseconds a header is kept; it is good for 60 seconds.
const KEPT_MS: i64 = 30_000;
/// Headers kept at most.
const KEPT_MAX: usize = 1000;

/// Node-RED's permissions of somebody who may trigger and propose. None of them changes what runs:
/// should a request ever slip through, Node-RED answers 401.
const EDITOR: &[&str] = &[
    "*.read",
    "inject.write",
    "debug.write",
    "context.write",
    "library.write",
    "settings.write",
];
/// Of somebody who may look only: everything but `context.read` and `credentials.read`.
const VIEWER: &[&str] = &[
    "flows.read",
    "library.read",
    "nodes.read",
    "plugins.read",
    "settings.read",
    "settings.write",
    "status.read",
];

/// Identity headers in use.
#[derive(Debug)]
pub(crate) struct Identities {
    upstream: Arc<dyn Upstream>,
    kept: Mutex<HashMap<(UserName, bool), (Timestamp, HeaderValue)>>,
}

impl Identities {
    pub(super) fn new(upstream: Arc<dyn Upstream>) -> Self {
        Self {
            upstream,
            kept: Mutex::default(),
        }
    }

    /// The header for a principal at this moment.
    pub(crate) fn header(&self, principal: &Principal, now: Timestamp) -> Option<HeaderValue> {
        let is_editor = may(principal, Permission::Propose);
        let key = (principal.name.clone(), is_editor);
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, value)) = kept.get(&key)
            && (0..KEPT_MS).contains(&(now.0 - at.0))
        {
            return Some(value.clone());
        }
        let permissions = if is_editor { EDITOR } else { VIEWER };
        let text = match self.upstream.identity(&principal.name, permissions, now) {
            Ok(text) => text,
            // Without it Node-RED refuses, which is what should happen.
            Err(error) => {
                tracing::error!(%error, "a request is not told who acts");
                return None;
            }
        };
        let mut value = HeaderValue::from_str(&text).ok()?;
        value.set_sensitive(true);
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(key, (now, value.clone()));
        Some(value)
    }
}
