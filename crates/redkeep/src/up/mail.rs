//! Mails: one task goes through what is new in the record, writes what is due and sends it.
//!
//! It only reads what others do and waits for nothing of theirs; nothing of theirs waits for it.

mod carry;
mod road;
mod trouble;

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use console::{
    MailState, Post, Posting,
    letter::{Desk, Letter, Outcome},
};
use model::{audit::EventKind, id::Hash, mail::MailAddress, principal::Actor};
use serde_json::json;
use store::{Store, User, WaitingMail};
use tokio::{sync::Semaphore, time::Instant};

use self::trouble::{Concerns, Trouble};
use super::House;
use crate::config::mail::Mail;

/// How often it is looked whether a mail is due, when nothing happens.
const TICK: Duration = Duration::from_secs(2);
/// The first pause after a failure of the server; each further one is twice as long.
const PAUSE: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_mins(15);
/// Refusals of one mail for good before it is given up: some servers are wrong for a while.
const REFUSALS_MAX: u32 = 3;
/// Until a refused mail is tried again, in seconds: as long as it has waited, within these.
const AGAIN_SECONDS: i64 = 60;
const AGAIN_SECONDS_MAX: i64 = 3_600;
/// Until a letter that could not be written for want of room or of the ledger is tried again.
const PASSING_SECONDS: i64 = 10;
/// How far a mail steps back when the server failed at it, in seconds: behind all that are due.
const BEHIND_SECONDS: i64 = 1;
/// Until a letter that will say more in a moment is looked at again, in seconds.
const SOON_SECONDS: i64 = 3;

/// What sends mails.
#[derive(Debug)]
pub(super) struct Sender {
    mail: Mail,
    store: Store,
    desk: Desk,
    /// The console's.
    origin: String,
    /// Why nothing is sent, and until when nothing is tried.
    trouble: Mutex<Option<Halt>>,
    /// Mails tried out at a time.
    trials: Semaphore,
}

#[derive(Debug, Clone)]
struct Halt {
    why: String,
    pause: Duration,
    until: Instant,
}

impl Sender {
    /// The one for this configuration; links lead to `origin`, the console's.
    pub(super) fn new(mail: Mail, house: &House, origin: String) -> Arc<Self> {
        let desk = Desk::new(house.deployments.clone(), origin.clone(), mail.has_pictures);
        Arc::new(Self {
            mail,
            store: house.store.clone(),
            desk,
            origin,
            trouble: Mutex::default(),
            trials: Semaphore::new(1),
        })
    }

    /// Sends until `house` stops.
    pub(super) fn spawn(self: &Arc<Self>, house: &House) {
        let (sender, stop) = (self.clone(), house.stop.clone());
        let mut recorded = self.store.record_changes();
        house.tasks.spawn(async move {
            loop {
                recorded.mark_unchanged();
                let worked = tokio::select! {
                    // A mail under way is sent again at the next start, if its server did not
                    // say that it has it.
                    () = stop.cancelled() => return,
                    worked = sender.round() => worked,
                };
                if let Err(error) = worked {
                    tracing::warn!(%error, "mails could not be looked after");
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(TICK) => {}
                    changed = recorded.changed() => if changed.is_err() { return },
                }
            }
        });
    }

    /// Notes what is new, and sends what is due.
    async fn round(&self) -> anyhow::Result<()> {
        let every = self.mail.seconds_between;
        loop {
            let (_, has_more) = self.store.note_mails(every).await?;
            if !has_more {
                break;
            }
        }
        loop {
            if self.halt().is_some_and(|halt| Instant::now() < halt.until) {
                return Ok(());
            }
            let (mail, aged) = self.store.next_mail().await?;
            if aged > 0 {
                let why = "the mail server was away for days";
                self.record_drop(None, aged, why).await?;
            }
            let Some(mail) = mail else {
                // What nobody waits for is no trouble.
                if self.halt().is_some() && self.store.waiting_mails().await?.0 == 0 {
                    self.set_halt(None);
                }
                return Ok(());
            };
            self.deliver(&mail).await?;
        }
    }

