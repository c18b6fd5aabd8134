//! The observed jail: what a program attempts is caught from outside it, told, and not done.
//!
//! The rehearsal of a proposal runs in it. It is the jail without a network, with one difference:
//! internet sockets can be made, in an empty network, so that it is seen where they should lead.
//! The jail's first process answers the calls that reach out ([`calls`]) and reads their arguments
//! from the caller's memory. Another thread may change them meanwhile, so what was read is for the
//! report and **never decides anything**: what is refused is refused by the call's number and
//! registers, by the socket's own kind, by the empty network, by the mounts, or by Landlock, whatever
//! the arguments say. Host names are answered by us ([`names`]), with addresses that lead nowhere and
//! back to the name. Calls that are made where no filter looks (`io_uring`) are refused and told.
//!
//! What stays untold: native code with a second thread that swaps a path, an address or a descriptor
//! at the right moment (what it then does comes to nothing just the same); asking whether a file
//! exists (`stat`); marking an open file by its descriptor (`fchmod`, `fchown`, `futimens`, `fsetxattr`;
//! its opening was told), and by the newest calls (`setxattrat`); watching a file (`inotify_add_watch`);
//! the small `io_uring` each event loop of Node.js asks for; refused `ioctl`s, socket options, socket
//! pairs, `personality` and `clone3`; what happens inside the jail's own folders.
//!
//! Told on fd 0, which the caller makes a socket pair: one line of JSON for each [`Sighting`], every
//! attempt once. The program does not hold that socket, so it can neither forge nor silence it.

pub(crate) mod calls;

mod arguments;
mod names;
mod paths;
mod watch;

use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, SendFlags, SocketType};
use serde::{Deserialize, Serialize};

use crate::kernel;
use crate::libraries::Libraries;
use crate::spec::JailSpec;

use names::Names;
use paths::Paths;

/// Attempts of one kind told of one jail. A program that makes more is told to have made more. Of one
/// kind, so that a flood of one does not hide the others.
pub const ATTEMPTS_MAX: usize = 64;

/// Longest line told, in bytes: every text in it is cut long before.
pub const LINE_BYTES_MAX: usize = 64 << 10;

/// `/etc/resolv.conf` of an observed jail.
pub(crate) const RESOLV_CONF: &str = "nameserver 127.0.0.1\noptions timeout:2 attempts:2\n";

/// One line on fd 0.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sighting {
    /// The program attempted this. Nothing of it got out of the jail. One thing succeeds inside it:
    /// to [run](Attempt::Run) the jail's own program once more, to which all the same applies.
    Attempt(Attempt),
    /// There were more than [`ATTEMPTS_MAX`] different ones of a kind; the rest is not told.
    More,
    /// All of the jail has ended.
    Ended(Usage),
}

/// What a program attempted. All texts are the program's own words: hostile, and cut.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Attempt {
    /// To connect or send to a host.
    Reach {
        /// Over what.
        protocol: Protocol,
        /// The name it had looked up before, else the address.
        host: String,
        /// The port.
        port: u16,
    },
    /// To find out a host's address.
    LookUp {
        /// The host's name.
        name: String,
    },
    /// To connect to a Unix socket that is not the jail's own.
    Socket {
        /// Its path; an abstract one begins with `@`.
        path: String,
    },
    /// To be reachable from the network.
    Listen {
        /// Over what.
        protocol: Protocol,
        /// The port; 0 when any would do.
        port: u16,
    },
    /// To run a program.
    Run {
        /// Its path.
        program: String,
        /// Its arguments, the name first.
        arguments: Vec<String>,
    },
    /// To change a file outside the jail's own folders.
    Write {
        /// Its path.
        path: String,
        /// How.
        how: Change,
    },
    /// To read a file or folder that is neither its own nor was shown to it, or to link to it.
    Read {
        /// Its path.
        path: String,
    },
    /// A system call that is refused to everybody in a jail.
    Call {
        /// Its name, or what it was to make.
        call: String,
    },
    /// Something whose arguments could not be read.
    Unreadable {
        /// The system call's number.
        call: i64,
    },
}

