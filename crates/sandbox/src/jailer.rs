//! From being asked to executing, in the order that matters.
//!
//! Three processes, each forked by the one before and each with less to lose:
//!
//! 1. **outside** answers for the jail: lifeline, signals, exit code (`outside.rs`);
//! 2. **init** is pid 1 of the jail, makes its file system, gives up all rights (`init.rs`);
//! 3. **program** takes the last restrictions upon itself and becomes the program.
//!
//! What each layer achieved is collected on the way down and written to stdout by the third just
//! before it executes: see [`command`](crate::command) for the protocol.

mod error;
mod plan;

use std::convert::Infallible;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::Mode;
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{
    DumpableBehavior, getpid, getppid, set_dumpable_behavior, setpgid, setsid, umask,
};

use crate::canary::{Beacon, Surroundings};
use crate::cgroup::Group;
use crate::command::{CANARY_VERB, EXIT_NOT_BUILT, EXIT_NOT_EXECUTED, JAIL_VERB, JailReport};
use crate::enforcement::Layer;
use crate::kernel::{self, Fork, Signals};
use crate::listen_guard::Asks;
use crate::observed::Observer;
use crate::outside::say;
use crate::seccomp::By;
use crate::spec::JailSpec;
use crate::{
    canary, cgroup, init, landlock_rules, listen_guard, mounts, namespace, outside, privileges,
    rlimits, seccomp,
};

pub use error::JailError;
use error::at;
use plan::{Plan, Task, read_spec};

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
    let code = be_outside(task).unwrap_or_else(|error| give_up(&error));
    Some(ExitCode::from(code))
}

fn be_outside(task: Task) -> Result<u8, JailError> {
    kernel::close_inherited().map_err(at("closing inherited files"))?;
    // Out of Redkeep's process group: Ctrl-C is for Redkeep, which then stops Node-RED in order.
    // Refused to a group's leader, which is out already.
    setsid().ok();
    let mut plan = Plan::make(task, read_spec()?)?;
    let beacon = (task == Task::Canary).then(Beacon::light).transpose();
    let beacon = beacon.map_err(at("lighting a beacon"))?;
    plan.around = Surroundings::look(beacon.as_ref());
    let signals = Signals::block().map_err(at("waiting for signals"))?;
    let group = cgroup::make(&plan.spec.limits, &mut plan.report);
    privileges::adopt_orphans().map_err(at("adopting orphans"))?;
    namespace::enter_outer(plan.namespaces).map_err(at("making namespaces"))?;
    let (lives, life) = pipe_with(PipeFlags::CLOEXEC).map_err(at("making a pipe"))?;

    match kernel::fork().map_err(at("starting the jail"))? {
        Fork::Child => {
            drop(life);
            let ended = be_init(plan, &signals, group.as_ref(), &lives);
            kernel::exit_now(ended.unwrap_or_else(|error| give_up(&error)).into())
        }
        Fork::Parent(jail) => {
            let ended = outside::watch(jail, &signals).map_err(at("watching the jail"));
            drop((life, beacon));
            group.into_iter().for_each(Group::remove);
            ended
        }
    }
}

fn be_init(
    mut plan: Plan,
    signals: &Signals,
    group: Option<&Group>,
    outside_lives: &OwnedFd,
) -> Result<u8, JailError> {
    let witness = plan
        .spec
        .observed
        .then(|| io::stdin().as_fd().try_clone_to_owned());
    let witness = witness.transpose().map_err(at("keeping the witness"))?;
    take_null_stdin().map_err(at("opening /dev/null"))?;
    rlimits::stand_before_the_guard(&plan.spec);
    rlimits::step_back(&plan.spec).map_err(at("stepping back"))?;
    group
        .map_or(Ok(()), Group::join)
        .map_err(at("joining the cgroup"))?;
    // The jail's user must be able to pass through directories made on the way.
    umask(Mode::WGRP | Mode::WOTH);
    namespace::enter_inner(plan.namespaces, &plan.spec.network).map_err(at("making namespaces"))?;
    if plan.namespaces.any() {
        let status = mounts::build(&plan.spec, &plan.libraries)?;
        plan.report.set(Layer::MountNamespace, status);
    }
    let observer = witness.map(|witness| Observer::new(witness, &plan.spec, &plan.libraries));
    let observer = observer.transpose().map_err(at("preparing to observe"))?;
    privileges::drop_all(&plan.spec, plan.namespaces, &mut plan.report)
        .map_err(at("giving up rights"))?;
    privileges::die_with_parent(|| is_open(outside_lives)).map_err(at("tying the jail's life"))?;
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(at("making a socket pair"))?;
    let init = getpid();

    match kernel::fork().map_err(at("starting the program"))? {
        Fork::Child => {
            drop((ours, observer));
            let ended = privileges::die_with_parent(|| getppid() == Some(init))
                .map_err(at("tying the program's life"))
                .and_then(|()| be_program(plan, theirs));
            kernel::exit_now(ended.unwrap_or_else(|error| give_up(&error)).into())
        }
        Fork::Parent(program) => {
            drop(theirs);
            // The program may not look into the process that judges it.
            crate::process::disable_core_dumps_and_tracing().map_err(at("hiding init"))?;
            let guard = match observer {
                Some(_) => listen_guard::fetch(ours.as_fd(), program),
                None => listen_guard::receive(ours.as_fd()),
            };
            let guard = guard.map_err(at("receiving the guard"))?;
            init::watch(program, signals, guard, observer).map_err(at("watching the program"))
        }
    }
}

