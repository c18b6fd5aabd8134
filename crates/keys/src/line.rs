//! Asking: a link to one process that holds the keys, and a line that outlives it.

use std::{
    io::{BufReader, Write as _},
    os::unix::net::UnixStream,
    sync::{
        Arc, Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use sandbox::apart::Ending;
use zeroize::Zeroizing;

use crate::{
    KeysError, Refusal,
    wire::{self, Frame, Lane, Request},
};

/// How long an answer may take before the process counts as stuck. Signing 500 MB takes a few.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// How long whoever asks waits for a process that is being started again.
const RESTART_TIME: Duration = Duration::from_secs(5);

/// Both lanes to one process.
#[derive(Debug)]
pub(crate) struct Link {
    handshakes: Mutex<BufReader<UnixStream>>,
    secrets: Mutex<BufReader<UnixStream>>,
    /// Nothing more comes over it.
    is_broken: AtomicBool,
    ending: Ending,
}

impl Link {
    pub(crate) fn new(
        [handshakes, secrets]: [UnixStream; 2],
        ending: Ending,
    ) -> std::io::Result<Self> {
        for stream in [&handshakes, &secrets] {
            stream.set_read_timeout(Some(ANSWER_TIME))?;
            stream.set_write_timeout(Some(ANSWER_TIME))?;
        }
        Ok(Self {
            handshakes: Mutex::new(BufReader::with_capacity(1024, handshakes)),
            secrets: Mutex::new(BufReader::with_capacity(1024, secrets)),
            is_broken: AtomicBool::new(false),
            ending,
        })
    }

    pub(crate) fn is_whole(&self) -> bool {
        !self.is_broken.load(Ordering::Acquire)
    }

    /// Nobody is answered over it any more; the process is ended, if it is not over already.
    pub(crate) fn sever(&self) {
        self.is_broken.store(true, Ordering::Release);
        self.ending.end();
    }

    /// Asks and waits for the answer.
    pub(crate) fn ask(
        &self,
        lane: Lane,
        request: &Request<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        let stream = match lane {
            Lane::Handshakes => &self.handshakes,
            Lane::Secrets => &self.secrets,
        };
        let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.is_whole() {
            return Err(KeysError::Unavailable("it has ended".to_owned()));
        }
        let text = request.encode();
        // Refused there too, but only after all of it was sent.
        if !wire::is_within_bounds(lane, &text) {
            return Err(Refusal::TooLong.into());
        }
        exchange(&mut stream, &text).unwrap_or_else(|why| {
            // Half an answer may still come: nothing on this lane can be trusted to belong together.
            self.sever();
            Err(KeysError::Unavailable(why))
        })
    }
}

pub(crate) type Answer = Result<Zeroizing<Vec<u8>>, KeysError>;

/// Says `text` and reads the answer; or why the lane is of no more use.
fn exchange(stream: &mut BufReader<UnixStream>, text: &[u8]) -> Result<Answer, String> {
    let sent = stream.get_mut().write_all(text);
    sent.map_err(|error| error.to_string())?;
    read_answer(stream)
}

/// Reads the answer to what was said; or why the lane is of no more use.
pub(crate) fn read_answer(stream: &mut BufReader<UnixStream>) -> Result<Answer, String> {
    let read = wire::read(stream, |_| Some(wire::ANSWER_BYTES_MAX));
    match read.map_err(|error| error.to_string())? {
        Frame::Said(status, body) => {
            let read = wire::read_answer(status, body);
            read.ok_or_else(|| "its answer cannot be read".to_owned())
        }
        Frame::Refused(refusal) => Err(refusal.to_string()),
        Frame::End => Err("it has ended".to_owned()),
    }
}

/// The present link, whichever process it leads to.
#[derive(Debug)]
pub(crate) struct Line {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Debug)]
enum State {
    /// It leads to this one.
    To(Arc<Link>),
    /// A process is being started.
    Down(String),
    /// There will be none.
    Closed,
}

impl Line {
    pub(crate) fn to(link: Arc<Link>) -> Self {
        Self {
            state: Mutex::new(State::To(link)),
            moved: Condvar::new(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on this one. `false` when the line is closed.
    pub(crate) fn move_to(&self, link: Arc<Link>) -> bool {
        let mut state = self.state();
        if matches!(*state, State::Closed) {
            return false;
        }
        *state = State::To(link);
        self.moved.notify_all();
        true
    }

    /// The process of this link has ended. `false` when another took its place already, or the line
    /// is closed.
    pub(crate) fn lost(&self, link: &Arc<Link>, why: String) -> bool {
        let mut state = self.state();
        match &*state {
            State::To(present) if Arc::ptr_eq(present, link) => {
                *state = State::Down(why);
                true
            }
            _ => false,
        }
    }

    pub(crate) fn is_closed(&self) -> bool {
        matches!(*self.state(), State::Closed)
    }

    pub(crate) fn close(&self) {
        *self.state() = State::Closed;
        self.moved.notify_all();
    }

    /// The link there is now. Waits for nothing.
    pub(crate) fn now(&self) -> Result<Arc<Link>, KeysError> {
        match &*self.state() {
            State::To(link) if link.is_whole() => Ok(link.clone()),
            State::To(_) => Err(KeysError::Unavailable("it has ended".to_owned())),
            State::Down(why) => Err(KeysError::Unavailable(why.clone())),
            State::Closed => Err(KeysError::Unavailable("Redkeep is stopping".to_owned())),
        }
    }

    /// The link there is, or will be within [`RESTART_TIME`].
    fn soon(&self) -> Result<Arc<Link>, KeysError> {
        let until = Instant::now() + RESTART_TIME;
        let mut state = self.state();
        loop {
            match &*state {
                State::To(link) if link.is_whole() => return Ok(link.clone()),
                State::Closed => break,
                State::To(_) | State::Down(_) => {}
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let waited = self.moved.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(state);
        self.now()
    }

    /// Asks; once more where the process ended meanwhile, since no request changes anything.
    pub(crate) fn ask(
        &self,
        lane: Lane,
        request: &Request<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        match self.soon()?.ask(lane, request) {
            Err(KeysError::Unavailable(_)) => self.soon()?.ask(lane, request),
            answer => answer,
        }
    }
}
