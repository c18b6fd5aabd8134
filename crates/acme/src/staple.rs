//! What an authority says of a certificate of its own (OCSP, RFC 6960), fetched ahead of time so that
//! it can be shown in each handshake, and no visitor has to ask.
//!
//! Only an answer that was checked is shown: good, about this certificate, signed by its issuer or by
//! whom the issuer named for it, and in its time. An answer that is missing is shown as none.

mod message;

use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::TokioExecutor,
};
use model::clock::Timestamp;
use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer as _, GeneralName, ParsedExtension, X509Certificate};

/// Bytes of an answer at most: one certificate and a signature.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// How long a responder may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often it is asked at most, and after a failure.
const PAUSE_SECONDS: i64 = 3600;
/// How long an answer without an end is shown.
const DAY_SECONDS: i64 = 24 * 3600;

/// An answer that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Staple {
    /// As it is shown (DER).
    pub response: Vec<u8>,
    /// When it ends.
    pub until: Timestamp,
    /// When another is to be fetched: at half its life.
    pub refresh_at: Timestamp,
}

/// Where to ask about a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Responder {
    /// Its address, `http://…`.
    pub url: String,
    /// Whether clients refuse the certificate without an answer (RFC 7633).
    pub is_required: bool,
}

/// Where to ask about the leaf of a chain; none: its issuer answers nobody.
pub fn responder(chain: &[CertificateDer<'_>]) -> Option<Responder> {
    let (_, leaf) = X509Certificate::from_der(chain.first()?).ok()?;
    let mut extensions = leaf.extensions().iter();
    let url = extensions.find_map(|extension| {
        let ParsedExtension::AuthorityInfoAccess(access) = extension.parsed_extension() else {
            return None;
        };
        let mut asked = access.accessdescs.iter();
        // RFC 6960, 3.1.
        let asked = asked.find(|it| it.access_method.to_id_string() == "1.3.6.1.5.5.7.48.1")?;
        match asked.access_location {
            // The answer is signed; TLS would need a certificate to be asked about.
            GeneralName::URI(url) if url.starts_with("http://") => Some(url.to_owned()),
            _ => None,
        }
    })?;
    // TLS Feature: status_request (5) (RFC 7633, 4.2.3.1).
    let mut extensions = leaf.extensions().iter();
    let is_required = extensions.any(|extension| {
        extension.oid.to_id_string() == "1.3.6.1.5.5.7.1.24"
            && extension.value.windows(3).any(|it| it == [2, 1, 5])
    });
    Some(Responder { url, is_required })
}

/// Asks, and checks the answer.
///
/// Errors: why there is none that can be shown, for people.
pub async fn fetch(
    responder: &Responder,
    chain: &[CertificateDer<'_>],
    now: Timestamp,
) -> Result<Staple, String> {
    let [leaf, issuer, ..] = chain else {
        return Err("the chain lacks the certificate of its issuer".to_owned());
    };
    let asked = message::ask(leaf, issuer)?;
    let request = Request::builder()
        .method(Method::POST)
        .uri(&responder.url)
        .header(header::CONTENT_TYPE, "application/ocsp-request")
        .header(header::ACCEPT, "application/ocsp-response")
        .body(Full::new(Bytes::from(asked)))
        .map_err(|error| format!("{}: {error}", responder.url))?;
    let client = Client::builder(TokioExecutor::new());
    let client: Client<HttpConnector, Full<Bytes>> = client.build_http();
    let answer = async {
        let answer = client.request(request).await;
        let answer = answer.map_err(|error| error.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("it answered {}", answer.status()));
        }
        let body = Limited::new(answer.into_body(), ANSWER_BYTES_MAX);
        let body = body.collect().await.map_err(|error| error.to_string())?;
        Ok(body.to_bytes().to_vec())
    };
    let answer = tokio::time::timeout(PATIENCE, answer).await;
    let answer = answer.unwrap_or_else(|_| Err("it took too long".to_owned()));
    let answer = answer.map_err(|why| format!("{}: {why}", responder.url))?;
    check(answer, leaf, issuer, now).map_err(|why| format!("{}: {why}", responder.url))
}

/// When to ask again after a failure.
pub fn again(now: Timestamp) -> Timestamp {
    now.plus_seconds(PAUSE_SECONDS)
}

fn check(
    response: Vec<u8>,
    leaf: &CertificateDer<'_>,
    issuer: &CertificateDer<'_>,
    now: Timestamp,
) -> Result<Staple, String> {
    let said = message::read(&response, leaf, issuer, now)?;
    let until = said.until;
    let until = until.unwrap_or_else(|| said.from.plus_seconds(DAY_SECONDS));
    if until <= now {
        return Err(format!("its answer was good until {until} only"));
    }
    let half = until.seconds_since(said.from) / 2;
    let refresh_at = said.from.plus_seconds(half);
    Ok(Staple {
        response,
        until,
        refresh_at: refresh_at.max(now.plus_seconds(PAUSE_SECONDS)).min(until),
    })
}
