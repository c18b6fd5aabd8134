//! The main job: from nothing to a guarded Node-RED.
//!
//! lock the data directory → bind the doors → leave root's rights to the broker → start the process that holds the keys → open the
//! ledger → install → recover → start every instance → open the doors → watch, until told to stop. Nothing is served before the
//! queue is recovered, and no Node-RED starts that could be reached past the gate.

mod announce;
mod certificates;
mod chronicle;
mod clients;
mod doors;
mod events;
mod handover;
mod install;
mod mail;
mod memory;
mod one;
mod providers;
mod rehearsals;
pub(crate) mod secrets;
mod shelves;
mod sockets;
mod watch;

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::Context as _;
use deploy::Deployments;
use history::History;
use keys::Keyring;
use model::{
    audit::EventKind, baseline::Baseline, flow::credentials::Credentials, id::Hash,
    principal::Actor,
};
use registry::Trees;
use runtime::{InstancePlan, Jailer, RuntimeEvent, Workshop};
use sandbox::{process::FileLock, users};
use serde_json::json;
use store::{BaselineContent, Store};
use tokio::sync::mpsc;
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    broker::{Rights, begin::leave_root},
    clock::SystemClock,
    config::{Config, Overrides},
    control,
    exit::{self, Exit, Failure},
    terminal, wire,
};
use handover::{Offer, Predecessor, Successor};
use one::{hold, open_lock};
use sockets::Sockets;

/// Runs until SIGTERM or SIGINT, or until another takes over. `take_over`: the sockets come from the
/// Redkeep that runs, which ends then. This process must have one thread.
pub(crate) fn up(
    data_dir: PathBuf,
    over: Overrides,
    take_over: bool,
    json: bool,
) -> Result<Exit, Failure> {
    announce::log_to_stderr(json);
    let mut config = Config::load(data_dir, over)
        .map_err(|error| Failure::new(Exit::Usage, exit::told(&error)))?;
    let lock = open_lock(&config)?;
    let asked = if take_over {
        Predecessor::ask(&config.data_dir)?
    } else {
        None
    };
    let (before, sockets) = if let Some((before, sockets)) = asked {
        (Some(before), sockets)
    } else {
        hold(&lock, &config)?;
        (None, Sockets::inherited()?)
    };
    // While low ports can still be had.
    doors::listen(&config, &sockets)?;
    let lock = lock.let_go_last()?;
    let rights = leave_root(&mut config, &lock)?;
    sandbox::process::disable_core_dumps_and_tracing()
        .context("this process could not be made unreadable to others")?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(
        &config,
        &Arc::new(sockets),
        rights,
        before,
        &lock,
        json,
    ))
}

/// Serves, until it is to stop or another has taken over; again, if that one does not become ready.
async fn serve(
    config: &Config,
    sockets: &Arc<Sockets>,
    rights: Option<Arc<Rights>>,
    mut before: Option<Predecessor>,
    lock: &FileLock,
    json: bool,
) -> Result<Exit, Failure> {
    if let Some(before) = &before {
        // What fails here changes nothing.
        install::prepare(config).await?;
        tokio::task::block_in_place(|| before.go())?;
        hold(lock, config)?;
    }
    loop {
        let (outcome, successor) =
            once(config, sockets, rights.clone(), before.take(), json).await?;
        let Some(successor) = successor else {
            return Ok(outcome);
        };
        lock.let_go()?;
        let mut signals = announce::Signals::catch()?;
        let followed = tokio::select! {
            followed = successor.follows() => followed,
            () = signals.wait() => return Ok(Exit::Done),
        };
        if followed {
            terminal::say("handed over to the new Redkeep");
            return Ok(Exit::Done);
        }
        hold(lock, config)?;
        terminal::say("the new Redkeep did not become ready; this one goes on");
    }
}

