//! What is watched while Node-RED runs: that it answers.

use std::time::Duration;

use tokio::time::{Instant, sleep};

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

#[cfg(test)]
mod tests {
    use std::cell::Cell;

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
}
