//! How every instance is, for whoever asks, and a bell that rings when anything changed.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use model::{clock::Timestamp, id::InstanceId};
use tokio::sync::watch;

use crate::status::{Drift, InstanceStatus, LayerStatus, Phase};

/// How a Node-RED that answers is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Up {
    /// Its flows run, if perhaps not all of them.
    pub(crate) flows_run: bool,
    /// What is wrong.
    pub(crate) trouble: Option<String>,
}

impl Up {
    /// None of its flows run.
    pub(crate) fn halted(reason: String) -> Self {
        Self {
            flows_run: false,
            trouble: Some(reason),
        }
    }
}

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
            status.flows_run = phase == Phase::Ready;
            if status.phase != phase {
                status.phase = phase;
                status.since = now;
            }
        });
    }

    /// It is up, `Ready` or `Degraded`. With a `start`: only if it is still that run that was
    /// looked at, and up; by now another may have begun.
    pub(crate) fn set_up(&self, id: &InstanceId, start: Option<u32>, up: Up, now: Timestamp) {
        self.change(id, |status| {
            if start.is_some_and(|start| status.starts != start || !status.phase.is_up()) {
                return;
            }
            status.flows_run = up.flows_run;
            let phase = up
                .trouble
                .map_or(Phase::Ready, |reason| Phase::Degraded { reason });
            if status.phase != phase {
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

    /// How much of the machine the next run may take.
    pub(crate) fn set_limits(&self, id: &InstanceId, memory: String, cpu_percent: Option<u16>) {
        self.change(id, |status| {
            (status.memory, status.cpu_percent) = (memory, cpu_percent);
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
