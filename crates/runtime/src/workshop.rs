//! All instances together.

use std::{
    collections::BTreeMap,
    future::Future,
    path::PathBuf,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use model::{
    flow::credentials::Credentials,
    id::{Hash, InstanceId},
    instance::Instance,
    palette::Palette,
};
use store::Store;
use tokio::{
    net::UnixStream,
    sync::{mpsc, oneshot, watch},
    time::timeout,
};
use tokio_util::task::TaskTracker;

use crate::{
    admin::Admin,
    board::Board,
    bridge::{Bridge, Pace, Waiting},
    folder::Folder,
    identity::Signer,
    jailer::Jailer,
    palette::Palettes,
    settings,
    status::{InstanceStatus, Phase},
    supervisor::{Ask, Shared, Supervisor},
};

mod give;

pub use give::Taken;

/// How long the last log lines may take to be written.
const STOP_TASKS_TIME: Duration = Duration::from_secs(5);

/// Why the workshop could not do as asked.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// No such instance is supervised.
    #[error("there is no instance {0}")]
    Unknown(InstanceId),
    /// It does not run.
    #[error("Node-RED of {instance} does not run: {why}")]
    NotRunning { instance: InstanceId, why: String },
    /// Node-RED answered with an error.
    #[error("Node-RED answered {status}: {message}")]
    Answered { status: u16, message: String },
    /// A file or socket failed.
    #[error("{what}: {why}")]
    Io { what: String, why: String },
}

/// What is needed to run one instance.
#[derive(Debug, Clone)]
pub struct InstancePlan {
    /// The instance with its policy.
    pub instance: Instance,
    /// Node.js' binary in its read-only tree.
    pub node: PathBuf,
    /// The root of Node.js' tree.
    pub node_tree: PathBuf,
    /// `red.js` of Node-RED in its read-only tree.
    pub entry: PathBuf,
    /// The root of Node-RED's tree.
    pub modules_tree: PathBuf,
    /// Versions, for the status.
    pub node_red_version: String,
    /// Versions, for the status.
    pub node_version: String,
    /// `<data_dir>/instances/<id>`: holds `work/` (writable in the jail), `run/` (sockets) and
    /// `settings/` (read-only in the jail).
    pub dir: PathBuf,
    /// As root: the user and group the jail becomes.
    pub user: Option<(u32, u32)>,
    /// What the canary must not be able to read or connect to.
    pub hidden: Vec<PathBuf>,
    /// Who builds the jail.
    pub jailer: Jailer,
}

/// A boxed future.
pub type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What became of a save from inside Node-RED.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// It is what was approved (or what runs already).
    Accepted,
    /// It was not approved; Node-RED is given this error and is then reloaded from the baseline.
    Refused(String),
}

/// What the storage bridge needs of the waiting room. Joined in `redkeep::wire`.
pub trait Baselines: Send + Sync + std::fmt::Debug {
    /// The flows' canonical text and all credentials Node-RED is to load.
    fn load(&self, instance: &InstanceId) -> Boxed<'_, Result<(Arc<str>, Credentials), String>>;
    /// Node-RED saves credentials (before the flows).
    fn save_credentials(
        &self,
        instance: &InstanceId,
        credentials: Credentials,
    ) -> Boxed<'_, Result<(), String>>;
    /// Node-RED saves flows.
    fn save_flows(
        &self,
        instance: &InstanceId,
        text: Vec<u8>,
        claimed: Option<String>,
    ) -> Boxed<'_, Saved>;
}

/// What the workshop tells the rest of the house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuntimeEvent {
    /// Its flows ran, and still do after their probation, with the baseline that was put to it.
    RanWell {
        instance: InstanceId,
        baseline: Hash,
    },
    /// Ended unexpectedly.
    Crashed {
        instance: InstanceId,
        reason: String,
    },
    /// Ended again and again (3 times within 3 minutes of starts without a probation passed). It is
    /// left stopped until [`Workshop::restart`].
    CrashLoop {
        instance: InstanceId,
        reason: String,
    },
    /// Redkeep could not start it three times in a row or more (a full disk, the ledger, the jailer).
    /// It goes on trying, and tells this at each attempt.
    Hindered {
        instance: InstanceId,
        reason: String,
    },
}

