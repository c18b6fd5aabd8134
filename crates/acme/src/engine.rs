//! The certificate in use, and the task that keeps it good.

use std::{
    fmt,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use model::clock::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};
use tokio_util::sync::CancellationToken;

use crate::{
    account,
    check::{Certificate, Facts},
    failure::Trouble,
    keep::Keep,
    order::Course,
    proof::Show,
    record, renewal,
    schedule::Schedule,
    settings::{Settings, SettingsError},
    transport::Heard,
};

/// How often it is looked whether something is due.
const LOOK: Duration = Duration::from_secs(30);
/// Failures in a row before people are told that there is no certificate yet, or that a third of
/// the present one's life is left.
const PATIENCE: u32 = 2;

/// What people should hear about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A certificate is in use from now on.
    Issued {
        /// What stands in it.
        facts: Facts,
        /// Who gave it.
        server: String,
    },
    /// It cannot be renewed, and time is running out.
    Failing {
        /// When the present one ends; none: there is none.
        not_after: Option<Timestamp>,
        /// Whether less than a tenth of its life is left.
        is_urgent: bool,
        /// Why.
        error: String,
    },
}

/// Who is told.
pub trait Tell: Send + Sync + fmt::Debug {
    /// Must not block.
    fn tell(&self, news: News);
}

/// How things are, for people.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Status {
    /// What is asked for.
    pub names: Vec<String>,
    /// Who issued the certificate in use; none: there is none.
    pub issuer: Option<String>,
    /// When it ends.
    pub not_after: Option<Timestamp>,
    /// When it is renewed, or tried again.
    pub next: Option<Timestamp>,
    /// Why the last attempt failed; none: it did not.
    pub error: Option<String>,
    /// When that was.
    pub error_at: Option<Timestamp>,
    /// Whether an order is under way.
    pub is_ordering: bool,
}

/// Keeps one certificate good.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    keep: Arc<dyn Keep>,
    show: Arc<dyn Show>,
    tell: Arc<dyn Tell>,
    clock: Arc<dyn Clock>,
    /// One look at a time.
    schedule: tokio::sync::Mutex<Schedule>,
    current: watch::Sender<Option<Arc<Certificate>>>,
    status: Mutex<Status>,
    is_asked: AtomicBool,
    wake: Notify,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// What is wanted cannot be had.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The records cannot be read.
    #[error(transparent)]
    Keep(#[from] Trouble),
}

