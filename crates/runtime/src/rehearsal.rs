//! The rehearsal: flows are tried in a second, throw-away Node-RED, and what they do is written down.
//!
//! Same trees, same settings, another user, a folder of its own that is removed afterwards, and the
//! sandbox's observed jail: no network, no commands, every attempt told from outside. It is given
//! placeholder credentials by the caller and no key of ours. It is asked nothing that needs an
//! identity: that it started is read in its log, that it lives is seen by its answering at all.

mod jailed;
mod record;
mod stage;

use std::{future::Future, path::PathBuf, sync::Arc, time::Duration};

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use model::{
    flow::credentials::Credentials,
    rehearsal::{Attempt, Observation, Outcome},
};
use tokio::{
    sync::{Notify, mpsc},
    time::{Instant, sleep_until},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use crate::{
    InstancePlan, RuntimeError, Workshop,
    bridge::{Bridge, Pace, Waiting},
    client::call,
    folder::Folder,
    jail, settings,
};
use jailed::{Heard, Jailed};
use record::Record;
use stage::Stage;

/// How much of the machine one rehearsal may take, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct Bounds {
    /// Until the flows must have started.
    pub start: Duration,
    /// How long they are watched from then on.
    pub watch: Duration,
    /// Memory.
    pub memory_bytes: u64,
    /// Processor time in percent of one core, where it can be limited; an instance that may take
    /// less is tried with less. It gives way to what runs as far as the kernel lets it, see
    /// [`sandbox::Limits::gives_way`].
    pub cpu_percent: u16,
    /// What it may write: its work folder is in memory.
    pub work_bytes: u64,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            start: Duration::from_mins(1),
            watch: Duration::from_secs(20),
            memory_bytes: 768 << 20,
            cpu_percent: 100,
            work_bytes: 64 << 20,
        }
    }
}

/// Flows to be tried, and where.
#[derive(Debug, Clone)]
pub struct Trial {
    /// The instance they are for. Only its trees and its name are used.
    pub plan: InstancePlan,
    /// A folder for rehearsals alone; removed before and after.
    pub dir: PathBuf,
    /// As root: the user and group it runs as, which is nobody else's.
    pub user: Option<(u32, u32)>,
    /// The flows' canonical text.
    pub flows: Arc<str>,
    /// Placeholders of the right shape, never what they stand for.
    pub credentials: Credentials,
    /// How much, how long.
    pub bounds: Bounds,
}

/// How long Node-RED may take to answer when asked whether it lives.
const ANSWER_TIME: Duration = Duration::from_secs(5);
/// How long the names of missing types may take to be logged.
const NAMES_TIME: Duration = Duration::from_secs(2);

impl Workshop {
    /// Tries flows, and says what was seen; one rehearsal at a time. Dropped, it is over: all of it
    /// is killed, then its folder is removed, and only then the next begins.
    ///
    /// # Errors
    /// When they could not be tried. What they themselves do wrong is an [`Observation`].
    pub async fn rehearse(self: &Arc<Self>, trial: Trial) -> Result<Observation, RuntimeError> {
        let let_go = CancellationToken::new();
        let _when_dropped = let_go.clone().drop_guard();
        let workshop = self.clone();
        let run = async move {
            let _turn = workshop.rehearsing.lock().await;
            // Many may have been asked for and let go while this one waited.
            if let_go.is_cancelled() {
                return Err(failed("nobody waits for it any more"));
            }
            workshop.rehearse_alone(trial, let_go).await
        };
        let run = self.tasks.spawn(run).await;
        run.unwrap_or_else(|error| Err(failed(&error.to_string())))
    }

    async fn rehearse_alone(
        &self,
        trial: Trial,
        let_go: CancellationToken,
    ) -> Result<Observation, RuntimeError> {
        let plan = InstancePlan {
            dir: trial.dir.clone(),
            user: trial.user,
            jailer: trial.plan.jailer.clone().for_rehearsals(),
            ..trial.plan.clone()
        };
        let folder = Folder::new(&plan);
        let seen = self.rehearse_in(&folder, &plan, trial, let_go).await;
        let removed = on_disk(move || folder.remove_all()).await;
        if let Err(error) = removed {
            tracing::warn!(%error, "a rehearsal's folder is left over; the next one removes it");
        }
        seen
    }

    /// Returns when nothing of it runs any more.
    async fn rehearse_in(
        &self,
        folder: &Folder,
        plan: &InstancePlan,
        trial: Trial,
        let_go: CancellationToken,
    ) -> Result<Observation, RuntimeError> {
        let (making, planned, signer) = (folder.clone(), plan.clone(), self.signer().clone());
        let made = on_disk(move || {
            making.remove_all()?;
            making.make()?;
            settings::write(&planned, &signer)
        });
        made.await?;
        let stage = Arc::new(Stage::new(trial.flows, trial.credentials));
        let stop = CancellationToken::new();
        let _stopped = stop.clone().drop_guard();
        let bridge = Bridge {
            instance: plan.instance.id.clone(),
            baselines: stage.clone(),
            store: None,
            refused: Arc::new(Notify::new()),
            peer_uid: folder.uid(),
            pace: Pace::default(),
            waiting: Waiting::default(),
        };
        Arc::new(bridge).open(folder, stop, &TaskTracker::new())?;
        let started = Jailed::start(plan, trial.bounds, self.clock()).await;
        let (mut jailed, heard) = started.map_err(|why| failed(&why))?;
        let watched = tokio::select! {
            seen = watch(&mut jailed, heard, folder, trial.bounds) => seen,
            () = let_go.cancelled() => Err(failed("nobody waits for it any more")),
        };
        jailed.stop().await;
        let mut seen = watched?;
        if stage.was_saved() {
            seen.attempts.insert(0, Attempt::Deploy);
        }
        Ok(seen)
    }
}

