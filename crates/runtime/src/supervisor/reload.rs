//! Reloading Node-RED from the baseline after it was refused a save, or could not load it.
//!
//! Node-RED takes credentials over before it saves, and does not undo it when the save is refused:
//! a smuggled password would be live at the node's next start.

use std::time::Duration;

use tokio::time::sleep;

use super::Supervisor;
use crate::{RuntimeError, board::Up, comms::FlowsState};

/// Refused saves within this time are one.
const GATHER: Duration = Duration::from_millis(500);
/// The least time between two reloads. Doubled while a flow keeps saving what is refused: a reload
/// restarts every flow, and must not become a way to keep the plant's from running.
const PAUSE_FIRST: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_mins(5);

impl Supervisor {
    /// Reloads after refused saves; returns only when a reload failed, with the reason.
    pub(super) async fn reload_after_refusals(&self) -> String {
        let mut pause = PAUSE_FIRST;
        loop {
            self.shared.refused.notified().await;
            sleep(GATHER).await;
            let turn = self.shared.turn.lock().await;
            self.shared.start_log.begin();
            let state = self.admin.reload().await;
            let up = match state {
                Ok(FlowsState::Running) => self.shared.running().await,
                Ok(FlowsState::Halted(reason)) => Up::halted(reason),
                Ok(FlowsState::NotLoaded(reason)) => {
                    // Once more, as if another save had been refused.
                    self.shared.refused.notify_one();
                    Up::halted(reason)
                }
                // It lives, but its storage failed; a new process could not load either.
                Err(RuntimeError::Answered { message, .. }) => {
                    self.shared.refused.notify_one();
                    Up::halted(message)
                }
                // The way back to what was approved that always works is a new process.
                Err(error) => return format!("the reload after a refused save failed: {error}"),
            };
            drop(turn);
            self.board.set_up(self.id(), None, up, self.now());
            tracing::info!(instance = %self.id(), "reloaded after a refused save");
            sleep(pause).await;
            let is_again = tokio::time::timeout(pause, self.shared.refused.notified())
                .await
                .is_ok();
            if is_again {
                pause = (pause * 2).min(PAUSE_MAX);
                // Put back: the next round serves it.
                self.shared.refused.notify_one();
            } else {
                pause = PAUSE_FIRST;
            }
        }
    }
}
