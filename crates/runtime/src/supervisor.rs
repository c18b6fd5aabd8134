//! One instance's supervisor: a task that owns whether and how Node-RED runs.
//!
//! canary → jail → ready → probation → … → end → back-off → again, or crash loop.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use model::{audit::EventKind, clock::Timestamp, id::InstanceId, principal::Actor};
use sandbox::{CanaryReport, Enforcement, Layer, process::machine_memory_bytes};
use store::{LogLevel, Store};
use tokio::{
    sync::{Mutex, Notify, mpsc, oneshot},
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::{
    sync::{CancellationToken, DropGuard},
    task::TaskTracker,
};

use crate::{
    InstancePlan, RuntimeError, RuntimeEvent,
    admin::Admin,
    board::{Board, Up},
    bridge::Bridge,
    comms::FlowsState,
    folder::Folder,
    log::{self, LastWords, StartLog},
    memory::Memory,
    status::Phase,
};

mod child;
mod ends;
mod probation;
mod reload;
mod restarts;
mod watch;

use child::Jailed;
use restarts::Restarts;

/// How long Node-RED may take to answer after it was started.
const READY_TIME: Duration = Duration::from_mins(2);
/// How long its flows may then take to start.
const FLOWS_TIME: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_secs(10);
const LOG_LINES_WAITING_MAX: usize = 2000;

/// What others ask of a supervisor. The sender is answered when it is done.
#[derive(Debug)]
pub(crate) enum Ask {
    Stop(oneshot::Sender<()>),
    Restart(oneshot::Sender<()>),
}

/// What a supervisor and the workshop share about one instance.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    /// Held while Node-RED is given flows or reloads: one at a time.
    pub(crate) turn: Mutex<()>,
    /// Told when flows were given: probation begins anew.
    pub(crate) given: Notify,
    /// Told of every refused save.
    pub(crate) refused: Arc<Notify>,
    /// What the log says while flows start.
    pub(crate) start_log: Arc<StartLog>,
}

impl Shared {
    /// How Node-RED is once it reports its flows as running.
    pub(crate) async fn running(&self) -> Up {
        Up {
            flows_run: true,
            trouble: self.start_log.complaints().await,
        }
    }
}

/// Everything a supervisor works with.
#[derive(Debug)]
pub(crate) struct Supervisor {
    pub(crate) plan: InstancePlan,
    pub(crate) admin: Admin,
    pub(crate) bridge: Arc<Bridge>,
    pub(crate) board: Arc<Board>,
    pub(crate) store: Store,
    pub(crate) events: mpsc::Sender<RuntimeEvent>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) tasks: TaskTracker,
}

/// Why a run is over.
#[derive(Debug)]
enum Ended {
    Asked(Ask),
    Crashed {
        reason: String,
        passed: bool,
    },
    Refused(String),
    /// Redkeep could not start it: disk, ledger or jailer.
    Hindered(String),
}

impl Supervisor {
    /// Supervises until asked to stop, or until nobody is left to ask.
    pub(crate) async fn run(self, mut asks: mpsc::Receiver<Ask>) {
        let mut restarts = Restarts::default();
        loop {
            let ask = match self.one_run(&mut asks).await {
                Ended::Asked(ask) => Some(ask),
                Ended::Refused(reason) => {
                    self.set(Phase::Refused { reason });
                    asks.recv().await
                }
                Ended::Hindered(reason) => {
                    let wait = self.hindered(reason, &mut restarts).await;
                    tokio::select! {
                        () = sleep(wait) => continue,
                        ask = asks.recv() => ask,
                    }
                }
                Ended::Crashed { reason, passed } => {
                    match self.crashed(reason, restarts.ended(passed)).await {
                        None => asks.recv().await,
                        Some(wait) => tokio::select! {
                            () = sleep(wait) => continue,
                            ask = asks.recv() => ask,
                        },
                    }
                }
            };
            match ask {
                Some(Ask::Restart(done)) => {
                    restarts.forget();
                    // Whoever asked may have gone away meanwhile.
                    done.send(()).ok();
                }
                Some(Ask::Stop(done)) => {
                    self.set(Phase::Stopped);
                    done.send(()).ok();
                    return;
                }
                None => return self.set(Phase::Stopped),
            }
        }
    }

