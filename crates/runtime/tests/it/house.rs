//! A workshop over a temporary data directory, with a stand-in for the waiting room.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex},
    time::Duration,
};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::rt::TokioIo;
use model::{
    clock::{Clock, Timestamp},
    flow::credentials::Credentials,
    id::InstanceId,
    instance::{Instance, NodeRedMajor, Policy},
};
use registry::{
    Lock, Npmrc, Platform, Trees, Upstream, VerifiedTree, progress::Silent, upstream::Limits,
};
use runtime::{
    Baselines, Boxed, InstancePlan, RuntimeEvent, Saved, Workshop, status::InstanceStatus,
};
use store::Store;
use tokio::{net::UnixStream, sync::mpsc, time::timeout};

/// Far more than anything here takes: a test that reaches it has failed.
const PATIENCE: Duration = Duration::from_mins(2);
/// The jail's user when the tests run as root.
const JAIL_USER: (u32, u32) = (64_123, 64_123);

#[derive(Debug)]
struct RealClock;

impl Clock for RealClock {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_millisecond())
    }
}

/// What Node-RED is to load, and what it tried to save.
#[derive(Debug, Default)]
pub(crate) struct Room {
    pub(crate) flows: Mutex<String>,
    pub(crate) credentials: Mutex<Credentials>,
    pub(crate) loads: Mutex<u32>,
    /// Loads that still fail.
    pub(crate) failing: Mutex<u32>,
    /// Saves are taken (and become what is loaded next) or refused.
    pub(crate) takes: Mutex<bool>,
    pub(crate) claimed: Mutex<Vec<Option<String>>>,
}

impl Baselines for Room {
    fn load(&self, _: &InstanceId) -> Boxed<'_, Result<(Arc<str>, Credentials), String>> {
        *self.loads.lock().unwrap() += 1;
        let mut failing = self.failing.lock().unwrap();
        if *failing > 0 {
            *failing -= 1;
            return Box::pin(async { Err("the ledger is locked".to_owned()) });
        }
        let flows = self.flows.lock().unwrap().as_str().into();
        let credentials = self.credentials.lock().unwrap().clone();
        Box::pin(async move { Ok((flows, credentials)) })
    }

    fn save_credentials(
        &self,
        _: &InstanceId,
        credentials: Credentials,
    ) -> Boxed<'_, Result<(), String>> {
        let takes = *self.takes.lock().unwrap();
        if takes {
            *self.credentials.lock().unwrap() = credentials;
        }
        // The waiting room stages them and decides when the flows follow.
        Box::pin(async { Ok(()) })
    }

    fn save_flows(
        &self,
        _: &InstanceId,
        text: Vec<u8>,
        claimed: Option<String>,
    ) -> Boxed<'_, Saved> {
        self.claimed.lock().unwrap().push(claimed);
        let takes = *self.takes.lock().unwrap();
        if takes {
            *self.flows.lock().unwrap() = String::from_utf8(text).unwrap();
        }
        Box::pin(async move {
            if takes {
                Saved::Accepted
            } else {
                Saved::Refused("waits for review".into())
            }
        })
    }
}

pub(crate) struct House {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) workshop: Arc<Workshop>,
    pub(crate) room: Arc<Room>,
    pub(crate) store: Store,
    pub(crate) events: mpsc::Receiver<RuntimeEvent>,
    pub(crate) id: InstanceId,
    pub(crate) plan: InstancePlan,
}

impl House {
    /// A house whose Node-RED loads `flows`; not yet started.
    pub(crate) async fn build(major: NodeRedMajor, flows: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let id: InstanceId = "main".parse().unwrap();
        let store = Store::open(&dir.path().join("data"), Arc::new(RealClock))
            .await
            .unwrap();
        store.ensure_instance(&id, Some(major)).await.unwrap();
        let room = Arc::new(Room {
            flows: Mutex::new(flows.to_owned()),
            ..Room::default()
        });
        let (sender, events) = mpsc::channel(16);
        let workshop = Workshop::new(store.clone(), room.clone(), sender);
        let tree = tree(major).await;
        let is_root = fs::metadata(dir.path()).unwrap().uid() == 0;
        let plan = InstancePlan {
            instance: Instance {
                id: id.clone(),
                node_red: major,
                policy: Policy::default(),
            },
            node: tree.node_binary(),
            node_tree: tree.root().join("node"),
            entry: tree.node_red_entry(),
            modules_tree: tree.modules_dir(),
            node_red_version: tree.node_red_version().to_owned(),
            node_version: tree.node_version().to_owned(),
            dir: dir.path().join("instances/main"),
            user: is_root.then_some(JAIL_USER),
            hidden: vec![dir.path().join("data")],
            jailer: std::env::current_exe().unwrap().into(),
        };
        Self {
            dir,
            workshop,
            room,
            store,
            events,
            id,
            plan,
        }
    }

    /// Starts it and waits until it is ready.
    pub(crate) async fn run(&mut self) -> InstanceStatus {
        self.workshop.start(self.plan.clone()).await.unwrap();
        let status = self
            .workshop
            .settled(&self.id, PATIENCE.as_secs())
            .await
            .unwrap();
        let log = self.log().await;
        assert!(
            status.phase.is_up(),
            "Node-RED is not up: {status:#?}\n{log}"
        );
        status
    }

