//! One waiting call: what it attempts, and what it is answered.

use std::fs::File;
use std::os::fd::{BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketType, sockopt};

use super::arguments::{self, Destination};
use super::calls::{FileCall, Source, WRITES, file_call};
use super::paths::{told, walked, walked_from};
use super::{Attempt, Change, Observer, Protocol, memory_of, names};
use crate::kernel::notify::{self, Answer, Question};
use crate::listen_guard::{judge, low_half, socket_of};
use crate::seccomp;
use crate::spec::Network;

/// Messages of one `sendmmsg`: as many as the kernel takes.
const MESSAGES_MAX: u64 = 1024;
/// `struct mmsghdr`: a `msghdr` and a length.
const MMSGHDR_BYTES: u64 = 64;
/// What libuv asks for.
const EVENT_LOOPS_ENTRIES: i32 = 256;
/// None, or `IORING_SETUP_NO_SQARRAY` where the kernel has it (Linux 6.6).
const EVENT_LOOPS_FLAGS: [i32; 2] = [0, 1 << 16];
/// Unix sockets that can be given a name, and links that give them another. Each name is a file on the
/// machine's disk.
const NAMED_SOCKETS_MAX: u32 = 256;

#[cfg(target_arch = "x86_64")]
const MKNODS: &[libc::c_long] = &[libc::SYS_mknodat, libc::SYS_mknod];
#[cfg(not(target_arch = "x86_64"))]
const MKNODS: &[libc::c_long] = &[libc::SYS_mknodat];

/// Each gives a file, a socket too, one more name.
#[cfg(target_arch = "x86_64")]
const LINKS: &[libc::c_long] = &[libc::SYS_linkat, libc::SYS_link];
#[cfg(not(target_arch = "x86_64"))]
const LINKS: &[libc::c_long] = &[libc::SYS_linkat];

/// What reading the arguments brought: attempts, nothing worth telling, or (the error) nothing that
/// could be read.
type Seen = Result<Vec<Attempt>, ()>;

