//! What is recorded, told and shown when Node-RED ended, or could not be started.

use std::time::Duration;

use model::audit::EventKind;

use super::{
    Supervisor,
    restarts::{Next, Restarts},
};
use crate::{RuntimeEvent, status::Phase};

impl Supervisor {
    /// Shows what keeps it from being started, and alerts people once it does so again and again.
    /// Not counted as an end. How long to wait before the next attempt.
    pub(super) async fn hindered(&self, reason: String, restarts: &mut Restarts) -> Duration {
        tracing::error!(instance = %self.id(), reason, "Node-RED could not be started");
        let wait = restarts.hindered();
        let reason = format!("Redkeep could not start it: {reason}");
        self.set(Phase::BackingOff {
            reason: reason.clone(),
            until: self.after(wait),
        });
        if restarts.is_stuck() {
            // Flows on probation may be what fills the disk. Told at each attempt: what follows from
            // it can be hindered too.
            self.tell(RuntimeEvent::Hindered {
                instance: self.id().clone(),
                reason: reason.clone(),
            });
            let detail = serde_json::json!({ "reason": reason });
            // A full disk may keep this out of the ledger too: then at the next attempt once more.
            if !restarts.was_told() && self.record(EventKind::InstanceCrashLoop, detail).await {
                restarts.tell();
            }
        }
        wait
    }

    /// Records and tells an end; how long to wait before the next start, if there is one.
    pub(super) async fn crashed(&self, reason: String, next: Next) -> Option<Duration> {
        let instance = self.id().clone();
        tracing::warn!(%instance, reason, "Node-RED ended");
        let detail = serde_json::json!({ "reason": reason });
        self.record(EventKind::InstanceCrashed, detail.clone())
            .await;
        self.tell(RuntimeEvent::Crashed {
            instance: instance.clone(),
            reason: reason.clone(),
        });
        match next {
            Next::After(wait) => {
                let until = self.after(wait);
                self.set(Phase::BackingOff { reason, until });
                Some(wait)
            }
            Next::GiveUp => {
                self.set(Phase::CrashLoop {
                    reason: reason.clone(),
                });
                self.record(EventKind::InstanceCrashLoop, detail).await;
                self.tell(RuntimeEvent::CrashLoop { instance, reason });
                None
            }
        }
    }
}
