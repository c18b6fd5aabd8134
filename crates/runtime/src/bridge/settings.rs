//! Node-RED's settings blob: read, saved, and written no more often than the disk is to bear.
//!
//! Node-RED saves a blob once and does not try again, so one that comes too early waits here, where
//! the next takes its place, until a write is due or the bridge closes.

use std::sync::Arc;

use bytes::Bytes;
use http::StatusCode;
use store::{Store, StoreError};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::{Answer, Bridge, Refusal, blob, done, json, pace::WRITE_EVERY};

/// The store's name for it.
pub(super) const SETTINGS: &str = "settings";

/// The newest blob that was not written yet, as it came: to read it as JSON is work, which a flood
/// must not cause. Locked while one is written, so that an older never follows a newer.
pub(crate) type Waiting = tokio::sync::Mutex<Option<Bytes>>;

impl Bridge {
    pub(super) async fn settings(&self) -> Answer {
        let Some(store) = &self.store else {
            return Ok(json("{}".into()));
        };
        let waiting = self.waiting.lock().await;
        if let Some(Ok(blob)) = waiting.as_deref().map(blob::harmless) {
            return Ok(json(blob.into()));
        }
        let stored = store.runtime_document(&self.instance, SETTINGS).await;
        let stored = stored.map_err(|error| self.failed(&error))?;
        let harmless = stored
            .as_deref()
            .and_then(|text| blob::harmless(text.as_bytes()).ok());
        Ok(json(harmless.unwrap_or_else(|| "{}".to_owned()).into()))
    }

    pub(super) async fn save_settings(&self, text: Bytes) -> Answer {
        let Some(store) = &self.store else {
            return Ok(done());
        };
        let mut waiting = self.waiting.lock().await;
        if !self.pace.may_write() {
            *waiting = Some(text);
            return Ok(done());
        }
        let harmless = blob::harmless(&text)
            .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
        *waiting = None;
        let saved = self.write(store, &harmless).await;
        saved.map_err(|error| self.failed(&error))?;
        Ok(done())
    }

    /// Writes what waits whenever it may, until `stop`.
    pub(super) async fn write_waiting(self: Arc<Self>, stop: CancellationToken) {
        let mut tick = interval(WRITE_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                _ = tick.tick() => {}
            }
            if self.waiting.lock().await.is_some() && self.pace.may_write() {
                self.write_now().await;
            }
        }
    }

    /// Writes what waits. What cannot be written goes on waiting.
    pub(super) async fn write_now(&self) {
        let mut waiting = self.waiting.lock().await;
        let (Some(store), Some(text)) = (&self.store, waiting.as_deref()) else {
            return;
        };
        // Malformed, it has no right to the place of what was stored.
        if let Ok(harmless) = blob::harmless(text)
            && let Err(error) = self.write(store, &harmless).await
        {
            self.failed(&error);
            return;
        }
        *waiting = None;
    }

    async fn write(&self, store: &Store, blob: &str) -> Result<(), StoreError> {
        store
            .set_runtime_document(&self.instance, SETTINGS, blob)
            .await
    }
}
