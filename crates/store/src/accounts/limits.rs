//! Failed logins, counted per account, per network and per wider network, with a growing delay.

use std::net::IpAddr;

use model::clock::Timestamp;
use sqlx::Row as _;

use super::folded;
use crate::{Keyring, StoreError, open::Change};

/// Failures of an account or a network that cost no delay.
const FREE: i64 = 4;
/// Failures of a wider network that cost none: many people may be in it.
const FREE_WIDE: i64 = 49;
/// The longest delay: 15 minutes.
const DELAY_MAX_SECONDS: i64 = 900;
/// The longest delay of a wider network: whoever fails in it again and again must not keep a whole
/// site out, and is slowed to one attempt a minute all the same.
const DELAY_WIDE_MAX_SECONDS: i64 = 60;
/// A count is forgotten after a day without a failure.
const FORGOTTEN_SECONDS: i64 = 24 * 3600;
/// Counts kept; those with the fewest failures go first.
const COUNTS_MAX: i64 = 10_000;
/// Counts one attempt adds at most.
const SUBJECTS: i64 = 3;

/// How failures become a delay.
#[derive(Debug, Clone, Copy)]
struct Scale {
    free: i64,
    delay_max_seconds: i64,
}

const NARROW: Scale = Scale {
    free: FREE,
    delay_max_seconds: DELAY_MAX_SECONDS,
};
const WIDE: Scale = Scale {
    free: FREE_WIDE,
    delay_max_seconds: DELAY_WIDE_MAX_SECONDS,
};

impl Scale {
    /// Seconds to wait after so many failures: 2, 4, 8, … after those that cost none.
    fn delay_seconds(self, failures: i64) -> i64 {
        match u32::try_from(failures - self.free) {
            Ok(over @ 1..=9) => (1_i64 << over).min(self.delay_max_seconds),
            Ok(10..) => self.delay_max_seconds,
            _ => 0,
        }
    }
}

/// What an attempt is counted under. Digests: a name typed in vain may be somebody's password.
#[derive(Debug, Clone)]
pub(super) struct Counted {
    /// The account, known or not: the answer must not tell.
    pub(super) account: String,
    /// The network, when there is a peer address.
    pub(super) network: Option<String>,
    /// What it belongs to.
    pub(super) wide: Option<WideNetwork>,
}

/// A network as one who has many addresses has it: they are counted together.
#[derive(Debug, Clone)]
pub(super) struct WideNetwork {
    pub(super) digest: String,
    /// It in words: `192.0.2.0/24`.
    pub(super) block: String,
}

impl Counted {
    pub(super) fn new(
        keyring: &Keyring,
        name: &str,
        address: Option<IpAddr>,
    ) -> Result<Self, StoreError> {
        let digest = |text: String| keyring.digest("login-limit", text.as_bytes());
        // Past this no account has a name: one count for all of them.
        let name: String = folded(name).chars().take(65).collect();
        let seen = address.map(|address| digest(format!("network {}", network(address))));
        let wide = address.map(|address| {
            let block = wide_network(address);
            digest(format!("wide network {block}")).map(|digest| WideNetwork {
                digest: digest.to_string(),
                block,
            })
        });
        Ok(Self {
            account: digest(format!("account {name}"))?.to_string(),
            network: seen.transpose()?.map(|digest| digest.to_string()),
            wide: wide.transpose()?,
        })
    }

    fn subjects(&self) -> impl Iterator<Item = (&str, Scale)> {
        let wide = self.wide.as_ref().map(|wide| (wide.digest.as_str(), WIDE));
        let narrow = std::iter::once(self.account.as_str()).chain(self.network.as_deref());
        narrow.map(|subject| (subject, NARROW)).chain(wide)
    }
}

/// One address of IPv4, one /64 of IPv6: what one customer of a provider has.
fn network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_string(),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

/// A /24 of IPv4, a /48 of IPv6: what one site or one tenant of a hosting company has.
fn wide_network(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            format!("{a}.{b}.{c}.0/24")
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            format!("{}/48", std::net::Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0))
        }
    }
}

/// What counting an attempt gave.
#[derive(Debug)]
pub(super) enum Counting {
    /// It may go on; it stands as failed until [`Change::forgive_attempt`].
    Counted,
    /// It must wait. `is_news`: nobody was told since the wait began.
    Wait { seconds: i64, is_news: bool },
}

