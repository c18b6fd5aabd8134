//! Who builds the jails: this process, or as root the broker, since this one has no rights then.

use std::{
    fmt::Debug,
    io,
    os::fd::OwnedFd,
    path::PathBuf,
    process::{ExitStatus, Stdio},
    sync::Arc,
};

use model::id::InstanceId;
use sandbox::{
    JailCommand, JailSpec,
    held::{ASK_TO_STOP, Held, KILL, STATUS_BYTES, read_status},
};
use serde::{Deserialize, Serialize};
use tokio::{
    io::AsyncWriteExt as _,
    net::{UnixStream, unix::pipe},
    process::Command,
};

use crate::{InstancePlan, jail, rehearsal};

/// What a jail is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Run {
    /// Node-RED runs in it.
    Program,
    /// Everything that must be denied is tried in it.
    Canary,
    /// Flows are tried in it.
    Rehearsal,
}

/// What needs root's rights, and is done by a process that has them. Each blocks, for as long as a
/// process takes to be started; clearing, for as long as the disk takes. Joined in `redkeep::broker`.
pub trait Broker: Send + Sync + Debug {
    /// Builds a jail: of the plan, its instance's name, its policy and its tree's name count. The
    /// process, and its fd 0, 1 and 2.
    fn jail(&self, run: Run, plan: &InstancePlan) -> io::Result<(Held, Vec<OwnedFd>)>;
    /// Gives `work/` and `run/`, which are there, to the instance's user, or to that of rehearsals.
    fn hand_over(&self, instance: &InstanceId, is_rehearsal: bool) -> io::Result<()>;
    /// Removes from `work/` of the instance what Node-RED would run at its start, as its user.
    fn clear(&self, instance: &InstanceId) -> io::Result<()>;
}

/// Who builds the jails.
#[derive(Debug, Clone)]
pub enum Jailer {
    /// This process, with its own rights: the program that, called with `__jail`, becomes the jailer.
    Own(PathBuf),
    /// The process that kept root's rights.
    Broker {
        /// The way to it.
        broker: Arc<dyn Broker>,
        /// Whether for rehearsals.
        is_rehearsal: bool,
    },
}

impl From<PathBuf> for Jailer {
    fn from(program: PathBuf) -> Self {
        Self::Own(program)
    }
}

impl Jailer {
    /// The same for rehearsals.
    pub(crate) fn for_rehearsals(self) -> Self {
        match self {
            Self::Own(program) => Self::Own(program),
            Self::Broker { broker, .. } => Self::Broker {
                broker,
                is_rehearsal: true,
            },
        }
    }
}

/// The jail for this plan, as whoever builds it for another process makes it: no link below
/// `data_dir` is followed. `pids` must be out of reach.
pub fn jail_spec(run: Run, plan: &InstancePlan, data_dir: PathBuf, pids: &[u32]) -> JailSpec {
    let mut spec = match run {
        Run::Program | Run::Canary => jail::spec(plan, std::process::id()),
        Run::Rehearsal => rehearsal::spec(plan, rehearsal::Bounds::default()),
    };
    spec.below = Some(data_dir);
    spec.hidden_pids.extend(pids);
    spec
}

/// A jail that is being built.
#[derive(Debug)]
pub(crate) struct Started {
    pub(crate) child: Child,
    /// Its fd 0: closed, everything in the jail is killed. An observed one tells on it.
    pub(crate) lifeline: UnixStream,
    pub(crate) stdout: pipe::Receiver,
    pub(crate) stderr: pipe::Receiver,
}

/// The jailer. Dropped, it is killed.
#[derive(Debug)]
pub(crate) enum Child {
    Own(tokio::process::Child),
    Held {
        pid: u32,
        line: UnixStream,
        ended: Option<ExitStatus>,
    },
}

/// Starts a jailer. `spec` is what this process itself would build.
pub(crate) async fn start(
    run: Run,
    plan: &InstancePlan,
    spec: impl FnOnce() -> JailSpec,
) -> io::Result<Started> {
    match &plan.jailer {
        Jailer::Own(program) => {
            let spec = spec();
            let command = match run {
                Run::Canary => JailCommand::canary(&spec),
                Run::Program | Run::Rehearsal => JailCommand::jail(&spec),
            };
            own(program, &command.map_err(io::Error::other)?).await
        }
        Jailer::Broker { broker, .. } => {
            let (broker, plan) = (broker.clone(), plan.clone());
            let asked = tokio::task::spawn_blocking(move || broker.jail(run, &plan));
            let (held, files) = asked.await.map_err(io::Error::other)??;
            handed(held, files)
        }
    }
}