/// Serves once: until it is to stop, or another says that it takes over. `before`: the one that waits to
/// hear that this one is ready.
async fn once(
    config: &Config,
    sockets: &Arc<Sockets>,
    rights: Option<Arc<Rights>>,
    before: Option<Predecessor>,
    json: bool,
) -> Result<(Exit, Option<Successor>), Failure> {
    let config = config.clone();
    let keeper = secrets::start(&config, rights.as_ref())?;
    let keyring = Keyring::kept(keeper.clone())?;
    let store = Store::open_with(&config.data_dir, Arc::new(SystemClock), keyring).await?;
    let doors = doors::Doors::on(sockets, &config, keeper)?;
    sockets.settle()?;
    let instances = config.instances.iter().map(|it| it.id.to_string());
    let hosts = [config.name.clone(), config.console_name.clone()];
    store.set_site_words(instances.chain(hosts).collect());
    let control = control::bind(&config.data_dir)?;
    let offer = Offer::open(&config.data_dir, sockets.clone())?;

    let node_red = Arc::new(wire::NodeRed::default());
    let deployments = Deployments::new(store.clone(), node_red.clone());
    let (tell, events) = mpsc::channel(256);
    let bridge = Arc::new(wire::Bridge(deployments.clone()));
    let workshop = Workshop::new(store.clone(), bridge, tell);
    node_red.join(&workshop);

    let trees = Trees::open(&config.data_dir)?;
    // From here on a signal is heard, also while packages are fetched: whoever reads that Redkeep
    // is ready may stop it in the same moment.
    let mut signals = announce::Signals::catch()?;
    let (plans, shelves) = tokio::select! {
        plans = plan(&config, rights.as_ref(), &store, &trees, &workshop) => plans?,
        () = signals.wait() => {
            terminal::say("stopped before it was started; the next start goes on from here");
            return Ok((Exit::Done, None));
        }
    };
    let recovered = deployments.recover().await?;
    if recovered > 0 {
        terminal::say(&format!(
            "{recovered} interrupted deployments are approved again, not applied"
        ));
    }
    let detail = json!({ "version": env!("CARGO_PKG_VERSION") });
    store
        .record(EventKind::Started, &Actor::System, None, "redkeep", detail)
        .await?;

    let history = History::new(store.clone(), config.data_dir.join("instances"));
    let stop = CancellationToken::new();
    let tasks = TaskTracker::new();
    let house = House {
        config,
        rights,
        store,
        deployments,
        workshop,
        history,
        trees,
        shelves,
        stop,
        tasks,
    };
    let live = house.live(doors, control, plans, events, before, json);
    let outcome = tokio::select! {
        outcome = live => outcome.map(|exit| (exit, None)),
        successor = offer.taken() => {
            terminal::say("a new Redkeep takes over");
            Ok((Exit::Done, Some(successor)))
        }
        () = signals.wait() => {
            terminal::say("stopping");
            Ok((Exit::Done, None))
        }
    };
    house.close(matches!(outcome, Ok((_, Some(_))))).await;
    outcome
}

