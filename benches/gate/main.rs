//! The gate beside nginx, in one run, in front of the same Node-RED: requests a second, latency, CPU
//! of the proxy for a request, an editor load, memory.
//!
//! `cargo build --release -p redkeep -p house-benches && target/release/gate`
//!
//! Needs `nginx-light`, `wrk`, `nghttp2-client` (h2load) and `curl` of Debian. Only this machine is
//! spoken to. On two CPUs and more the proxies stand alone on the first and all else on the second.
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "what it measures is its output")]

mod cost;
mod editor;
mod house;
mod load;
mod peer;
mod process;

use std::{
    path::{Path, PathBuf},
    thread::sleep,
    time::Duration,
};

use anyhow::{Context as _, Result, bail};
use clap::Parser;
use cost::Memory;
use editor::Visit;
use house::House;
use house_benches::{Table, short};
use load::{Door, Found, Load, Way};
use model::clock::Timestamp;
use peer::Nginx;
use process::Place;

/// Loads the gate and nginx in front of the same Node-RED.
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
const FAST: [Load; 5] = [
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
        name: "handshake + 1 KB + close",
        way: Way::Handshakes(16),
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

fn main() -> Result<()> {
    let args = Args::parse();
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let is_pinned = cpus > 1 && !args.unpinned;
    let (first, second) = if is_pinned {
        (Place::Cpu(0), Place::Cpu(1))
    } else {
        (Place::Anywhere, Place::Anywhere)
    };
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
    let mut nginx = Nginx::proxy(
        folder.path(),
        &house.socket(),
        &house.identity(now())?,
        first,
    )?;
    println!(
        "{}; {}; {cpus} CPUs{}; {} rounds of {} s.",
        house.versions,
        nginx_version()?,
        if is_pinned {
            ", the proxies alone on one"
        } else {
            ""
        },
        args.rounds,
        args.seconds,
    );
    let doors = [door(&house), peer_door(&nginx)];
    let idle = [
        cost::memory(&house.own_pids())?,
        cost::memory(&nginx.pids())?,
    ];
    // First: nginx' identity for Node-RED is good for a minute.
    show_editor(&doors, &args, folder.path())?;
    let real = measure(&REAL, &doors, &args, second, folder.path())?;
    // The fast upstream runs as Node-RED's user, but outside of its jail.
    open_to_others(&house.data)?;
    let mut upstream = Nginx::upstream(folder.path(), &house.socket(), second)?;
    sleep(KEPT_BY_NODE);
    let fast = measure(&FAST, &doors, &args, second, folder.path())?;
    upstream.assert_running()?;
    nginx.assert_running()?;
    show(&[real, fast].concat());
    let loaded = [
        cost::memory(&house.own_pids())?,
        cost::memory(&nginx.pids())?,
    ];
    show_memory(&idle, &loaded);
    Ok(())
}

fn door(house: &House) -> Door {
    Door {
        host: house.host.clone(),
        port: house.port(),
        pids: vec![house.pid()],
        token: Some(house.token.clone()),
    }
}

fn peer_door(nginx: &Nginx) -> Door {
    Door {
        host: nginx.host.clone(),
        port: nginx.port,
        pids: nginx.pids(),
        token: None,
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

fn nginx_version() -> Result<String> {
    let out = std::process::Command::new("nginx").arg("-v").output()?;
    let said = String::from_utf8_lossy(&out.stderr);
    Ok(said.trim().trim_start_matches("nginx version: ").to_owned())
}

/// A load and what it found at the gate and at nginx.
type Beside = (Load, [Found; 2]);

/// Every load against both doors in turn, round after round.
fn measure(
    loads: &[Load],
    doors: &[Door; 2],
    args: &Args,
    place: Place,
    folder: &Path,
) -> Result<Vec<Beside>> {
    let last = Duration::from_secs(args.seconds);
    let mut all = Vec::new();
    for load in loads.iter().filter(|load| load.name.contains(&args.only)) {
        let mut rounds = [Vec::new(), Vec::new()];
        for door in doors {
            load::run(door, load, Duration::from_secs(1), place, folder)?;
        }
        for _ in 0..args.rounds {
            for (door, rounds) in doors.iter().zip(&mut rounds) {
                rounds.push(load::run(door, load, last, place, folder)?);
            }
        }
        all.push((*load, rounds.map(|rounds| load::medians(&rounds))));
    }
    Ok(all)
}

fn show(all: &[Beside]) {
    let table = Table::begin(&[
        "gate / nginx",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "CPU us/request",
        "gate : nginx CPU",
        "busy %",
    ]);
    for (load, [gate, nginx]) in all {
        let pair =
            |field: fn(&Found) -> f64| format!("{} / {}", short(field(gate)), short(field(nginx)));
        table.row(&[
            load.name.to_owned(),
            pair(|it| it.rate.round()),
            pair(|it| it.p50),
            pair(|it| it.p99),
            pair(|it| it.cpu),
            format!("**{:.2}**", gate.cpu / nginx.cpu),
            pair(|it| (it.busy * 100.0).round()),
        ]);
    }
    let table = Table::begin(&["large bodies: gate / nginx", "MiB/s", "MiB per CPU second"]);
    for (load, [gate, nginx]) in all {
        if let Some(body) = load.body {
            let size = f64::from(body) / f64::from(1 << 20);
            let pair = |of: &dyn Fn(&Found) -> f64| {
                format!("{} / {}", short(of(gate).round()), short(of(nginx).round()))
            };
            table.row(&[
                load.name.to_owned(),
                pair(&|it| it.rate * size),
                pair(&|it| size / it.cpu * 1e6),
            ]);
        }
    }
}

fn show_editor(doors: &[Door; 2], args: &Args, folder: &Path) -> Result<()> {
    let mut visits: [Vec<(Visit, Visit)>; 2] = [Vec::new(), Vec::new()];
    for _ in 0..args.rounds {
        for (door, visits) in doors.iter().zip(&mut visits) {
            visits.push(editor::visit(door, folder)?);
        }
    }
    let medians = |pick: fn(&(Visit, Visit)) -> Visit| {
        visits
            .each_ref()
            .map(|visits| editor::medians(&visits.iter().map(pick).collect::<Vec<_>>()))
    };
    let table = Table::begin(&[
        "editor load: gate / nginx",
        "requests",
        "304",
        "kB down",
        "kB up",
        "gate : nginx down",
        "proxy CPU ms",
    ]);
    for (name, [gate, nginx]) in [
        ("empty cache", medians(|it| it.0)),
        ("second visit", medians(|it| it.1)),
    ] {
        let pair = |field: fn(&Visit) -> f64| {
            format!("{} / {}", short(field(&gate)), short(field(&nginx)))
        };
        table.row(&[
            name.to_owned(),
            format!("{} / {}", gate.requests, nginx.requests),
            format!("{} / {}", gate.unchanged, nginx.unchanged),
            pair(|it| it.down / 1e3),
            pair(|it| it.up / 1e3),
            format!("**{:.2}**", gate.down / nginx.down),
            pair(|it| it.cpu),
        ]);
    }
    Ok(())
}

fn show_memory(idle: &[Memory; 2], loaded: &[Memory; 2]) {
    let table = Table::begin(&["memory, MiB: Redkeep / nginx", "RSS", "PSS"]);
    for (name, [house, nginx]) in [("after the start", idle), ("after the loads", loaded)] {
        let pair = |field: fn(&Memory) -> f64| {
            format!("{} / {}", short(field(house)), short(field(nginx)))
        };
        table.row(&[name.to_owned(), pair(|it| it.resident), pair(|it| it.share)]);
    }
}