/// Over what one reaches a host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Protocol {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
}

/// How a file is to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Change {
    /// Opened for writing (devices too), or cut.
    Open,
    /// Made: a folder, a link, a device.
    Make,
    /// Removed.
    Remove,
    /// Given another name or place.
    Rename,
    /// Given other rights, another owner, date or attribute.
    Mark,
}

/// What the jail took of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// The most memory one process of it had at a time, in bytes.
    pub memory_bytes: u64,
    /// Processor time of all, in milliseconds.
    pub cpu_ms: u64,
}

/// Watches one jail, in its first process.
#[derive(Debug)]
pub(crate) struct Observer {
    witness: OwnedFd,
    names: Names,
    paths: Paths,
    /// Names that Unix sockets were given, and links made.
    named_sockets: u32,
    told: Vec<Attempt>,
    has_more: bool,
    /// The first program executed is the one that was asked for.
    has_begun: bool,
}

impl Observer {
    /// Prepares the empty network. Needs its rights still.
    pub(crate) fn new(
        witness: OwnedFd,
        spec: &JailSpec,
        libraries: &Libraries,
    ) -> io::Result<Self> {
        let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
        kernel::loopback_up(socket.as_fd())?;
        Ok(Self {
            witness,
            names: Names::open()?,
            paths: Paths::of(spec, libraries),
            named_sockets: 0,
            told: Vec::new(),
            has_more: false,
            has_begun: false,
        })
    }

    /// Where questions for names arrive.
    pub(crate) fn names(&self) -> BorrowedFd<'_> {
        self.names.as_fd()
    }

    /// Answers one question for a name.
    pub(crate) fn answer_name(&mut self) {
        if let Some(name) = self.names.answer_one() {
            self.tell(Attempt::LookUp { name });
        }
    }

    /// Tells what the jail took, once all of it has ended.
    pub(crate) fn conclude(self) {
        let (kib, micros) = kernel::usage_of_the_dead().unwrap_or_default();
        self.write(&Sighting::Ended(Usage {
            memory_bytes: kib.unsigned_abs() * 1024,
            cpu_ms: micros.unsigned_abs() / 1000,
        }));
    }

    fn tell(&mut self, attempt: Attempt) {
        if self.told.iter().any(|told| is_same(told, &attempt)) {
            return;
        }
        let kind = mem::discriminant(&attempt);
        let of_its_kind = self.told.iter().map(mem::discriminant);
        if of_its_kind.filter(|told| *told == kind).count() >= ATTEMPTS_MAX {
            if !mem::replace(&mut self.has_more, true) {
                self.write(&Sighting::More);
            }
            return;
        }
        self.write(&Sighting::Attempt(attempt.clone()));
        self.told.push(attempt);
    }

    fn write(&self, sighting: &Sighting) {
        let mut line = serde_json::to_vec(sighting).unwrap_or_default();
        line.push(b'\n');
        let mut rest = line.as_slice();
        while !rest.is_empty() {
            match rustix::net::send(&self.witness, rest, SendFlags::NOSIGNAL) {
                Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
                Err(rustix::io::Errno::INTR) => {}
                // Nobody listens any more: the lifeline is cut, and this process with it.
                Err(_) => return,
            }
        }
    }
}

/// A program looked for in one folder after another is one attempt.
fn is_same(one: &Attempt, other: &Attempt) -> bool {
    let name = |program: &str| program.rsplit('/').next().map(str::to_owned);
    match (one, other) {
        (
            Attempt::Run { program, arguments },
            Attempt::Run {
                program: p,
                arguments: a,
            },
        ) => arguments == a && name(program) == name(p),
        _ => one == other,
    }
}

/// The memory of a thread that waits for an answer.
fn memory_of(thread: u32) -> io::Result<File> {
    File::open(format!("/proc/{thread}/mem"))
}
