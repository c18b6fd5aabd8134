//! From being asked to executing, in the order that matters.
//!
//! Three processes, each forked by the one before and each with less to lose:
//!
//! 1. **outside** answers for the jail: lifeline, signals, exit code ([`outside`]);
//! 2. **init** is pid 1 of the jail, makes its file system, gives up all rights ([`init`]);
//! 3. **program** takes the last restrictions upon itself and becomes the program.
//!
//! What each layer achieved is collected on the way down and written to stdout by the third just
//! before it executes: see [`command`](crate::command) for the protocol.

use std::convert::Infallible;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use rustix::pipe::PipeFlags;
use rustix::process::{DumpableBehavior, set_dumpable_behavior};

use crate::canary::Surroundings;
use crate::cgroup::Group;
use crate::command::{CANARY_VERB, EXIT_NOT_BUILT, EXIT_NOT_EXECUTED, JAIL_VERB, JailReport};
use crate::enforcement::{Enforcement, Layer};
use crate::kernel::{self, Fork, Signals};
use crate::libraries::{self, Libraries};
use crate::mounts::MountError;
use crate::namespace::{self, Namespaces};
use crate::outside::say;
use crate::spec::{JailSpec, SPEC_BYTES_MAX, SpecError};
use crate::{
    canary, cgroup, init, landlock_rules, listen_guard, mounts, outside, privileges, rlimits,
    seccomp,
};

/// Why a jail could not be built. Nothing was executed.
#[derive(Debug, thiserror::Error)]
pub enum JailError {
    /// The spec did not arrive whole.
    #[error("the jail's description did not arrive: {0}")]
    NoSpec(io::Error),
    /// It is not a spec.
    #[error("the jail's description is not understood: {0}")]
    Malformed(#[from] serde_json::Error),
    /// It cannot be meant.
    #[error("the jail's description is wrong: {0}")]
    Spec(#[from] SpecError),
    /// Root without a user to become.
    #[error("started as root, but no user is given for the jail; set one that owns nothing else")]
    RootNeedsUser,
    /// An ordinary user cannot become another.
    #[error("only root can run the jail as user {0}; start Redkeep as root or as that user")]
    CannotBecome(u32),
    /// Only a mount namespace can show a path elsewhere, or read-only inside a writable folder.
    #[error(
        "{0:?} is to be shown at another path, or read-only inside a writable one, which needs a \
         mount namespace; there is none: {1}"
    )]
    NeedsMountNamespace(PathBuf, String),
    /// Nothing would keep the program from the machine's files.
    #[error(
        "neither a mount namespace nor Landlock can be had, so nothing would guard the machine's \
         files; use a kernel with Landlock (5.13 or newer, lsm=landlock), or allow namespaces: {0}"
    )]
    NoWall(String),
    /// The file system could not be made.
    #[error(transparent)]
    Mount(#[from] MountError),
    /// Landlock refused a rule.
    #[error("the Landlock rules were refused: {0}")]
    Landlock(#[from] landlock::RulesetError),
    /// Any other step.
    #[error("{step} failed: {source}")]
    Step {
        /// What was being done.
        step: &'static str,
        /// What the kernel said.
        source: io::Error,
    },
}

/// Names the step an error came from.
fn at<E: Into<io::Error>>(step: &'static str) -> impl FnOnce(E) -> JailError {
    move |source| JailError::Step {
        step,
        source: source.into(),
    }
}

/// What the innermost process does once it is confined.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Task {
    Program,
    Canary,
}

/// When this process was started to be a jailer, does that and gives the exit code to end with.
/// `None` otherwise.
///
/// Must be the first thing in `main`, before any thread, async runtime or open file.
pub fn run_if_asked() -> Option<ExitCode> {
    let verb = std::env::args_os().nth(1)?;
    let task = match verb.to_str()? {
        JAIL_VERB => Task::Program,
        CANARY_VERB => Task::Canary,
        _ => return None,
    };
    Some(ExitCode::from(
        run(task).unwrap_or_else(|error| give_up(&error)),
    ))
}

/// Says why there is no jail, to the machine on stdout and to people on stderr.
fn give_up(error: &JailError) -> u8 {
    say(&error.to_string());
    // Whoever listens sees the exit code as well.
    drop(report(&JailReport::Failed(error.to_string())));
    EXIT_NOT_BUILT
}

fn report(line: &impl serde::Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    // Past the buffer of `std`, which a fork would copy and an exec would lose.
    let mut written = 0;
    while let Some(rest) = text.get(written..).filter(|rest| !rest.is_empty()) {
        written += rustix::io::write(io::stdout(), rest)?;
    }
    io::stdout().flush()
}

