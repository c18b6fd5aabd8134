//! The observed jail as a child process: its end, its log, and what is seen from outside it.

use std::{sync::Arc, time::Duration};

use model::clock::Clock;
use sandbox::{
    JailReport,
    observed::{LINE_BYTES_MAX, Sighting},
};
use store::LogLevel;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    net::unix::{OwnedReadHalf, OwnedWriteHalf, pipe},
    sync::mpsc,
    task::JoinSet,
};

use super::{Bounds, spec};
use crate::{
    InstancePlan,
    jailer::{self, Child, Run, Started},
    log::{self, Line},
};

/// How long a jail may take to be built.
const BUILD_TIME: Duration = Duration::from_secs(30);
/// How long it may take to be gone.
const STOP_TIME: Duration = Duration::from_secs(5);
const REPORT_BYTES_MAX: u64 = 256 * 1024;
/// Told things that wait to be heard. Log lines beyond it are counted, not kept.
const WAITING_MAX: usize = 1024;

/// Something a run was heard of.
#[derive(Debug)]
pub(super) enum Heard {
    /// A line of its log, which it writes itself.
    Logged(Line),
    /// What it attempted or took, which it does not.
    Sighted(Sighting),
}

/// One run. Dropped, everything in it is killed.
#[derive(Debug)]
pub(super) struct Jailed {
    child: Child,
    /// Open as long as the jail may live.
    lifeline: Option<OwnedWriteHalf>,
    readers: JoinSet<()>,
}

impl Jailed {
    /// Builds the jail and executes the program in it.
    pub(super) async fn start(
        plan: &InstancePlan,
        bounds: Bounds,
        clock: Arc<dyn Clock>,
    ) -> Result<(Self, mpsc::Receiver<Heard>), String> {
        let started = jailer::start(Run::Rehearsal, plan, || spec(plan, bounds)).await;
        let Started {
            mut child,
            lifeline,
            stdout,
            stderr,
        } = started.map_err(|error| error.to_string())?;
        let (witness, lifeline) = lifeline.into_split();
        let stdout = match built(stdout).await {
            Ok(output) => output,
            Err(why) => {
                // Gone before its folder is removed and the next rehearsal begins.
                if let Err(error) = child.kill().await {
                    tracing::debug!(%error, "the jailer could not be killed");
                }
                return Err(why);
            }
        };
        let (tell, heard) = mpsc::channel(WAITING_MAX);
        let (log, lines) = mpsc::channel(WAITING_MAX);
        let mut readers = JoinSet::new();
        // Nobody listens: what is told is read from the lines themselves, which are in the report.
        let nobody = |_: LogLevel, _: &str| {};
        readers.spawn(log::read(
            stdout,
            LogLevel::Info,
            clock.clone(),
            nobody,
            log.clone(),
        ));
        readers.spawn(log::read(stderr, LogLevel::Warn, clock, nobody, log));
        readers.spawn(pass_on(lines, tell.clone()));
        readers.spawn(witness_all(witness, tell));
        let jailed = Self {
            child,
            lifeline: Some(lifeline),
            readers,
        };
        Ok((jailed, heard))
    }

    /// Waits for the end; how it came about, in words.
    pub(super) async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => how(status),
            Err(error) => format!("Node-RED could not be waited for: {error}"),
        }
    }

    /// How long it was ready to run and had no processor.
    pub(super) fn waited_for_processor(&self) -> Duration {
        let pid = self.child.id();
        pid.map_or(Duration::ZERO, sandbox::process::waited_for_processor)
    }

    /// Kills the program, so that the jail can still tell what it took, and then the jail. Returns when
    /// nothing of it is left.
    pub(super) async fn stop(&mut self) {
        // None when it has ended and was waited for.
        if self.child.id().is_some() {
            self.child.ask_to_stop().await.ok();
            tokio::time::timeout(STOP_TIME, self.child.wait())
                .await
                .ok();
        }
        self.lifeline = None;
        // The jailer ends when the last of the jail has; killed, it would leave that to the kernel.
        let ended = tokio::time::timeout(STOP_TIME, self.child.wait()).await;
        if ended.is_ok() {
            return;
        }
        if let Err(error) = self.child.kill().await {
            tracing::debug!(%error, "the jailer could not be killed");
        }
    }
}

impl Drop for Jailed {
    fn drop(&mut self) {
        self.readers.abort_all();
    }
}

/// Waits until the jail is built; its output from then on.
async fn built(stdout: pipe::Receiver) -> Result<BufReader<pipe::Receiver>, String> {
    let mut stdout = BufReader::new(stdout);
    let report = tokio::time::timeout(BUILD_TIME, report(&mut stdout)).await;
    match report.map_err(|_| "the jail was not built in time".to_owned())?? {
        JailReport::Built(_) => Ok(stdout),
        JailReport::Failed(why) => Err(why),
    }
}

async fn report(stdout: &mut BufReader<pipe::Receiver>) -> Result<JailReport, String> {
    let mut line = Vec::new();
    let read = stdout
        .take(REPORT_BYTES_MAX)
        .read_until(b'\n', &mut line)
        .await;
    read.map_err(|error| error.to_string())?;
    JailReport::parse(&line).map_err(|error| format!("the jailer's report: {error}"))
}

async fn pass_on(mut lines: mpsc::Receiver<Line>, tell: mpsc::Sender<Heard>) {
    while let Some(line) = lines.recv().await {
        if tell.send(Heard::Logged(line)).await.is_err() {
            return;
        }
    }
}

/// Reads what the jail's first process tells. It is ours, so its lines are short and well made; one
/// that is not ends the reading.
async fn witness_all(witness: OwnedReadHalf, tell: mpsc::Sender<Heard>) {
    let mut witness = BufReader::new(witness);
    loop {
        let mut line = Vec::new();
        let mut one = (&mut witness).take(LINE_BYTES_MAX as u64);
        if !matches!(one.read_until(b'\n', &mut line).await, Ok(1..)) {
            return;
        }
        match serde_json::from_slice(&line) {
            Ok(sighting) => {
                if tell.send(Heard::Sighted(sighting)).await.is_err() {
                    return;
                }
            }
            Err(error) => return tracing::warn!(%error, "the observed jail told nonsense"),
        }
    }
}

fn how(status: std::process::ExitStatus) -> String {
    match status.code().and_then(|code| u8::try_from(code).ok()) {
        Some(code @ 129..=192) => format!("Node-RED was killed by signal {}", code - 128),
        Some(code) => format!("Node-RED ended with exit code {code}"),
        None => format!("the jailer ended: {status}"),
    }
}
