//! What authorities say of the doors' certificates (OCSP), fetched before visitors would ask, shown
//! in handshakes, and fetched anew at half its life.

use std::sync::{Arc, PoisonError};

use acme::{News, Responder, Staple, Tell as _};
use model::clock::Timestamp;
use rustls::pki_types::CertificateDer;

use super::{Desk, Teller};

/// What is known of one certificate.
#[derive(Debug)]
struct Known {
    leaf: CertificateDer<'static>,
    staple: Option<Staple>,
    /// Not asked again before.
    next: Timestamp,
    is_told: bool,
}

/// Of the authority's certificate, and of the operator's.
#[derive(Debug, Default)]
pub(super) struct Staples(std::sync::Mutex<[Option<Known>; 2]>);

/// Whose certificate: the place in [`Staples`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Whose {
    Authority,
    Files,
}

impl Desk {
    /// Asks where something is due, and shows what is good.
    pub(super) async fn look_at_staples(&self) {
        let issued = self.engine.as_ref().and_then(|engine| {
            let certificate = engine.certificate().borrow().clone();
            certificate.map(|it| it.certified.cert.clone())
        });
        if let Some(chain) = issued {
            self.staple(Whose::Authority, &chain).await;
        }
        if self.is_files {
            self.staple(Whose::Files, &self.served.chain()).await;
        }
    }

    /// Until when an answer is shown with it.
    pub(super) fn stapled_until(&self, whose: Whose) -> Option<Timestamp> {
        let known = self
            .staples
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        Some(known[whose as usize].as_ref()?.staple.as_ref()?.until)
    }

    /// Of a new certificate whose clients insist on an answer: it is shown with it from its first
    /// handshake on, where the authority answers in time.
    pub(super) async fn ask_before(&self, certificate: &Arc<acme::Certificate>) {
        let chain = &certificate.certified.cert;
        if acme::responder(chain).is_some_and(|it| it.is_required) {
            self.staple(Whose::Authority, chain).await;
        }
    }

    /// What is to be shown with the authority's certificate that begins with this leaf.
    pub(super) fn show_again(&self) {
        let known = self
            .staples
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &known[Whose::Authority as usize] {
            let answer = known.staple.as_ref().map(|it| it.response.clone());
            self.served.issued().staple(&known.leaf, answer);
        }
    }

    async fn staple(&self, whose: Whose, chain: &[CertificateDer<'static>]) {
        let (Some(leaf), Some(responder)) = (chain.first(), acme::responder(chain)) else {
            return;
        };
        let now = self.clock.now();
        let (mut known, is_due) = self.known(whose, leaf, now);
        if is_due {
            match acme::fetch(&responder, chain, now).await {
                Ok(staple) => {
                    known.next = staple.refresh_at;
                    known.is_told = false;
                    known.staple = Some(staple);
                }
                Err(why) => {
                    tracing::warn!(%why, "no authority's word (OCSP) of the certificate");
                    known.next = acme::again(now);
                    self.tell_of_missing(&mut known, &responder, &why);
                }
            }
        }
        // Better none than one that is over: clients take that for a lie.
        known.staple = known.staple.filter(|it| it.until > now);
        let answer = known.staple.as_ref().map(|it| it.response.clone());
        match whose {
            Whose::Authority => self.served.issued().staple(leaf, answer),
            Whose::Files => self.served.staple(leaf, answer),
        }
        let mut all = self
            .staples
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        all[whose as usize] = Some(known);
    }

    fn known(&self, whose: Whose, leaf: &CertificateDer<'static>, now: Timestamp) -> (Known, bool) {
        let mut all = self
            .staples
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let known = all[whose as usize].take().filter(|it| it.leaf == *leaf);
        let known = known.unwrap_or_else(|| Known {
            leaf: leaf.clone(),
            staple: None,
            next: now,
            is_told: false,
        });
        let is_due = known.next <= now;
        (known, is_due)
    }

    /// Clients of a certificate that demands an answer refuse it without one: somebody must know.
    fn tell_of_missing(&self, known: &mut Known, responder: &Responder, why: &str) {
        if !responder.is_required || known.staple.is_some() || known.is_told {
            return;
        }
        known.is_told = true;
        let facts = acme::facts(&known.leaf).ok();
        Teller(self.tell.clone()).tell(News::Failing {
            not_after: facts.map(|it| it.not_after),
            is_urgent: true,
            error: format!(
                "the certificate demands that its authority's word (OCSP) is shown with it, and \
                 there is none, so browsers refuse it: {why}"
            ),
        });
    }
}