fn be_program(mut plan: Plan, guard_channel: OwnedFd) -> Result<u8, JailError> {
    if plan.spec.limits.gives_way {
        // Of its own in the session that stepped back: another would be on a par with all others.
        setpgid(None, None).map_err(at("starting a process group"))?;
    } else {
        setsid().map_err(at("starting a session"))?;
    }
    // Sockets and files are the jail's own; Redkeep, as root or the same user, can still connect. With a
    // user of its own its group is nobody else's, and Redkeep's where the folder of sockets says so.
    if plan.spec.become_user.is_some() {
        crate::process::use_group_umask();
    } else {
        crate::process::use_private_umask();
    }
    rlimits::apply(&plan.spec, plan.namespaces, &mut plan.report).map_err(at("setting limits"))?;
    rustix::process::chdir(&plan.spec.cwd).map_err(at("entering the working directory"))?;
    landlock_rules::restrict(
        &plan.spec,
        &plan.libraries,
        plan.namespaces,
        &mut plan.report,
    )?;
    if plan.report.of(Layer::Seccomp).is_there() {
        let asks = plan.asks();
        listen_guard::restrict(guard_channel.as_fd(), asks).map_err(at("guarding listen"))?;
        let by = if asks == Asks::Everything {
            By::Observer
        } else {
            By::Filter
        };
        seccomp::restrict(plan.sockets(), by).map_err(at("filtering system calls"))?;
    }
    drop(guard_channel);
    kernel::close_all_on_exec().map_err(at("closing files"))?;
    kernel::unblock_signals().map_err(at("unblocking signals"))?;
    report(&JailReport::Built(plan.report.clone())).map_err(at("reporting"))?;

    match plan.task {
        Task::Program => {
            let Err(error) = execute(&plan.spec);
            let program = plan.spec.program().display();
            say(&format!("{program} could not be executed: {error}"));
            Ok(EXIT_NOT_EXECUTED)
        }
        Task::Canary => {
            // As an executed program would be; the guard must be able to look at its sockets.
            set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(at("being looked at"))?;
            let findings = canary::run(&plan.spec, &plan.report, &plan.around);
            report(&findings).map_err(at("reporting"))?;
            Ok(u8::from(!findings.passed()))
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

/// Says why there is no jail, to the machine on stdout and to people on stderr.
fn give_up(error: &JailError) -> u8 {
    say(&error.to_string());
    // Whoever listens sees the exit code as well.
    drop(report(&JailReport::Failed(error.to_string())));
    EXIT_NOT_BUILT
}

/// Writes a line, past the buffer of `std`, which a fork would copy and an exec would lose.
fn report(line: &impl serde::Serialize) -> io::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    let mut stdout = std::fs::File::from(io::stdout().as_fd().try_clone_to_owned()?);
    stdout.write_all(&text)
}

/// The lifeline is for the outside process alone.
fn take_null_stdin() -> io::Result<()> {
    let null = std::fs::File::open("/dev/null")?;
    Ok(rustix::stdio::dup2_stdin(&null)?)
}

/// Whether the write end of a pipe is still held; nothing is ever written to it.
fn is_open(read_end: &OwnedFd) -> bool {
    let mut fds = [PollFd::new(read_end, PollFlags::IN)];
    let now = Timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    matches!(poll(&mut fds, Some(&now)), Ok(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_noticed() {
        let (read, write) = rustix::pipe::pipe().unwrap();
        assert!(is_open(&read));
        drop(write);
        assert!(!is_open(&read));
    }
}