/// All that is decided before anything is done.
struct Plan {
    task: Task,
    spec: JailSpec,
    libraries: Libraries,
    namespaces: Namespaces,
    report: Enforcement,
    /// For the canary.
    around: Surroundings,
}

/// The outside process.
fn run(task: Task) -> Result<u8, JailError> {
    // Out of Redkeep's process group: Ctrl-C is for Redkeep, which then stops Node-RED in order.
    // Refused to a group's leader, which is out already.
    rustix::process::setsid().ok();
    let mut plan = decide(task, read_spec()?)?;
    let beacon = (task == Task::Canary)
        .then(canary::Beacon::light)
        .transpose();
    let beacon = beacon.map_err(at("lighting a beacon"))?;
    plan.around = Surroundings::look(beacon.as_ref());
    let signals = Signals::block().map_err(at("waiting for signals"))?;
    let group = cgroup::make(&plan.spec.limits, &mut plan.report);
    privileges::adopt_orphans().map_err(at("adopting orphans"))?;
    namespace::enter_outer(plan.namespaces).map_err(at("making namespaces"))?;
    let (outside_lives, alive) =
        rustix::pipe::pipe_with(PipeFlags::CLOEXEC).map_err(at("making a pipe"))?;

    match kernel::fork().map_err(at("starting the jail"))? {
        Fork::Child => {
            drop(alive);
            let ended = init(plan, &signals, group.as_ref(), &outside_lives);
            kernel::exit_now(ended.unwrap_or_else(|error| give_up(&error)).into())
        }
        Fork::Parent(jail) => {
            drop(outside_lives);
            let ended = outside::watch(jail, &signals).map_err(at("watching the jail"));
            drop((alive, beacon));
            group.into_iter().for_each(Group::remove);
            ended
        }
    }
}

fn read_spec() -> Result<JailSpec, JailError> {
    let mut line = Vec::new();
    for byte in io::stdin().lock().bytes() {
        match byte.map_err(JailError::NoSpec)? {
            b'\n' => {
                let spec: JailSpec = serde_json::from_slice(&line)?;
                spec.validate()?;
                return Ok(spec);
            }
            _ if line.len() >= SPEC_BYTES_MAX => break,
            byte => line.push(byte),
        }
    }
    Err(JailError::NoSpec(io::ErrorKind::UnexpectedEof.into()))
}

fn decide(task: Task, mut spec: JailSpec) -> Result<Plan, JailError> {
    let mut report = Enforcement::default();
    privileges::decide_user(&spec, &mut report)?;
    let namespaces = match namespace::available(spec.namespaces) {
        Ok(namespaces) => {
            namespace::record(&mut report, namespaces, &spec.network);
            namespaces
        }
        Err(why) => {
            refuse_without_namespaces(&spec, &why)?;
            namespace::missing(&mut report, &why);
            Namespaces::None
        }
    };
    if task == Task::Canary {
        spec.hidden_pids.push(std::process::id());
    }
    let around = Surroundings::default();
    Ok(Plan {
        task,
        spec,
        libraries: libraries::find(),
        namespaces,
        report,
        around,
    })
}

/// What cannot be had without a mount namespace, so that asking for it must not go unheard.
fn refuse_without_namespaces(spec: &JailSpec, why: &str) -> Result<(), JailError> {
    let (_, landlock) = landlock_rules::available();
    if !landlock.is_there() {
        return Err(JailError::NoWall(why.to_owned()));
    }
    // Landlock knows no exceptions below a path that may be written.
    let writable = |path: &Path| spec.writable_dirs().any(|dir| path.starts_with(dir));
    let impossible = spec
        .read_only
        .iter()
        .find(|shown| shown.inside() != shown.host || writable(&shown.host));
    impossible.map_or(Ok(()), |shown| {
        Err(JailError::NeedsMountNamespace(
            shown.inside().to_owned(),
            why.to_owned(),
        ))
    })
}

