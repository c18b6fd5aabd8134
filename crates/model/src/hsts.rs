//! HTTP Strict Transport Security (RFC 6797): when browsers are told to come by HTTPS alone, and for
//! how long. Pure: what is kept goes in, what is kept and sent comes out.
//!
//! A browser that was told so lets nobody click a warning away any more. So it is told only after a
//! certificate that clients trust has served for a day, for a day at first, and for a year in the
//! end; and it is taken back by saying "for zero seconds".

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

const DAY: i64 = 24 * 3600;

/// What the administrator wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// With a certificate of a public authority, or the operator's own.
    #[default]
    Auto,
    /// With one of Redkeep's own or of a private authority too: its root is on every device.
    OwnToo,
    /// Never, and what was said before is taken back.
    Off,
}

/// What is kept across restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// Since when a certificate that clients trust serves without fault.
    pub good_since: Option<Timestamp>,
    /// Whether browsers may have been told.
    pub was_promised: bool,
}

/// How the doors' certificate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Serving {
    /// From whom clients trust without doing anything.
    Trusted,
    /// From whom they trust once a root was installed.
    Private,
    /// Something is wrong with it: it ran out, or cannot be read.
    Faulty,
}

/// What is kept from now on, and for how many seconds browsers are told to come by HTTPS alone;
/// none: they are told nothing.
pub fn step(kept: Kept, wish: Wish, serving: Serving, now: Timestamp) -> (Kept, Option<u64>) {
    let is_wanted = match (wish, serving) {
        (Wish::Off, _) | (Wish::Auto, Serving::Private) => false,
        // What was said stands: over a connection that is not trusted nothing could be taken back.
        (_, Serving::Faulty) => {
            let kept = Kept {
                good_since: None,
                ..kept
            };
            return (kept, None);
        }
        (Wish::OwnToo, Serving::Private) | (_, Serving::Trusted) => true,
    };
    if !is_wanted {
        let kept = Kept {
            good_since: None,
            ..kept
        };
        return (kept, kept.was_promised.then_some(0));
    }
    // A clock that was set back must not make a day of a minute.
    let since = kept.good_since.filter(|since| *since <= now);
    let since = since.unwrap_or(now);
    let seconds = promised(now.seconds_since(since));
    let kept = Kept {
        good_since: Some(since),
        was_promised: kept.was_promised || seconds.is_some(),
    };
    (kept, seconds)
}

/// For how long, after so many good seconds.
fn promised(good: i64) -> Option<u64> {
    let days: u64 = match good / DAY {
        ..=0 => return None,
        1..7 => 1,
        7..30 => 7,
        30..90 => 30,
        90.. => 365,
    };
    Some(days * DAY.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    /// What is sent after each of these steps, days apart.
    fn told(steps: &[(i64, Wish, Serving)]) -> Vec<Option<u64>> {
        let mut kept = Kept::default();
        let steps = steps.iter().map(|(seconds, wish, serving)| {
            let now = NOW.plus_seconds(*seconds);
            let (next, told) = step(kept, *wish, *serving, now);
            kept = next;
            told.map(|seconds| seconds / DAY.unsigned_abs())
        });
        steps.collect()
    }

    #[test]
    fn it_is_promised_after_a_good_day_and_for_longer_and_longer() {
        use Serving::Trusted as T;
        use Wish::Auto as A;
        let days = |days: i64| days * DAY;
        let steps = [
            (0, A, T),
            (days(1) - 1, A, T),
            (days(1), A, T),
            (days(7), A, T),
            (days(30), A, T),
            (days(90) - 1, A, T),
            (days(90), A, T),
        ];
        let expected = [None, None, Some(1), Some(7), Some(30), Some(30), Some(365)];
        assert_eq!(told(&steps), expected);
    }

    #[test]
    fn a_fault_begins_the_day_anew_and_takes_nothing_back() {
        let steps = [
            (0, Wish::Auto, Serving::Trusted),
            (DAY, Wish::Auto, Serving::Trusted),
            (DAY + 60, Wish::Auto, Serving::Faulty),
            (DAY + 120, Wish::Auto, Serving::Trusted),
            (2 * DAY, Wish::Auto, Serving::Trusted),
            (2 * DAY + 120, Wish::Auto, Serving::Trusted),
        ];
        assert_eq!(told(&steps), [None, Some(1), None, None, None, Some(1)]);
    }

    #[test]
    fn turned_off_it_is_taken_back_and_what_was_never_said_is_not() {
        let steps = [
            (0, Wish::Off, Serving::Trusted),
            (1, Wish::Auto, Serving::Trusted),
            (DAY + 1, Wish::Auto, Serving::Trusted),
            (DAY + 2, Wish::Off, Serving::Trusted),
            (DAY + 3, Wish::Auto, Serving::Private),
        ];
        assert_eq!(told(&steps), [None, None, Some(1), Some(0), Some(0)]);
    }

    #[test]
    fn a_private_authority_is_promised_only_when_asked_for() {
        let private = |wish| told(&[(0, wish, Serving::Private), (DAY, wish, Serving::Private)]);
        assert_eq!(private(Wish::Auto), [None, None]);
        assert_eq!(private(Wish::OwnToo), [None, Some(1)]);
    }

    #[test]
    fn a_clock_that_was_set_back_begins_anew() {
        let steps = [
            (10 * DAY, Wish::Auto, Serving::Trusted),
            (0, Wish::Auto, Serving::Trusted),
            (DAY - 1, Wish::Auto, Serving::Trusted),
        ];
        assert_eq!(told(&steps), [None, None, None]);
    }
}
