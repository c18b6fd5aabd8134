//! What is watched while Node-RED runs: that it answers, and that it lasts.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep},
};

/// How long Node-RED must run without an end, after its start and after each deployment.
const PROBATION: Duration = Duration::from_mins(1);
/// Looks in a row that found nothing after which it counts as hung.
const MISSES_MAX: u32 = 3;

/// Looks every `period`; returns, in words, when Node-RED is no longer well.
pub(super) async fn hangs<Look: Future<Output = bool>>(
    period: Duration,
    is_well: impl Fn() -> Look,
) -> String {
    let begun = Instant::now();
    let mut misses = 0;
    while misses < MISSES_MAX {
        sleep(period).await;
        misses = if is_well().await { 0 } else { misses + 1 };
    }
    let ran = begun.elapsed().as_secs();
    format!("Node-RED hung: it no longer answered, {ran} seconds after it was ready")
}

/// Sets `passed` and tells it whenever a probation is passed. Each deployment begins another.
pub(super) async fn probation(passed: &AtomicBool, given: &Notify, tell: impl Fn()) -> Infallible {
    loop {
        tokio::select! {
            () = sleep(PROBATION) => {
                passed.store(true, Ordering::Relaxed);
                tell();
                given.notified().await;
            }
            () = given.notified() => {}
        }
        passed.store(false, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, pin::pin, task::Poll};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn three_misses_in_a_row_are_a_hang_and_two_are_not() {
        let answers = [true, false, false, true, false, false, false];
        let looks = Cell::new(0);
        let is_well = || {
            let look = looks.get();
            looks.set(look + 1);
            std::future::ready(answers[look])
        };
        let reason = hangs(Duration::from_secs(10), is_well).await;
        assert_eq!(looks.get(), answers.len());
        assert!(reason.contains("70 seconds"), "{reason}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_deployment_begins_another_probation() {
        let (passed, given, told) = (AtomicBool::new(false), Notify::new(), Cell::new(0));
        let mut watch = pin!(probation(&passed, &given, || told.set(told.get() + 1)));
        let mut advance = async |seconds| {
            let mut until = pin!(sleep(Duration::from_secs(seconds)));
            std::future::poll_fn(|context| {
                assert!(watch.as_mut().poll(context).is_pending());
                until.as_mut().poll(context)
            })
            .await;
            assert!(poll_once(watch.as_mut()).await.is_pending());
        };
        advance(59).await;
        assert_eq!((told.get(), passed.load(Ordering::Relaxed)), (0, false));
        given.notify_waiters();
        advance(59).await;
        assert_eq!((told.get(), passed.load(Ordering::Relaxed)), (0, false));
        advance(2).await;
        assert_eq!((told.get(), passed.load(Ordering::Relaxed)), (1, true));
        given.notify_waiters();
        advance(1).await;
        assert_eq!((told.get(), passed.load(Ordering::Relaxed)), (1, false));
        advance(60).await;
        assert_eq!((told.get(), passed.load(Ordering::Relaxed)), (2, true));
    }

    async fn poll_once<F: Future + Unpin>(mut future: F) -> Poll<F::Output> {
        std::future::poll_fn(|context| Poll::Ready(std::pin::Pin::new(&mut future).poll(context)))
            .await
    }
}
