//! A child process of another process, held by a line to that one: what is asked of it, and how it
//! ended. Letting go of the line kills it.

use std::io::{self, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// Asks for SIGTERM.
pub const ASK_TO_STOP: u8 = b'T';
/// Asks for SIGKILL.
pub const KILL: u8 = b'K';
/// Bytes that say how it ended: the wait status.
pub const STATUS_BYTES: usize = 4;

/// A process that the broker started.
#[derive(Debug)]
pub struct Held {
    pid: u32,
    line: UnixStream,
}

impl Held {
    /// The process of this number, at the other end of this line.
    pub fn new(pid: u32, line: OwnedFd) -> Self {
        Self {
            pid,
            line: line.into(),
        }
    }

    /// Its number. It may be another's once it has ended.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Has SIGTERM sent to it.
    ///
    /// # Errors
    /// When it has ended.
    pub fn ask_to_stop(&self) -> io::Result<()> {
        (&self.line).write_all(&[ASK_TO_STOP])
    }

    /// Has it killed.
    ///
    /// # Errors
    /// When it has ended.
    pub fn kill(&self) -> io::Result<()> {
        (&self.line).write_all(&[KILL])
    }

    /// Another hand on the same line. The process lives as long as one of them is held.
    ///
    /// # Errors
    /// When this process may open no more files.
    pub fn again(&self) -> io::Result<Self> {
        let line = self.line.try_clone()?;
        Ok(Self {
            pid: self.pid,
            line,
        })
    }

    /// Waits until it has ended.
    ///
    /// # Errors
    /// When the process that started it has ended.
    pub fn wait(&self) -> io::Result<ExitStatus> {
        let mut status = [0; STATUS_BYTES];
        (&self.line).read_exact(&mut status)?;
        Ok(read_status(status))
    }

    /// The line itself, for whoever waits otherwise; what comes is read by [`read_status`].
    pub fn into_line(self) -> UnixStream {
        self.line
    }
}

/// How a process ended.
pub fn read_status(status: [u8; STATUS_BYTES]) -> ExitStatus {
    ExitStatus::from_raw(i32::from_ne_bytes(status))
}

/// What is said when it has.
pub(crate) fn status_bytes(status: ExitStatus) -> [u8; STATUS_BYTES] {
    status.into_raw().to_ne_bytes()
}