    /// One request to Node-RED's socket, with the identity of a user called ann if `permissions`
    /// are given.
    pub(crate) async fn ask(
        &self,
        method: &str,
        path: &str,
        permissions: Option<&[&str]>,
        body: &str,
    ) -> (u16, String) {
        let header = permissions.map(|permissions| {
            let ann = "ann".parse().unwrap();
            self.workshop
                .signer()
                .header(&ann, permissions, RealClock.now())
                .unwrap()
        });
        self.ask_as(method, path, header.as_deref(), body).await
    }

    pub(crate) async fn ask_as(
        &self,
        method: &str,
        path: &str,
        identity: Option<&str>,
        body: &str,
    ) -> (u16, String) {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", "node-red")
            .header("accept", "application/json")
            .header("content-type", "application/json")
            .header("node-red-api-version", "v2");
        if let Some(identity) = identity {
            request = request.header(runtime::identity::HEADER, identity);
        }
        let request = request
            .body(Full::new(Bytes::from(body.to_owned())))
            .unwrap();
        let stream = UnixStream::connect(self.workshop.socket(&self.id).unwrap())
            .await
            .unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        let answer = timeout(PATIENCE, sender.send_request(request))
            .await
            .unwrap()
            .unwrap();
        let status = answer.status().as_u16();
        let body = answer.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    /// Waits until `holds` after some change of a status.
    pub(crate) async fn until(&self, holds: impl Fn(&InstanceStatus) -> bool) -> InstanceStatus {
        let mut changes = self.workshop.changes();
        let wait = async {
            loop {
                changes.mark_unchanged();
                let status = self.workshop.status(&self.id).unwrap();
                if holds(&status) {
                    return status;
                }
                changes.changed().await.unwrap();
            }
        };
        let found = timeout(PATIENCE, wait).await.ok();
        found.unwrap_or_else(|| panic!("it stayed {:#?}", self.workshop.status(&self.id)))
    }

    pub(crate) async fn event(&mut self) -> RuntimeEvent {
        timeout(PATIENCE, self.events.recv())
            .await
            .expect("no event came")
            .unwrap()
    }

    /// Node-RED's own process, as the machine sees it.
    pub(crate) fn process(&self) -> u32 {
        // Not by its arguments: Node-RED writes its own title over them.
        let home = format!("HOME={}", self.plan.dir.join("work").display());
        let is_node = |pid: &u32| {
            let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            environment
                .split(|&byte| byte == 0)
                .any(|entry| entry == home.as_bytes())
        };
        let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| {
            entry
                .unwrap()
                .file_name()
                .to_str()
                .and_then(|name| name.parse().ok())
        });
        pids.into_iter()
            .find(is_node)
            .expect("Node-RED's process is not to be found")
    }

    pub(crate) async fn log(&self) -> String {
        let lines = self.store.log(&self.id, 0, 200).await.unwrap();
        let lines: Vec<_> = lines
            .into_iter()
            .map(|line| format!("{:?} {}", line.level, line.text))
            .collect();
        lines.join("\n")
    }

    pub(crate) async fn end(self) {
        self.workshop.stop_all().await;
    }
}

/// Whether any file below `dir` holds `needle`.
pub(crate) fn holds(dir: &Path, needle: &str) -> Option<PathBuf> {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        let kind = fs::symlink_metadata(&path).unwrap().file_type();
        if kind.is_dir() {
            if let Some(found) = holds(&path, needle) {
                return Some(found);
            }
        } else if kind.is_file() {
            let bytes = fs::read(&path).unwrap();
            if bytes
                .windows(needle.len())
                .any(|window| window == needle.as_bytes())
            {
                return Some(path);
            }
        }
    }
    None
}

/// Node.js and Node-RED, fetched once and then kept under `target/test-trees`.
pub(crate) async fn tree(major: NodeRedMajor) -> VerifiedTree {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/test-trees");
    fs::create_dir_all(&kept).unwrap();
    let kept = kept.canonicalize().unwrap();
    // Other crates' tests may use the same trees at the same time.
    let _lock = loop {
        match sandbox::process::lock_file(&kept.join("lock")).unwrap() {
            Some(lock) => break lock,
            None => tokio::time::sleep(Duration::from_millis(200)).await,
        }
    };
    let trees = Trees::open(&kept).unwrap();
    let lock = Lock::of(major, Platform::here().unwrap());
    let upstream = if trees.has(&lock) {
        None
    } else {
        Some(upstream())
    };
    let installed = trees
        .ensure(&lock, None, upstream.as_ref(), Arc::new(Silent))
        .await;
    installed
        .expect("Node.js and Node-RED are needed for this test")
        .tree
}

#[expect(clippy::disallowed_methods, reason = "a test is its own program")]
fn upstream() -> Upstream {
    let named = std::env::var("NPM_CONFIG_REGISTRY").ok();
    let registry = named.unwrap_or_else(|| {
        let npm = Command::new("npm")
            .args(["config", "get", "registry"])
            .output();
        let npm = npm.expect("set NPM_CONFIG_REGISTRY: there is no npm to ask for the registry");
        String::from_utf8(npm.stdout).unwrap().trim().to_owned()
    });
    let npmrc = std::env::var("HOME").ok();
    let npmrc = npmrc.and_then(|home| fs::read_to_string(Path::new(&home).join(".npmrc")).ok());
    let npmrc = Npmrc::parse(&npmrc.unwrap_or_default(), |name| std::env::var(name).ok());
    Upstream::new(npmrc.address(&registry), None, Limits::default()).unwrap()
}