/// The jail's first process.
fn init(
    mut plan: Plan,
    signals: &Signals,
    group: Option<&Group>,
    outside_lives: &OwnedFd,
) -> Result<u8, JailError> {
    give_null_stdin().map_err(at("opening /dev/null"))?;
    group
        .map_or(Ok(()), Group::join)
        .map_err(at("joining the cgroup"))?;
    // Directories made on the way must be passable for the jail's user.
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    namespace::enter_inner(plan.namespaces, &plan.spec.network).map_err(at("making namespaces"))?;
    if plan.namespaces.any() {
        let status = mounts::build(&plan.spec, &plan.libraries)?;
        plan.report.set(Layer::MountNamespace, status);
    }
    privileges::drop_all(&plan.spec, plan.namespaces, &mut plan.report)
        .map_err(at("giving up rights"))?;
    privileges::die_with_parent(|| still_open(outside_lives))
        .map_err(at("tying the jail's life"))?;

    let (ours, theirs) = rustix::net::socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(at("making a socket pair"))?;
    let init = rustix::process::getpid();
    match kernel::fork().map_err(at("starting the program"))? {
        Fork::Child => {
            drop(ours);
            let ended = privileges::die_with_parent(|| rustix::process::getppid() == Some(init))
                .map_err(at("tying the program's life"))
                .and_then(|()| program(plan, theirs));
            kernel::exit_now(ended.unwrap_or_else(|error| give_up(&error)).into())
        }
        Fork::Parent(program) => {
            drop(theirs);
            // The program may not look into the process that judges it.
            crate::process::disable_core_dumps_and_tracing().map_err(at("hiding init"))?;
            let guard = listen_guard::receive(ours.as_fd()).map_err(at("receiving the guard"))?;
            init::watch(program, signals, guard).map_err(at("watching the program"))
        }
    }
}

/// The innermost process: confines itself for good, reports, and does its task.
fn program(mut plan: Plan, guard_channel: OwnedFd) -> Result<u8, JailError> {
    rustix::process::setsid().map_err(at("starting a session"))?;
    // Sockets and files are the jail's own; Redkeep, as root or the same user, can still connect.
    crate::process::use_private_umask();
    let guard_channel = kernel::close_all_but(guard_channel).map_err(at("closing files"))?;
    rlimits::apply(&plan.spec, plan.namespaces, &mut plan.report).map_err(at("setting limits"))?;
    rustix::process::chdir(&plan.spec.cwd).map_err(at("entering the working directory"))?;
    landlock_rules::restrict(
        &plan.spec,
        &plan.libraries,
        plan.namespaces,
        &mut plan.report,
    )?;

    let guard = listen_guard::available();
    let filter = seccomp::available();
    if filter.is_there() {
        listen_guard::restrict(guard_channel.as_fd(), &guard).map_err(at("guarding listen"))?;
        seccomp::restrict(&plan.spec.network).map_err(at("filtering system calls"))?;
    }
    drop(guard_channel);
    let guard = if filter.is_there() {
        guard
    } else {
        filter.clone()
    };
    plan.report.set(Layer::ListenGuard, guard);
    plan.report.set(Layer::Seccomp, filter);

    report(&JailReport::Built(plan.report.clone())).map_err(at("reporting"))?;
    kernel::unblock_signals().map_err(at("unblocking signals"))?;
    match plan.task {
        Task::Canary => {
            // As an executed program is; the guard must be able to look at its sockets.
            set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(at("being looked at"))?;
            let findings = canary::run(&plan.spec, &plan.report, &plan.around);
            report(&findings).map_err(at("reporting"))?;
            Ok(u8::from(!findings.passed()))
        }
        Task::Program => {
            let Err(error) = execute(&plan.spec);
            say(&format!(
                "{} could not be executed: {error}",
                plan.spec.program().display()
            ));
            Ok(EXIT_NOT_EXECUTED)
        }
    }
}

fn execute(spec: &JailSpec) -> Result<Infallible, io::Error> {
    let arguments = spec.argv.get(1..).unwrap_or_default();
    Err(Command::new(spec.program())
        .args(arguments)
        .env_clear()
        .envs(&spec.env)
        .exec())
}

/// The lifeline is for the outside process alone.
fn give_null_stdin() -> io::Result<()> {
    let null = std::fs::File::open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdin(&null)?)
}

/// Whether the write end of a pipe is still held; nothing is ever written to it.
fn still_open(read_end: &OwnedFd) -> bool {
    let mut fds = [rustix::event::PollFd::new(
        read_end,
        rustix::event::PollFlags::IN,
    )];
    let now = rustix::event::Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    matches!(rustix::event::poll(&mut fds, Some(&now)), Ok(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_noticed() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        assert!(still_open(&read));
        drop(write);
        assert!(!still_open(&read));
    }

    #[test]
    fn errors_name_the_step() {
        let error = at("entering the working directory")(io::Error::from(io::ErrorKind::NotFound));
        assert!(
            error
                .to_string()
                .starts_with("entering the working directory failed")
        );
    }
}
