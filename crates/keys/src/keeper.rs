//! Starting the process that holds the keys, and starting it again.

use std::{
    io::{self, BufReader},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::{Duration, Instant},
};

use sandbox::{Enforcement, apart};
use zeroize::Zeroizing;

use crate::{
    KeysError, Setup,
    line::{Line, Link, read_answer},
    starter::{Own, Stamps, Starter},
    wire::{Lane, Request},
};

/// How long a process may take to be ready: an RSA key is checked, a disk may be slow.
const START_TIME: Duration = Duration::from_secs(30);
/// The pause before the first start that follows a failed one, and the longest.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long files that were refused are not read again, unless they change: each reading starts a
/// process.
const REFUSED: Duration = Duration::from_mins(1);

/// Keeps a process that holds the keys. When it ends, another is started, with growing pauses where
/// that fails; whoever asks meanwhile waits for five seconds and is then told. Handshakes do not wait.
#[derive(Debug)]
pub struct Keeper {
    starter: Arc<dyn Starter>,
    line: Line,
    report: Enforcement,
    looked: Mutex<Looked>,
}

/// The operator's files as they were.
#[derive(Debug)]
struct Looked {
    /// When they were last taken; none: there are none.
    taken: Option<Stamps>,
    /// When they were last refused since then, and why.
    refused: Option<(Stamps, Instant, KeysError)>,
}

/// A process that is ready.
struct Ready {
    process: apart::Process,
    link: Arc<Link>,
    report: Enforcement,
}

impl Keeper {
    /// Starts `program` (normally `/proc/self/exe`), which must call
    /// [`run_if_asked`](crate::process::run_if_asked) first of all, and waits until it holds the keys.
    pub fn start(program: &Path, setup: Setup) -> Result<Arc<Self>, KeysError> {
        let program = program.to_owned();
        Self::start_by(Arc::new(Own { program, setup }))
    }

    /// The same where somebody else starts the process, with rights this one lacks.
    pub fn start_by(starter: Arc<dyn Starter>) -> Result<Arc<Self>, KeysError> {
        let looked = Looked {
            taken: starter.stamps()?,
            refused: None,
        };
        let ready = ready(&*starter)?;
        let keeper = Arc::new(Self {
            starter,
            line: Line::to(ready.link.clone()),
            report: ready.report.clone(),
            looked: Mutex::new(looked),
        });
        keeper.watch(ready, PAUSE_MIN)?;
        Ok(keeper)
    }

    /// What keeps others from the process, and what this machine cannot give.
    pub fn enforcement(&self) -> &Enforcement {
        &self.report
    }

    /// Lets the process end; it is not started again.
    pub fn close(&self) {
        self.line.close();
    }

    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    pub(crate) fn ask(
        &self,
        lane: Lane,
        request: &Request<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, KeysError> {
        self.line.ask(lane, request)
    }

    /// Has another process read the operator's files when they have changed, and take the place of
    /// the present one: that one gave up the rights to read them. Handshakes that began with it end
    /// with it, since whoever presents its certificate holds on to it. Errors: they cannot be taken;
    /// said again without starting anything, for as long as they stay the same and for a minute.
    pub(crate) fn reload_if_changed(self: &Arc<Self>) -> Result<(), KeysError> {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let found = self.starter.stamps()?;
        if looked.taken == found {
            looked.refused = None;
            return Ok(());
        }
        if let Some((stamps, at, error)) = &looked.refused
            && Some(*stamps) == found
            && at.elapsed() < REFUSED
        {
            return Err(error.clone());
        }
        let moved = ready(&*self.starter).and_then(|ready| {
            self.line.move_to(ready.link.clone());
            self.watch(ready, PAUSE_MIN)
        });
        match moved {
            Ok(()) => {
                *looked = Looked {
                    taken: found,
                    refused: None,
                };
                Ok(())
            }
            Err(error) => {
                looked.refused = found.map(|it| (it, Instant::now(), error.clone()));
                Err(error)
            }
        }
    }

    /// Waits for the process' end on a thread, and after `pause` has another take its place, unless
    /// one did.
    fn watch(self: &Arc<Self>, ready: Ready, pause: Duration) -> Result<(), KeysError> {
        // Weak ones: when the last who asks lets go of the lanes, the process ends.
        let keeper = Arc::downgrade(self);
        let link = Arc::downgrade(&ready.link);
        let mut process = ready.process;
        let watch = move || {
            let begun = Instant::now();
            let ended = process.wait();
            let (Some(keeper), Some(link)) = (keeper.upgrade(), link.upgrade()) else {
                return;
            };
            link.sever();
            let why = match ended {
                Ok(status) => status.to_string(),
                Err(error) => error.to_string(),
            };
            if keeper.line.lost(&link, why.clone()) {
                tracing::error!(%why, "the process that holds the keys has ended; it is started again");
                let lived_well = begun.elapsed() > PAUSE_MAX * 2;
                keeper.start_again(if lived_well { PAUSE_MIN } else { pause });
            }
        };
        let started = thread::Builder::new().name("keys".into()).spawn(watch);
        started
            .map(drop)
            .map_err(|error| KeysError::Unavailable(error.to_string()))
    }

    fn start_again(self: Arc<Self>, mut pause: Duration) {
        loop {
            thread::sleep(pause);
            pause = PAUSE_MAX.min(pause * 2);
            if self.line.is_closed() {
                return;
            }
            let again = ready(&*self.starter).and_then(|ready| {
                self.line.move_to(ready.link.clone());
                self.watch(ready, pause)
            });
            match again {
                Ok(()) => return tracing::info!("the process that holds the keys runs again"),
                Err(error) => {
                    tracing::error!(%error, "the process that holds the keys was not started");
                }
            }
        }
    }
}

/// Starts a process and waits until it is ready.
fn ready(starter: &dyn Starter) -> Result<Ready, KeysError> {
    let failed = |error: io::Error| KeysError::Unavailable(error.to_string());
    let apart::Apart {
        mut process,
        lanes,
        ending,
    } = starter.start().map_err(failed)?;
    let hear = || {
        lanes[1].set_read_timeout(Some(START_TIME))?;
        let mut secrets = BufReader::with_capacity(1024, lanes[1].try_clone()?);
        read_answer(&mut secrets).map_err(io::Error::other)
    };
    let answer = hear().map_err(failed).and_then(|answer| answer);
    let report = answer.and_then(|report| {
        let read = serde_json::from_slice(&report);
        read.map_err(|error| KeysError::Unavailable(error.to_string()))
    });
    let linked = report.and_then(|report| {
        let link = Link::new(lanes, ending.clone()).map_err(failed)?;
        Ok((Arc::new(link), report))
    });
    match linked {
        Ok((link, report)) => Ok(Ready {
            process,
            link,
            report,
        }),
        Err(error) => {
            ending.end();
            process.wait().map_err(failed)?;
            Err(error)
        }
    }
}