/// All instances together.
#[derive(Debug)]
pub struct Workshop {
    store: Store,
    signer: Signer,
    baselines: Arc<dyn Baselines>,
    events: mpsc::Sender<RuntimeEvent>,
    board: Arc<Board>,
    instances: Mutex<BTreeMap<InstanceId, Handle>>,
    palettes: Palettes,
    /// Held by the rehearsal that is under way, until all of it is gone.
    pub(crate) rehearsing: tokio::sync::Mutex<()>,
    pub(crate) tasks: TaskTracker,
}

/// What the workshop holds of one instance.
#[derive(Debug, Clone)]
struct Handle {
    asks: mpsc::Sender<Ask>,
    admin: Admin,
    shared: Arc<Shared>,
    modules_tree: PathBuf,
}

impl Workshop {
    /// A workshop without instances yet. Events go to `events`.
    pub fn new(
        store: Store,
        baselines: Arc<dyn Baselines>,
        events: mpsc::Sender<RuntimeEvent>,
    ) -> Arc<Self> {
        let signer = Signer::new(store.keyring().clone());
        Arc::new(Self {
            store,
            signer,
            baselines,
            events,
            board: Arc::new(Board::new()),
            instances: Mutex::default(),
            palettes: Palettes::default(),
            rehearsing: tokio::sync::Mutex::default(),
            tasks: TaskTracker::new(),
        })
    }

    /// Writes the instance's settings, starts its bridge and supervisor. Returns the digest of
    /// the settings file. An instance that is supervised already is stopped first and then runs by
    /// the new plan.
    pub async fn start(self: &Arc<Self>, plan: InstancePlan) -> Result<Hash, RuntimeError> {
        let id = plan.instance.id.clone();
        let former = self.lock().remove(&id);
        if let Some(former) = former {
            stop(former).await;
        }
        let folder = Folder::new(&plan);
        folder.make()?;
        let digest = settings::write(&plan, &self.signer)?;
        let shared = Arc::new(Shared::default());
        self.board.put(self.first_status(&plan));

        let clock = self.store.clock().clone();
        let admin = Admin::new(id.clone(), folder.address(), self.signer.clone(), clock);
        let (asks, asked) = mpsc::channel(4);
        let modules_tree = plan.modules_tree.clone();
        let supervisor = Supervisor {
            plan,
            admin: admin.clone(),
            bridge: Arc::new(Bridge {
                instance: id.clone(),
                baselines: self.baselines.clone(),
                store: Some(self.store.clone()),
                refused: shared.refused.clone(),
                peer_uid: folder.uid(),
                pace: Pace::default(),
                waiting: Waiting::default(),
            }),
            board: self.board.clone(),
            store: self.store.clone(),
            events: self.events.clone(),
            shared: shared.clone(),
            tasks: self.tasks.clone(),
        };
        self.tasks.spawn(supervisor.run(asked));
        self.lock().insert(
            id,
            Handle {
                asks,
                admin,
                shared,
                modules_tree,
            },
        );
        Ok(digest)
    }

    /// Waits until the instance is `Ready`, `Degraded`, or given up; at most `seconds`.
    pub async fn settled(
        &self,
        instance: &InstanceId,
        seconds: u64,
    ) -> Result<InstanceStatus, RuntimeError> {
        let mut changes = self.board.changes();
        let settled = async {
            loop {
                changes.mark_unchanged();
                let status = self.known(instance)?;
                let is_on_its_way =
                    matches!(status.phase, Phase::Starting | Phase::BackingOff { .. });
                // The board outlives this loop, so there is always another change to wait for.
                if !is_on_its_way || changes.changed().await.is_err() {
                    return Ok(status);
                }
            }
        };
        match timeout(Duration::from_secs(seconds), settled).await {
            Ok(settled) => settled,
            Err(_) => self.known(instance),
        }
    }

    /// Soft stop (SIGTERM), then hard, of all instances.
    pub async fn stop_all(&self) {
        let handles = std::mem::take(&mut *self.lock());
        futures_util::future::join_all(handles.into_values().map(stop)).await;
        self.tasks.close();
        // The log's last lines are written; a disk that hangs is not waited for.
        timeout(STOP_TASKS_TIME, self.tasks.wait()).await.ok();
        self.tasks.reopen();
    }

