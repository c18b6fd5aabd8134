//! Waiting for something that must come true, with a bound and a reason.

use std::time::{Duration, Instant};

/// How long a thing may take unless a test says otherwise. Generous: it bounds a hang, it measures
/// nothing.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Asks again until there is something, or fails the test saying what never came.
pub async fn until<T, F>(what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    within(PATIENCE, what, &mut ask).await
}

/// The same, with a bound of its own.
pub async fn within<T, F>(bound: Duration, what: &str, mut ask: impl FnMut() -> F) -> T
where
    F: Future<Output = Option<T>>,
{
    let since = Instant::now();
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(since.elapsed() < bound, "after {bound:?} still not: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