/// Work on the disk, which may take long, where nothing else waits for it.
async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, RuntimeError> + Send + 'static,
) -> Result<T, RuntimeError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(failed(&error.to_string())))
}

fn failed(why: &str) -> RuntimeError {
    RuntimeError::Io {
        what: "the flows could not be tried".to_owned(),
        why: why.to_owned(),
    }
}

/// The instance's jail with nothing let out, observed and bounded.
pub(crate) fn spec(plan: &InstancePlan, bounds: Bounds) -> sandbox::JailSpec {
    let mut plan = plan.clone();
    // The heap that Node.js is told follows the memory, as it does for the instance itself.
    let memory = model::instance::Memory::within_bounds(bounds.memory_bytes);
    plan.instance.policy.memory = Some(memory);
    let mut spec = jail::spec(&plan, std::process::id());
    spec.network = sandbox::Network::None;
    spec.commands.clear();
    spec.observed = true;
    let cpu_percent = spec.limits.cpu_percent.unwrap_or(u16::MAX);
    spec.limits = sandbox::Limits {
        memory_bytes: Some(bounds.memory_bytes),
        cpu_percent: Some(cpu_percent.min(bounds.cpu_percent)),
        work_bytes: Some(bounds.work_bytes),
        gives_way: true,
        // For the rest the same as the instance, or what runs there would fail here.
        ..spec.limits
    };
    spec
}

/// Listens until the run is decided, ends it, and sums up.
///
/// # Errors
/// When the machine gave it too little of itself for anything to be told of the flows: a rehearsal
/// gives way to everything else, and must not lay that at a proposal's door.
async fn watch(
    jailed: &mut Jailed,
    mut heard: mpsc::Receiver<Heard>,
    folder: &Folder,
    bounds: Bounds,
) -> Result<Observation, RuntimeError> {
    let mut record = Record::default();
    let begun = Instant::now();
    let mut deadline = begun + bounds.start;
    let mut started = None;
    let outcome = loop {
        tokio::select! {
            // What was said before an end is heard before the end is.
            biased;
            Some(heard) = heard.recv() => {
                record.hear(heard);
                if started.is_none() && record.has_started() {
                    let now = Instant::now();
                    started = Some(now);
                    deadline = now + if record.is_halted() { NAMES_TIME } else { bounds.watch };
                }
            }
            how = jailed.ended() => break Err(how),
            () = sleep_until(deadline) => break Ok(()),
        }
    };
    let waited = jailed.waited_for_processor();
    if outcome.is_ok() && started.is_none() && waited > bounds.start / 2 {
        return Err(failed(&format!(
            "the processors were busy with other work: of {} seconds it waited {} for one; have \
             them tried again when the machine is quieter",
            bounds.start.as_secs(),
            waited.as_secs()
        )));
    }
    let outcome = match (outcome, started) {
        (Err(how), None) => Outcome::NotStarted(record.cause(&how)),
        (Err(how), Some(_)) => Outcome::Crashed(record.cause(&how)),
        (Ok(()), None) => Outcome::NotStarted(record.cause(&format!(
            "the flows did not start within {} seconds",
            bounds.start.as_secs()
        ))),
        (Ok(()), Some(_)) if record.is_halted() => Outcome::Halted,
        (Ok(()), Some(_)) => alive(folder).await,
    };
    let watched = started.map_or(Duration::ZERO, |at| at.elapsed());
    listening(jailed.stop(), &mut heard, &mut record).await;
    Ok(record.sum_up(outcome, watched))
}

/// Goes on hearing while `ending` comes to an end, and hears what is left.
async fn listening(
    ending: impl Future<Output = ()>,
    heard: &mut mpsc::Receiver<Heard>,
    record: &mut Record,
) {
    tokio::pin!(ending);
    loop {
        tokio::select! {
            Some(heard) = heard.recv() => record.hear(heard),
            () = &mut ending => break,
        }
    }
    // The readers end with the jail; one that does not is not waited for.
    let rest = async {
        while let Some(heard) = heard.recv().await {
            record.hear(heard);
        }
    };
    tokio::time::timeout(ANSWER_TIME, rest).await.ok();
}

/// Any answer will do: it shows that the event loop turns.
async fn alive(folder: &Folder) -> Outcome {
    let request = Request::get("/settings").header("host", "node-red");
    let Ok(request) = request.body(Full::new(Bytes::new())) else {
        return Outcome::Ran;
    };
    match call(&folder.address(), request, 1 << 20, ANSWER_TIME).await {
        Ok(_) => Outcome::Ran,
        Err(error) => Outcome::Hung(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use model::instance::Policy;

    use super::*;

    #[test]
    fn a_rehearsal_takes_no_more_than_its_bounds_nor_than_the_instance() {
        let limits = |cpu: Option<u16>| {
            let policy = Policy {
                cpu_percent: cpu.and_then(std::num::NonZeroU16::new),
                commands: vec!["/usr/bin/ping".into()],
                ..Policy::default()
            };
            let spec = spec(&jail::tests::plan(policy), Bounds::default());
            spec.validate().unwrap();
            spec.limits
        };
        let instance = jail::spec(&jail::tests::plan(Policy::default()), 1).limits;
        let expected = sandbox::Limits {
            memory_bytes: Some(768 << 20),
            cpu_percent: Some(100),
            work_bytes: Some(64 << 20),
            gives_way: true,
            ..instance
        };
        assert_eq!(limits(None), expected);
        assert_eq!(limits(Some(400)), expected);
        assert_eq!(limits(Some(30)).cpu_percent, Some(30));
    }
}
