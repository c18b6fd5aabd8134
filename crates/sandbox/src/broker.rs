//! A process that keeps root's rights, so that the one that parses the network need not have them.
//!
//! Started as root, Redkeep splits before it has a second thread ([`split`]): the new process becomes
//! a user without rights and goes on as Redkeep; the old one executes this program anew, with nothing
//! in its memory, and serves ([`serve`]) whatever of a closed list the other asks for. It has no
//! socket but that one line and those to its children, and takes no descriptor from anybody. Whoever
//! of the two ends, ends the other.

mod child;
mod client;

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, getpid, getppid, kill_process, waitpid,
};

use crate::courier::{Courier, Message};
use crate::enforcement::Enforcement;
use crate::kernel::{self, Fork, Signals};
use crate::namespace::Namespaces;
use crate::privileges;
use crate::process::FileLock;
use crate::spec::UserIds;

use child::Child;
use client::Number;
pub use client::{Asked, Client};

/// First argument that makes the binary this process.
pub const VERB: &str = "__broker";
/// Children at a time. More is asked for by nobody who means well.
const CHILDREN_MAX: usize = 64;
/// How long children may take to end by themselves when nobody asks any more.
const END_TIME: Duration = Duration::from_secs(5);

/// What is to be started, always this same program.
#[derive(Debug)]
pub struct Order {
    /// Its arguments.
    pub arguments: Vec<String>,
    /// What it is given.
    pub input: Input,
}

/// What a child is given, and what whoever asked gets in return.
#[derive(Debug)]
pub enum Input {
    /// As fd 0 a socket from which it first reads this; the other end (its lifeline), its output and
    /// its standard error are handed on.
    Orders(Vec<u8>),
    /// As fd 0 and 1 a lane each, with this said on the second; the other ends are handed on.
    Lanes(Vec<u8>),
    /// As fd 0 a folder; its output and its standard error are handed on.
    Folder(OwnedFd),
}

/// What becomes of a message.
#[derive(Debug)]
pub enum Decision {
    /// Something is started.
    Start(Order),
    /// It was done, or is answered by this.
    Say(Vec<u8>),
    /// It is not on the list, or names what is not its own: why, for the log.
    Refuse(String),
}

/// The closed list.
pub trait Duties {
    /// What becomes of a message, which may be anything.
    fn decide(&mut self, message: &[u8]) -> Decision;
}

/// Splits this process, which must have one thread. Returns in the new one, which is `user` with no
/// rights and no way back; what was the old one is then this program executed anew, holding on to
/// `lock`, and reads `setup` first.
///
/// # Errors
/// When there can be no second process, or rights that are there cannot be given up.
pub fn split(setup: &[u8], user: UserIds, lock: &FileLock) -> io::Result<Client> {
    let (theirs, ours) = Courier::pair()?;
    ours.send(setup, &[])?;
    let lock = lock.file().try_clone()?;
    let broker = getpid();
    match kernel::fork()? {
        Fork::Parent(main) => {
            drop(ours);
            let error = become_broker(main, theirs.into(), lock);
            // Nothing runs without its broker.
            kill_process(main, Signal::KILL).ok();
            Err(error)
        }
        Fork::Child => {
            drop((theirs, lock));
            let mut report = Enforcement::default();
            privileges::drop_to(Some(user), Namespaces::None, &mut report)?;
            // After the user was changed, which makes the kernel forget it.
            privileges::die_with_parent(|| getppid() == Some(broker))?;
            crate::process::disable_core_dumps_and_tracing()?;
            Client::new(ours)
        }
    }
}

fn become_broker(main: Pid, line: OwnedFd, lock: File) -> io::Error {
    Command::new("/proc/self/exe")
        .arg0("redkeep")
        .arg(VERB)
        .arg(main.as_raw_nonzero().to_string())
        .env_clear()
        .current_dir("/")
        .stdin(Stdio::from(line))
        .stdout(Stdio::from(lock))
        .exec()
}

/// What the broker begins with.
#[derive(Debug)]
pub struct Begun {
    line: Courier,
    main: Pid,
    signals: Signals,
    /// What was said before there was anybody else to say it.
    pub setup: Vec<u8>,
}

impl Begun {
    /// The number of the process that asks.
    pub fn main_pid(&self) -> u32 {
        self.main.as_raw_nonzero().get().unsigned_abs()
    }
}

/// When this process was started to be the broker: what it begins with.
///
/// Must be the first thing in `main`, before any thread, async runtime or open file.
pub fn begin_if_asked() -> Option<io::Result<Begun>> {
    let mut arguments = std::env::args_os().skip(1);
    let is_asked = arguments.next().is_some_and(|it| it == VERB);
    let main = arguments.next().and_then(|it| it.to_str()?.parse().ok());
    is_asked.then(|| begin(main.and_then(Pid::from_raw)))
}

fn begin(main: Option<Pid>) -> io::Result<Begun> {
    let main = main.ok_or(io::ErrorKind::InvalidInput)?;
    kernel::close_inherited()?;
    let signals = Signals::block()?;
    crate::process::disable_core_dumps_and_tracing()?;
    rustix::thread::set_no_new_privs(true)?;
    let line = Courier::from_fd(io::stdin().as_fd().try_clone_to_owned()?);
    match line.receive()? {
        Message::Said(setup) => Ok(Begun {
            line,
            main,
            signals,
            setup,
        }),
        Message::Unfit | Message::End => Err(io::ErrorKind::InvalidData.into()),
    }
}

