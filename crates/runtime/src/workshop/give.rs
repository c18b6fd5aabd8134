//! Giving Node-RED flows, and seeing what becomes of them.

use std::time::Duration;

use model::{deployment::DeploymentType, id::InstanceId};
use tokio::time::timeout;

use super::{Workshop, not_running};
use crate::{
    RuntimeError,
    board::Up,
    comms::FlowsState,
    status::{InstanceStatus, Phase},
    supervisor::Shared,
};

/// How long Node-RED must outlive flows it was given before they count as running.
const STAYS_UP_TIME: Duration = Duration::from_secs(3);
/// How long Node-RED may take to answer anything before it is asked to reload.
const ANSWER_TIME: Duration = Duration::from_secs(10);

/// What Node-RED does with flows it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Taken {
    /// They run.
    Running,
    /// It keeps them and runs none of them, for this reason: missing node types, for one.
    Halted(String),
}

impl Workshop {
    /// `POST /flows` to Node-RED as Redkeep itself; waits for the answer and then for the flows
    /// to be reported running (or not: [`Taken::Halted`]), and a few seconds more for Node-RED to
    /// be still there. An error after Node-RED has saved (see [`crate::Baselines::save_flows`]) means that it took the flows and
    /// does not run them. At most about two minutes.
    pub async fn give(
        &self,
        instance: &InstanceId,
        body: String,
        deployment_type: DeploymentType,
    ) -> Result<Taken, RuntimeError> {
        let handle = self.handle(instance)?;
        let _turn = handle.shared.turn.lock().await;
        let start = self.up(instance)?;
        handle.shared.start_log.begin();
        let state = handle.admin.deploy(body, deployment_type).await;
        let outcome = self.outcome(instance, &handle.shared, start, state).await;
        // A crash from here on is this deployment's until a new probation is passed.
        handle.shared.given.notify_one();
        outcome
    }

    /// Has Node-RED load flows and credentials anew from the bridge, and waits as
    /// [`Workshop::give`] does. One that lives and does not answer is started anew instead: it may
    /// have no memory or no time left, and what it runs is no longer the baseline.
    pub async fn reload(&self, instance: &InstanceId) -> Result<(), RuntimeError> {
        let handle = self.handle(instance)?;
        let turn = handle.shared.turn.lock().await;
        let start = self.up(instance)?;
        if !handle.admin.answers(ANSWER_TIME).await
            && self.up(instance).is_ok_and(|now| now == start)
        {
            drop(turn);
            tracing::warn!(%instance, "Node-RED does not answer; it is started anew");
            return self.restart(instance).await;
        }
        handle.shared.start_log.begin();
        let state = handle.admin.reload().await;
        let outcome = self.outcome(instance, &handle.shared, start, state).await;
        handle.shared.given.notify_one();
        match outcome? {
            Taken::Running => Ok(()),
            Taken::Halted(reason) => Err(halted(instance, &reason)),
        }
    }

    /// The number of the present start, if Node-RED is up.
    pub(super) fn up(&self, instance: &InstanceId) -> Result<u32, RuntimeError> {
        let status = self.known(instance)?;
        if status.phase.is_up() {
            Ok(status.starts)
        } else {
            Err(down(&status))
        }
    }

    /// What became of flows that were given: they run, and Node-RED outlives them for a moment.
    async fn outcome(
        &self,
        instance: &InstanceId,
        shared: &Shared,
        start: u32,
        state: Result<FlowsState, RuntimeError>,
    ) -> Result<Taken, RuntimeError> {
        if !matches!(state, Err(RuntimeError::Answered { .. })) {
            // Node-RED hanging up means that it died; the supervisor is about to say of what.
            self.stays_up(instance, start, STAYS_UP_TIME).await?;
        }
        let up = match &state {
            Ok(FlowsState::Running) => Some(shared.running().await),
            Ok(FlowsState::Halted(reason) | FlowsState::NotLoaded(reason)) => {
                Some(Up::halted(reason.clone()))
            }
            Err(RuntimeError::NotRunning { why, .. }) => Some(Up::halted(why.clone())),
            Err(_) => None,
        };
        if let Some(up) = up {
            let now = self.store.clock().now();
            self.board.set_up(instance, Some(start), up, now);
        }
        match state? {
            FlowsState::Running => Ok(Taken::Running),
            FlowsState::Halted(reason) => Ok(Taken::Halted(reason)),
            FlowsState::NotLoaded(reason) => Err(halted(instance, &reason)),
        }
    }

    /// Watches this start for `time`; an error says what ended it.
    async fn stays_up(
        &self,
        instance: &InstanceId,
        start: u32,
        time: Duration,
    ) -> Result<(), RuntimeError> {
        let mut changes = self.board.changes();
        let ends = async {
            loop {
                changes.mark_unchanged();
                let status = self.known(instance)?;
                if status.starts != start || !status.phase.is_up() {
                    return Err(down(&status));
                }
                if changes.changed().await.is_err() {
                    return Ok(());
                }
            }
        };
        timeout(time, ends).await.unwrap_or(Ok(()))
    }
}

fn halted(instance: &InstanceId, reason: &str) -> RuntimeError {
    not_running(instance, &format!("its flows do not start: {reason}"))
}

fn down(status: &InstanceStatus) -> RuntimeError {
    let why = match &status.phase {
        Phase::Stopped => "it was stopped".to_owned(),
        Phase::Starting | Phase::Ready => "it is being started again".to_owned(),
        phase => phase.reason().unwrap_or_default().to_owned(),
    };
    not_running(&status.id, &why)
}
