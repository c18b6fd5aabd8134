//! When a certificate is renewed: in the server's window where it has one (ARI, RFC 9773), else when
//! a third of its life is left.

use instant_acme::{Account, CertificateIdentifier, Error};
use model::clock::Timestamp;

use crate::{
    check::{Certificate, Facts},
    nonce::insist,
    schedule::Schedule,
};

/// Seconds between two questions for the window, whatever the server says.
const WINDOW_SECONDS: (i64, i64) = (3600, 24 * 3600);

/// When the certificate is due.
pub(crate) fn due(facts: &Facts, schedule: &Schedule) -> Timestamp {
    let life = facts.not_after.seconds_since(facts.not_before);
    let last = facts.not_after.plus_seconds(-life / 10);
    // A window that ends with the certificate, or after it, is a server's slip.
    schedule
        .renew_at
        .map_or_else(|| facts.third_left(), |at| at.min(last))
}

/// The server's name for a certificate.
pub(crate) fn identifier(certificate: &Certificate) -> Option<CertificateIdentifier<'static>> {
    let leaf = certificate.leaf()?;
    let found = CertificateIdentifier::try_from(leaf).ok();
    found.map(CertificateIdentifier::into_owned)
}

/// Asks for the window and chooses a moment in it.
pub(crate) async fn ask(
    account: &Account,
    certificate: &Certificate,
    schedule: &mut Schedule,
    now: Timestamp,
    roll: f64,
) {
    let Some(id) = identifier(certificate) else {
        schedule.window_at = Some(now.plus_seconds(WINDOW_SECONDS.1));
        return;
    };
    match insist!(account.renewal_info(&id)) {
        Ok((info, again)) => {
            let window = &info.suggested_window;
            let at = |seconds: i64| Timestamp(seconds.saturating_mul(1000));
            choose(
                schedule,
                at(window.start.unix_timestamp()),
                at(window.end.unix_timestamp()),
                roll,
            );
            let again = i64::try_from(again.as_secs()).unwrap_or(i64::MAX);
            let again = again.clamp(WINDOW_SECONDS.0, WINDOW_SECONDS.1);
            schedule.window_at = Some(now.plus_seconds(again));
        }
        Err(Error::Unsupported(_)) => {
            schedule.renew_at = None;
            schedule.window_at = Some(now.plus_seconds(WINDOW_SECONDS.1));
        }
        // A window that was told before holds until another is.
        Err(error) => {
            tracing::debug!(%error, "the renewal window could not be asked for");
            schedule.window_at = Some(now.plus_seconds(WINDOW_SECONDS.0));
        }
    }
}

/// A moment in the window (RFC 9773, 4.2); the one chosen before while it lies in it.
fn choose(schedule: &mut Schedule, start: Timestamp, end: Timestamp, roll: f64) {
    if end < start {
        return;
    }
    if schedule.renew_at.is_some_and(|at| start <= at && at <= end) {
        return;
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        reason = "some days in seconds"
    )]
    let into = (end.seconds_since(start) as f64 * roll.clamp(0.0, 1.0)) as i64;
    schedule.renew_at = Some(start.plus_seconds(into));
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);
    const DAY: i64 = 24 * 3600;

    fn facts(days: i64) -> Facts {
        Facts {
            names: Vec::new(),
            issuer: String::new(),
            not_before: NOW,
            not_after: NOW.plus_seconds(days * DAY),
        }
    }

    #[test]
    fn without_a_window_a_third_is_left() {
        let schedule = Schedule::default();
        assert_eq!(due(&facts(90), &schedule), NOW.plus_seconds(60 * DAY));
        assert_eq!(due(&facts(6), &schedule), NOW.plus_seconds(4 * DAY));
    }

    #[test]
    fn a_window_decides_but_never_until_the_end() {
        let mut schedule = Schedule::default();
        let day = |day: i64| NOW.plus_seconds(day * DAY);
        choose(&mut schedule, day(10), day(20), 0.5);
        assert_eq!(due(&facts(90), &schedule), day(15));
        choose(&mut schedule, day(12), day(30), 0.0);
        assert_eq!(due(&facts(90), &schedule), day(15), "it is chosen once");
        choose(&mut schedule, day(1), day(2), 0.0);
        assert_eq!(
            due(&facts(90), &schedule),
            day(1),
            "moved: revoked, perhaps"
        );
        choose(&mut schedule, day(400), day(500), 0.0);
        assert_eq!(due(&facts(90), &schedule), day(81));
        choose(&mut schedule, day(50), day(40), 0.0);
        assert_eq!(due(&facts(90), &schedule), day(81), "no window at all");
    }
}