const NOTHING: Seen = Ok(Vec::new());

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
                self.send_call(question, memory.as_ref())
            }
            libc::SYS_socket => made(question),
            libc::SYS_io_uring_setup if is_event_loops(question, memory.as_ref()) => {
                (NOTHING, Answer::Refused(Errno::PERM))
            }
            libc::SYS_clone => refused("clone into a namespace".to_owned()),
            libc::SYS_execve => {
                let is_first = !std::mem::replace(&mut self.has_begun, true);
                let ran = memory.as_ref().and_then(|memory| run(memory, question));
                let ran = ran.map(|ran| if is_first { Vec::new() } else { vec![ran] });
                (ran.ok_or(()), Answer::Continue)
            }
            number => match (seccomp::name_of(number), file_call(number)) {
                (Some(name), _) => refused(name.to_owned()),
                (None, Some(call)) => self.file_call(call, question, memory.as_ref()),
                // Nothing else is asked about.
                (None, None) => (Err(()), Answer::Refused(Errno::PERM)),
            },
        };
        match seen {
            Ok(attempts) => attempts.into_iter().for_each(|attempt| self.tell(attempt)),
            Err(()) => self.tell(unreadable(question)),
        }
        answer
    }

    fn socket_call(
        &mut self,
        listener: BorrowedFd<'_>,
        question: &Question,
        memory: Option<&File>,
    ) -> (Seen, Answer) {
        let socket = socket_of(listener, question)
            .and_then(|socket| sockopt::socket_domain(&socket).map(|_| socket));
        let socket = match socket {
            Ok(socket) => socket,
            // Never let go on: a socket could be put in its place meanwhile.
            Err(errno) => return (Err(()), Answer::Refused(errno)),
        };
        let destination = || {
            let [_, address, length, ..] = question.args;
            memory.and_then(|memory| arguments::destination(memory, address, length))
        };
        let protocol = protocol_of(&socket);
        match (question.number, protocol) {
            (libc::SYS_listen, None) => (NOTHING, judge(listener, question).into()),
            (libc::SYS_listen, Some(protocol)) => {
                let port = own_port(&socket);
                let attempt = Attempt::Listen { protocol, port };
                (Ok(vec![attempt]), Answer::Refused(Errno::ACCESS))
            }
            (libc::SYS_bind, Some(protocol)) => bind(protocol, destination().as_ref()),
            (libc::SYS_bind, None) if is_unix(&socket) => self.named(NOTHING),
            // Of netlink: `os.networkInterfaces()` does it, and there is no file.
            (libc::SYS_bind, None) => (NOTHING, Answer::Continue),
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

    /// Something in the folder of sockets is given a name, of which there are only so many.
    fn named(&mut self, seen: Seen) -> (Seen, Answer) {
        if self.named_sockets >= NAMED_SOCKETS_MAX {
            let (seen, _) = refused("more names of Unix sockets than are let".to_owned());
            return (seen, Answer::Refused(Errno::NOSPC));
        }
        self.named_sockets += 1;
        (seen, Answer::Continue)
    }

    fn reached(&self, protocol: Protocol, destination: Option<Destination>) -> Seen {
        let attempt = match destination.ok_or(())? {
            Destination::Internet(address) if address == names::HERE => return NOTHING,
            Destination::Internet(address) => Attempt::Reach {
                protocol,
                host: self.names.name_of(address.ip()),
                port: address.port(),
            },
            Destination::Unix(path) if self.paths.is_own(path.as_ref()) => return NOTHING,
            // Name service daemons, asked by the C library: there is none in the jail.
            Destination::Unix(path) if path.contains("/nscd/") => return NOTHING,
            Destination::Unix(path) => Attempt::Socket { path },
            Destination::Other => return NOTHING,
        };
        Ok(vec![attempt])
    }

    fn send_call(&self, question: &Question, memory: Option<&File>) -> (Seen, Answer) {
        let [_, _, flags, more_flags, ..] = question.args.map(low_half);
        let flags = match question.number {
            libc::SYS_sendmsg => flags,
            _ => more_flags,
        };
        // Connects without `connect`.
        let is_fast_open = flags & libc::MSG_FASTOPEN != 0;
        let (protocol, answer) = if is_fast_open {
            (Protocol::Tcp, Answer::Refused(Errno::PERM))
        } else {
            // Where it may go is the empty network's business.
            (Protocol::Udp, Answer::Continue)
        };
        let sent = memory.map_or(Err(()), |it| self.sent(it, question, protocol));
        (sent, answer)
    }

    /// Messages with an address of their own.
    fn sent(&self, memory: &File, question: &Question, protocol: Protocol) -> Seen {
        let [_, second, third, _, address, length] = question.args;
        let places = match question.number {
            libc::SYS_sendto if address == 0 => return NOTHING,
            libc::SYS_sendto => {
                let destination = arguments::destination(memory, address, length);
                return self.reached(protocol, destination);
            }
            libc::SYS_sendmsg => 1,
            _ => (third & u64::from(u32::MAX)).min(MESSAGES_MAX),
        };
        let mut found = Vec::new();
        for place in 0..places {
            let Ok(of_this) = self.message(memory, second, place, protocol) else {
                // One that cannot be read must not hide those before it.
                found.push(unreadable(question));
                break;
            };
            found.extend(of_this);
        }
        Ok(found)
    }

    /// Where the message at `place` of those at `first` should go.
    fn message(&self, memory: &File, first: u64, place: u64, protocol: Protocol) -> Seen {
        let header = first.checked_add(place * MMSGHDR_BYTES).ok_or(())?;
        let name = arguments::word(memory, header).ok_or(())?;
        if name == 0 {
            return NOTHING;
        }
        let length = header.checked_add(8).ok_or(())?;
        // Of a word whose other half is padding.
        let length = arguments::word(memory, length).ok_or(())? & u64::from(u32::MAX);
        self.reached(protocol, arguments::destination(memory, name, length))
    }

    fn file_call(
        &mut self,
        call: &FileCall,
        question: &Question,
        memory: Option<&File>,
    ) -> (Seen, Answer) {
        let seen = memory.map_or(Err(()), |memory| self.filed(memory, call, question));
        // Devices, pipes and sockets made by their number: a socket is a file on the machine's disk,
        // and Node.js makes none.
        if MKNODS.contains(&question.number) {
            let (made, answer) = refused("mknod".to_owned());
            let seen = seen.unwrap_or_else(|()| vec![unreadable(question)]);
            return (made.map(|made| [seen, made].concat()), answer);
        }
        // By the number alone: what is linked could be another file by the time the kernel looks.
        if LINKS.contains(&question.number) {
            return self.named(seen);
        }
        (seen, Answer::Continue)
    }

    fn filed(&self, memory: &File, call: &FileCall, question: &Question) -> Seen {
        let mut found = Vec::new();
        let argument = |number: usize| question.args.get(number).copied().unwrap_or_default();
        let path_at = |number| arguments::path(memory, argument(number)).ok_or(());
        // Without a path it is about an open file, which was looked at when it was opened.
        if argument(call.at.path) == 0 {
            return NOTHING;
        }
        let follows = matches!(call.how, Change::Open | Change::Mark);
        let place = walked(&path_at(call.at.path)?, call.at, question, follows).ok_or(())?;
        let is_read = call.how == Change::Open && !writes(memory, question);
        if is_read {
            if !self.paths.is_shown(&place) {
                found.push(Attempt::Read { path: told(&place) });
            }
            return Ok(found);
        }
        if !self.paths.is_own(&place) {
            let (path, how) = (told(&place), call.how);
            found.push(Attempt::Write { path, how });
        }
        let source = match call.from {
            None => return Ok(found),
            Some(Source::File(from)) => path_at(from.path)
                .ok()
                .and_then(|path| walked(&path, from, question, false)),
            Some(Source::Text(number)) => {
                let beside = place.parent().unwrap_or(&place);
                let text = path_at(number).ok();
                text.and_then(|text| walked_from(beside, &text, question.thread))
            }
        };
        let Some(source) = source else {
            // It must not hide what the other path attempts.
            found.push(unreadable(question));
            return Ok(found);
        };
        if call.how == Change::Rename {
            if !self.paths.is_own(&source) {
                let (path, how) = (told(&source), call.how);
                found.push(Attempt::Write { path, how });
            }
        } else if !self.paths.is_shown(&source) {
            // A link of either kind is a way to read what it leads to.
            let path = told(&source);
            found.push(Attempt::Read { path });
        }
        Ok(found)
    }
}

/// Whether an opening does more than read.
fn writes(memory: &File, question: &Question) -> bool {
    let flags = match question.number {
        libc::SYS_openat => low_half(question.args[2]),
        // `struct open_how` begins with them.
        libc::SYS_openat2 => {
            arguments::word(memory, question.args[2]).map_or(libc::O_RDWR, low_half)
        }
        #[cfg(target_arch = "x86_64")]
        libc::SYS_open => low_half(question.args[1]),
        _ => return true,
    };
    flags & WRITES != 0
}

/// Each event loop of Node.js asks for a ring of its own when it begins, and goes on without: that is
/// refused like any other, and in every report, so it is not told.
fn is_event_loops(question: &Question, memory: Option<&File>) -> bool {
    let [entries, parameters, ..] = question.args;
    // The third of the parameters' 32-bit words.
    let flags = parameters.checked_add(8).zip(memory);
    let flags = flags.and_then(|(address, memory)| arguments::word(memory, address));
    let is_plain = flags.is_some_and(|flags| EVENT_LOOPS_FLAGS.contains(&low_half(flags)));
    low_half(entries) == EVENT_LOOPS_ENTRIES && is_plain
}

/// What no program needs.
fn refused(call: String) -> (Seen, Answer) {
    (
        Ok(vec![Attempt::Call { call }]),
        Answer::Refused(Errno::PERM),
    )
}

/// A socket: the registers are all there is to it.
fn made(question: &Question) -> (Seen, Answer) {
    let [family, kind, protocol, ..] = question.args.map(low_half);
    if seccomp::refuses_socket(&Network::Any, family, kind, protocol) {
        refused(format!(
            "socket of family {family}, kind {}, protocol {protocol}",
            kind & 0xf
        ))
    } else {
        (NOTHING, Answer::Continue)
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
            Ok(vec![Attempt::Listen {
                protocol,
                port: address.port(),
            }])
        }
        Some(_) => NOTHING,
    };
    (seen, answer)
}

fn unreadable(question: &Question) -> Attempt {
    Attempt::Unreadable {
        call: question.number,
    }
}

/// By the socket itself, not by the address it is given.
fn is_unix(socket: &OwnedFd) -> bool {
    sockopt::socket_domain(socket).is_ok_and(|family| family == AddressFamily::UNIX)
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
