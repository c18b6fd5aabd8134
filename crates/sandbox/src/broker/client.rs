//! Asking the broker: a message there, an answer back, one at a time. Each begins with a number that
//! its answer repeats: one that came too late is not taken for the next.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::courier::Courier;
use crate::held::Held;

/// How long an answer may take: a process is started for it, on a machine that may be busy.
const ANSWER_TIME: Duration = Duration::from_secs(30);

/// First bytes of answers.
const SAID: u8 = b'=';
const STARTED: u8 = b'+';
const REFUSED: u8 = b'-';

/// Of a message.
pub(super) type Number = [u8; 4];

/// The way to the broker.
#[derive(Debug)]
pub struct Client {
    line: Mutex<(Courier, u32)>,
}

/// An answer.
#[derive(Debug)]
pub enum Asked {
    /// It was done.
    Said(Vec<u8>),
    /// A process was started: it, and its files.
    Started(Held, Vec<OwnedFd>),
}

impl Client {
    /// Over this line.
    ///
    /// # Errors
    /// Never on a healthy kernel.
    pub fn new(line: Courier) -> io::Result<Self> {
        line.wait_at_most(ANSWER_TIME)?;
        Ok(Self {
            line: Mutex::new((line, 0)),
        })
    }

    /// Asks and waits for the answer, which takes as long as starting a process.
    ///
    /// # Errors
    /// When the broker refuses, or has ended.
    pub fn ask(&self, message: &[u8]) -> io::Result<Asked> {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        let (line, last) = &mut *line;
        *last = last.wrapping_add(1);
        let number = last.to_ne_bytes();
        line.send(&[&number, message].concat(), &[])?;
        let (text, mut files) = loop {
            let (text, files) = line.receive_with_files()?;
            // What an answer that nobody waits for any more brought is let go of, and so ends.
            if text.get(1..5) == Some(&number[..]) {
                break (text, files);
            }
        };
        let (kind, rest) = text.split_first().ok_or(io::ErrorKind::InvalidData)?;
        let rest = rest.get(4..).unwrap_or_default();
        match *kind {
            SAID => Ok(Asked::Said(rest.to_vec())),
            STARTED => {
                let pid = rest.try_into().map_err(|_| io::ErrorKind::InvalidData)?;
                let line = files.pop().ok_or(io::ErrorKind::InvalidData)?;
                let held = Held::new(u32::from_ne_bytes(pid), line);
                Ok(Asked::Started(held, files))
            }
            REFUSED => Err(io::Error::other(String::from_utf8_lossy(rest).into_owned())),
            _ => Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// Whoever does not read its answers loses them, with the files; what was started for it ends then.
fn answer(line: &Courier, kind: u8, number: Number, text: &[u8], files: &[BorrowedFd<'_>]) {
    line.send(&[&[kind], &number[..], text].concat(), files)
        .ok();
}

pub(super) fn say(line: &Courier, number: Number, text: &[u8]) {
    answer(line, SAID, number, text, &[]);
}

pub(super) fn say_refused(line: &Courier, number: Number, why: &str) {
    let why: String = why.chars().take(400).collect();
    answer(line, REFUSED, number, why.as_bytes(), &[]);
}

pub(super) fn say_started(line: &Courier, number: Number, pid: u32, files: &[BorrowedFd<'_>]) {
    answer(line, STARTED, number, &pid.to_ne_bytes(), files);
}
