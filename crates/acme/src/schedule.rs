//! When to try again, and at whom: kept, so that a restart neither hammers nor forgets.

use std::collections::BTreeMap;

use model::clock::Timestamp;
use serde::{Deserialize, Serialize};

/// Seconds to wait after so many failures in a row. Public authorities allow five failed
/// validations of a name an hour; the third stage keeps below that for ever.
const STAGES: [i64; 7] = [60, 300, 1800, 3600, 3 * 3600, 6 * 3600, 12 * 3600];
/// Failures of an authority in a row after which the next one is asked too.
const PATIENCE: u32 = 2;
/// Attempts that may be cut off by a crash before it is taken for their doing.
const INTERRUPTED: u32 = 2;

/// One authority's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// Failures in a row.
    pub(crate) failures: u32,
    /// Not before this by our own measure.
    pub(crate) next: Timestamp,
    /// Not before this by its word, whoever asks.
    pub(crate) hold: Timestamp,
}

/// Everything about time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Schedule {
    /// By the authority's mark.
    pub(crate) turns: BTreeMap<String, Turn>,
    /// Attempts that were begun and whose end was not seen.
    pub(crate) begun: u32,
    /// When the certificate is to be renewed by the server's window; none: by its life.
    pub(crate) renew_at: Option<Timestamp>,
    /// When to ask for the window again.
    pub(crate) window_at: Option<Timestamp>,
    /// The directory of whoever issued the certificate in use.
    pub(crate) issued_by: Option<String>,
    /// Why the last attempt failed, and when.
    pub(crate) error: Option<(Timestamp, String)>,
    /// How urgent an alarm was raised for the certificate in use: 0, 1 or 2.
    pub(crate) alarmed: u8,
    /// Somebody wants it now.
    pub(crate) is_asked: bool,
}

impl Turn {
    const FIRST: Self = Self {
        failures: 0,
        next: Timestamp(0),
        hold: Timestamp(0),
    };
}

impl Schedule {
    /// The first of `marks` whose turn it is: later ones only where all before them failed again and
    /// again, or want to be left alone. None: nobody's.
    pub(crate) fn whose_turn(&self, marks: &[String], now: Timestamp) -> Option<usize> {
        for (place, mark) in marks.iter().enumerate() {
            let turn = self.turn(mark);
            let is_free = turn.hold <= now && (self.is_asked || turn.next <= now);
            if is_free {
                return Some(place);
            }
            if turn.failures < PATIENCE && turn.hold <= now {
                return None;
            }
        }
        None
    }

    /// When the next turn is.
    pub(crate) fn next(&self, marks: &[String]) -> Timestamp {
        let mut earliest = Timestamp(i64::MAX);
        for mark in marks {
            let turn = self.turn(mark);
            earliest = earliest.min(turn.hold.max(turn.next));
            if turn.failures < PATIENCE && turn.hold <= turn.next {
                break;
            }
        }
        earliest
    }

    /// An attempt begins. Kept before anything is asked: if we die in it again and again, the pauses
    /// grow as after failures.
    pub(crate) fn begin(&mut self, mark: &str, now: Timestamp, roll: f64) {
        self.begun = self.begun.saturating_add(1);
        if let Some(beyond) = self.begun.checked_sub(INTERRUPTED).filter(|it| *it > 0) {
            let mut turn = self.turn(mark);
            turn.next = now.plus_seconds(pause(beyond, roll));
            self.turns.insert(mark.to_owned(), turn);
        }
    }

    /// It failed; `hold` is the server's word on when to come back.
    pub(crate) fn failed(
        &mut self,
        mark: &str,
        now: Timestamp,
        hold: Option<Timestamp>,
        roll: f64,
        why: String,
    ) {
        let mut turn = self.turn(mark);
        turn.failures = turn.failures.saturating_add(1);
        turn.next = now.plus_seconds(pause(turn.failures, roll));
        turn.hold = hold.unwrap_or(turn.hold);
        self.turns.insert(mark.to_owned(), turn);
        self.error = Some((now, why));
        self.begun = 0;
        self.is_asked = false;
    }

    /// It succeeded: everything begins anew.
    pub(crate) fn succeeded(&mut self, directory: &str) {
        *self = Self {
            issued_by: Some(directory.to_owned()),
            ..Self::default()
        };
    }