/// Serves until the process that asks has ended, and until all it had started has. The exit code to
/// end with: its own, or 128+n when signal n ended it.
///
/// # Errors
/// Only what the kernel should never refuse; whoever asks then ends with this process.
pub fn serve(begun: Begun, duties: &mut impl Duties) -> io::Result<u8> {
    let mut serving = Serving {
        line: Some(begun.line),
        main: Some(begun.main),
        signals: begun.signals,
        children: Vec::new(),
        end: None,
    };
    let code = loop {
        if let Some((_, status)) = waitpid(Some(begun.main), WaitOptions::NOHANG)? {
            break exit_code(status);
        }
        serving.reap();
        serving.turn(duties)?;
    };
    serving.end_all(duties)?;
    Ok(code)
}

struct Serving {
    line: Option<Courier>,
    /// None: it has ended, and its number may be another's.
    main: Option<Pid>,
    signals: Signals,
    children: Vec<Child>,
    /// Nobody asks any more: when what has not ended by itself is killed.
    end: Option<Instant>,
}

/// How often it is looked at once that moment is set.
const TICK: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 50_000_000,
};

impl Serving {
    /// Tells of those that have ended.
    fn reap(&mut self) {
        self.children.retain_mut(|child| !child.has_ended());
    }

    /// Waits until something stirs and does what is to be done.
    fn turn(&mut self, duties: &mut impl Duties) -> io::Result<()> {
        if self.end.is_some_and(|end| Instant::now() > end) {
            // Whoever lets go of the only way to ask may not go on without it.
            self.signal(Signal::KILL);
            self.children.iter_mut().for_each(Child::kill);
        }
        let time = self.end.map(|_| TICK);
        let (stirred, children) = {
            let mut fds = vec![PollFd::new(&self.signals, PollFlags::IN)];
            // Without it the signals stand in: they are looked at anyway.
            fds.push(self.line.as_ref().map_or_else(
                || PollFd::new(&self.signals, PollFlags::empty()),
                |line| PollFd::new(line, PollFlags::IN),
            ));
            let lines = self.children.iter().map(|child| child.line());
            fds.extend(lines.map(|line| {
                line.map_or_else(
                    || PollFd::new(&self.signals, PollFlags::empty()),
                    |line| PollFd::new(line, PollFlags::IN),
                )
            }));
            match poll(&mut fds, time.as_ref()) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(errno.into()),
            }
            let stirred = |fd: &PollFd<'_>| !fd.revents().is_empty();
            let (own, children) = fds.split_at(2);
            let children: Vec<bool> = children.iter().map(stirred).collect();
            (stirred(&own[1]), children)
        };
        while let Some(signal) = self.signals.next()? {
            if signal != Signal::CHILD {
                self.signal(signal);
            }
        }
        for (child, stirred) in self.children.iter_mut().zip(children) {
            if stirred {
                child.hear();
            }
        }
        if stirred {
            self.answer(duties);
        }
        Ok(())
    }

    fn signal(&self, signal: Signal) {
        if let Some(main) = self.main {
            // Not waited for yet, so the number is still its own.
            kill_process(main, signal).ok();
        }
    }

    fn answer(&mut self, duties: &mut impl Duties) {
        let Some(line) = &self.line else { return };
        let mut number = Number::default();
        let decision = match line.receive() {
            Ok(Message::Said(text)) => match text.split_first_chunk() {
                Some((first, rest)) => {
                    number = *first;
                    duties.decide(rest)
                }
                None => Decision::Refuse("a message without a number".to_owned()),
            },
            Ok(Message::Unfit) => Decision::Refuse("a message that cannot be one".to_owned()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
            Ok(Message::End) | Err(_) => {
                self.let_go();
                return;
            }
        };
        let started = match decision {
            Decision::Say(text) => return client::say(line, number, &text),
            Decision::Refuse(why) => Err(why),
            Decision::Start(_) if self.children.len() >= CHILDREN_MAX => {
                Err("more processes than are ever needed".to_owned())
            }
            Decision::Start(order) => child::start(order).map_err(|error| error.to_string()),
        };
        match started {
            Ok((child, files)) => {
                let files: Vec<_> = files.iter().map(AsFd::as_fd).collect();
                client::say_started(line, number, child.pid(), &files);
                self.children.push(child);
            }
            Err(why) => {
                say(&format!("refused: {why}"));
                client::say_refused(line, number, &why);
            }
        }
    }

    /// Nobody asks any more: all end by themselves, or are killed.
    fn let_go(&mut self) {
        self.line = None;
        self.end.get_or_insert_with(|| Instant::now() + END_TIME);
    }

    /// Redkeep has ended: what was started ends with the lines that led to it, or is killed.
    fn end_all(&mut self, duties: &mut impl Duties) -> io::Result<()> {
        self.let_go();
        self.main = None;
        self.reap();
        while !self.children.is_empty() {
            self.turn(duties)?;
            self.reap();
        }
        Ok(())
    }
}

/// The process' own code, or 128+n when signal n killed it, which is also said.
fn exit_code(status: WaitStatus) -> u8 {
    if let Some(signal) = status.terminating_signal() {
        say(&format!("Redkeep was ended by signal {signal}"));
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    let code = status.exit_status().and_then(|it| u8::try_from(it).ok());
    code.unwrap_or(u8::MAX)
}

/// Says something to whoever reads Redkeep's log: all have one standard error.
pub fn say(text: &str) {
    use std::io::Write as _;
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let text: String = text.chars().map(clean).take(400).collect();
    // Nobody is left to tell when this fails.
    drop(writeln!(io::stderr(), "redkeep broker: {text}"));
}
