//! Requests that must be signed: what a rule asks of webhooks. The body is read whole, to a bound,
//! and goes on only when its signature fits.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use aws_lc_rs::hmac;
use http::header;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use model::{
    clock::Timestamp,
    rules::{Claim, SignedBy},
};

use crate::{
    body::{Body, boxed, full},
    gate::{Denial, Inner, Visit},
};

/// Bytes of a signed body, where the rule has no bound of its own: it is held in memory.
const BODY_BYTES_MAX: u64 = 1 << 20;
/// Signatures that are remembered against being sent twice.
const REMEMBERED_MAX: usize = 10_000;

/// Timestamped signatures that were taken, until their time is over.
#[derive(Debug, Default)]
pub(crate) struct Taken(Mutex<HashMap<[u8; 32], Timestamp>>);

impl Taken {
    /// Whether it is taken for the first time. Where no more can be remembered nothing is taken: to
    /// forget one would let it be sent again.
    fn is_first(&self, signature: [u8; 32], until: Timestamp, now: Timestamp) -> bool {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.len() >= REMEMBERED_MAX {
            taken.retain(|_, until| *until >= now);
        }
        if taken.len() >= REMEMBERED_MAX || taken.contains_key(&signature) {
            return false;
        }
        taken.insert(signature, until);
        true
    }
}

fn unsigned(why: &str) -> Denial {
    Denial::Unsigned(why.to_owned())
}

impl Inner {
    /// Checks a request's signature; gives the body, which was read for it.
    pub(crate) async fn check_signature(
        &self,
        visit: &Visit,
        signed_by: &SignedBy,
        bound: Option<u64>,
        body: Body,
    ) -> Result<Body, Denial> {
        // Its messages could be signed by nobody.
        if visit.is_upgrade {
            return Err(unsigned("a WebSocket cannot be signed"));
        }
        let headers = visit.request.headers();
        let mut values = headers.get_all(signed_by.header.as_str()).iter();
        let value = values.next().ok_or_else(|| {
            Denial::Unsigned(format!("the header {} is missing", signed_by.header))
        })?;
        // Whoever reads the first, or the last, or both joined, would judge another signature.
        if values.next().is_some() {
            return Err(unsigned("the signature stands there twice"));
        }
        let value = value
            .to_str()
            .map_err(|_| unsigned("the signature cannot be read"))?;
        let claim = signed_by.read(value).map_err(unsigned)?;
        let now = self.store.clock().now();
        let until = in_time(signed_by, &claim, now)?;
        let max = bound.unwrap_or(BODY_BYTES_MAX).min(BODY_BYTES_MAX);
        let said = headers.get(header::CONTENT_LENGTH);
        let said = said.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if said.is_some_and(|length| length > max) {
            return Err(Denial::TooLarge { max });
        }
        let limited = Limited::new(body, usize::try_from(max).unwrap_or(usize::MAX));
        let limited = boxed(limited);
        let bytes = match limited.collect().await {
            Ok(collected) => collected.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(Denial::TooLarge { max }),
            Err(_) => return Err(Denial::Malformed("the body broke off".to_owned())),
        };
        let secret = self.store.webhook_secret(&signed_by.secret).await?;
        let secret = secret.ok_or_else(|| {
            tracing::warn!(secret = %signed_by.secret, "a rule names a secret that is not kept");
            unsigned("the secret of this rule is not kept here; an administrator has to add it")
        })?;
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose());
        let mut message = Vec::with_capacity(bytes.len() + 16);
        if let Some(timestamp) = &claim.timestamp {
            message.extend_from_slice(timestamp.as_bytes());
            message.push(b'.');
        }
        message.extend_from_slice(&bytes);
        // In constant time, each.
        let mut claimed = claim.signatures.iter();
        let fits = claimed.find(|it| hmac::verify(&key, &message, it.as_slice()).is_ok());
        let Some(fits) = fits else {
            return Err(unsigned("the signature does not fit"));
        };
        if let Some(until) = until
            && !self.taken.is_first(*fits, until, now)
        {
            return Err(unsigned("this signed request was taken already"));
        }
        Ok(full(bytes))
    }
}

/// Until when a timestamped signature must be remembered; none: it has no time.
fn in_time(
    signed_by: &SignedBy,
    claim: &Claim,
    now: Timestamp,
) -> Result<Option<Timestamp>, Denial> {
    let Some(text) = &claim.timestamp else {
        return Ok(None);
    };
    let seconds: i64 = text
        .parse()
        .map_err(|_| unsigned("its timestamp cannot be read"))?;
    let tolerance = signed_by.tolerance();
    if (now.unix_seconds() - seconds).abs() > tolerance {
        return Err(unsigned(
            "the signature's time is too far from now; look at both clocks",
        ));
    }
    let signed = Timestamp(seconds.saturating_mul(1000));
    Ok(Some(signed.plus_seconds(tolerance + 1)))
}
