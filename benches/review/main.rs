//! What a page of a review costs: the first page, a step, the confirmation, the picture, of flows in
//! which one entry of a hundred differs; through the console's own router, as a browser gets them.
//!
//! `cargo run --release -p house-benches --bin review`
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "what it measures is its output")]

use std::{fs, sync::Arc, time::Instant};

use anyhow::{Context as _, Result, ensure};
use axum::{
    Router,
    body::Body,
    http::{Request, header},
};
use clap::Parser;
use console::{Addresses, Context};
use deploy::{Deployments, FlowTarget, Proposed, Submission, Taken, futures::Given};
use house_benches::{
    Table,
    generate::{TAB, Version, flow},
    short,
};
use http_body_util::BodyExt as _;
use model::{
    access::Role,
    baseline::Baseline,
    clock::{FixedClock, Timestamp},
    deployment::{DeploymentType, Origin},
    flow::{Flows, Limits, credentials::Credentials},
    id::{Hash, InstanceId},
    principal::Actor,
};
use store::{BaselineContent, NewUser, Secret, SessionKind, Store};
use tower::ServiceExt as _;

/// Times the pages of a review.
#[derive(Debug, Parser)]
struct Args {
    /// Entries of the flow
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000")]
    nodes: Vec<u64>,
    /// Runs of each page while it is warm; the median counts
    #[arg(long, default_value_t = 9)]
    runs: usize,
    /// Every node is new, instead of one of a hundred being another
    #[arg(long)]
    all_new: bool,
}

/// A Node-RED nothing is ever given to.
#[derive(Debug)]
struct Nobody;

impl FlowTarget for Nobody {
    fn give(&self, _: &InstanceId, _: String, _: DeploymentType) -> Given<'_, Taken> {
        Box::pin(std::future::ready(Err("there is none".to_owned())))
    }

    fn reload(&self, _: &InstanceId) -> Given<'_, ()> {
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A ledger with one proposal, and somebody who looks at it.
struct House {
    store: Store,
    session: String,
}

/// One page, cold (nothing kept) and warm, and its bytes.
struct Page {
    path: String,
    cold: f64,
    warm: f64,
    /// The longest of the warm runs.
    worst: f64,
    bytes: usize,
    packed: usize,
}

#[tokio::main]
async fn main() -> Result<()> {
    let args = Args::parse();
    println!(
        "Milliseconds from request to last byte; warm is the median of {}. Bytes as served (gzip).",
        args.runs
    );
    for nodes in &args.nodes {
        measure(*nodes, &args).await?;
    }
    Ok(())
}

async fn measure(nodes: u64, args: &Args) -> Result<()> {
    let folder = tempfile::tempdir().context("a temporary folder")?;
    let first = if args.all_new {
        "[]".to_owned()
    } else {
        flow(nodes, TAB, Version::First)
    };
    let second = flow(nodes, TAB, Version::Second);
    let size = second.len();
    let house = House::new(folder.path(), &first, &second).await?;
    drop((first, second));
    let before = resident()?;
    let kept = house.router();
    let pages = [
        "/deployments/1",
        "/deployments/1/steps/1",
        "/deployments/1/steps/7",
        "/deployments/1/confirm",
        "/deployments/1/together/changed",
        "/api/v1/deployments/1/picture.svg",
    ];
    let mut rows = Vec::new();
    house.get(&kept, pages[0], true).await?;
    let after = resident()?;
    for path in pages {
        // A room that has read nothing yet.
        let (cold, _) = house.get(&house.router(), path, true).await?;
        house.get(&kept, path, true).await?;
        let mut times = Vec::with_capacity(args.runs);
        let mut packed = 0;
        for _ in 0..args.runs {
            let (time, bytes) = house.get(&kept, path, true).await?;
            times.push(time);
            packed = bytes;
        }
        times.sort_by(f64::total_cmp);
        let (_, bytes) = house.get(&kept, path, false).await?;
        rows.push(Page {
            path: path.replace("/deployments/1", "…").replace("/api/v1", ""),
            cold,
            warm: times.get(times.len() / 2).copied().unwrap_or_default(),
            worst: times.last().copied().unwrap_or_default(),
            bytes,
            packed,
        });
    }
    show(nodes, size, &rows);
    println!(
        "\nResident before the first page {} MB, after it {} MB; flows {} MB each; peak {} MB.",
        before >> 20,
        after >> 20,
        size >> 20,
        status("VmHWM")? >> 20
    );
    Ok(())
}