impl Change<'_> {
    /// Counts an attempt as failed before it is looked at, so that many at once don't all pass
    /// before the first of them is counted.
    pub(super) async fn count_attempt(
        &mut self,
        counted: &Counted,
    ) -> Result<Counting, StoreError> {
        self.prune_counts().await?;
        let mut wait = 0;
        let mut is_news = false;
        for (subject, _) in counted.subjects() {
            let row = sqlx::query("SELECT until_at, is_told FROM login_failures WHERE subject = ?")
                .bind(subject)
                .fetch_optional(self.db())
                .await?;
            let Some(row) = row else { continue };
            let until = Timestamp(row.try_get("until_at")?);
            if until > self.now {
                wait = wait.max((until.0 - self.now.0 + 999).div_euclid(1000));
                if row.try_get::<i64, _>("is_told")? == 0 {
                    // Written once a wait: an attempt that only waits costs no durable write.
                    is_news = true;
                    sqlx::query("UPDATE login_failures SET is_told = 1 WHERE subject = ?")
                        .bind(subject)
                        .execute(self.db())
                        .await?;
                }
            }
        }
        if wait > 0 {
            return Ok(Counting::Wait {
                seconds: wait.min(DELAY_MAX_SECONDS),
                is_news,
            });
        }
        for (subject, scale) in counted.subjects() {
            self.count(subject, scale).await?;
        }
        Ok(Counting::Counted)
    }

    async fn count(&mut self, subject: &str, scale: Scale) -> Result<(), StoreError> {
        let now = self.now;
        let failures: i64 = sqlx::query_scalar(
            "INSERT INTO login_failures (subject, failures, last_at, until_at, is_told) \
             VALUES (?, 1, ?, 0, 0) ON CONFLICT (subject) DO UPDATE \
             SET failures = failures + 1, last_at = excluded.last_at, is_told = 0 \
             RETURNING failures",
        )
        .bind(subject)
        .bind(now.0)
        .fetch_one(self.db())
        .await?;
        let delay = scale.delay_seconds(failures);
        if delay > 0 {
            sqlx::query("UPDATE login_failures SET until_at = ? WHERE subject = ?")
                .bind(now.plus_seconds(delay).0)
                .bind(subject)
                .execute(self.db())
                .await?;
        }
        Ok(())
    }

    /// Takes back what [`Change::count_attempt`] counted at `at`: the attempt was no failure.
    pub(super) async fn forgive_attempt(
        &mut self,
        counted: &Counted,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        for (subject, _) in counted.subjects() {
            // A wait that another attempt set meanwhile stands.
            sqlx::query(
                "UPDATE login_failures SET failures = failures - 1, \
                 until_at = CASE WHEN last_at = ? THEN 0 ELSE until_at END WHERE subject = ?",
            )
            .bind(at.0)
            .bind(subject)
            .execute(self.db())
            .await?;
        }
        sqlx::query("DELETE FROM login_failures WHERE failures <= 0")
            .execute(self.db())
            .await?;
        Ok(())
    }

    /// Forgets an account's failures: its owner is in. The network's stand, or an attacker with
    /// one account of their own could go on for ever.
    pub(super) async fn reset_account(&mut self, counted: &Counted) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM login_failures WHERE subject = ?")
            .bind(&counted.account)
            .execute(self.db())
            .await?;
        Ok(())
    }

    async fn prune_counts(&mut self) -> Result<(), StoreError> {
        let old = self.now.plus_seconds(-FORGOTTEN_SECONDS);
        sqlx::query("DELETE FROM login_failures WHERE last_at < ?")
            .bind(old.0)
            .execute(self.db())
            .await?;
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM login_failures")
            .fetch_one(self.db())
            .await?;
        if count > COUNTS_MAX - SUBJECTS {
            sqlx::query(
                "DELETE FROM login_failures WHERE subject IN (SELECT subject FROM login_failures \
                 ORDER BY failures, last_at LIMIT ?)",
            )
            .bind(count - COUNTS_MAX + SUBJECTS)
            .execute(self.db())
            .await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_grows_and_has_an_end() {
        let delays = [0, 4, 5, 6, 7, 13, 14, 1000].map(|it| NARROW.delay_seconds(it));
        assert_eq!(delays, [0, 0, 2, 4, 8, 512, 900, 900]);
        let delays = [5, 49, 50, 51, 55, 1000].map(|it| WIDE.delay_seconds(it));
        assert_eq!(delays, [0, 0, 2, 4, 60, 60]);
    }

    #[test]
    fn a_network_is_what_one_customer_has() {
        let one = |text: &str| network(text.parse().unwrap());
        assert_eq!(one("2001:db8:1:2:3:4:5:6"), one("2001:db8:1:2::1"));
        assert_ne!(one("2001:db8:1:2::1"), one("2001:db8:1:3::1"));
        assert_eq!(one("::ffff:192.0.2.1"), one("192.0.2.1"));
        assert_ne!(one("192.0.2.1"), one("192.0.2.2"));
    }

    #[test]
    fn a_wider_network_is_what_one_site_has() {
        let wide = |text: &str| wide_network(text.parse().unwrap());
        assert_eq!(wide("2001:db8:1:2:3:4:5:6"), "2001:db8:1::/48");
        assert_eq!(wide("::ffff:192.0.2.77"), "192.0.2.0/24");
    }
}
