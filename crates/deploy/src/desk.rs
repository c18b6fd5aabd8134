//! Where long reading is done: off the threads that answer requests, a few at a time.
//!
//! Reading two flows and making a page of them takes the processor for up to a second. Viewers who
//! all ask at once stand in line here; where the line is long, the next is told so at once instead
//! of taking a thread and the memory of two flows.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::spawn_blocking,
};

use crate::DeployError;

/// How many may stand in line; one more is refused.
const LINE_MAX: usize = 64;
/// Places where the machine does not say how many processors it has, and at least.
const PLACES_MIN: usize = 2;

/// A few places, and a line before them. Clones are the same desk.
#[derive(Debug, Clone)]
pub struct Desk {
    places: Arc<Semaphore>,
    places_count: usize,
    line: Arc<AtomicUsize>,
}

impl Default for Desk {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(PLACES_MIN, usize::from);
        Self::with_places(processors.max(PLACES_MIN))
    }
}

/// A place at the desk; given back when the work is done or it is dropped.
#[derive(Debug)]
#[must_use]
pub struct Turn(OwnedSemaphorePermit);

/// Somebody who stands in line, and leaves it however it ends: a client that goes away, too.
struct Waiting<'a>(&'a AtomicUsize);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Desk {
    /// A desk with so many places.
    pub fn with_places(places_count: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places_count)),
            places_count,
            line: Arc::default(),
        }
    }

    /// How many work at once.
    pub fn places(&self) -> usize {
        self.places_count
    }

    /// How many stand in line before it.
    pub fn waiting(&self) -> usize {
        self.line.load(Ordering::Acquire)
    }

    /// A turn, after those who came before. Refused with [`DeployError::Crowded`] when the line is
    /// full.
    pub async fn turn(&self) -> Result<Turn, DeployError> {
        if let Ok(turn) = self.free_turn() {
            return Ok(turn);
        }
        let before = self.line.fetch_add(1, Ordering::AcqRel);
        let _waiting = Waiting(&self.line);
        if before >= LINE_MAX {
            return Err(DeployError::Crowded);
        }
        self.place().await
    }

    /// A place that nobody waits for, else [`DeployError::Crowded`]: for what may as well be left,
    /// which must take no viewer's place in the line.
    pub(crate) fn free_turn(&self) -> Result<Turn, DeployError> {
        let place = self.places.clone().try_acquire_owned();
        place.map(Turn).map_err(|_| DeployError::Crowded)
    }

    /// A turn however long the line is: for decisions and applying, which must not be refused
    /// because others look.
    pub(crate) async fn sure_turn(&self) -> Result<Turn, DeployError> {
        self.place().await
    }

    async fn place(&self) -> Result<Turn, DeployError> {
        // Nobody closes it.
        let place = self.places.clone().acquire_owned().await;
        place.map(Turn).map_err(|_| DeployError::Crowded)
    }

    /// Does `work` when its turn has come.
    pub async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DeployError> {
        self.turn().await?.work(work).await
    }
}

impl Turn {
    /// Does `work`. The place is taken until it is done, even if nobody waits for it any more:
    /// whoever asks and goes away, again and again, gets no more places by it.
    pub async fn work<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DeployError> {
        let done = spawn_blocking(move || {
            let _place = self.0;
            work()
        });
        // A panic on hostile input ends here, as a refusal, and nowhere else.
        done.await.map_err(|_| DeployError::Unreadable)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn beyond_its_places_one_waits_and_beyond_its_line_one_is_refused() {
        let desk = Desk::with_places(1);
        let (go, wait) = mpsc::channel::<()>();
        let turn = desk.turn().await.unwrap();
        let first = tokio::spawn(turn.work(move || wait.recv().is_ok()));
        let mut line = Vec::new();
        for _ in 0..LINE_MAX {
            let desk = desk.clone();
            line.push(tokio::spawn(async move { desk.work(|| ()).await }));
        }
        while desk.waiting() < LINE_MAX {
            tokio::task::yield_now().await;
        }
        let refused = desk.turn().await.map(drop);
        // What must not be refused still waits.
        let is_in_line = is_waiting(desk.sure_turn()).await;
        go.send(()).unwrap();
        assert!(matches!(refused, Err(DeployError::Crowded)) && is_in_line);
        assert!(first.await.unwrap().unwrap());
        for one in line {
            one.await.unwrap().unwrap();
        }
        assert_eq!(desk.waiting(), 0);
        desk.work(|| ()).await.unwrap();
    }

    /// Whether it is still waiting after a first look.
    async fn is_waiting<T>(future: impl Future<Output = T>) -> bool {
        tokio::select! {
            biased;
            _ = future => false,
            () = std::future::ready(()) => true,
        }
    }

    #[tokio::test]
    async fn who_goes_away_leaves_the_line_but_the_work_keeps_its_place() {
        let desk = Desk::with_places(1);
        let (go, wait) = mpsc::channel::<()>();
        let (begin, began) = mpsc::channel::<()>();
        let turn = desk.turn().await.unwrap();
        let work = turn.work(move || begin.send(()).is_ok() && wait.recv().is_ok());
        assert!(is_waiting(work).await);
        began.recv().unwrap();
        let is_taken = is_waiting(desk.turn()).await;
        go.send(()).unwrap();
        assert!(is_taken, "the work still ran");
        assert_eq!(desk.waiting(), 0, "and who went away waits no more");
        desk.work(|| ()).await.unwrap();
    }

    #[tokio::test]
    async fn a_panic_is_a_refusal_and_gives_the_place_back() {
        let desk = Desk::with_places(1);
        let broken = desk.work(|| assert!(std::hint::black_box(false))).await;
        assert!(matches!(broken, Err(DeployError::Unreadable)));
        desk.work(|| ()).await.unwrap();
    }
}
