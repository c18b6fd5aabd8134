//! A process of our own program that is set apart: it holds what nobody else may read, and answers
//! over two lanes that nobody else can open.
//!
//! The lanes are socket pairs, made before the process and inherited by it as fd 0 and fd 1. They
//! have no name in any file system or namespace, so no other user and no other process can connect:
//! who is at the other end needs no asking. They are the lifeline too. When whoever started the
//! process ends, both close, and so it ends.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, pidfd_open, pidfd_send_signal, setrlimit, setsid,
};

use crate::enforcement::{Enforcement, Layer, Status};
use crate::folder::Folder;
use crate::held::Held;
use crate::kernel::Signals;
use crate::spec::{Network, UserIds};
use crate::{kernel, landlock_rules, namespace, privileges, seccomp};

/// Files the process may have open: two lanes, its folders, stderr, and room.
const FILES_MAX: u64 = 64;

/// A process set apart, as the one that started it sees it.
#[derive(Debug)]
pub struct Apart {
    /// The process, to be waited for.
    pub process: Process,
    /// What is said to it.
    pub lanes: [UnixStream; 2],
    /// Ends it, from any thread.
    pub ending: Ending,
}

/// Whose child it is.
#[derive(Debug)]
pub enum Process {
    /// This process's own.
    Own(Child),
    /// The broker's.
    Held(Held),
}

impl Process {
    /// Waits until it has ended.
    ///
    /// # Errors
    /// When it cannot be waited for any more.
    pub fn wait(&mut self) -> io::Result<ExitStatus> {
        match self {
            Self::Own(child) => child.wait(),
            Self::Held(held) => held.wait(),
        }
    }
}

/// Ends a process. Holds on to it, so that its number cannot be another's by then.
#[derive(Debug, Clone)]
pub struct Ending(Arc<Handle>);

#[derive(Debug)]
enum Handle {
    Own(OwnedFd),
    Held(Held),
}

impl Ending {
    /// Ends it at once. One that has ended already is left alone.
    pub fn end(&self) {
        // Either can only fail because it is over.
        match &*self.0 {
            Handle::Own(fd) => drop(pidfd_send_signal(fd, Signal::KILL)),
            Handle::Held(held) => drop(held.kill()),
        }
    }
}

/// What the broker started, as if it had been started here.
///
/// # Errors
/// When these are not the two lanes.
pub fn handed(held: Held, files: Vec<OwnedFd>) -> io::Result<Apart> {
    let lanes: [OwnedFd; 2] = files.try_into().map_err(|_| io::ErrorKind::InvalidData)?;
    Ok(Apart {
        lanes: lanes.map(UnixStream::from),
        ending: Ending(Arc::new(Handle::Held(held.again()?))),
        process: Process::Held(held),
    })
}

/// Starts `program` with `verb` as its only argument, no environment, and the two lanes.
///
/// # Errors
/// When no process can be started.
pub fn start(program: &Path, verb: &str) -> io::Result<Apart> {
    let (first, its_first) = UnixStream::pair()?;
    let (second, its_second) = UnixStream::pair()?;
    let mut child = Command::new(program)
        .arg(verb)
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(OwnedFd::from(its_first)))
        .stdout(Stdio::from(OwnedFd::from(its_second)))
        .spawn()?;
    let pid = Pid::from_raw(child.id().cast_signed()).ok_or(io::ErrorKind::InvalidData)?;
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(fd) => Ok(Apart {
            process: Process::Own(child),
            lanes: [first, second],
            ending: Ending(Arc::new(Handle::Own(fd))),
        }),
        Err(errno) => {
            child.kill()?;
            child.wait()?;
            Err(errno.into())
        }
    }
}

/// When this process was started with `verb` to be set apart: its two lanes.
///
/// Must be the first thing in `main`, before any thread, async runtime or open file.
pub fn lanes_if_asked(verb: &str) -> Option<io::Result<[UnixStream; 2]>> {
    let is_asked = std::env::args_os().nth(1).is_some_and(|it| it == verb);
    is_asked.then(take_lanes)
}

fn take_lanes() -> io::Result<[UnixStream; 2]> {
    kernel::close_inherited()?;
    // Ctrl-C in the terminal and a service manager's stop are for the one that started us, which
    // needs its keys until its last record is written; then the lanes close.
    setsid().ok();
    drop(Signals::block()?);
    let first = io::stdin().as_fd().try_clone_to_owned()?;
    let second = io::stdout().as_fd().try_clone_to_owned()?;
    Ok([UnixStream::from(first), UnixStream::from(second)])
}

/// Becomes `user` in the folder that fd 0 is, with no rights left but to what is that user's: for work
/// on what a jail left behind. The process must have one thread.
///
/// # Errors
/// When rights that are there cannot be given up.
pub fn enter_as(user: UserIds) -> io::Result<()> {
    kernel::close_inherited()?;
    setsid().ok();
    rustix::process::fchdir(io::stdin())?;
    let mut report = Enforcement::default();
    privileges::drop_to(Some(user), namespace::Namespaces::None, &mut report)?;
    crate::process::disable_core_dumps_and_tracing()
}

/// Gives up everything but the files in `folders`: its user (as root), every capability, the
/// network, all other paths, and nearly all system calls that reach another process. The process
/// must have one thread. What the kernel cannot give is in the report, and is missing then.
///
/// # Errors
/// When rights that are there cannot be given up.
pub fn give_up_rights(user: Option<UserIds>, folders: &[&Folder]) -> io::Result<Enforcement> {
    let mut report = Enforcement::default();
    let namespaces = match namespace::available(true) {
        Ok(mode) => {
            namespace::enter_alone(mode)?;
            report.set(Layer::NetworkNamespace, Status::Enforced);
            report.set(Layer::IpcNamespace, Status::Enforced);
            mode
        }
        Err(why) => {
            let why =
                format!("internet sockets are refused by the system call filter alone: {why}");
            report.set(Layer::NetworkNamespace, Status::Missing(why));
            namespace::Namespaces::None
        }
    };
    report.set(
        Layer::User,
        match user {
            Some(_) => Status::Enforced,
            None => Status::Partial(SAME_USER.to_owned()),
        },
    );
    let files = Rlimit {
        current: Some(FILES_MAX),
        maximum: Some(FILES_MAX),
    };
    setrlimit(Resource::Nofile, files)?;
    privileges::drop_to(user, namespaces, &mut report)?;
    // Becoming another user made it readable again.
    crate::process::disable_core_dumps_and_tracing()?;
    landlock_rules::restrict_to(folders, &mut report).map_err(io::Error::other)?;
    let status = seccomp::available();
    if status.is_there() {
        seccomp::restrict(&Network::None, seccomp::By::Filter)?;
        seccomp::restrict_to_lanes()?;
    }
    report.set(Layer::Seccomp, status);
    Ok(report)
}

/// What running as an ordinary user means.
const SAME_USER: &str = "the keys are held by a process of the user that started Redkeep, so whatever runs as that user \
     can read their files; start Redkeep as root to give them a user of their own";