/// Everything that is there while Redkeep runs.
#[derive(Debug)]
struct House {
    config: Config,
    /// Started as root: the way to the process that kept its rights.
    rights: Option<Arc<Rights>>,
    store: Store,
    deployments: Deployments,
    workshop: Arc<Workshop>,
    history: History,
    trees: Trees,
    shelves: shelves::Shelves,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl House {
    async fn live(
        &self,
        doors: doors::Doors,
        control: tokio::net::UnixListener,
        plans: Vec<InstancePlan>,
        events: mpsc::Receiver<RuntimeEvent>,
        before: Option<Predecessor>,
        json: bool,
    ) -> Result<Exit, Failure> {
        let addresses = doors.addresses.clone();
        let ca_pem = doors.ca_pem();
        let origin = addresses.console_origin.clone();
        let mail = self.config.mail.clone();
        let post = mail.map(|mail| mail::Sender::new(mail, self, origin));
        announce::unknown_roles(self).await?;
        let providers = providers::Desk::open(&self.config.oidc, &addresses.console_origin)?;
        let context = doors.open(self, post.as_ref(), providers.as_ref())?;
        let router = console::control_router(context);
        let served = control::serve(control, router, self.stop.clone(), self.tasks.clone());
        self.tasks.spawn(served);
        events::spawn(self, events);
        if let Some(post) = post {
            post.spawn(self);
        }
        if let Some(providers) = providers {
            providers.spawn(self);
        }
        for plan in &plans {
            self.workshop.start(plan.clone()).await?;
        }
        watch::spawn(self, &plans);
        chronicle::spawn(self, &plans);
        for plan in &plans {
            let status = self
                .workshop
                .settled(&plan.instance.id, SETTLE_SECONDS)
                .await?;
            announce::instance(&status);
        }
        rehearsals::spawn(self, plans);
        if let Some(before) = before {
            before.ready()?;
        }
        announce::ready(self, &addresses, &ca_pem, json).await?;
        self.shelves.spawn_filling(self)?;
        memory::spawn(self);
        std::future::pending().await
    }

    /// Stops in order: no new requests, then Node-RED, then the rest. Where another `follows`, Node-RED
    /// goes last, so that requests under way get their answer.
    async fn close(&self, follows: bool) {
        self.stop.cancel();
        self.tasks.close();
        if follows {
            self.end_tasks().await;
            self.workshop.stop_all().await;
        } else {
            self.workshop.stop_all().await;
            self.end_tasks().await;
        }
        let detail = json!({});
        let stopped =
            self.store
                .record(EventKind::Stopped, &Actor::System, None, "redkeep", detail);
        if let Err(error) = stopped.await {
            tracing::error!(%error, "the stop could not be recorded");
        }
        if follows {
            // The next one opens the same files.
            self.store.close().await;
        }
    }

    async fn end_tasks(&self) {
        let ended = tokio::time::timeout(CLOSE_TIME, self.tasks.wait()).await;
        if ended.is_err() {
            tracing::warn!("some connections were still open and are cut");
        }
    }
}

/// How long the start of an instance is waited for before the addresses are shown all the same.
const SETTLE_SECONDS: u64 = 90;

/// How long open connections are given at the end.
const CLOSE_TIME: Duration = Duration::from_secs(10);

/// Installs what the instances need and makes the first baseline of new ones.
async fn plan(
    config: &Config,
    rights: Option<&Arc<Rights>>,
    store: &Store,
    trees: &Trees,
    workshop: &Workshop,
) -> Result<(Vec<InstancePlan>, shelves::Shelves), Failure> {
    let mut plans = Vec::new();
    let mut shelves = shelves::Shelves::new(&config.data_dir);
    for (place, section) in config.instances.iter().enumerate() {
        let instance = store.ensure_instance(&section.id, section.node_red).await?;
        let tree = install::tree(config, store, trees, &instance).await?;
        shelves.add(&section.id, &tree);
        let dir = config.data_dir.join("instances").join(section.id.as_str());
        let user = rights.map(|_| users::instance(place));
        let plan = InstancePlan {
            node: tree.node_binary(),
            node_tree: tree.root().join("node"),
            entry: tree.node_red_entry(),
            modules_tree: tree.modules_dir(),
            node_red_version: tree.node_red_version().to_owned(),
            node_version: tree.node_version().to_owned(),
            dir,
            user: user.map(|it| (it.uid, it.gid)),
            hidden: hidden(&config.data_dir),
            jailer: rights.map_or_else(
                || Jailer::Own(PathBuf::from("/proc/self/exe")),
                Rights::jailer,
            ),
            instance,
        };
        ensure_baseline(store, &plan, tree.digest(), workshop.settings_digest(&plan)).await?;
        plans.push(plan);
    }
    install::prune(config, store, trees).await?;
    Ok((plans, shelves))
}

/// What no jail may see of the data directory.
pub(crate) fn hidden(data_dir: &Path) -> Vec<PathBuf> {
    let names = [
        "keys",
        "tls",
        "acme",
        "redkeep.db",
        "run/control.sock",
        "run/handover.sock",
        "redkeep.lock",
    ];
    names.iter().map(|name| data_dir.join(name)).collect()
}

/// Every user a Node-RED runs as, rehearsals too; none where all runs as the one who started it.
pub(crate) fn jail_users() -> Vec<u32> {
    if sandbox::process::is_root() {
        users::jails().collect()
    } else {
        Vec::new()
    }
}

/// The user the doors belong to.
pub(crate) fn door_user() -> u32 {
    if sandbox::process::is_root() {
        users::REDKEEP.uid
    } else {
        sandbox::process::own_uid()
    }
}

/// The platform an instance runs on, in its baseline: made with the first flows, none, for a new
/// instance; replaced when Redkeep brings another.
async fn ensure_baseline(
    store: &Store,
    plan: &InstancePlan,
    modules: Hash,
    settings: Hash,
) -> Result<(), Failure> {
    let id = &plan.instance.id;
    let (flows, credentials) = match store.baseline(id).await? {
        Some(present) => (present.flows, present.credentials),
        None => ("[]".into(), Credentials::default()),
    };
    let baseline = Baseline {
        flows: Hash::of(flows.as_bytes()),
        credentials: store.credentials_digest(&credentials)?,
        settings,
        modules,
        node_red: plan.node_red_version.clone(),
        node: plan.node_version.clone(),
    };
    // The same platform again changes nothing and is not recorded.
    let content = BaselineContent {
        baseline,
        flows,
        credentials,
    };
    Ok(store.set_platform_baseline(id, &content).await?)
}
