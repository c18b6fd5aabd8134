//! The connection to the server: TLS with the system's roots or our own, bounded in time and size,
//! and attentive to what the server says about when to come back.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use bytes::Bytes;
use http::{Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{Client, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use instant_acme::{BodyWrapper, BytesResponse, Error, HttpClient};
use model::clock::{Clock, Timestamp};
use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer};
use rustls_platform_verifier::BuilderVerifierExt as _;

/// A request, from the connection to the last byte of the answer.
const REQUEST: Duration = Duration::from_secs(30);
/// Bytes of an answer: a chain is some kilobytes.
const ANSWER_MAX: usize = 512 * 1024;
/// Bytes of an answer in something else than ACME's words that are shown.
const QUOTED: usize = 200;
/// A wait longer than this is taken for this: a server's slip must not end renewals for ever.
const WAIT_MAX_SECONDS: i64 = 7 * 24 * 3600;
/// How long to wait when a server limits us and does not say for how long.
const WAIT_SECONDS: i64 = 3600;

/// What the server said last about when to come back.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<Words>);

#[derive(Debug, Default)]
struct Words {
    /// No request before this.
    hold: Option<Timestamp>,
    /// How long to wait before the next look at what is being decided.
    poll: Option<Duration>,
}

impl Heard {
    /// Until when the server wants to be left alone.
    pub(crate) fn hold(&self) -> Option<Timestamp> {
        self.words().hold
    }

    /// What it advised with its last answer.
    pub(crate) fn poll(&self) -> Option<Duration> {
        self.words().poll
    }

    fn words(&self) -> std::sync::MutexGuard<'_, Words> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, parts: &http::response::Parts, now: Timestamp) {
        let value = parts.headers.get(header::RETRY_AFTER);
        let seconds = value
            .and_then(|value| value.to_str().ok())
            .and_then(|value| seconds(value.trim(), now));
        let mut words = self.words();
        if matches!(
            parts.status,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE
        ) {
            let seconds = seconds.unwrap_or(WAIT_SECONDS);
            words.hold = Some(now.plus_seconds(seconds));
        }
        words.poll = seconds
            .and_then(|it| u64::try_from(it).ok())
            .map(Duration::from_secs);
    }
}

/// `Retry-After` (RFC 9110, 10.2.3): seconds, or a date.
fn seconds(value: &str, now: Timestamp) -> Option<i64> {
    let seconds = if let Ok(seconds) = value.parse::<u32>() {
        i64::from(seconds)
    } else {
        let date: SystemTime = value.parse::<httpdate::HttpDate>().ok()?.into();
        let date = date.duration_since(UNIX_EPOCH).ok()?.as_secs();
        i64::try_from(date).ok()? - now.unix_seconds()
    };
    Some(seconds.clamp(0, WAIT_MAX_SECONDS))
}

/// The client library's way out.
pub(crate) struct Transport {
    client: Client<HttpsConnector<HttpConnector>, BodyWrapper<Bytes>>,
    heard: Arc<Heard>,
    clock: Arc<dyn Clock>,
}

impl Transport {
    /// Trusts `roots` alone, else the system's.
    ///
    /// Errors: the system's roots cannot be read, or one of `roots` is no certificate.
    pub(crate) fn new(
        roots: Option<&[CertificateDer<'static>]>,
        heard: Arc<Heard>,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = match roots {
            None => builder.with_platform_verifier()?.with_no_client_auth(),
            Some(certificates) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates {
                    roots.add(certificate.clone())?;
                }
                builder.with_root_certificates(roots).with_no_client_auth()
            }
        };
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_connect_timeout(Some(REQUEST / 2));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(config)
            .https_only()
            .enable_all_versions()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .timer(TokioTimer::new())
            .pool_timer(TokioTimer::new())
            .build(https);
        Ok(Self {
            client,
            heard,
            clock,
        })
    }
}

impl HttpClient for Transport {
    fn request(
        &self,
        request: Request<BodyWrapper<Bytes>>,
    ) -> Pin<Box<dyn Future<Output = Result<BytesResponse, Error>> + Send>> {
        let asked = self.client.request(request);
        let (heard, clock) = (Arc::clone(&self.heard), Arc::clone(&self.clock));
        Box::pin(async move {
            let answer = async {
                let (parts, body) = asked
                    .await
                    .map_err(|error| Error::Other(error.into()))?
                    .into_parts();
                let body = Limited::new(body, ANSWER_MAX).collect().await;
                Ok::<_, Error>((parts, body.map_err(Error::Other)?.to_bytes()))
            };
            let (parts, body) = tokio::time::timeout(REQUEST, answer)
                .await
                .map_err(|_| Error::Other("it did not answer in time".into()))??;
            heard.note(&parts, clock.now());
            let body = readable(parts.status, body);
            Ok(Response::from_parts(parts, Full::new(body)).into())
        })
    }
}

/// An error as a problem document, also where something before the server (a proxy, a load balancer)
/// answered in its own words.
fn readable(status: StatusCode, body: Bytes) -> Bytes {
    let is_problem = || {
        let json: Option<serde_json::Value> = serde_json::from_slice(&body).ok();
        json.is_some_and(|json| json.get("type").is_some_and(serde_json::Value::is_string))
    };
    if status.as_u16() < 400 || is_problem() {
        return body;
    }
    let start = body.get(..body.len().min(QUOTED)).unwrap_or_default();
    let words = String::from_utf8_lossy(start);
    let problem = serde_json::json!({
        "type": "about:blank",
        "detail": format!("it answered {status}: {words}"),
        "status": status.as_u16(),
    });
    problem.to_string().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    #[test]
    fn seconds_and_dates_are_understood_and_bounded() {
        assert_eq!(seconds("120", NOW), Some(120));
        assert_eq!(seconds("Fri, 15 Jan 2027 08:02:00 GMT", NOW), Some(120));
        assert_eq!(seconds("Fri, 15 Jan 2021 08:02:00 GMT", NOW), Some(0));
        assert_eq!(seconds("4000000000", NOW), Some(WAIT_MAX_SECONDS));
        assert_eq!(seconds("soon", NOW), None);
    }

    #[test]
    fn a_limit_without_a_time_holds_for_an_hour() {
        let heard = Heard::default();
        let (parts, ()) = Response::builder()
            .status(429)
            .body(())
            .unwrap()
            .into_parts();
        heard.note(&parts, NOW);
        assert_eq!(heard.hold(), Some(NOW.plus_seconds(3600)));
        // A later good answer takes nothing back.
        let (parts, ()) = Response::new(()).into_parts();
        heard.note(&parts, NOW);
        assert_eq!(heard.hold(), Some(NOW.plus_seconds(3600)));
    }

    #[test]
    fn what_a_proxy_says_becomes_a_problem() {
        let body = readable(StatusCode::BAD_GATEWAY, Bytes::from_static(b"<html>"));
        let problem: instant_acme::Problem = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            problem.detail.unwrap(),
            "it answered 502 Bad Gateway: <html>"
        );
        let own = Bytes::from_static(br#"{"type":"urn:x","detail":"no"}"#);
        assert_eq!(readable(StatusCode::FORBIDDEN, own.clone()), own);
    }
}
