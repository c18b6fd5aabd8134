//! What a deployment costs before a person sees it: reading both flows, what differs with its
//! findings, composing what was approved, and the picture. Beside it, in the same run, what Node.js
//! needs to parse both and to compare them by id.
//!
//! `cargo run --release -p house-benches --bin flows`
#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "what it measures is its output")]

use std::{collections::BTreeSet, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result, bail, ensure};
use clap::Parser;
use console::picture::{Mode, View, draw};
use house_benches::{
    Table,
    generate::{TAB, Version, flow},
    short, time,
};
use inspect::{Context, inspect};
use model::flow::{
    Flows, Limits,
    change::ChangeId,
    compose::compose,
    credentials::CredentialChanges,
    diff::{CredentialNames, Diff, diff},
};
use serde_json::Value;

/// Times parse, diff, compose and picture of generated flows beside Node.js.
#[derive(Debug, Parser)]
struct Args {
    /// Entries of each flow
    #[arg(long, value_delimiter = ',', default_value = "1000,10000,100000")]
    nodes: Vec<u64>,
    /// Runs of each measurement; the median counts
    #[arg(long, default_value_t = 9)]
    runs: usize,
    /// The Node.js to compare with
    #[arg(long, default_value = "node")]
    node: PathBuf,
    /// The editor's `red.js` of an installed Node-RED, to compare with its own difference too
    #[arg(long)]
    editor: Option<PathBuf>,
}

/// Milliseconds of everything, for one size.
struct Row {
    nodes: usize,
    bytes: usize,
    submitted: f64,
    stored: f64,
    /// The difference alone, and the findings alone.
    differed: f64,
    inspected: f64,
    compared: f64,
    end_to_end: f64,
    changes: usize,
    composed: f64,
    /// The picture of a usual tab with a change, and bytes of it.
    small: (f64, usize),
    /// The picture of everything on one tab.
    large: (f64, usize),
}

/// Milliseconds of the peer.
struct Peer {
    version: String,
    parse: f64,
    compare: f64,
    whole: f64,
    /// Parse both and the editor's difference.
    in_editor: Option<f64>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let folder = tempfile::tempdir().context("a temporary folder")?;
    let mut rows = Vec::new();
    for count in &args.nodes {
        let texts = [
            flow(*count, TAB, Version::First),
            flow(*count, TAB, Version::Second),
        ];
        let files = ["before.json", "after.json"].map(|name| folder.path().join(name));
        for (file, text) in files.iter().zip(&texts) {
            fs::write(file, text).with_context(|| file.display().to_string())?;
        }
        let peer = peer(&args, &files)?;
        rows.push((measure(*count, args.runs, &texts)?, peer));
    }
    show(&rows, args.runs);
    Ok(())
}

fn read(text: &str) -> Result<Flows> {
    let read = Flows::submitted(text.as_bytes(), &Limits::default());
    Ok(read.context("the generator wrote no flows")?.flows)
}

fn differ(before: &Flows, after: &Flows) -> Diff {
    diff(
        before,
        after,
        &CredentialChanges::default(),
        &CredentialNames::new(),
    )
}

fn compare(before: &Flows, after: &Flows) -> Diff {
    let mut diff = differ(before, after);
    inspect(before, after, &diff, &Context::default()).attach(&mut diff);
    diff
}

fn measure(count: u64, runs: usize, texts: &[String; 2]) -> Result<Row> {
    // What the store holds of the baseline is canonical text.
    let stored_text = read(&texts[0])?.text().clone();
    let (submitted, proposal) = time(runs, || read(&texts[1]));
    let proposal = proposal?;
    let (stored, base) = time(runs, || Flows::from_canonical(stored_text.clone()));
    let base = base.context("the baseline")?;
    let (differed, plain) = time(runs, || differ(&base, &proposal));
    let (inspected, _) = time(runs, || {
        inspect(&base, &proposal, &plain, &Context::default())
    });
    let (compared, changes) = time(runs, || compare(&base, &proposal));
    let (end_to_end, _) = time(runs, || -> Result<Diff> {
        Ok(compare(
            &Flows::from_canonical(stored_text.clone())?,
            &read(&texts[1])?,
        ))
    });
    let approved: BTreeSet<_> = changes
        .changes
        .iter()
        .map(|change| change.id.clone())
        .collect();
    let (composed, whole) = time(runs, || compose(&base, &proposal, &changes, &approved));
    ensure!(
        whole.is_ok_and(|flows| flows.text() == proposal.text()),
        "all changes approved did not give the proposal"
    );
    let tab = changes.changes.iter().find_map(|change| change.tab.clone());
    let tab = tab.context("no tab with a change")?;
    let small = picture(runs, &base, &proposal, &tab, &changes);
    let one_tab = |version| read(&flow(count, count, version));
    let (base_large, large) = (one_tab(Version::First)?, one_tab(Version::Second)?);
    let changes_large = compare(&base_large, &large);
    let large = picture(
        runs,
        &base_large,
        &large,
        "7ab0000000000000",
        &changes_large,
    );
    Ok(Row {
        nodes: proposal.len(),
        bytes: texts[1].len(),
        submitted,
        stored,
        differed,
        inspected,
        compared,
        end_to_end,
        changes: changes.changes.len(),
        composed,
        small,
        large,
    })
}