impl Engine {
    /// Takes up where the records end. Asks nobody anything yet.
    pub fn open(
        settings: Settings,
        keep: Arc<dyn Keep>,
        show: Arc<dyn Show>,
        tell: Arc<dyn Tell>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, OpenError> {
        settings.check()?;
        let schedule = record::load(&*keep, record::SCHEDULE)?.unwrap_or_default();
        let now = clock.now();
        let kept = keep.load(record::CERTIFICATE).map_err(Trouble::from)?;
        let pem = kept
            .and_then(|bytes| String::from_utf8(bytes).ok())
            .map(zeroize::Zeroizing::new);
        let current = pem.and_then(|pem| match Certificate::new(&pem, &[], now) {
            Ok(certificate) => Some(Arc::new(certificate)),
            Err(why) => {
                tracing::warn!(why, "the kept certificate is not used");
                None
            }
        });
        let engine = Self {
            settings,
            keep,
            show,
            tell,
            clock,
            schedule: tokio::sync::Mutex::new(schedule),
            current: watch::Sender::new(current),
            status: Mutex::default(),
            is_asked: AtomicBool::new(false),
            wake: Notify::new(),
        };
        if let Ok(schedule) = engine.schedule.try_lock() {
            engine.report(&schedule, false);
        }
        Ok(engine)
    }

    /// The certificate in use, and each that replaces it.
    pub fn certificate(&self) -> watch::Receiver<Option<Arc<Certificate>>> {
        self.current.subscribe()
    }

    /// How things are.
    pub fn status(&self) -> Status {
        self.status
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Has it renewed at the next look, which is now if [`Engine::run`] runs. Our own pauses do not
    /// count, the server's do.
    pub fn renew_now(&self) {
        self.is_asked.store(true, Ordering::SeqCst);
        self.wake.notify_one();
    }

    /// Looks again and again, until `shutdown`. An order that is under way then is gone on with at
    /// the next start.
    pub async fn run(&self, shutdown: CancellationToken) {
        loop {
            tokio::select! {
                () = self.look() => {}
                () = shutdown.cancelled() => return,
            }
            tokio::select! {
                () = tokio::time::sleep(LOOK) => {}
                () = self.wake.notified() => {}
                () = shutdown.cancelled() => return,
            }
        }
    }

    /// Does what is due.
    pub async fn look(&self) {
        let mut schedule = self.schedule.lock().await;
        if self.is_asked.swap(false, Ordering::SeqCst) {
            schedule.is_asked = true;
        }
        self.drop_expired();
        let heard = Arc::new(Heard::default());
        self.ask_window(&mut schedule, &heard).await;
        let now = self.clock.now();
        let is_due = schedule.is_asked || self.due(&schedule) <= now;
        if is_due && let Some(place) = schedule.whose_turn(&self.marks(), now) {
            self.attempt(&mut schedule, place, &heard).await;
        }
        self.alarm(&mut schedule);
        self.save(&schedule);
        self.report(&schedule, false);
    }

    async fn attempt(&self, schedule: &mut Schedule, place: usize, heard: &Arc<Heard>) {
        let Some(authority) = self.settings.authorities.get(place) else {
            return;
        };
        let mark = record::mark(authority);
        schedule.begin(&mark, self.clock.now(), roll());
        // Kept first: whoever is killed in it again and again must not ask again and again.
        if !self.save(schedule) {
            return;
        }
        self.report(schedule, true);
        let outcome = match self.order(schedule, place, heard).await {
            // The server has forgotten us: a test server, or one that was set up anew.
            Err(trouble) if trouble.is_account_gone() => {
                tracing::warn!(
                    server = authority.host(),
                    "the account is gone, a new one is made"
                );
                let removed = self.keep.remove(&record::account(authority));
                let removed = removed.and_then(|()| self.keep.remove(&record::order(authority)));
                match removed {
                    Ok(()) => self.order(schedule, place, heard).await,
                    Err(error) => Err(error.into()),
                }
            }
            outcome => outcome,
        };
        match outcome {
            Ok(certificate) => {
                schedule.succeeded(&authority.directory);
                let facts = certificate.facts.clone();
                tracing::info!(until = %facts.not_after, "a certificate was issued");
                self.current.send_replace(Some(Arc::new(certificate)));
                let server = authority.host();
                self.tell.tell(News::Issued { facts, server });
            }
            Err(trouble) => {
                tracing::warn!(%trouble, "no certificate was issued");
                let now = self.clock.now();
                schedule.failed(&mark, now, heard.hold(), roll(), trouble.to_string());
            }
        }
    }

    async fn order(
        &self,
        schedule: &Schedule,
        place: usize,
        heard: &Arc<Heard>,
    ) -> Result<Certificate, Trouble> {
        let Some(authority) = self.settings.authorities.get(place) else {
            return Err(Trouble::Keep(std::io::ErrorKind::NotFound.into()));
        };
        let account =
            account::open(&self.settings, authority, &*self.keep, &self.clock, heard).await?;
        let current = self.current.borrow().clone();
        let has_window = schedule.window_at.is_some() && schedule.renew_at.is_some();
        let replaces = current
            .as_ref()
            .filter(|_| has_window && schedule.issued_by.as_ref() == Some(&authority.directory))
            .and_then(|current| renewal::identifier(current));
        let course = Course {
            settings: &self.settings,
            authority,
            account: &account,
            keep: &*self.keep,
            show: &*self.show,
            clock: &*self.clock,
            heard,
            current,
            replaces,
        };
        course.run().await
    }

    /// Asks whoever issued the certificate when it should be renewed, once in a while.
    async fn ask_window(&self, schedule: &mut Schedule, heard: &Arc<Heard>) {
        let now = self.clock.now();
        let Some(current) = self.current.borrow().clone() else {
            return;
        };
        if schedule.window_at.is_some_and(|at| now < at) {
            return;
        }
        let mut authorities = self.settings.authorities.iter();
        let authority = authorities.find(|it| schedule.issued_by.as_ref() == Some(&it.directory));
        let Some(authority) = authority else {
            return;
        };
        let opened = account::open(&self.settings, authority, &*self.keep, &self.clock, heard);
        match opened.await {
            Ok(account) => renewal::ask(&account, &current, schedule, now, roll()).await,
            Err(trouble) => {
                tracing::debug!(%trouble, "the renewal window could not be asked for");
                schedule.window_at = Some(now.plus_seconds(3600));
            }
        }
    }

    /// When something is to be done; now while there is no certificate for what is wanted.
    fn due(&self, schedule: &Schedule) -> Timestamp {
        let wanted = self.settings.texts();
        let current = self.current.borrow();
        let fits = current
            .as_ref()
            .filter(|current| wanted.iter().all(|name| current.facts.names.contains(name)));
        fits.map_or(Timestamp(i64::MIN), |current| {
            renewal::due(&current.facts, schedule)
        })
    }

    fn drop_expired(&self) {
        let now = self.clock.now();
        self.current.send_if_modified(|current| {
            let is_over = current.as_ref().is_some_and(|it| it.facts.not_after <= now);
            if is_over {
                *current = None;
            }
            is_over
        });
    }

    fn alarm(&self, schedule: &mut Schedule) {
        let Some((_, error)) = schedule.error.clone() else {
            return;
        };
        let facts = self.current.borrow().as_ref().map(|it| it.facts.clone());
        let left = facts
            .as_ref()
            .map_or(0.3, |facts| facts.left(self.clock.now()));
        let failures: u32 = schedule.turns.values().map(|turn| turn.failures).sum();
        let urgency = match left {
            left if left < 0.1 => 2,
            left if left <= 0.34 && failures >= PATIENCE => 1,
            _ => 0,
        };
        if urgency > schedule.alarmed {
            schedule.alarmed = urgency;
            self.tell.tell(News::Failing {
                not_after: facts.map(|facts| facts.not_after),
                is_urgent: urgency == 2,
                error,
            });
        }
    }

    fn marks(&self) -> Vec<String> {
        self.settings.authorities.iter().map(record::mark).collect()
    }

    fn save(&self, schedule: &Schedule) -> bool {
        let saved = record::save(&*self.keep, record::SCHEDULE, schedule);
        if let Err(error) = &saved {
            tracing::error!(%error, "the schedule of renewals could not be kept");
        }
        saved.is_ok()
    }

    fn report(&self, schedule: &Schedule, is_ordering: bool) {
        let facts = self.current.borrow().as_ref().map(|it| it.facts.clone());
        let due = self.due(schedule).max(schedule.next(&self.marks()));
        let status = Status {
            names: self.settings.texts(),
            issuer: facts.as_ref().map(|facts| facts.issuer.clone()),
            not_after: facts.as_ref().map(|facts| facts.not_after),
            next: Some(due.max(self.clock.now())),
            error: schedule.error.as_ref().map(|(_, why)| why.clone()),
            error_at: schedule.error.as_ref().map(|(at, _)| *at),
            is_ordering,
        };
        *self.status.lock().unwrap_or_else(PoisonError::into_inner) = status;
    }
}

/// A number from 0 to 1.
fn roll() -> f64 {
    let mut bytes = [0; 4];
    if aws_lc_rs::rand::fill(&mut bytes).is_err() {
        return 0.5;
    }
    f64::from(u32::from_ne_bytes(bytes)) / f64::from(u32::MAX)
}