    /// Stops and starts one instance (also out of a crash loop). Returns when the former process
    /// has ended and the new start has begun.
    pub async fn restart(&self, instance: &InstanceId) -> Result<(), RuntimeError> {
        let handle = self.handle(instance)?;
        let (done, restarted) = oneshot::channel();
        let asked = handle.asks.send(Ask::Restart(done)).await.is_ok();
        if asked && restarted.await.is_ok() {
            Ok(())
        } else {
            Err(not_running(instance, "it was stopped"))
        }
    }

    /// The flows Node-RED says it runs (`GET /flows`), for comparison from outside. Never while it
    /// is given flows or reloads: between the two nothing is comparable.
    pub async fn running_flows(&self, instance: &InstanceId) -> Result<Vec<u8>, RuntimeError> {
        let handle = self.handle(instance)?;
        let _turn = handle.shared.turn.lock().await;
        self.up(instance)?;
        handle.admin.flows().await
    }

    /// Shows in the status that this start runs something else than the baseline, or (none) that
    /// it no longer does. Another start begins without.
    pub fn show_drift(&self, instance: &InstanceId, start: u32, what: Option<&str>) {
        let now = self.store.clock().now();
        self.board.set_drift(instance, start, what, now);
    }

    /// Shows in the status what is wrong with the files of Node.js and Node-RED on disk.
    pub fn show_damage(&self, instance: &InstanceId, what: Option<&str>) {
        let now = self.store.clock().now();
        self.board.set_damage(instance, what, now);
    }

    /// How one instance is.
    pub fn status(&self, instance: &InstanceId) -> Option<InstanceStatus> {
        self.board.get(instance)
    }

    /// How all are.
    pub fn statuses(&self) -> Vec<InstanceStatus> {
        self.board.all()
    }

    /// What the instance's packages say of their node types, read from their files.
    pub async fn palette(&self, instance: &InstanceId) -> Result<Arc<Palette>, RuntimeError> {
        let tree = self.handle(instance)?.modules_tree;
        self.palettes.of(tree).await
    }

    /// Node-RED's Unix socket, for the gate. [`Workshop::connect`] is the safer way to it.
    pub fn socket(&self, instance: &InstanceId) -> Option<PathBuf> {
        let handle = self.handle(instance).ok()?;
        Some(handle.admin.address().path().to_owned())
    }

    /// A connection to Node-RED's Unix socket, for the gate. Errors also when another user than
    /// the jail's listens there: the jail may write the folder the socket is in.
    pub async fn connect(&self, instance: &InstanceId) -> Result<UnixStream, RuntimeError> {
        let handle = self.handle(instance)?;
        let connected = handle.admin.address().connect().await;
        connected.map_err(|error| not_running(instance, &error.to_string()))
    }

    /// The digest of the settings [`Workshop::start`] would write for this plan.
    pub fn settings_digest(&self, plan: &InstancePlan) -> Hash {
        settings::digest(plan, &self.signer)
    }

    /// Makes identity headers.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    pub(crate) fn clock(&self) -> Arc<dyn model::clock::Clock> {
        self.store.clock().clone()
    }

    /// Tells whenever any status changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.board.changes()
    }

    fn first_status(&self, plan: &InstancePlan) -> InstanceStatus {
        InstanceStatus {
            id: plan.instance.id.clone(),
            node_red: plan.node_red_version.clone(),
            node: plan.node_version.clone(),
            phase: Phase::Starting,
            since: self.store.clock().now(),
            flows_run: false,
            starts: 0,
            drift: None,
            damage: None,
            memory: String::new(),
            cpu_percent: None,
            enforcement: Vec::new(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<InstanceId, Handle>> {
        self.instances
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn handle(&self, instance: &InstanceId) -> Result<Handle, RuntimeError> {
        let handle = self.lock().get(instance).cloned();
        handle.ok_or_else(|| RuntimeError::Unknown(instance.clone()))
    }

    fn known(&self, instance: &InstanceId) -> Result<InstanceStatus, RuntimeError> {
        self.board
            .get(instance)
            .ok_or_else(|| RuntimeError::Unknown(instance.clone()))
    }
}

async fn stop(handle: Handle) {
    let (done, stopped) = oneshot::channel();
    if handle.asks.send(Ask::Stop(done)).await.is_ok() {
        // The supervisor ends in any case: a soft stop has a time, a kill waits for nobody.
        stopped.await.ok();
    }
}

fn not_running(instance: &InstanceId, why: &str) -> RuntimeError {
    RuntimeError::NotRunning {
        instance: instance.clone(),
        why: why.to_owned(),
    }
}
