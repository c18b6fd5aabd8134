//! The process outside the jail that answers for it: one thread, no secrets, nothing to do but wait.
//!
//! The jail lives exactly as long as this process and the lifeline. When Redkeep dies, however it
//! dies, the kernel closes the lifeline; when this process dies, the kernel kills the jail's first
//! process, and with a pid namespace all the rest.

use std::fs;
use std::io::{self, Write};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};

use crate::command::EXIT_LIFELINE;
use crate::init::{bury, pass_on};
use crate::kernel::Signals;

/// Watches over the jail until it ends; the exit code to end with.
pub(crate) fn watch(jail: Pid, signals: &Signals) -> io::Result<u8> {
    let ended = follow(jail, signals);
    // In a pid namespace nobody is left; without one, commands may be.
    sweep();
    ended
}

fn follow(jail: Pid, signals: &Signals) -> io::Result<u8> {
    let lifeline = io::stdin();
    loop {
        if let Some(code) = bury(Some(jail))? {
            return Ok(code);
        }
        let mut fds = [
            PollFd::new(signals, PollFlags::IN),
            PollFd::new(&lifeline, PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
        let lifeline_stirred = !fds[1].revents().is_empty();
        while let Some(signal) = signals.next()? {
            if signal != Signal::CHILD {
                pass_on(jail, signal);
            }
        }
        if lifeline_stirred && is_cut(&lifeline) {
            return kill(jail);
        }
    }
}

/// Nothing more is sent on the lifeline; if something is, it is thrown away.
fn is_cut(lifeline: &io::Stdin) -> bool {
    let mut sink = [0u8; 512];
    match rustix::io::read(lifeline, &mut sink) {
        Ok(0) => true,
        Ok(_) | Err(Errno::INTR | Errno::AGAIN) => false,
        Err(_) => true,
    }
}

fn kill(jail: Pid) -> io::Result<u8> {
    say("the lifeline is cut; everything in the jail is killed");
    kill_process(jail, Signal::KILL)?;
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, _))) if pid == jail => return Ok(EXIT_LIFELINE),
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return Ok(EXIT_LIFELINE),
        }
    }
}

/// Kills what was left behind and came to us as its adoptive parent, until nobody is left.
fn sweep() {
    loop {
        let children = fs::read_to_string("/proc/thread-self/children").unwrap_or_default();
        for child in children
            .split_whitespace()
            .filter_map(|id| Pid::from_raw(id.parse().ok()?))
        {
            pass_on(child, Signal::KILL);
        }
        match wait(WaitOptions::empty()) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(_) => return,
        }
    }
}

/// A sentence on stderr, marked as ours. There is nobody left to tell when stderr is closed.
pub(crate) fn say(sentence: &str) {
    drop(writeln!(io::stderr(), "redkeep jail: {sentence}"));
}
