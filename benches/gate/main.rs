//! The gate beside nginx, HAProxy and Caddy, in one run, in front of the same Node-RED: requests a second,
//! latency, CPU of the proxy for a request, handshakes, WebSocket messages, an editor load, memory.
//!
//! `cargo build --release -p redkeep -p house-benches && target/release/gate`
//!
//! Needs `nginx-light`, `haproxy`, `caddy`, `wrk`, `nghttp2-client` (h2load) and `curl` of Debian. Only this machine is
//! spoken to. On two CPUs and more the proxies stand alone on the first and all else on the second.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "what it measures is its output")]

mod cost;
mod editor;
mod house;
mod load;
mod peer;
mod process;
mod sockets;

use std::{
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use cost::Memory;
use editor::Visit;
use house::House;
use house_benches::{Table, short};
use load::{Door, Found, Load, Way};
use model::clock::Timestamp;
use peer::{Front, Peer};
use process::Place;
use sockets::Greeting;

/// Loads the gate, nginx, HAProxy and Caddy in front of the same Node-RED.
#[derive(Debug, Parser)]
struct Args {
    /// The binary to measure
    #[arg(long, default_value = "target/release/redkeep")]
    redkeep: PathBuf,
    /// A data directory whose `trees` and `cache` are linked, so that nothing is fetched [default:
    /// what the tests left in target/test-data]
    #[arg(long)]
    shelf: Option<PathBuf>,
    /// Rounds of each load; the medians count
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds of each load
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// Let everything run on every CPU
    #[arg(long)]
    unpinned: bool,
    /// Only loads whose name holds this
    #[arg(long, default_value = "")]
    only: String,
}

/// In front of Node-RED itself.
const REAL: [Load; 3] = [
    Load {
        name: "Node-RED /hello, HTTP/1.1 x 64",
        way: Way::Http1(64),
        path: "/hello",
        body: None,
    },
    Load {
        name: "Node-RED /hello, HTTP/2 64 x 1",
        way: Way::Http2(64, 1),
        path: "/hello",
        body: None,
    },
    Load {
        name: "Node-RED red.min.js, HTTP/1.1 x 16",
        way: Way::Http1(16),
        path: "/red/red.min.js",
        body: Some(1_078_803),
    },
];

/// In front of an upstream that is never the limit.
const FAST: [Load; 4] = [
    Load {
        name: "1 KB, HTTP/1.1 x 64",
        way: Way::Http1(64),
        path: "/hello",
        body: None,
    },
    Load {
        name: "1 KB, HTTP/2 64 x 1",
        way: Way::Http2(64, 1),
        path: "/hello",
        body: None,
    },
    Load {
        name: "1 KB, HTTP/2 8 x 24",
        way: Way::Http2(8, 24),
        path: "/hello",
        body: None,
    },
    Load {
        name: "10 MB, HTTP/1.1 x 4",
        way: Way::Http1(4),
        path: "/large",
        body: Some(10 << 20),
    },
];

/// Node.js keeps an idle connection for 5 seconds; the gate's are gone after that.
const KEPT_BY_NODE: Duration = Duration::from_secs(7);
/// A little more than what Redkeep leaves to itself and to whoever waited for it after a start, before
/// it compresses the editor's files.
const LEISURE: Duration = Duration::from_secs(65);
/// How long Redkeep must use less than a fiftieth of a processor before anything is measured.
const SETTLING: Duration = Duration::from_secs(2);
/// How long that is waited for.
const SETTLED_MAX: Duration = Duration::from_mins(5);

fn main() -> Result<()> {
    let args = Args::parse();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let is_pinned = cpus > 1 && !args.unpinned;
    let (first, second) = if is_pinned {
        (Place::Cpu(0), Place::Cpu(1))
    } else {
        (Place::Anywhere, Place::Anywhere)
    };
    process::put(std::process::id(), second)?;
    // Short: a Unix socket's path may have 107 bytes.
    let folder = tempfile::Builder::new()
        .prefix("bench-")
        .tempdir_in("/tmp")?;
    open_to_others(folder.path())?;
    let shelf = args
        .shelf
        .clone()
        .map_or_else(|| shelf(Path::new("target/test-data")), Ok)?;
    let redkeep = std::path::absolute(&args.redkeep)?;
    let house = House::start(&redkeep, &shelf, folder.path(), first)?;
    house.put_node_red(second)?;
    settle(&house.door())?;
    let mut peers = Peer::all(&Front {
        folder: folder.path(),
        socket: &house.socket(),
        identity: &house.identity(now())?,
        place: first,
    })?;
    println!(
        "{}; {}; {cpus} CPUs{}; {} rounds of {} s.",
        house.versions,
        peer::versions()?,
        if is_pinned {
            ", the proxies alone on one"
        } else {
            ""
        },
        args.rounds,
        args.seconds,
    );
    let mut doors = vec![house.door()];
    doors.extend(peers.iter().map(Peer::door));
    let start = memories(&doors)?;
    // First: the peers' identity for Node-RED is good for a minute.
    if args.only.is_empty() {
        show_editor(&doors, &args, folder.path())?;
    }
    let real = measure(&REAL, &doors, &args, second, folder.path())?;
    show(&doors, &real);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(show_messages(&doors, &args))?;
    // The fast upstream runs as Node-RED's user, but outside of its jail.
    open_to_others(&house.data)?;
    let mut upstream = peer::nginx::upstream(folder.path(), &house.socket(), second)?;
    sleep(KEPT_BY_NODE);
    let fast = measure(&FAST, &doors, &args, second, folder.path())?;
    show(&doors, &fast);
    show_bodies(&doors, &fast);
    runtime.block_on(show_handshakes(&doors, &args))?;
    upstream.assert_running("the fast upstream")?;
    peers.iter_mut().try_for_each(Peer::assert_running)?;
    let end = memories(&doors)?;
    let idle = runtime.block_on(idle_connections(&doors))?;
    show_memory(&doors, &start, &end, &idle);
    Ok(())
}

/// Waits until what is done at leisure after a start is done, such as compressing the editor's files:
/// it yields to requests, but its CPU would be counted as theirs.
fn settle(door: &Door) -> Result<()> {
    sleep(LEISURE);
    let since = Instant::now();
    loop {
        let before = cost::cpu_microseconds(&door.pids)?;
        sleep(SETTLING);
        let used = cost::cpu_microseconds(&door.pids)? - before;
        if used < SETTLING.as_secs_f64() * 1e6 / 50.0 {
            return Ok(());
        }
        if since.elapsed() > SETTLED_MAX {
            bail!("Redkeep is still at work of its own after {SETTLED_MAX:?}");
        }
    }
}

/// Lets other users pass through, to what is theirs below.
fn open_to_others(folder: &Path) -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = std::fs::Permissions::from_mode(0o711);
    std::fs::set_permissions(folder, mode).context("the temporary folder")
}