fn picture(runs: usize, before: &Flows, after: &Flows, tab: &str, diff: &Diff) -> (f64, usize) {
    let href = |id: &ChangeId| Some(format!("/deployments/1/steps/{id}"));
    let (took, svg) = time(runs, || {
        draw(&View {
            labels: console::picture::Labels::Shown,
            before: Some(before),
            after: Some(after),
            tab,
            diff,
            mode: Mode::Overlay,
            palette: &model::palette::Palette::default(),
            focus: &[],
            at: None,
            zoom: None,
            href: &href,
        })
    });
    (took, svg.len())
}

fn peer(args: &Args, files: &[PathBuf; 2]) -> Result<Peer> {
    let out = Command::new(&args.node)
        .args(["-e", include_str!("peer.js"), "--"])
        .args(files)
        .arg(args.runs.to_string())
        .args(&args.editor)
        .output()
        .with_context(|| {
            let node = args.node.display();
            format!("{node} could not be started: install Node.js or name one with --node FILE")
        })?;
    if !out.status.success() {
        bail!("the peer failed: {}", String::from_utf8_lossy(&out.stderr));
    }
    let said: Value = serde_json::from_slice(&out.stdout).context("what the peer printed")?;
    let number = |name: &str| {
        said[name]
            .as_f64()
            .with_context(|| format!("no {name}: {said}"))
    };
    Ok(Peer {
        version: said["version"].as_str().unwrap_or("?").to_owned(),
        parse: number("parse")?,
        compare: number("compare")?,
        whole: number("whole")?,
        in_editor: said["inEditor"].as_f64(),
    })
}

fn show(rows: &[(Row, Peer)], runs: usize) {
    let version = rows.first().map_or("", |(_, peer)| peer.version.as_str());
    println!("Milliseconds of CPU, medians of {runs}; Node.js {version} in the same run.");
    let mut titles = vec![String::new()];
    for (row, _) in rows {
        titles.push(format!(
            "{:>7} nodes, {:.2} MB",
            row.nodes,
            megabytes(row.bytes)
        ));
    }
    let titles: Vec<_> = titles.iter().map(String::as_str).collect();
    let table = Table::begin(&titles);
    let line = |name: &str, cell: &dyn Fn(&Row, &Peer) -> String| {
        let cells = rows.iter().map(|(row, peer)| cell(row, peer));
        let cells: Vec<_> = std::iter::once(name.to_owned()).chain(cells).collect();
        table.row(&cells);
    };
    line("read what was submitted", &|row, _| short(row.submitted));
    line("read the baseline back", &|row, _| short(row.stored));
    line("diff", &|row, _| short(row.differed));
    line("findings", &|row, _| short(row.inspected));
    line("diff with findings", &|row, _| short(row.compared));
    line("- changes found", &|row, _| row.changes.to_string());
    line("**read both + diff with findings**", &|row, _| {
        format!("**{}**", short(row.end_to_end))
    });
    line("Node.js: parse both", &|_, peer| short(peer.parse));
    line("Node.js: by-id diff of parsed", &|_, peer| {
        short(peer.compare)
    });
    line("Node.js: parse both + by-id diff", &|_, peer| {
        short(peer.whole)
    });
    if rows.iter().any(|(_, peer)| peer.in_editor.is_some()) {
        line("Node.js: parse both + Node-RED's own diff", &|_, peer| {
            peer.in_editor.map_or_else(String::new, short)
        });
    }
    line("**ratio to Node.js**", &|row, peer| {
        format!("**{:.2}**", row.end_to_end / peer.whole)
    });
    line("microseconds a node", &|row, _| {
        short(row.end_to_end * 1e3 / nodes(row))
    });
    line("compose, all approved", &|row, _| short(row.composed));
    line("picture of a tab with a change", &|row, _| {
        short(row.small.0)
    });
    line("- kB of SVG", &|row, _| short(megabytes(row.small.1) * 1e3));
    line("picture of all on one tab (5,000 drawn)", &|row, _| {
        short(row.large.0)
    });
    line("- kB of SVG", &|row, _| short(megabytes(row.large.1) * 1e3));
}

#[expect(clippy::cast_precision_loss, reason = "megabytes, for people")]
fn megabytes(bytes: usize) -> f64 {
    bytes as f64 / 1e6
}

#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn nodes(row: &Row) -> f64 {
    row.nodes as f64
}