async fn own(program: &PathBuf, command: &JailCommand) -> io::Result<Started> {
    let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    ours.set_nonblocking(true)?;
    let mut child = Command::new(program)
        .arg(command.verb)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(theirs)))
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A terminal's interrupt goes to Redkeep alone, which stops its children in order.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            let what = format!("{} could not be started: {error}", program.display());
            io::Error::new(error.kind(), what)
        })?;
    let none = || io::Error::other("it has no output");
    let stdout = child.stdout.take().ok_or_else(none)?.into_owned_fd()?;
    let stderr = child.stderr.take().ok_or_else(none)?.into_owned_fd()?;
    let mut lifeline = UnixStream::from_std(ours)?;
    // A jailer that dies at once closes its end; its own report says why.
    if let Err(error) = lifeline.write_all(&command.stdin).await {
        tracing::debug!(%error, "the jailer did not take its orders");
    }
    Ok(Started {
        child: Child::Own(child),
        lifeline,
        stdout: pipe::Receiver::from_owned_fd(stdout)?,
        stderr: pipe::Receiver::from_owned_fd(stderr)?,
    })
}

fn handed(held: Held, files: Vec<OwnedFd>) -> io::Result<Started> {
    let files: [OwnedFd; 3] = files.try_into().map_err(|_| io::ErrorKind::InvalidData)?;
    let [lifeline, stdout, stderr] = files;
    let stream = |it: std::os::unix::net::UnixStream| {
        it.set_nonblocking(true)?;
        UnixStream::from_std(it)
    };
    Ok(Started {
        child: Child::Held {
            pid: held.pid(),
            line: stream(held.into_line())?,
            ended: None,
        },
        lifeline: stream(lifeline.into())?,
        stdout: pipe::Receiver::from_owned_fd(stdout)?,
        stderr: pipe::Receiver::from_owned_fd(stderr)?,
    })
}

impl Child {
    /// Its number; none when it has ended.
    pub(crate) fn id(&self) -> Option<u32> {
        match self {
            Self::Own(child) => child.id(),
            Self::Held { pid, ended, .. } => ended.is_none().then_some(*pid),
        }
    }

    /// Waits for its end. May be dropped and asked again.
    pub(crate) async fn wait(&mut self) -> io::Result<ExitStatus> {
        match self {
            Self::Own(child) => child.wait().await,
            Self::Held {
                ended: Some(status),
                ..
            } => Ok(*status),
            Self::Held { line, ended, .. } => {
                let status = status(line).await?;
                *ended = Some(status);
                Ok(status)
            }
        }
    }

    /// Sends SIGTERM, if it has not been waited for.
    pub(crate) async fn ask_to_stop(&self) -> io::Result<()> {
        match self {
            // Not waited for yet, so the number is still its own.
            Self::Own(child) => child.id().map_or(Ok(()), sandbox::process::ask_to_stop),
            Self::Held { line, .. } => say(line, ASK_TO_STOP).await,
        }
    }

    /// Kills it, and waits until it has ended.
    pub(crate) async fn kill(&mut self) -> io::Result<()> {
        match self {
            Self::Own(child) => child.kill().await,
            Self::Held { line, .. } => {
                say(line, KILL).await?;
                self.wait().await.map(drop)
            }
        }
    }
}

/// Asks for something.
async fn say(line: &UnixStream, what: u8) -> io::Result<()> {
    loop {
        line.writable().await?;
        match line.try_write(&[what]) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            said => return said.map(drop),
        }
    }
}

/// What the broker says when it has ended. It says it at once, so nothing is lost between.
async fn status(line: &UnixStream) -> io::Result<ExitStatus> {
    let mut status = [0; STATUS_BYTES];
    loop {
        line.readable().await?;
        match line.try_read(&mut status) {
            Ok(STATUS_BYTES) => return Ok(read_status(status)),
            Ok(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}
