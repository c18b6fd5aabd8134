//! How fast what is in the jail is let save: it speaks on the bridge as often as it likes, and each
//! save is work of this process, or a write on its disk.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    sync::OwnedMutexGuard,
    time::{Instant, sleep_until},
};

/// The least time between a refused save and the next of any kind, once there were more than
/// [`REFUSALS_MAX`] at once. One comes back with each time so long.
const AFTER_REFUSAL: Duration = Duration::from_secs(2);
/// Refusals at once that slow nothing: a node that saves without leave makes a few, and the answer to
/// who pressed its button must not wait for them.
const REFUSALS_MAX: u32 = 8;
/// The least time between credentials that were taken and the next save. Each is read as JSON and kept,
/// and none of it counts on the disk.
const AFTER_CREDENTIALS: Duration = Duration::from_millis(200);
/// Writes of settings at once, and how long until one more may follow. Node-RED makes some at its
/// start, and one when somebody changes theirs.
const WRITES_MAX: u32 = 30;
pub(super) const WRITE_EVERY: Duration = Duration::from_secs(10);

/// The pace of one bridge.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    turn: Arc<tokio::sync::Mutex<()>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    not_before: Option<Instant>,
    /// Refusals that count still, and since when.
    refusals: u32,
    refused: Option<Instant>,
    /// Writes made that count still, and since when.
    writes: u32,
    counted: Option<Instant>,
}

impl Pace {
    /// Waits for a save's turn; the next waits until this is dropped. First come, first served, so
    /// that a flood delays what was approved and does not keep it out.
    pub(super) async fn turn(&self) -> OwnedMutexGuard<()> {
        let turn = self.turn.clone().lock_owned().await;
        let not_before = self.with(|state| state.not_before);
        if let Some(until) = not_before {
            sleep_until(until).await;
        }
        turn
    }

    /// A save was refused, or could not even be read.
    pub(super) fn refused(&self) {
        let is_flood = self.with(|state| {
            let now = Instant::now();
            let since = *state.refused.get_or_insert(now);
            let over = now.duration_since(since).as_secs() / AFTER_REFUSAL.as_secs();
            let over = u32::try_from(over).unwrap_or(u32::MAX);
            if over > 0 {
                state.refusals = state.refusals.saturating_sub(over);
                state.refused = Some(now);
            }
            state.refusals = state.refusals.saturating_add(1).min(REFUSALS_MAX + 1);
            state.refusals > REFUSALS_MAX
        });
        if is_flood {
            self.pause(AFTER_REFUSAL);
        }
    }

    /// Credentials were taken.
    pub(super) fn took_credentials(&self) {
        self.pause(AFTER_CREDENTIALS);
    }

    fn pause(&self, time: Duration) {
        // A short pause does not end a long one.
        let until = Some(Instant::now() + time);
        self.with(|state| state.not_before = state.not_before.max(until));
    }

    /// Whether settings may be written now; counts it when they may.
    pub(super) fn may_write(&self) -> bool {
        self.with(|state| {
            let now = Instant::now();
            let counted = *state.counted.get_or_insert(now);
            let over = now.duration_since(counted).as_secs() / WRITE_EVERY.as_secs();
            let over = u32::try_from(over).unwrap_or(u32::MAX);
            if over > 0 {
                state.writes = state.writes.saturating_sub(over);
                state.counted = Some(now);
            }
            let may = state.writes < WRITES_MAX;
            state.writes += u32::from(may);
            may
        })
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn writes_are_counted_and_come_back_with_time() {
        let pace = Pace::default();
        let now = || (0..100).filter(|_| pace.may_write()).count();
        assert_eq!(now(), 30);
        assert_eq!(now(), 0);
        advance(WRITE_EVERY * 3).await;
        assert_eq!(now(), 3);
        advance(WRITE_EVERY * 1000).await;
        assert_eq!(now(), 30);
    }

    #[tokio::test(start_paused = true)]
    async fn after_a_refusal_the_next_waits_and_one_holds_up_another() {
        let pace = Pace::default();
        let begun = Instant::now();
        drop(pace.turn().await);
        assert_eq!(begun.elapsed(), Duration::ZERO);
        for _ in 0..REFUSALS_MAX {
            pace.refused();
            drop(pace.turn().await);
        }
        assert_eq!(begun.elapsed(), Duration::ZERO, "a few slow nothing");
        for _ in 0..2 {
            let begun = Instant::now();
            pace.refused();
            pace.took_credentials();
            drop(pace.turn().await);
            assert_eq!(begun.elapsed(), AFTER_REFUSAL);
        }
        let turn = pace.turn().await;
        let next = tokio::time::timeout(Duration::from_secs(9), pace.turn()).await;
        assert!(next.is_err(), "two bodies at a time");
        drop(turn);
        pace.took_credentials();
        let begun = Instant::now();
        drop(pace.turn().await);
        assert_eq!(begun.elapsed(), AFTER_CREDENTIALS);
    }
}
