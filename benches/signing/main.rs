//! What it costs that the key is elsewhere: signing a TLS 1.3 handshake (P-256) with a key in this
//! process, and with one in the keys process, which must be asked and woken.
//!
//! `cargo run --release -p house-benches --bin signing`
#![forbid(unsafe_code)]

use std::{fs, path::Path, process::ExitCode, sync::Arc, time::Instant};

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use house_benches::{Table, median, short};
use keys::{Handshakes, Keeper, Presented, Setup, Source};
use model::clock::{FixedClock, Timestamp};
use rustls::SignatureScheme;

/// Times signatures of a handshake.
#[derive(Debug, Parser)]
struct Args {
    /// Signatures of a round
    #[arg(long, default_value_t = 2000)]
    signatures: u32,
    /// Rounds of each, taken in turn; the median counts
    #[arg(long, default_value_t = 9)]
    rounds: usize,
}

/// Microseconds of one signature.
struct Cost {
    /// CPU time of both processes together.
    cpu: f64,
    wall: f64,
}

fn main() -> ExitCode {
    let clock = Arc::new(FixedClock::new(Timestamp(1_800_000_000_000)));
    // This program is also the process that holds the keys.
    if let Some(ended) = keys::process::run_if_asked(clock.clone()) {
        return ended;
    }
    match measure(&Args::parse(), clock) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "a person runs it")]
            {
                eprintln!("{error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

fn measure(args: &Args, clock: Arc<FixedClock>) -> Result<()> {
    let dir = tempfile::tempdir()?;
    let names = ["localhost".to_owned()];
    let [here, there] = ["here", "there"].map(|name| dir.path().join(name));
    fs::create_dir(&there)?;
    let here = Handshakes::own(&here, &names, clock)?;
    let setup = Setup {
        data_dir: there,
        user: None,
        source: Source::own(&names),
    };
    let keeper = Keeper::start(Path::new("/proc/self/exe"), setup)?;
    let there = Handshakes::kept(keeper);
    let mut processes = children()?;
    ensure!(processes.len() == 1, "one process holds the keys");
    processes.push(std::process::id());
    let keys = [here.present()?, there.present()?];
    let mut costs = [Vec::new(), Vec::new()];
    // The first round warms up.
    for round in 0..=args.rounds.max(1) {
        for (key, costs) in keys.iter().zip(&mut costs) {
            let cost = sign(key, args.signatures.max(1), &processes)?;
            if round > 0 {
                costs.push(cost);
            }
        }
    }
    let table = Table::begin(&["one signature, us", "CPU of both", "wall"]);
    for (name, costs) in ["key in this process", "key in the keys process"]
        .iter()
        .zip(&costs)
    {
        let of = |part: fn(&Cost) -> f64| short(median(costs.iter().map(part).collect()));
        table.row(&[
            (*name).to_owned(),
            of(|cost| cost.cpu),
            of(|cost| cost.wall),
        ]);
    }
    Ok(())
}

/// One signature after the other, as handshakes on one thread would ask for them.
fn sign(key: &Presented, count: u32, processes: &[u32]) -> Result<Cost> {
    // What a TLS 1.3 server signs (RFC 8446, 4.4.3).
    let context = b"TLS 1.3, server CertificateVerify\0";
    let message = [&[b' '; 64][..], context, &[7; 32]].concat();
    let (cpu, begun) = (nanoseconds(processes)?, Instant::now());
    for _ in 0..count {
        key.sign(SignatureScheme::ECDSA_NISTP256_SHA256, &message)?;
    }
    let wall = begun.elapsed().as_secs_f64() * 1e6;
    let spent = nanoseconds(processes)?.saturating_sub(cpu);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 nanoseconds")]
    let cpu = spent as f64 / 1e3;
    Ok(Cost {
        cpu: cpu / f64::from(count),
        wall: wall / f64::from(count),
    })
}

/// What all threads of these processes ran for so far (the first number of `schedstat`).
fn nanoseconds(processes: &[u32]) -> Result<u64> {
    let mut sum = 0;
    for process in processes {
        for thread in fs::read_dir(format!("/proc/{process}/task"))? {
            let told = fs::read_to_string(thread?.path().join("schedstat"));
            let told = told.context("the kernel keeps no schedstat")?;
            let ran = told.split(' ').next().context("an empty schedstat")?;
            sum += ran.parse::<u64>()?;
        }
    }
    Ok(sum)
}

/// The processes this one started, by the parent that `stat` names after the name in brackets.
fn children() -> Result<Vec<u32>> {
    let me = std::process::id().to_string();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Ok(pid) = entry.file_name().to_string_lossy().parse() else {
            continue;
        };
        // One that ended meanwhile is none.
        let told = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let rest = told.rsplit(") ").next().unwrap_or_default();
        if rest.split(' ').nth(1) == Some(me.as_str()) {
            found.push(pid);
        }
    }
    Ok(found)
}
