//! How every instance is, for whoever asks, and a bell that rings when anything changed.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::{clock::Timestamp, id::InstanceId};
use tokio::sync::watch;

use crate::status::{Drift, InstanceStatus, LayerStatus, Phase};

/// The statuses of all instances.
#[derive(Debug)]
pub(crate) struct Board {
    statuses: Mutex<BTreeMap<InstanceId, InstanceStatus>>,
    changes: watch::Sender<u64>,
}

impl Board {
    pub(crate) fn new() -> Self {
        Self {
            statuses: Mutex::default(),
            changes: watch::Sender::new(0),
        }
    }

    /// Puts a new instance up.
    pub(crate) fn put(&self, status: InstanceStatus) {
        self.lock().insert(status.id.clone(), status);
        self.ring();
    }

    pub(crate) fn get(&self, id: &InstanceId) -> Option<InstanceStatus> {
        self.lock().get(id).cloned()
    }

    pub(crate) fn all(&self) -> Vec<InstanceStatus> {
        self.lock().values().cloned().collect()
    }

    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// The instance is in another phase from `now` on. Going to `Starting` counts as a start.
    pub(crate) fn set_phase(&self, id: &InstanceId, phase: Phase, now: Timestamp) {
        self.change(id, |status| {
            if phase == Phase::Starting {
                status.starts = status.starts.saturating_add(1);
                // A new process begins from the baseline.
                status.drift = None;
            }
            if status.phase != phase {
                status.phase = phase;
                status.since = now;
            }
        });
    }

    /// Like [`Board::set_phase`] between `Ready` and `Degraded`, and only for the run that was
    /// looked at: by now another may have begun.
    pub(crate) fn set_running(&self, id: &InstanceId, start: u32, phase: Phase, now: Timestamp) {
        self.change(id, |status| {
            if status.starts == start && status.phase.is_up() && status.phase != phase {
                status.phase = phase;
                status.since = now;
            }
        });
    }

    /// What this run was found to run in place of the baseline; none: it is the baseline.
    pub(crate) fn set_drift(
        &self,
        id: &InstanceId,
        start: u32,
        what: Option<&str>,
        now: Timestamp,
    ) {
        self.change(id, |status| {
            if status.starts != start {
                return;
            }
            status.drift = noted(status.drift.take(), what, now);
        });
    }

    /// What was found wrong with the files on disk; none: nothing is.
    pub(crate) fn set_damage(&self, id: &InstanceId, what: Option<&str>, now: Timestamp) {
        self.change(id, |status| {
            status.damage = noted(status.damage.take(), what, now);
        });
    }

    pub(crate) fn set_enforcement(&self, id: &InstanceId, layers: Vec<LayerStatus>) {
        self.change(id, |status| status.enforcement = layers);
    }

    fn change(&self, id: &InstanceId, change: impl FnOnce(&mut InstanceStatus)) {
        if let Some(status) = self.lock().get_mut(id) {
            change(status);
        }
        self.ring();
    }

    fn ring(&self) {
        self.changes
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<InstanceId, InstanceStatus>> {
        self.statuses.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The note that is shown from now on: as old as the one before.
fn noted(before: Option<Drift>, what: Option<&str>, now: Timestamp) -> Option<Drift> {
    let since = before.map_or(now, |before| before.since);
    let what = what?.to_owned();
    Some(Drift { what, since })
}
