//! One order, from asking to a certificate in its record. Each step is kept before the next is
//! asked for, so that a crash anywhere goes on with the same order.

mod prove;

use std::{sync::Arc, time::Duration};

use instant_acme::{
    Account, CertificateIdentifier, Error, Identifier, NewOrder, Order, OrderStatus,
};
use model::clock::Clock;
use rcgen::{CertificateParams, DistinguishedName, KeyPair, PKCS_ECDSA_P256_SHA256};
use tokio::time::Instant;
use zeroize::Zeroizing;

use crate::{
    check::Certificate,
    failure::{Trouble, words},
    keep::Keep,
    nonce::insist,
    proof::Show,
    record::{self, Open},
    settings::{Authority, Settings},
    transport::Heard,
};

/// How long a server may take to decide before we come back later.
const DECIDE: Duration = Duration::from_mins(5);
/// The first pause between two looks, the longest, and the longest a server may advise.
const POLL: Duration = Duration::from_millis(250);
const POLL_MAX: Duration = Duration::from_secs(10);
const ADVISED_MAX: Duration = Duration::from_mins(1);
/// Servers forget orders after a week.
const ORDER_SECONDS: i64 = 7 * 24 * 3600;

/// What an order needs.
pub(crate) struct Course<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) authority: &'a Authority,
    pub(crate) account: &'a Account,
    pub(crate) keep: &'a dyn Keep,
    pub(crate) show: &'a dyn Show,
    pub(crate) clock: &'a dyn Clock,
    pub(crate) heard: &'a Heard,
    /// The certificate in use.
    pub(crate) current: Option<Arc<Certificate>>,
    /// Told to servers with renewal windows (RFC 9773, 5).
    pub(crate) replaces: Option<CertificateIdentifier<'static>>,
}

