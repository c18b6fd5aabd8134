//! All instances together.

use std::{future::Future, path::PathBuf, pin::Pin, sync::Arc};

use model::{
    deployment::DeploymentType, flow::credentials::Credentials, id::InstanceId,
    instance::Instance,
};
use store::Store;

use crate::{identity::Signer, status::InstanceStatus};

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
    /// The program that, called with `__jail`, becomes the jailer.
    pub jailer: PathBuf,
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
    fn save_credentials(&self, instance: &InstanceId, credentials: Credentials) -> Boxed<'_, Result<(), String>>;
    /// Node-RED saves flows.
    fn save_flows(&self, instance: &InstanceId, text: Vec<u8>, claimed: Option<String>) -> Boxed<'_, Saved>;
}

/// What the workshop tells the rest of the house.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuntimeEvent {
    /// Ready, and still so after its probation (60 s without an end).
    RanWell { instance: InstanceId },
    /// Ended unexpectedly.
    Crashed { instance: InstanceId, reason: String },
    /// Ended again and again (3 times within 3 minutes of starts without a probation passed). It is
    /// left stopped until [`Workshop::restart`].
    CrashLoop { instance: InstanceId, reason: String },
}

/// All instances together.
#[derive(Debug)]
pub struct Workshop {
    store: Store,
    signer: Signer,
}

impl Workshop {
    /// A workshop without instances yet. Events go to `events`.
    pub fn new(store: Store, baselines: Arc<dyn Baselines>, events: tokio::sync::mpsc::Sender<RuntimeEvent>) -> Arc<Self> {
        let _ = (baselines, events);
        let signer = Signer::new(store.keyring().clone());
        Arc::new(Self { store, signer })
    }

    /// Writes the instance's settings, starts its bridge and supervisor. Returns the digest of
    /// the settings file.
    pub async fn start(self: &Arc<Self>, plan: InstancePlan) -> Result<model::id::Hash, RuntimeError> {
        let _ = (plan, &self.store);
        unimplemented!()
    }

    /// Waits until the instance is `Ready`, `Degraded`, or given up; at most `seconds`.
    pub async fn settled(&self, instance: &InstanceId, seconds: u64) -> Result<InstanceStatus, RuntimeError> {
        let _ = (instance, seconds);
        unimplemented!()
    }

    /// Soft stop (SIGTERM), then hard, of all instances.
    pub async fn stop_all(&self) {
        unimplemented!()
    }

    /// Stops and starts one instance (also out of a crash loop).
    pub async fn restart(&self, instance: &InstanceId) -> Result<(), RuntimeError> {
        let _ = instance;
        unimplemented!()
    }

    /// `POST /flows` to Node-RED as Redkeep itself; waits for the answer and then for the flows
    /// to be reported running.
    pub async fn give(&self, instance: &InstanceId, body: String, deployment_type: DeploymentType) -> Result<(), RuntimeError> {
        let _ = (instance, body, deployment_type);
        unimplemented!()
    }

    /// Has Node-RED load flows and credentials anew from the bridge.
    pub async fn reload(&self, instance: &InstanceId) -> Result<(), RuntimeError> {
        let _ = instance;
        unimplemented!()
    }

    /// The flows Node-RED says it runs (`GET /flows`), for comparison from outside.
    pub async fn running_flows(&self, instance: &InstanceId) -> Result<Vec<u8>, RuntimeError> {
        let _ = instance;
        unimplemented!()
    }

    /// How one instance is.
    pub fn status(&self, instance: &InstanceId) -> Option<InstanceStatus> {
        let _ = instance;
        None
    }

    /// How all are.
    pub fn statuses(&self) -> Vec<InstanceStatus> {
        Vec::new()
    }

    /// Node-RED's Unix socket, for the gate.
    pub fn socket(&self, instance: &InstanceId) -> Option<PathBuf> {
        let _ = instance;
        None
    }

    /// Makes identity headers.
    pub fn signer(&self) -> &Signer {
        &self.signer
    }

    /// Tells whenever any status changed.
    pub fn changes(&self) -> tokio::sync::watch::Receiver<u64> {
        unimplemented!()
    }
}
