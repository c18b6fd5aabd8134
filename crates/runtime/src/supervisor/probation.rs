//! Whether Node-RED lasts, after its start and after each deployment.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use model::id::Hash;
use tokio::{sync::Notify, time::sleep};

use super::Supervisor;
use crate::RuntimeEvent;

/// How long it must run without an end with a baseline that ran well before.
const KNOWN_TIME: Duration = Duration::from_mins(1);
/// With one that is new: what fills the memory or waits for a timer ends it minutes later.
const NEW_TIME: Duration = Duration::from_mins(3);

/// What is put to the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Proved {
    pub(super) baseline: Hash,
    pub(super) ran_well_before: bool,
}

/// Whose probation it is.
pub(super) trait Candidate {
    /// What runs from here on; none: it is not known.
    async fn begins(&self) -> Option<Proved>;
    /// It has run through its time.
    async fn passes(&self, proved: Option<Proved>);
}

/// Sets `passed` and tells it whenever a probation is passed. Each deployment begins another. What
/// is passed is what was there when it began: a baseline that moved meanwhile has proved nothing.
pub(super) async fn probation(
    passed: &AtomicBool,
    given: &Notify,
    candidate: &impl Candidate,
) -> Infallible {
    loop {
        let proved = candidate.begins().await;
        let is_known = proved.is_some_and(|proved| proved.ran_well_before);
        tokio::select! {
            () = sleep(if is_known { KNOWN_TIME } else { NEW_TIME }) => {
                passed.store(true, Ordering::Relaxed);
                candidate.passes(proved).await;
                given.notified().await;
            }
            () = given.notified() => {}
        }
        passed.store(false, Ordering::Relaxed);
    }
}

impl Candidate for Supervisor {
    async fn begins(&self) -> Option<Proved> {
        let found = self.store.snapshots(self.id(), 1).await;
        let current = match found {
            Ok(found) => found.into_iter().find(|it| it.is_current)?,
            Err(error) => {
                tracing::error!(%error, instance = %self.id(), "the baseline could not be read");
                return None;
            }
        };
        Some(Proved {
            baseline: current.hash,
            ran_well_before: current.ran_well,
        })
    }

    async fn passes(&self, proved: Option<Proved>) {
        let status = self.board.get(self.id());
        // Up without its flows, it has shown nothing of them.
        let runs = status.is_some_and(|status| status.phase.is_up() && status.flows_run);
        if let Some(proved) = proved.filter(|_| runs) {
            self.tell(RuntimeEvent::RanWell {
                instance: self.id().clone(),
                baseline: proved.baseline,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, future::Future, pin::pin, task::Poll};

    use super::*;

    #[derive(Default)]
    struct Plant {
        now: RefCell<Option<Proved>>,
        told: RefCell<Vec<Option<Proved>>>,
    }

    impl Candidate for Plant {
        async fn begins(&self) -> Option<Proved> {
            *self.now.borrow()
        }

        async fn passes(&self, proved: Option<Proved>) {
            self.told.borrow_mut().push(proved);
        }
    }

    fn baseline(text: &str, ran_well_before: bool) -> Proved {
        Proved {
            baseline: Hash::of(text.as_bytes()),
            ran_well_before,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_deployment_begins_another_and_longer_probation() {
        let (passed, given, plant) = (AtomicBool::new(false), Notify::new(), Plant::default());
        *plant.now.borrow_mut() = Some(baseline("old", true));
        let mut watch = pin!(probation(&passed, &given, &plant));
        let mut advance = async |seconds| {
            let mut until = pin!(sleep(Duration::from_secs(seconds)));
            std::future::poll_fn(|context| {
                assert!(watch.as_mut().poll(context).is_pending());
                until.as_mut().poll(context)
            })
            .await;
            let polled = std::future::poll_fn(|cx| Poll::Ready(watch.as_mut().poll(cx))).await;
            assert!(polled.is_pending());
            (plant.told.borrow().len(), passed.load(Ordering::Relaxed))
        };
        assert_eq!(advance(59).await, (0, false));
        given.notify_one();
        assert_eq!(advance(59).await, (0, false));
        assert_eq!(advance(2).await, (1, true));
        *plant.now.borrow_mut() = Some(baseline("new", false));
        given.notify_one();
        assert_eq!(advance(1).await, (1, false));
        assert_eq!(advance(178).await, (1, false));
        assert_eq!(advance(2).await, (2, true));
    }

    #[tokio::test(start_paused = true)]
    async fn flows_that_come_just_before_the_end_have_proved_nothing() {
        let (passed, given, plant) = (AtomicBool::new(false), Notify::new(), Plant::default());
        *plant.now.borrow_mut() = Some(baseline("old", true));
        let mut watch = pin!(probation(&passed, &given, &plant));
        let mut later = pin!(async {
            sleep(Duration::from_secs(59)).await;
            // Saved, and Node-RED has not answered yet.
            *plant.now.borrow_mut() = Some(baseline("new", false));
            sleep(Duration::from_secs(30)).await;
        });
        std::future::poll_fn(|context| {
            assert!(watch.as_mut().poll(context).is_pending());
            later.as_mut().poll(context)
        })
        .await;
        assert_eq!(*plant.told.borrow(), [Some(baseline("old", true))]);
    }
}
