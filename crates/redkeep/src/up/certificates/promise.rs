//! When browsers are told to come by HTTPS alone (HSTS): looked at each minute, kept across restarts.

use console::StrictTransport;
use model::{
    clock::Timestamp,
    hsts::{Kept, Serving, Wish, step},
};
use store::Store;

use super::Desk;

impl Desk {
    /// What was kept before this start.
    pub(super) async fn begin_promise(&self, store: &Store) {
        match store.hsts().await {
            Ok(kept) => self.set(kept, None),
            Err(error) => tracing::error!(%error, "what browsers were told of HTTPS is not known"),
        }
    }

    /// Looks how the certificate stands, and says what follows. What may have to be taken back is
    /// kept before it is said.
    pub(super) async fn look_at_promise(&self, store: &Store) {
        let now = self.clock.now();
        let (names, serving) = self.serving(now);
        let before = self.strict().0;
        let (kept, seconds) = step(before, self.wish, serving, now);
        if kept != before
            && let Err(error) = store.keep_hsts(kept).await
        {
            tracing::error!(%error, "what browsers are told of HTTPS could not be kept");
            return;
        }
        self.set(kept, seconds);
        self.promise.say(&names, seconds);
    }

    /// For which names the doors' best certificate is, and whether clients trust it.
    fn serving(&self, now: Timestamp) -> (Vec<String>, Serving) {
        let issued = self.engine.as_ref().and_then(|engine| {
            let certificate = engine.certificate().borrow().clone()?;
            Some(certificate.facts.clone())
        });
        let is_public = !self.has_private_roots && (issued.is_some() || self.is_files);
        let facts = issued.or_else(|| acme::facts(&self.served.leaf()?).ok());
        let Some(facts) = facts.filter(|facts| facts.not_after > now) else {
            return (Vec::new(), Serving::Faulty);
        };
        let serving = match (self.served.trouble(), is_public) {
            (Some(_), _) => Serving::Faulty,
            (None, true) => Serving::Trusted,
            (None, false) => Serving::Private,
        };
        (facts.names, serving)
    }

    fn set(&self, kept: Kept, seconds: Option<u64>) {
        let mut strict = self
            .strict
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        *strict = (kept, seconds);
    }

    fn strict(&self) -> (Kept, Option<u64>) {
        *self
            .strict
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// For people.
    pub(super) fn strict_transport(&self) -> StrictTransport {
        let (kept, seconds) = self.strict();
        StrictTransport {
            setting: match self.wish {
                Wish::Auto => "auto",
                Wish::OwnToo => "own-too",
                Wish::Off => "off",
            },
            good_since: kept.good_since,
            max_age_seconds: seconds,
        }
    }
}