fn show(nodes: u64, size: usize, rows: &[Page]) {
    println!("\n{nodes} nodes, {} kB", size / 1000);
    let table = Table::begin(&[
        "page",
        "cold ms",
        "warm ms",
        "slowest warm",
        "kB",
        "kB gzip",
    ]);
    for page in rows {
        table.row(&[
            page.path.clone(),
            short(page.cold),
            short(page.warm),
            short(page.worst),
            kilobytes(page.bytes),
            kilobytes(page.packed),
        ]);
    }
}

#[expect(clippy::cast_precision_loss, reason = "kilobytes, for people")]
fn kilobytes(bytes: usize) -> String {
    short(bytes as f64 / 1e3)
}

impl House {
    async fn new(folder: &std::path::Path, first: &str, second: &str) -> Result<Self> {
        let clock = Arc::new(FixedClock::new(Timestamp(1_763_664_000_000)));
        let store = Store::open(folder, clock).await?;
        let main: InstanceId = "main".parse()?;
        store.ensure_instance(&main, None).await?;
        let flows = Flows::submitted(first.as_bytes(), &Limits::default())?.flows;
        let credentials = Credentials::default();
        let content = BaselineContent {
            baseline: Baseline {
                flows: flows.hash(),
                credentials: store.credentials_digest(&credentials)?,
                settings: Hash::of(b"settings"),
                modules: Hash::of(b"modules"),
                node_red: "5.0.7".into(),
                node: "24.11.0".into(),
            },
            flows: flows.text().clone(),
            credentials,
        };
        store.set_platform_baseline(&main, &content).await?;
        let new = NewUser {
            name: "ada".parse()?,
            role: Role::Administrator,
            password: Secret::new(b"seven green bottles on a wall".to_vec()),
            second_factor: None,
            passkey: None,
        };
        let (user, _) = store.add_user(new, &Actor::System).await?;
        let opened = store.open_session(user.id, SessionKind::Console, None, None, "bench");
        let session = opened.await?.1.0;
        let submission = Submission {
            instance: main,
            origin: Origin::Editor,
            proposer: Actor::System,
            flows: second.as_bytes().to_vec(),
            revision: None,
            deployment_type: DeploymentType::Full,
            emergency: None,
        };
        let room = Deployments::new(store.clone(), Arc::new(Nobody));
        let proposed = room.propose(submission, &Limits::default()).await?;
        ensure!(matches!(proposed, Proposed::Queued { .. }), "not queued");
        Ok(Self { store, session })
    }

    /// A console whose room has read nothing.
    fn router(&self) -> Router {
        console::router(Context {
            store: self.store.clone(),
            deployments: Deployments::new(self.store.clone(), Arc::new(Nobody)),
            workshop: None,
            passkey_required: Vec::new(),
            terms: console::Terms::default(),
            post: None,
            issuing: None,
            doorman: None,
            providers: None,
            addresses: Addresses {
                console_origin: "https://keep.localhost:8443".to_owned(),
                gates: Vec::new(),
            },
            ca_pem: String::new(),
            keys: Vec::new(),
            version: "0.1.0".to_owned(),
        })
    }

    /// Milliseconds until the last byte, and how many there were.
    async fn get(&self, router: &Router, path: &str, packed: bool) -> Result<(f64, usize)> {
        let cookie = format!("__Host-redkeep-console={}", self.session);
        let mut request = Request::get(path).header(header::COOKIE, cookie);
        if packed {
            request = request.header(header::ACCEPT_ENCODING, "gzip");
        }
        let request = request.body(Body::empty())?;
        let began = Instant::now();
        let response = router.clone().oneshot(request).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        let took = began.elapsed().as_secs_f64() * 1e3;
        ensure!(status == 200, "{path}: {status}");
        Ok((took, body.len()))
    }
}

/// Bytes of memory in use.
fn resident() -> Result<usize> {
    status("VmRSS")
}

fn status(name: &str) -> Result<usize> {
    let text = fs::read_to_string("/proc/self/status").context("the process's own state")?;
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let line = line.with_context(|| format!("no {name}"))?;
    let kilobytes = line.trim_start_matches(':').trim().trim_end_matches(" kB");
    Ok(kilobytes.parse::<usize>()? << 10)
}
