//! Child processes: the canary, and Node-RED in its jail.

use std::time::Duration;

use sandbox::{CanaryReport, Enforcement, JailReport};
use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader},
    net::{UnixStream, unix::pipe},
};

use crate::{
    InstancePlan, jail,
    jailer::{self, Child, Run, Started},
};

/// How long a jail may take to be built, and the canary to try everything.
const BUILD_TIME: Duration = Duration::from_secs(30);
/// How long Node-RED gets to stop by itself.
const SOFT_STOP_TIME: Duration = Duration::from_secs(10);
/// How long a jail that is killed gets to be gone.
const HARD_STOP_TIME: Duration = Duration::from_secs(5);
const REPORT_BYTES_MAX: u64 = 256 * 1024;

/// Node-RED in its jail. Dropped, everything in the jail is killed.
#[derive(Debug)]
pub(super) struct Jailed {
    child: Child,
    /// The other end of the jailer's stdin: when it closes, the jail is killed.
    lifeline: Option<UnixStream>,
}

/// What the jailed program writes.
#[derive(Debug)]
pub(super) struct Output {
    pub(super) stdout: BufReader<pipe::Receiver>,
    pub(super) stderr: pipe::Receiver,
}

impl Jailed {
    /// Builds the jail and executes the program in it.
    pub(super) async fn start(plan: &InstancePlan) -> Result<(Self, Enforcement, Output), String> {
        let (jailed, mut output) = spawn(Run::Program, plan).await?;
        let report = within_build_time(report(&mut output.stdout)).await?;
        match report {
            JailReport::Built(enforcement) => Ok((jailed, enforcement, output)),
            JailReport::Failed(why) => Err(format!("the jail could not be built: {why}")),
        }
    }

    /// Waits for the end; how it came about, in words.
    pub(super) async fn ended(&mut self) -> String {
        match self.child.wait().await {
            Ok(status) => how(status),
            Err(error) => format!("Node-RED could not be waited for: {error}"),
        }
    }

    /// Asks Node-RED to stop, and after 10 seconds kills the jail.
    pub(super) async fn stop(mut self) {
        if let Err(error) = self.child.ask_to_stop().await {
            tracing::debug!(%error, "Node-RED could not be asked to stop");
        }
        if tokio::time::timeout(SOFT_STOP_TIME, self.child.wait())
            .await
            .is_err()
        {
            self.kill().await;
        }
    }

    /// Kills the jail, and returns when nothing of it is left: the next start clears folders that
    /// only then nobody can reach into.
    pub(super) async fn kill(mut self) {
        self.lifeline = None;
        // The jailer ends when the last of the jail has; killed, it would leave that to the kernel.
        let ended = tokio::time::timeout(HARD_STOP_TIME, self.child.wait()).await;
        if ended.is_ok() {
            return;
        }
        if let Err(error) = self.child.kill().await {
            tracing::debug!(%error, "the jailer could not be killed");
        }
    }
}

/// Builds the same jail and tries in it everything that must be denied.
pub(super) async fn canary(plan: &InstancePlan) -> Result<(Enforcement, CanaryReport), String> {
    within_build_time(async {
        let (jailed, output) = spawn(Run::Canary, plan).await?;
        let (mut stdout, stderr) = (output.stdout, output.stderr);
        let reports = async {
            let enforcement = match report(&mut stdout).await? {
                JailReport::Built(enforcement) => enforcement,
                JailReport::Failed(why) => {
                    return Err(format!("the jail could not be built: {why}"));
                }
            };
            Ok((enforcement, report::<CanaryReport>(&mut stdout).await?))
        };
        let (reports, said) = tokio::join!(reports, rest(stderr));
        jailed.kill().await;
        reports.map_err(|why| {
            if said.is_empty() {
                why
            } else {
                format!("{why} ({said})")
            }
        })
    })
    .await
}

async fn spawn(run: Run, plan: &InstancePlan) -> Result<(Jailed, Output), String> {
    let own = || jail::spec(plan, std::process::id());
    let started = jailer::start(run, plan, own).await;
    let Started {
        child,
        lifeline,
        stdout,
        stderr,
    } = started.map_err(|error| error.to_string())?;
    let jailed = Jailed {
        child,
        lifeline: Some(lifeline),
    };
    let output = Output {
        stdout: BufReader::new(stdout),
        stderr,
    };
    Ok((jailed, output))
}

/// One line of JSON.
async fn report<T: DeserializeOwned>(stdout: &mut BufReader<pipe::Receiver>) -> Result<T, String> {
    let mut line = Vec::new();
    let read = stdout
        .take(REPORT_BYTES_MAX)
        .read_until(b'\n', &mut line)
        .await;
    read.map_err(|error| format!("the jailer's report could not be read: {error}"))?;
    if line.is_empty() {
        return Err("the jailer ended without a report".to_owned());
    }
    serde_json::from_slice(&line)
        .map_err(|error| format!("the jailer's report could not be read: {error}"))
}

async fn rest(stderr: pipe::Receiver) -> String {
    let mut said = Vec::new();
    // What was read until it failed is still worth showing.
    stderr.take(4096).read_to_end(&mut said).await.ok();
    let said = String::from_utf8_lossy(&said);
    said.trim()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

async fn within_build_time<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = |_| {
        format!(
            "the jail was not built within {} seconds",
            BUILD_TIME.as_secs()
        )
    };
    tokio::time::timeout(BUILD_TIME, work).await.map_err(late)?
}

fn how(status: std::process::ExitStatus) -> String {
    use sandbox::command::{EXIT_LIFELINE, EXIT_NOT_BUILT, EXIT_NOT_EXECUTED};
    let Some(code) = status.code() else {
        return format!("the jailer ended: {status}");
    };
    match u8::try_from(code) {
        Ok(EXIT_NOT_BUILT) => "the jail could not be built".to_owned(),
        Ok(EXIT_NOT_EXECUTED) => "Node.js could not be executed in the jail".to_owned(),
        Ok(EXIT_LIFELINE) => "Redkeep let go of it".to_owned(),
        Ok(code @ 129..=192) => format!("Node-RED was killed by signal {}", code - 128),
        _ => format!("Node-RED ended with exit code {code}"),
    }
}