    async fn one_run(&self, asks: &mut mpsc::Receiver<Ask>) -> Ended {
        self.set(Phase::Starting);
        let passed = AtomicBool::new(false);
        let crashed = |reason| Ended::Crashed {
            reason,
            passed: passed.load(Ordering::Relaxed),
        };
        let _bridge = match self.prepare().await {
            Ok(bridge) => bridge,
            Err(error) => return Ended::Hindered(error.to_string()),
        };
        let plan = match self.plan_of_now().await {
            Ok(plan) => plan,
            Err(error) => return Ended::Hindered(error.to_string()),
        };
        // Before each start, not once: what the kernel grants can change while Redkeep runs.
        let checked = tokio::select! {
            checked = self.check_jail(&plan) => checked,
            Some(ask) = asks.recv() => return Ended::Asked(ask),
        };
        if let Err(reason) = checked {
            return Ended::Refused(reason);
        }
        let (mut jailed, last_words) = match self.start(&plan).await {
            Ok(started) => started,
            Err(reason) => return Ended::Hindered(reason),
        };
        let ended = tokio::select! {
            reason = jailed.ended() => return crashed(last_words.explain(reason).await),
            ask = asks.recv() => ask.map(Ended::Asked),
            reason = self.live(&passed) => {
                jailed.kill().await;
                return crashed(reason);
            }
        };
        jailed.stop().await;
        ended.unwrap_or_else(|| Ended::Asked(Ask::Stop(oneshot::channel().0)))
    }

    /// Clears what the former run left, and opens the storage bridge for this one. Anew for each
    /// run: the jail may have removed its socket, and must not be able to keep from coming back.
    async fn prepare(&self) -> Result<DropGuard, RuntimeError> {
        let folder = Folder::new(&self.plan);
        let clearing = folder.clone();
        let cleared = tokio::task::spawn_blocking(move || {
            clearing.make()?;
            clearing.clear()
        });
        cleared.await.unwrap_or_else(|error| {
            Err(RuntimeError::Io {
                what: "cannot clear the work folder".to_owned(),
                why: error.to_string(),
            })
        })?;
        let close = CancellationToken::new();
        self.bridge
            .clone()
            .open(&folder, close.clone(), &self.tasks)?;
        Ok(close.drop_guard())
    }

    /// The jail by the policy as it is now: a rule that was changed holds from the next start of
    /// Node-RED, not of Redkeep.
    async fn plan_of_now(&self) -> Result<InstancePlan, store::StoreError> {
        let mut plan = self.plan.clone();
        plan.instance.policy = self.store.instance(self.id()).await?.policy;
        let memory = Memory::of(&plan.instance.policy, machine_memory_bytes());
        let cpu_percent = plan.instance.policy.cpu_percent.map(Into::into);
        self.board
            .set_limits(self.id(), memory.limit.to_string(), cpu_percent);
        Ok(plan)
    }

    /// Has the canary try everything that must be denied. `Err` says what it could do.
    async fn check_jail(&self, plan: &InstancePlan) -> Result<(), String> {
        let id = self.id();
        let failure = match child::canary(plan).await {
            Ok((enforcement, report)) => {
                self.board
                    .set_enforcement(id, crate::status::layers(&enforcement));
                match verdict(&enforcement, &report) {
                    Ok(()) => return Ok(()),
                    Err(why) => why,
                }
            }
            Err(why) => why,
        };
        let detail = serde_json::json!({ "reason": failure });
        self.record(EventKind::CanaryFailed, detail).await;
        Err(failure)
    }

    async fn start(&self, plan: &InstancePlan) -> Result<(Jailed, LastWords), String> {
        let (jailed, enforcement, output) = Jailed::start(plan).await?;
        self.board
            .set_enforcement(self.id(), crate::status::layers(&enforcement));
        self.shared.start_log.begin();
        let (lines, kept) = mpsc::channel(LOG_LINES_WAITING_MAX);
        let clock = self.store.clock();
        let start_log = self.shared.start_log.clone();
        self.tasks.spawn(log::read(
            output.stdout,
            LogLevel::Info,
            clock.clone(),
            move |level, text| start_log.see(level, text),
            lines.clone(),
        ));
        let memory = Memory::of(&plan.instance.policy, machine_memory_bytes());
        let (last_words, mut hears) = LastWords::new(Some(memory.limit.bytes()));
        let errors = log::read(
            output.stderr,
            LogLevel::Error,
            clock.clone(),
            move |_, text| hears.see(text),
            lines,
        );
        self.tasks.spawn(errors);
        self.tasks
            .spawn(log::keep(self.store.clone(), self.id().clone(), kept));
        Ok((jailed, last_words))
    }