/// What the tests keep Node.js and Node-RED 5 in.
fn shelf(test_data: &Path) -> Result<PathBuf> {
    let entries = std::fs::read_dir(test_data).into_iter().flatten().flatten();
    let found = entries.map(|entry| entry.path()).find(|path| {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned());
        name.is_some_and(|name| name.starts_with("node-red-5-"))
    });
    match found {
        Some(path) => Ok(path),
        None => bail!(
            "{} holds no Node-RED: run `cargo test -p house-tests` once, or name a data directory \
             in which `redkeep up` ran with --shelf DIR",
            test_data.display()
        ),
    }
}

fn now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "Node-RED itself looks at this machine's clock"
    )]
    let now = std::time::SystemTime::now();
    let since = now
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

/// A load and what it found at each door.
type Beside = (&'static str, Option<u32>, Vec<Found>);

/// Every load against all doors in turn, round after round.
fn measure(
    loads: &[Load],
    doors: &[Door],
    args: &Args,
    place: Place,
    folder: &Path,
) -> Result<Vec<Beside>> {
    let last = Duration::from_secs(args.seconds);
    let mut all = Vec::new();
    for load in loads.iter().filter(|load| load.name.contains(&args.only)) {
        let mut rounds = vec![Vec::new(); doors.len()];
        for door in doors {
            load::run(door, load, Duration::from_secs(1), place, folder)?;
        }
        for _ in 0..args.rounds {
            for (door, rounds) in doors.iter().zip(&mut rounds) {
                rounds.push(load::run(door, load, last, place, folder)?);
            }
        }
        let found = rounds.iter().map(|rounds| load::medians(rounds)).collect();
        all.push((load.name, load.body, found));
    }
    Ok(all)
}

async fn show_messages(doors: &[Door], args: &Args) -> Result<()> {
    const NAME: &str = "WebSocket, 128 bytes there and back x 48";
    if !NAME.contains(&args.only) {
        return Ok(());
    }
    let last = Duration::from_secs(args.seconds);
    let mut rounds = vec![Vec::new(); doors.len()];
    for _ in 0..args.rounds {
        for (door, rounds) in doors.iter().zip(&mut rounds) {
            let found = Box::pin(sockets::messages(door, last)).await;
            rounds.push(found.context(door.name)?);
        }
    }
    let found = rounds.iter().map(|rounds| load::medians(rounds)).collect();
    show(doors, &[(NAME, None, found)]);
    Ok(())
}

async fn show_handshakes(doors: &[Door], args: &Args) -> Result<()> {
    let last = Duration::from_secs(args.seconds);
    let kinds = [
        ("full handshake + 1 KB + close", Greeting::Full),
        ("resumed handshake + 1 KB + close", Greeting::Resumed),
    ];
    let mut all = Vec::new();
    for (name, greeting) in kinds.into_iter().filter(|it| it.0.contains(&args.only)) {
        let mut rounds = vec![Vec::new(); doors.len()];
        for _ in 0..args.rounds {
            for (door, rounds) in doors.iter().zip(&mut rounds) {
                let found = sockets::handshakes(door, greeting, last).await;
                rounds.push(found.context(door.name)?);
            }
        }
        let found = rounds.iter().map(|rounds| load::medians(rounds)).collect();
        all.push((name, None, found));
    }
    show(doors, &all);
    Ok(())
}

async fn idle_connections(doors: &[Door]) -> Result<Vec<f64>> {
    let mut all = Vec::new();
    for door in doors {
        all.push(sockets::idle_connection(door).await.context(door.name)?);
    }
    Ok(all)
}

fn memories(doors: &[Door]) -> Result<Vec<Memory>> {
    doors.iter().map(|door| cost::memory(&door.pids)).collect()
}

/// `1 / 2 / 3 / 4`, in the order of the doors.
fn all_of<T>(found: &[T], field: impl Fn(&T) -> f64) -> String {
    let all: Vec<_> = found.iter().map(|it| short(field(it))).collect();
    all.join(" / ")
}

/// The gate's share of each peer's.
fn ratios(found: &[Found], field: impl Fn(&Found) -> f64) -> String {
    let Some((gate, peers)) = found.split_first() else {
        return String::new();
    };
    let all: Vec<_> = peers
        .iter()
        .map(|it| format!("{:.2}", field(gate) / field(it)))
        .collect();
    format!("**{}**", all.join(" / "))
}

fn names(doors: &[Door]) -> String {
    let all: Vec<_> = doors.iter().map(|door| door.name).collect();
    all.join(" / ")
}

fn show(doors: &[Door], all: &[Beside]) {
    if all.is_empty() {
        return;
    }
    let table = Table::begin(&[
        &names(doors),
        "requests/s",
        "p50 ms",
        "p99 ms",
        "CPU us/request",
        "gate : each, CPU",
        "busy %",
    ]);
    for (name, _, found) in all {
        table.row(&[
            (*name).to_owned(),
            all_of(found, |it| it.rate.round()),
            all_of(found, |it| it.p50),
            all_of(found, |it| it.p99),
            all_of(found, |it| it.cpu),
            ratios(found, |it| it.cpu),
            all_of(found, |it| (it.busy * 100.0).round()),
        ]);
    }
}

fn show_bodies(doors: &[Door], all: &[Beside]) {
    let table = Table::begin(&[
        &format!("large bodies: {}", names(doors)),
        "MiB/s",
        "MiB per CPU second",
    ]);
    for (name, body, found) in all {
        if let Some(body) = body {
            let size = f64::from(*body) / f64::from(1 << 20);
            table.row(&[
                (*name).to_owned(),
                all_of(found, |it| (it.rate * size).round()),
                all_of(found, |it| (size / it.cpu * 1e6).round()),
            ]);
        }
    }
}

fn show_editor(doors: &[Door], args: &Args, folder: &Path) -> Result<()> {
    let mut visits = vec![Vec::new(); doors.len()];
    for _ in 0..args.rounds {
        for (door, visits) in doors.iter().zip(&mut visits) {
            visits.push(editor::visit(door, folder).context(door.name)?);
        }
    }
    let medians = |pick: fn(&(Visit, Visit)) -> Visit| -> Vec<Visit> {
        let of = |visits: &Vec<_>| editor::medians(&visits.iter().map(pick).collect::<Vec<_>>());
        visits.iter().map(of).collect()
    };
    let table = Table::begin(&[
        &format!("editor load: {}", names(doors)),
        "requests",
        "304",
        "kB down",
        "kB up",
        "proxy CPU ms",
    ]);
    for (name, found) in [
        ("empty cache", medians(|it| it.0)),
        ("second visit", medians(|it| it.1)),
    ] {
        table.row(&[
            name.to_owned(),
            all_of(&found, |it| it.requests),
            all_of(&found, |it| it.unchanged),
            all_of(&found, |it| it.down / 1e3),
            all_of(&found, |it| it.up / 1e3),
            all_of(&found, |it| it.cpu),
        ]);
    }
    Ok(())
}

fn show_memory(doors: &[Door], start: &[Memory], end: &[Memory], idle: &[f64]) {
    let title = format!("memory: {}", names(doors));
    let table = Table::begin(&[&title, "RSS, MiB", "PSS, MiB"]);
    for (name, memories) in [("after the start", start), ("after the loads", end)] {
        table.row(&[
            name.to_owned(),
            all_of(memories, |it| it.resident),
            all_of(memories, |it| it.share),
        ]);
    }
    let table = Table::begin(&[&title, "KiB"]);
    let name = "a connection that asked once and waits".to_owned();
    table.row(&[name, all_of(idle, |it| *it)]);
}
