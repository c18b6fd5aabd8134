//! When a Node-RED that ended is started again, and when no more.

use std::time::Duration;

/// Ends in a row, none after a passed probation, after which it is left stopped.
const ENDS_MAX: u32 = 3;
/// Hindered starts in a row at which people are told.
const HINDRANCES_TOLD: u32 = 3;
const WAIT_FIRST: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Counts unexpected ends, and starts that did not come about.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    in_a_row: u32,
    hindered: u32,
    /// Whether people were told of these hindrances.
    was_told: bool,
}

/// What follows an unexpected end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Start again after so long.
    After(Duration),
    /// Leave it stopped.
    GiveUp,
}

impl Restarts {
    /// It ended. `passed`: it had run through its probation.
    pub(super) fn ended(&mut self, passed: bool) -> Next {
        // It had been started.
        self.hindered = 0;
        self.was_told = false;
        self.in_a_row = if passed {
            1
        } else {
            self.in_a_row.saturating_add(1)
        };
        if self.in_a_row >= ENDS_MAX {
            return Next::GiveUp;
        }
        Next::After(wait(self.in_a_row))
    }

    /// It could not be started, through no fault of its own: how long until the next attempt. Never
    /// given up.
    pub(super) fn hindered(&mut self) -> Duration {
        self.hindered = self.hindered.saturating_add(1);
        wait(self.hindered)
    }

    /// Whether it could not be started three times in a row or more.
    pub(super) fn is_stuck(&self) -> bool {
        self.hindered >= HINDRANCES_TOLD
    }

    /// Whether people were told since the last start that succeeded.
    pub(super) fn was_told(&self) -> bool {
        self.was_told
    }

    /// They were told.
    pub(super) fn tell(&mut self) {
        self.was_told = true;
    }

    /// Somebody asked for a start: count anew.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

fn wait(times: u32) -> Duration {
    let doublings = times.saturating_sub(1).min(5);
    WAIT_MAX.min(WAIT_FIRST * 2_u32.pow(doublings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_ends_in_a_row_are_a_loop() {
        let mut restarts = Restarts::default();
        assert_eq!(restarts.ended(false), Next::After(Duration::from_secs(1)));
        assert_eq!(restarts.ended(false), Next::After(Duration::from_secs(2)));
        assert_eq!(restarts.ended(false), Next::GiveUp);
        restarts.forget();
        assert_eq!(restarts.ended(false), Next::After(Duration::from_secs(1)));
    }

    #[test]
    fn what_hinders_a_start_is_never_a_loop() {
        let mut restarts = Restarts::default();
        let waits: Vec<_> = (0..7).map(|_| restarts.hindered().as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(restarts.ended(false), Next::After(Duration::from_secs(1)));
        assert_eq!(restarts.hindered(), Duration::from_secs(1));
    }

    #[test]
    fn from_the_third_hindrance_it_is_stuck_until_a_start_succeeds() {
        let mut restarts = Restarts::default();
        for _ in 0..2 {
            let mut stuck = Vec::new();
            for _ in 0..4 {
                restarts.hindered();
                stuck.push(restarts.is_stuck());
            }
            assert_eq!(stuck, [false, false, true, true]);
            assert!(!restarts.was_told());
            restarts.tell();
            restarts.hindered();
            assert!(restarts.was_told());
            restarts.ended(true);
        }
    }

    #[test]
    fn a_passed_probation_ends_the_row() {
        let mut restarts = Restarts::default();
        restarts.ended(false);
        restarts.ended(false);
        assert_eq!(restarts.ended(true), Next::After(Duration::from_secs(1)));
        assert_eq!(restarts.ended(false), Next::After(Duration::from_secs(2)));
    }
}
