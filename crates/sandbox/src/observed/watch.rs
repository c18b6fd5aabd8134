//! One waiting call: what it attempts, and what it is answered.

use std::fs;
use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::{Component, Path, PathBuf};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, sockopt};

use super::arguments::{self, Destination};
use super::calls::{PathAt, file_call};
use super::{Attempt, Observer, Protocol, memory_of, names};
use crate::kernel::notify::{self, Answer, Question};
use crate::listen_guard::{judge, low_half, socket_of};
use crate::mounts::DEVICES;
use crate::spec::JailSpec;

/// Messages of one `sendmmsg` looked at.
const MESSAGES_MAX: u64 = 16;
/// `struct mmsghdr`: a `msghdr` and a length.
const MMSGHDR_BYTES: u64 = 64;

/// What the jail may write: its own, and not worth telling.
#[derive(Debug)]
pub(super) struct Own(Vec<PathBuf>);

impl Own {
    pub(super) fn of(spec: &JailSpec) -> Self {
        let devices = DEVICES.iter().map(PathBuf::from);
        let folders = spec.writable_dirs().map(Path::to_owned);
        Self(folders.chain(devices).chain(["/tmp".into()]).collect())
    }

    fn holds(&self, path: &Path) -> bool {
        self.0.iter().any(|own| path.starts_with(own))
    }
}

/// What reading the arguments brought: an attempt, nothing worth telling, or (the error) nothing
/// that could be read.
type Seen = Result<Option<Attempt>, ()>;

impl Observer {
    /// Tells what the call attempts; the answer does not depend on what was read.
    pub(crate) fn answer(&mut self, listener: BorrowedFd<'_>, question: &Question) -> Answer {
        let memory = memory_of(question.thread).ok();
        // From here on the memory is that of the thread that asks, and not of a later one.
        if !notify::still_waits(listener, question.id) {
            return Answer::Refused(Errno::SRCH);
        }
        let (seen, answer) = match question.number {
            libc::SYS_connect | libc::SYS_bind | libc::SYS_listen => {
                self.socket_call(listener, question, memory.as_ref())
            }
            libc::SYS_sendto | libc::SYS_sendmsg | libc::SYS_sendmmsg => {
                // Where it may go is the empty network's business.
                let sent = memory
                    .as_ref()
                    .map_or(Err(()), |it| self.sent(it, question));
                (sent, Answer::Continue)
            }
            libc::SYS_execve => {
                let is_first = !std::mem::replace(&mut self.has_begun, true);
                let ran = memory.as_ref().and_then(|memory| run(memory, question));
                let ran = ran.map(|ran| (!is_first).then_some(ran)).ok_or(());
                (ran, Answer::Continue)
            }
            _ => {
                let written = memory.as_ref().map(|it| self.written(it, question));
                (written.unwrap_or(Err(())), Answer::Continue)
            }
        };
        match seen {
            Ok(Some(attempt)) => self.tell(attempt),
            Ok(None) => {}
            Err(()) => self.tell(Attempt::Unreadable {
                call: question.number,
            }),
        }
        answer
    }

    fn socket_call(
        &self,
        listener: BorrowedFd<'_>,
        question: &Question,
        memory: Option<&File>,
    ) -> (Seen, Answer) {
        let Ok(socket) = socket_of(listener, question) else {
            // No socket, or not a descriptor: the kernel says so.
            return (Ok(None), Answer::Continue);
        };
        let destination = || {
            let [_, address, length, ..] = question.args;
            memory.and_then(|memory| arguments::destination(memory, address, length))
        };
        let protocol = protocol_of(&socket);
        match (question.number, protocol) {
            (libc::SYS_listen, None) => (Ok(None), judge(listener, question).into()),
            (libc::SYS_listen, Some(protocol)) => {
                let port = own_port(&socket);
                let attempt = Attempt::Listen { protocol, port };
                (Ok(Some(attempt)), Answer::Refused(Errno::ACCESS))
            }
            (libc::SYS_bind, Some(protocol)) => bind(protocol, destination().as_ref()),
            (libc::SYS_bind, None) => (Ok(None), Answer::Continue),
            (_, Some(Protocol::Tcp)) => (
                self.reached(Protocol::Tcp, destination()),
                // By the socket's kind alone; nothing else answers in an empty network.
                Answer::Refused(Errno::CONNREFUSED),
            ),
            (_, Some(Protocol::Udp)) => {
                (self.reached(Protocol::Udp, destination()), Answer::Continue)
            }
            (_, None) => (self.reached(Protocol::Tcp, destination()), Answer::Continue),
        }
    }