    /// From started to well, and then for as long as it is; returns what made it not so.
    async fn live(&self, passed: &AtomicBool) -> String {
        if timeout(READY_TIME, self.answers()).await.is_err() {
            return format!(
                "Node-RED did not answer within {} seconds",
                READY_TIME.as_secs()
            );
        }
        let up = match self.admin.flows_state(FLOWS_TIME).await {
            Ok(FlowsState::Running) => self.shared.running().await,
            Ok(FlowsState::Halted(reason)) | Err(reason) => Up::halted(reason),
            Ok(FlowsState::NotLoaded(reason)) => {
                // It would stay up without flows. What kept them may be over in a moment.
                self.shared.refused.notify_one();
                Up::halted(reason)
            }
        };
        self.board.set_up(self.id(), None, up, self.now());
        self.record(EventKind::InstanceReady, serde_json::json!({}))
            .await;
        tokio::select! {
            reason = watch::hangs(POLL, || self.is_well()) => reason,
            reason = self.reload_after_refusals() => reason,
            never = probation::probation(passed, &self.shared.given, self) => match never {},
        }
    }

    async fn answers(&self) {
        let mut tick = interval(Duration::from_millis(100));
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if self.admin.answers(POLL).await {
                return;
            }
        }
    }

    async fn is_well(&self) -> bool {
        // A large deployment keeps Node-RED's only thread busy: that is not hanging.
        let is_given = self.shared.turn.try_lock().is_err();
        is_given || self.admin.answers(POLL).await
    }

    fn id(&self) -> &InstanceId {
        &self.plan.instance.id
    }

    fn now(&self) -> Timestamp {
        self.store.clock().now()
    }

    fn after(&self, wait: Duration) -> Timestamp {
        Timestamp(self.now().0 + i64::try_from(wait.as_millis()).unwrap_or(0))
    }

    fn set(&self, phase: Phase) {
        self.board.set_phase(self.id(), phase, self.now());
    }

    /// Never waits here: whoever listens may at this moment be asking this supervisor something.
    fn tell(&self, event: RuntimeEvent) {
        if let Err(mpsc::error::TrySendError::Full(event)) = self.events.try_send(event) {
            let events = self.events.clone();
            // Fails only when Redkeep is stopping and nobody listens any more.
            self.tasks
                .spawn(async move { events.send(event).await.ok() });
        }
    }

    /// Whether it could be recorded.
    async fn record(&self, kind: EventKind, detail: serde_json::Value) -> bool {
        let id = self.id();
        let subject = format!("instance {id}");
        let recorded = self
            .store
            .record(kind, &Actor::System, Some(id), &subject, detail)
            .await;
        if let Err(error) = &recorded {
            tracing::error!(%error, instance = %id, "an event could not be recorded");
        }
        recorded.is_ok()
    }
}

/// Whether Node-RED may be started in this jail. What is lacking beyond this is listed in the
/// status and decided by people.
fn verdict(enforcement: &Enforcement, report: &CanaryReport) -> Result<(), String> {
    let has = |layer| enforcement.of(layer).is_there();
    // Without both of these, nothing keeps Node-RED from the keys and from its own settings.
    if !has(Layer::MountNamespace) && !has(Layer::Landlock) {
        return Err(
            "there is neither a mount namespace nor Landlock: Node-RED would see every \
                    file; use a kernel with Landlock (5.13 or newer) or allow user namespaces"
                .to_owned(),
        );
    }
    if report.passed() {
        return Ok(());
    }
    let could: Vec<_> = report.failures().map(|found| found.what.as_str()).collect();
    Err(format!(
        "the jail does not hold; from inside it was possible: {}",
        could.join("; ")
    ))
}

#[cfg(test)]
mod tests {
    use sandbox::{Finding, Outcome, enforcement::Status};

    use super::*;

    fn with(layer: Layer) -> Enforcement {
        let mut enforcement = Enforcement::default();
        enforcement.layers.insert(layer, Status::Enforced);
        enforcement
    }

    fn found(outcome: Outcome) -> CanaryReport {
        CanaryReport {
            findings: vec![Finding {
                what: "read the keys".into(),
                outcome,
            }],
        }
    }

    #[test]
    fn nothing_starts_in_a_jail_without_walls() {
        let denied = found(Outcome::Denied("EACCES".into()));
        assert!(verdict(&with(Layer::Seccomp), &denied).is_err());
        assert_eq!(verdict(&with(Layer::Landlock), &denied), Ok(()));
        assert_eq!(verdict(&with(Layer::MountNamespace), &denied), Ok(()));
    }

    #[test]
    fn what_the_canary_could_do_is_named() {
        let could = found(Outcome::Succeeded("it was possible".into()));
        let why = verdict(&with(Layer::Landlock), &could).unwrap_err();
        assert!(why.ends_with("read the keys"), "{why}");
        assert!(verdict(&with(Layer::Landlock), &CanaryReport::default()).is_err());
    }
}