    async fn deliver(&self, mail: &WaitingMail) -> anyhow::Result<()> {
        let every = self.mail.seconds_between;
        let user = self.store.user(mail.user).await?;
        let Some(address) = user.mail.clone() else {
            return Ok(self.store.close_mail(mail, false, every).await?);
        };
        let letter = match self.desk.write(mail, &user).await {
            Ok(Outcome::Letter(letter)) => letter,
            Ok(Outcome::Nothing) => {
                return Ok(self.store.close_mail(mail, false, every).await?);
            }
            Ok(Outcome::Soon) => {
                return Ok(self.store.put_off_mail(mail, SOON_SECONDS, false).await?);
            }
            Err(error) => {
                tracing::warn!(%error, topic = %mail.topic, "a mail could not be written");
                if error.is_passing() {
                    let put_off = self.store.put_off_mail(mail, PASSING_SECONDS, false);
                    return Ok(put_off.await?);
                }
                return self.refused(mail, &user, "it could not be written").await;
            }
        };
        let sent = self.send(&address, &letter, &self.id_of(mail)).await;
        let Err(trouble) = sent else {
            self.set_halt(None);
            return Ok(self.store.close_mail(mail, true, every).await?);
        };
        if trouble.is_answer() {
            // The server works: what it says is about this mail.
            self.set_halt(None);
        }
        let why = trouble.to_string();
        match trouble.concerns() {
            Concerns::All => {
                tracing::warn!(why, "mails wait");
                self.halt_for(why);
                // If it is this mail that the server fails at, another goes next.
                let behind = self.store.put_off_mail(mail, BEHIND_SECONDS, false);
                Ok(behind.await?)
            }
            Concerns::ThisForGood => self.refused(mail, &user, &why).await,
            Concerns::ThisNow => {
                let seconds = self.again(mail);
                Ok(self.store.put_off_mail(mail, seconds, false).await?)
            }
        }
    }

    /// The same for the same letter at each try, and no other installation's.
    fn id_of(&self, mail: &WaitingMail) -> String {
        let last = mail.entries.last().copied().unwrap_or(0);
        let text = format!(
            "{}\n{}\n{}\n{last}\n{}\n{}",
            self.origin, mail.user, mail.topic, mail.count, mail.since.0
        );
        Hash::of(text.as_bytes()).to_string()
    }

    /// Seconds until a refused mail is tried again.
    fn again(&self, mail: &WaitingMail) -> i64 {
        let waited = self.store.clock().now().seconds_since(mail.since);
        waited.clamp(AGAIN_SECONDS, AGAIN_SECONDS_MAX)
    }

    /// A refusal for good: tried a few times more, then given up and recorded.
    async fn refused(&self, mail: &WaitingMail, user: &User, why: &str) -> anyhow::Result<()> {
        if mail.tries + 1 < REFUSALS_MAX {
            let seconds = self.again(mail);
            return Ok(self.store.put_off_mail(mail, seconds, true).await?);
        }
        self.record_drop(Some(user), 1, why).await?;
        let every = self.mail.seconds_between;
        Ok(self.store.close_mail(mail, false, every).await?)
    }

    async fn record_drop(&self, user: Option<&User>, count: u64, why: &str) -> anyhow::Result<()> {
        let subject = user.map_or_else(|| "mail".to_owned(), |user| format!("user {}", user.name));
        let detail = json!({ "user": user.map(|it| &it.name), "count": count, "why": why });
        let kind = EventKind::MailDropped;
        let recorded = self
            .store
            .record(kind, &Actor::System, None, &subject, detail);
        Ok(recorded.await?)
    }

    async fn send(&self, to: &MailAddress, letter: &Letter, id: &str) -> Result<(), Trouble> {
        let now = u64::try_from(self.store.clock().now().0).unwrap_or(0);
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(now);
        carry::carry(&self.mail, to, letter, id, at).await
    }

    fn halt(&self) -> Option<Halt> {
        let halt = self.trouble.lock();
        halt.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_halt(&self, halt: Option<Halt>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = halt;
    }

    /// The server does not work: every mail waits, longer each time.
    fn halt_for(&self, why: String) {
        let before = self.halt();
        let pause = before.map_or(PAUSE, |halt| (halt.pause * 2).min(PAUSE_MAX));
        let until = Instant::now() + pause;
        self.set_halt(Some(Halt { why, pause, until }));
    }
}

impl Post for Sender {
    fn state(&self) -> Posting<'_, MailState> {
        Box::pin(async move {
            let trouble = self.halt().map(|halt| halt.why);
            let (waiting, since, trouble) = match self.store.waiting_mails().await {
                Ok((waiting, since)) => (waiting, since, trouble),
                Err(error) => (0, None, Some(error.to_string())),
            };
            MailState {
                server: self.mail.server.clone(),
                from: self.mail.from.clone(),
                waiting,
                since,
                trouble,
            }
        })
    }

    fn try_out(&self, to: MailAddress) -> Posting<'_, Result<(), String>> {
        Box::pin(async move {
            // One at a time: a mail server is no toy, and whoever asks waits for the answer.
            let Ok(_place) = self.trials.try_acquire() else {
                return Err("another test is under way; wait for it".to_owned());
            };
            let letter = self.desk.trial().map_err(|error| error.to_string())?;
            let id = data_encoding::HEXLOWER.encode(&store::Keyring::random::<16>());
            let sent = self.send(&to, &letter, &id).await;
            if sent.is_ok() {
                // What waited is sent at once.
                self.set_halt(None);
            }
            sent.map_err(|trouble| trouble.to_string())
        })
    }
}
