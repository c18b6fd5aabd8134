//! `redkeep inspect`: what a flow file would do, without anything that runs.
//!
//! Exit codes: 0 nothing at or above the level, 1 findings, 2 not a flow file, or a picture that could not be
//! made.

mod report;
mod sarif;

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use clap::{Args, ValueEnum};
use console::picture::{self, Mode, Raster, View};
use inspect::{Context, Ways, inspect};
use model::{
    flow::{
        Flows, Limits, Submitted,
        diff::{CredentialNames, Diff, diff},
        finding::Severity,
    },
    palette::Palette,
};
use serde_json::{Value, json};

use crate::{
    cli::file,
    exit::{Exit, Failure},
    terminal::{self, sheet::Look},
};

/// What it takes.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// The flow file; - for standard input
    file: PathBuf,
    /// The flow file it would replace; without it, everything is new
    #[arg(long, value_name = "OLD.json")]
    base: Option<PathBuf>,
    /// Answer in SARIF, for code scanning
    #[arg(long, conflicts_with = "json")]
    sarif: bool,
    /// Draw what changes into this file, as SVG
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Draw what changes into this file, as PNG
    #[arg(long, value_name = "FILE")]
    png: Option<PathBuf>,
    /// The tab to draw, by its id [default: the first that changes]
    #[arg(long, value_name = "ID")]
    tab: Option<String>,
    /// Write over files that are there
    #[arg(long)]
    force: bool,
    /// From which severity on findings count for the exit code
    #[arg(long, value_enum, default_value_t = Level::Warning)]
    level: Level,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Level {
    Note,
    Warning,
    Danger,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Note => Self::Note,
            Level::Warning => Self::Warning,
            Level::Danger => Self::Danger,
        }
    }
}

/// Everything that was found out.
struct Looked {
    base: Flows,
    proposal: Flows,
    diff: Diff,
    ways: Vec<Ways>,
}

pub(crate) fn run(args: &InspectArgs, as_json: bool) -> Result<Exit, Failure> {
    let (proposal, text) = read(&args.file)?;
    let base = match &args.base {
        Some(file) => read(file)?.0,
        None => Flows::submitted(b"[]", &Limits::default())?,
    };
    let known = names(&base);
    let mut diff = diff(&base.flows, &proposal.flows, &proposal.credentials, &known);
    let mut found = inspect(&base.flows, &proposal.flows, &diff, &Context::default());
    found.attach(&mut diff);
    let looked = Looked {
        base: base.flows,
        proposal: proposal.flows,
        diff,
        ways: found.ways,
    };
    if args.svg.is_some() || args.png.is_some() {
        // A pipeline must not take it for findings.
        draw(&looked, args).map_err(|it| Failure::new(Exit::Usage, it.message))?;
    }
    if as_json {
        terminal::line(&as_value(&looked).to_string());
    } else if args.sarif {
        terminal::line(&sarif::log(&looked.diff, &args.file, &text).to_string());
    } else {
        report::show(&looked, Look::of_output(false));
    }
    let level = Severity::from(args.level);
    let all = looked
        .diff
        .changes
        .iter()
        .flat_map(|change| &change.findings);
    let is_found = all.into_iter().any(|finding| finding.severity >= level);
    Ok(if is_found { Exit::Found } else { Exit::Done })
}

/// The flows in a file, and the file's text.
fn read(file: &Path) -> Result<(Submitted, String), Failure> {
    let name = file.display();
    let not_read = |error: std::io::Error| {
        Failure::new(Exit::Usage, format!("{name} could not be read: {error}"))
    };
    let limits = Limits::default();
    let most = limits.bytes_max as u64 + 1;
    let mut bytes = Vec::new();
    if file == Path::new("-") {
        std::io::stdin()
            .lock()
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(not_read)?;
    } else {
        File::open(file)
            .map_err(not_read)?
            .take(most)
            .read_to_end(&mut bytes)
            .map_err(not_read)?;
    }
    let flows = Flows::submitted(&bytes, &limits).map_err(|error| {
        Failure::new(Exit::Usage, format!("{name} is not a flow file: {error}"))
    })?;
    Ok((flows, String::from_utf8(bytes).unwrap_or_default()))
}

/// The credentials that a file carries.
fn names(base: &Submitted) -> CredentialNames {
    let fields = base.credentials.0.iter();
    fields
        .flat_map(|(node, fields)| {
            fields
                .keys()
                .map(move |field| (node.clone(), field.clone()))
        })
        .collect()
}

fn as_value(looked: &Looked) -> Value {
    let changes = looked
        .diff
        .changes
        .iter()
        .zip(&looked.ways)
        .map(|(change, ways)| {
            let mut value = json!(change);
            if let Some(members) = value.as_object_mut() {
                members.insert("ways".to_owned(), json!(ways));
            }
            value
        });
    json!({
        "summary": looked.diff.summary(),
        "base": looked.base.hash(),
        "proposal": looked.proposal.hash(),
        "changes": changes.collect::<Vec<_>>(),
    })
}

fn draw(looked: &Looked, args: &InspectArgs) -> Result<(), Failure> {
    let mut changes = looked.diff.changes.iter();
    let tab = args.tab.as_deref();
    let tab = tab.or_else(|| changes.find_map(|change| change.tab.as_deref()));
    let Some(tab) = tab else {
        return Err(Failure::new(
            Exit::Failed,
            "there is nothing to draw: no tab changes",
        ));
    };
    let view = View {
        before: Some(&looked.base),
        after: Some(&looked.proposal),
        tab,
        diff: &looked.diff,
        mode: Mode::Overlay,
        // No instance stands behind a file: node types look as the stock ones do.
        palette: &Palette::default(),
        focus: &[],
        at: None,
        zoom: None,
        labels: picture::Labels::Shown,
        href: &|_| None,
    };
    if let Some(path) = &args.svg {
        file::put(path, picture::file(&view).as_bytes(), args.force)?;
    }
    if let Some(path) = &args.png {
        file::put(path, &picture::png(&view, &Raster::default())?, args.force)?;
    }
    Ok(())
}