    fn reached(&self, protocol: Protocol, destination: Option<Destination>) -> Seen {
        match destination {
            None => Err(()),
            Some(Destination::Internet(address)) if address == names::HERE => Ok(None),
            Some(Destination::Internet(address)) => Ok(Some(Attempt::Reach {
                protocol,
                host: self.names.name_of(address.ip()),
                port: address.port(),
            })),
            Some(Destination::Unix(path)) if self.own.holds(Path::new(&path)) => Ok(None),
            // Name service daemons, asked by the C library: there is none in the jail.
            Some(Destination::Unix(path)) if path.contains("/nscd/") => Ok(None),
            Some(Destination::Unix(path)) => Ok(Some(Attempt::Socket { path })),
            Some(Destination::Other) => Ok(None),
        }
    }

    /// A message with an address of its own.
    fn sent(&self, memory: &File, question: &Question) -> Seen {
        let [_, second, third, _, address, length] = question.args;
        let places = match question.number {
            libc::SYS_sendto if address == 0 => return Ok(None),
            libc::SYS_sendto => {
                let destination = arguments::destination(memory, address, length);
                return self.reached(Protocol::Udp, destination);
            }
            libc::SYS_sendmsg => 1,
            _ => third.min(MESSAGES_MAX),
        };
        for place in 0..places {
            let header = second.checked_add(place * MMSGHDR_BYTES).ok_or(())?;
            let name = arguments::word(memory, header).ok_or(())?;
            if name == 0 {
                continue;
            }
            let length = header.checked_add(8).ok_or(())?;
            // Of a word whose other half is padding.
            let length = arguments::word(memory, length).ok_or(())? & u64::from(u32::MAX);
            let destination = arguments::destination(memory, name, length);
            if let Some(attempt) = self.reached(Protocol::Udp, destination)? {
                return Ok(Some(attempt));
            }
        }
        Ok(None)
    }

    fn written(&self, memory: &File, question: &Question) -> Seen {
        let (_, how, at) = file_call(question.number).ok_or(())?;
        let address = question.args.get(at.path).ok_or(())?;
        let path = arguments::text(memory, *address).ok_or(())?;
        let path = whole_path(&path, *at, question).ok_or(())?;
        Ok((!self.own.holds(&path)).then(|| Attempt::Write {
            path: path.to_string_lossy().into_owned(),
            how: *how,
        }))
    }
}

fn run(memory: &File, question: &Question) -> Option<Attempt> {
    let [program, arguments, ..] = question.args;
    Some(Attempt::Run {
        program: arguments::text(memory, program)?,
        arguments: arguments::texts(memory, arguments)?,
    })
}

/// UDP sockets may have a port: in an empty network nobody reaches it. Without a number it is only
/// where answers would come back to.
fn bind(protocol: Protocol, destination: Option<&Destination>) -> (Seen, Answer) {
    let answer = match protocol {
        Protocol::Tcp => Answer::Refused(Errno::ACCESS),
        Protocol::Udp => Answer::Continue,
    };
    let seen = match destination {
        None => Err(()),
        Some(Destination::Internet(address))
            if protocol == Protocol::Tcp || address.port() != 0 =>
        {
            Ok(Some(Attempt::Listen {
                protocol,
                port: address.port(),
            }))
        }
        Some(_) => Ok(None),
    };
    (seen, answer)
}

/// Of an internet socket.
fn protocol_of(socket: &OwnedFd) -> Option<Protocol> {
    match sockopt::socket_domain(socket) {
        Ok(AddressFamily::INET | AddressFamily::INET6) => {}
        _ => return None,
    }
    match sockopt::socket_type(socket) {
        Ok(SocketType::DGRAM) => Some(Protocol::Udp),
        _ => Some(Protocol::Tcp),
    }
}

fn own_port(socket: &OwnedFd) -> u16 {
    let name = rustix::net::getsockname(socket).ok();
    let name = name.and_then(|name| std::net::SocketAddr::try_from(name).ok());
    name.map_or(0, |name| name.port())
}

/// The path from the root, as written: links are not followed.
fn whole_path(path: &str, at: PathAt, question: &Question) -> Option<PathBuf> {
    let path = Path::new(path);
    if path.is_absolute() {
        return Some(straightened(path));
    }
    let dir = at.dir.and_then(|dir| question.args.get(dir));
    let thread = question.thread;
    let link = match dir.map(|dir| low_half(*dir)) {
        None | Some(libc::AT_FDCWD) => format!("/proc/{thread}/cwd"),
        Some(fd) => format!("/proc/{thread}/fd/{fd}"),
    };
    Some(straightened(&fs::read_link(link).ok()?.join(path)))
}

fn straightened(path: &Path) -> PathBuf {
    let mut straight = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(straight.pop()),
            Component::CurDir => {}
            part => straight.push(part),
        }
    }
    straight
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_straightened_and_never_leave_the_root() {
        for (path, straight) in [
            ("/a/./b/../c", "/a/c"),
            ("/../../etc/passwd", "/etc/passwd"),
            ("/a//b/", "/a/b"),
        ] {
            assert_eq!(straightened(Path::new(path)), Path::new(straight));
        }
    }
}
