//! When a Node-RED that ended is started again, and when no more.

use std::time::Duration;

/// Ends in a row, none after a passed probation, after which it is left stopped.
const ENDS_MAX: u32 = 3;
const WAIT_FIRST: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Counts unexpected ends.
#[derive(Debug, Default)]
pub(super) struct Restarts {
    in_a_row: u32,
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
        self.in_a_row = if passed {
            1
        } else {
            self.in_a_row.saturating_add(1)
        };
        if self.in_a_row >= ENDS_MAX {
            return Next::GiveUp;
        }
        let doublings = self.in_a_row.saturating_sub(1).min(5);
        Next::After(WAIT_MAX.min(WAIT_FIRST * 2_u32.pow(doublings)))
    }

    /// Somebody asked for a start: count anew.
    pub(super) fn forget(&mut self) {
        self.in_a_row = 0;
    }
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
    fn a_passed_probation_ends_the_row() {
        let mut restarts = Restarts::default();
        restarts.ended(false);
        restarts.ended(false);
        assert_eq!(restarts.ended(true), Next::After(Duration::from_secs(1)));
        assert_eq!(restarts.ended(false), Next::After(Duration::from_secs(2)));
    }
}
