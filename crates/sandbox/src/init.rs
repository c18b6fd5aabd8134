//! The jail's first process: pid 1 of its pid namespace.
//!
//! Starts the program, passes signals on to it, buries what dies, answers [`listen_guard`] questions
//! and ends with the program's status. It has no rights of its own and listens to nobody inside: the
//! kernel does not deliver signals from inside to a pid 1 that did not ask for them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};

use crate::kernel::Signals;
use crate::listen_guard;
use crate::observed::Observer;
use crate::outside::say;

/// Watches over `program` until it ends.
///
/// # Errors
/// Only what the kernel should never refuse; the caller then ends, and the jail with it.
pub(crate) fn watch(
    program: Pid,
    signals: &Signals,
    mut guard: Option<OwnedFd>,
    mut observer: Option<Observer>,
) -> io::Result<u8> {
    loop {
        if let Some(code) = bury(Some(program))? {
            observer.into_iter().for_each(Observer::conclude);
            return Ok(code);
        }
        let names = observer.as_ref().map(Observer::names);
        match wait_for_event(signals, guard.as_ref().map(AsFd::as_fd), names)? {
            Event::Question(listener) => listen_guard::answer_one(listener, observer.as_mut())?,
            Event::Name => observer.iter_mut().for_each(Observer::answer_name),
            Event::NobodyAsks => guard = None,
            Event::Signal(Signal::CHILD) | Event::Nothing => {}
            // What is observed is thrown away: it is not asked to stop in order.
            Event::Signal(Signal::TERM) if observer.is_some() => pass_on(program, Signal::KILL),
            Event::Signal(signal) => pass_on(program, signal),
        }
    }
}

enum Event<'a> {
    Signal(Signal),
    Question(BorrowedFd<'a>),
    /// A host name is asked for.
    Name,
    /// Every process under the guard has ended.
    NobodyAsks,
    Nothing,
}

fn wait_for_event<'a>(
    signals: &Signals,
    guard: Option<BorrowedFd<'a>>,
    names: Option<BorrowedFd<'_>>,
) -> io::Result<Event<'a>> {
    let mut fds = vec![PollFd::new(signals, PollFlags::IN)];
    // Without one of them the signals stand in: they are looked at first anyway.
    for fd in [guard, names] {
        fds.push(fd.map_or_else(
            || PollFd::new(signals, PollFlags::empty()),
            |fd| PollFd::from_borrowed_fd(fd, PollFlags::IN),
        ));
    }
    match poll(&mut fds, None) {
        Ok(_) | Err(Errno::INTR) => {}
        Err(errno) => return Err(errno.into()),
    }
    let (asked, named) = (fds[1].revents(), fds[2].revents());
    drop(fds);
    if let Some(signal) = signals.next()? {
        return Ok(Event::Signal(signal));
    }
    Ok(match guard {
        Some(guard) if asked.contains(PollFlags::IN) => Event::Question(guard),
        Some(_) if asked.contains(PollFlags::HUP) => Event::NobodyAsks,
        _ if named.contains(PollFlags::IN) => Event::Name,
        _ => Event::Nothing,
    })
}

/// Reaps all that ended. The exit code of `main` when it was among them.
pub(crate) fn bury(main: Option<Pid>) -> io::Result<Option<u8>> {
    let mut code = None;
    loop {
        match wait(WaitOptions::NOHANG) {
            Ok(Some((pid, status))) if Some(pid) == main => code = Some(exit_code(status)),
            Ok(Some(_)) | Err(Errno::INTR) => {}
            Ok(None) | Err(Errno::CHILD) => return Ok(code),
            Err(errno) => return Err(errno.into()),
        }
    }
}

/// The program's own code, or 128+n when signal n killed it, which is also said.
fn exit_code(status: WaitStatus) -> u8 {
    if let Some(signal) = status.terminating_signal() {
        say(&format!("the program was killed by signal {signal}"));
        return u8::try_from(128 + signal).unwrap_or(u8::MAX);
    }
    status
        .exit_status()
        .and_then(|code| u8::try_from(code).ok())
        .unwrap_or(u8::MAX)
}

/// A program that is gone needs no signal.
pub(crate) fn pass_on(program: Pid, signal: Signal) {
    kill_process(program, signal).ok();
}