    pub(crate) fn turn(&self, mark: &str) -> Turn {
        self.turns.get(mark).copied().unwrap_or(Turn::FIRST)
    }
}

/// Seconds to wait after so many failures, three quarters to five quarters of the stage: machines
/// that failed together must not come back together.
fn pause(failures: u32, roll: f64) -> i64 {
    let place = usize::try_from(failures.saturating_sub(1)).unwrap_or(usize::MAX);
    let stage = STAGES.get(place).or(STAGES.last()).copied().unwrap_or(3600);
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "half a day in seconds"
    )]
    let spread = (stage as f64 * (0.75 + roll.clamp(0.0, 1.0) / 2.0)) as i64;
    spread
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn marks() -> Vec<String> {
        ["one", "two"].map(str::to_owned).to_vec()
    }

    #[test]
    fn pauses_grow_and_are_spread() {
        let mut schedule = Schedule::default();
        let mut now = NOW;
        let mut waited = Vec::new();
        for _ in 0..9 {
            schedule.failed("one", now, None, 0.5, "no".to_owned());
            let next = schedule.next(&marks()[..1]);
            waited.push(next.seconds_since(now));
            assert_eq!(
                schedule.whose_turn(&marks()[..1], next.plus_seconds(-1)),
                None
            );
            assert_eq!(schedule.whose_turn(&marks()[..1], next), Some(0));
            now = next;
        }
        assert_eq!(
            waited,
            [60, 300, 1800, 3600, 10_800, 21_600, 43_200, 43_200, 43_200]
        );
        assert_eq!((pause(1, 0.0), pause(1, 1.0)), (45, 75));
    }

    #[test]
    fn the_second_is_asked_when_the_first_fails_again_or_wants_peace() {
        let mut schedule = Schedule::default();
        assert_eq!(schedule.whose_turn(&marks(), NOW), Some(0));
        schedule.failed("one", NOW, None, 0.5, "no".to_owned());
        assert_eq!(
            schedule.whose_turn(&marks(), NOW),
            None,
            "one slip is no reason"
        );
        schedule.failed("one", NOW, None, 0.5, "no".to_owned());
        assert_eq!(schedule.whose_turn(&marks(), NOW), Some(1));
        assert_eq!(
            schedule.next(&marks()),
            Timestamp(0),
            "the second's turn is now"
        );
        let mut held = Schedule::default();
        held.failed(
            "one",
            NOW,
            Some(NOW.plus_seconds(9000)),
            0.5,
            "429".to_owned(),
        );
        assert_eq!(held.whose_turn(&marks(), NOW), Some(1));
        assert_eq!(held.whose_turn(&marks()[..1], NOW.plus_seconds(8999)), None);
        assert_eq!(
            held.whose_turn(&marks()[..1], NOW.plus_seconds(9000)),
            Some(0)
        );
    }

    #[test]
    fn an_impatient_person_passes_our_pauses_and_not_the_servers() {
        let mut schedule = Schedule::default();
        schedule.failed("one", NOW, None, 0.5, "no".to_owned());
        schedule.is_asked = true;
        assert_eq!(schedule.whose_turn(&marks()[..1], NOW), Some(0));
        schedule.failed(
            "one",
            NOW,
            Some(NOW.plus_seconds(600)),
            0.5,
            "429".to_owned(),
        );
        schedule.is_asked = true;
        assert_eq!(
            schedule.whose_turn(&marks()[..1], NOW.plus_seconds(599)),
            None
        );
    }

    #[test]
    fn a_crash_is_gone_on_from_at_once_and_a_crash_loop_is_not() {
        let mut schedule = Schedule::default();
        for _ in 0..2 {
            schedule.begin("one", NOW, 0.5);
            assert_eq!(schedule.whose_turn(&marks()[..1], NOW), Some(0));
        }
        schedule.begin("one", NOW, 0.5);
        assert_eq!(schedule.whose_turn(&marks()[..1], NOW), None);
        assert_eq!(schedule.next(&marks()[..1]), NOW.plus_seconds(60));
        schedule.begin("one", NOW, 0.5);
        assert_eq!(schedule.next(&marks()[..1]), NOW.plus_seconds(300));
    }
}