impl Course<'_> {
    /// Goes on with the order that was begun, or begins one. When this returns a certificate, it is
    /// in its record.
    pub(crate) async fn run(&self) -> Result<Certificate, Trouble> {
        let (mut open, mut order) = match self.resume().await? {
            Some(found) => found,
            None => self.begin().await?,
        };
        let outcome = self.finish(&mut open, &mut order).await;
        self.take_down(&mut open).await;
        match &outcome {
            Ok(_) => self.keep.remove(&record::order(self.authority))?,
            // An order that was refused comes to nothing; one that is slow is gone on with.
            Err(trouble) if trouble.is_refusal() || matches!(trouble, Trouble::Unfit { .. }) => {
                self.keep.remove(&record::order(self.authority))?;
            }
            Err(_) => {}
        }
        outcome
    }

    async fn resume(&self) -> Result<Option<(Open, Order)>, Trouble> {
        let name = record::order(self.authority);
        let Some(mut open) = record::load::<Open>(self.keep, &name)? else {
            return Ok(None);
        };
        let is_used = self
            .current
            .as_ref()
            .is_some_and(|current| current.pem.contains(&open.key));
        let is_old = self.clock.now().seconds_since(open.at) > ORDER_SECONDS;
        let is_other =
            open.names != self.settings.texts() || open.profile != self.authority.profile;
        if !(is_used || is_old || is_other) {
            let found = insist!(self.account.order(open.url.clone()));
            match found.map_err(|error| self.trouble(&error)) {
                Ok(mut order) => {
                    if order.state().status != OrderStatus::Invalid {
                        tracing::info!(url = open.url, "an order that was begun is gone on with");
                        return Ok(Some((open, order)));
                    }
                }
                Err(trouble) if trouble.is_refusal() && !trouble.is_account_gone() => {}
                Err(trouble) => return Err(trouble),
            }
        }
        self.take_down(&mut open).await;
        self.keep.remove(&name)?;
        Ok(None)
    }

    async fn begin(&self) -> Result<(Open, Order), Trouble> {
        let names = self.settings.texts();
        let identifiers: Vec<Identifier> = self
            .settings
            .names
            .iter()
            .map(crate::Name::identifier)
            .collect();
        let made = |error: rcgen::Error| Trouble::Keep(std::io::Error::other(error.to_string()));
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map_err(made)?;
        let key = Zeroizing::new(key.serialize_pem());
        let mut replaces = self.replaces.clone();
        let order = loop {
            let mut wanted = NewOrder::new(&identifiers);
            if let Some(profile) = &self.authority.profile {
                wanted = wanted.profile(profile);
            }
            if let Some(replaced) = replaces.clone() {
                wanted = wanted.replaces(replaced);
            }
            match insist!(self.account.new_order(&wanted)) {
                Ok(order) => break order,
                // It was replaced already, or the server knows nothing of it: order without a word
                // of it. The server's limits are answered as they are.
                Err(error) if replaces.is_some() && !self.is_limit(&error) => replaces = None,
                Err(error) => return Err(self.trouble(&error)),
            }
        };
        let open = Open {
            url: order.url().to_owned(),
            names,
            profile: self.authority.profile.clone(),
            key: key.to_string(),
            shown: Vec::new(),
            at: self.clock.now(),
        };
        self.save(&open)?;
        Ok((open, order))
    }

    async fn finish(&self, open: &mut Open, order: &mut Order) -> Result<Certificate, Trouble> {
        if order.state().status == OrderStatus::Pending {
            self.prove(open, order).await?;
        }
        if order.state().status == OrderStatus::Ready {
            let request = request(open)?;
            let finalized = insist!(order.finalize_csr(&request));
            finalized.map_err(|error| self.trouble(&error))?;
        }
        self.await_status(order, "the certificate is not issued", |status| {
            status == OrderStatus::Valid
        })
        .await?;
        let chain = insist!(order.certificate()).map_err(|error| self.trouble(&error))?;
        let chain = chain.unwrap_or_default();
        let pem = Zeroizing::new(format!("{}\n{}", chain.trim_end(), open.key));
        let unfit = |why: String| Trouble::Unfit {
            server: self.authority.host(),
            why,
        };
        let now = self.clock.now();
        let new = Certificate::new(&pem, &self.settings.texts(), now).map_err(unfit)?;
        let old = self.current.as_ref().map(|current| &current.facts);
        let is_no_gain = old.is_some_and(|old| {
            let serves = self
                .settings
                .texts()
                .iter()
                .all(|name| old.names.contains(name));
            serves && new.facts.not_after < old.not_after
        });
        if is_no_gain {
            let until = new.facts.not_after;
            return Err(unfit(format!(
                "it ends at {until}, before the one that is in use"
            )));
        }
        self.keep.save(record::CERTIFICATE, pem.as_bytes())?;
        Ok(new)
    }

    /// Looks until the order's status is one that `is_done` takes.
    async fn await_status(
        &self,
        order: &mut Order,
        waited: &'static str,
        is_done: impl Fn(OrderStatus) -> bool,
    ) -> Result<(), Trouble> {
        let until = Instant::now() + DECIDE;
        let mut pause = POLL;
        loop {
            let state = order.state();
            if is_done(state.status) {
                return Ok(());
            }
            if state.status == OrderStatus::Invalid {
                return Err(self.why_invalid(order).await);
            }
            let advised = self.heard.poll().map(|it| it.min(ADVISED_MAX));
            let next = Instant::now() + advised.unwrap_or(pause).max(POLL);
            if next > until {
                return Err(Trouble::Slow {
                    server: self.authority.host(),
                    waited,
                });
            }
            tokio::time::sleep_until(next).await;
            pause = (pause * 2).min(POLL_MAX);
            let looked = insist!(async { order.refresh().await.map(|_| ()) });
            looked.map_err(|error| self.trouble(&error))?;
        }
    }

    async fn why_invalid(&self, order: &mut Order) -> Trouble {
        if let Some(trouble) = self.refused_proof(order).await {
            return trouble;
        }
        let problem = order.state().error.as_ref();
        Trouble::Refused {
            server: self.authority.host(),
            said: problem.map_or_else(|| "the order became invalid".to_owned(), words),
            kind: problem.map(crate::failure::kind).unwrap_or_default(),
        }
    }

    fn trouble(&self, error: &Error) -> Trouble {
        Trouble::new(&self.authority.host(), error)
    }

    fn is_limit(&self, error: &Error) -> bool {
        matches!(
            self.trouble(error),
            Trouble::Limited { .. } | Trouble::Unreachable { .. }
        ) && matches!(error, Error::Api(_))
    }

    fn save(&self, open: &Open) -> Result<(), Trouble> {
        record::save(self.keep, &record::order(self.authority), open)
    }
}

/// The request for the certificate (CSR, DER). Its only subject are the names.
fn request(open: &Open) -> Result<Vec<u8>, Trouble> {
    let made = |error: rcgen::Error| Trouble::Keep(std::io::Error::other(error.to_string()));
    let key = KeyPair::from_pem(&open.key).map_err(made)?;
    let mut params = CertificateParams::new(open.names.clone()).map_err(made)?;
    params.distinguished_name = DistinguishedName::new();
    let request = params.serialize_request(&key).map_err(made)?;
    Ok(request.der().to_vec())
}
