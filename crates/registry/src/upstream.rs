//! The npm registry tarballs come from.
//!
//! HTTPS with the system's trust roots; plain HTTP is accepted too (a site's own mirror, a test),
//! because every byte is compared with the lock's hash anyway, but no token is sent over it.
//! The token goes to the configured origin and nowhere else: redirects to a download host are
//! followed without it, over https only; a description naming another origin is not followed.

use std::time::Duration;

use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::Empty;
use hyper::body::Incoming;
use serde::Deserialize;
use tokio::time::{Instant, timeout};

pub(crate) use crate::upstream::body::Body;
pub use crate::upstream::{address::Origin, error::UpstreamError};
use crate::upstream::{
    body::root_cause,
    connect::Client,
    npmrc::{Address, Credential},
};

mod address;
mod body;
mod connect;
mod error;
pub mod npmrc;

/// Redirects followed for one request.
const REDIRECTS_MAX: usize = 5;

/// How much and how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of one tarball.
    pub tarball_bytes_max: u64,
    /// Bytes of one packument (npm's description of all versions of a package).
    pub packument_bytes_max: u64,
    /// Until a TCP connection stands.
    pub connect: Duration,
    /// Until an answer begins, and between two pieces of it.
    pub idle: Duration,
    /// For one answer, from request to last byte: stops a body that trickles for ever.
    pub whole: Duration,
    /// Tries for one tarball before its error is the answer.
    pub attempts: u32,
    /// Pause after the first failed try; doubled after each further one.
    pub back_off: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tarball_bytes_max: 120_000_000,
            packument_bytes_max: 64_000_000,
            connect: Duration::from_secs(15),
            idle: Duration::from_secs(30),
            whole: Duration::from_mins(30),
            attempts: 4,
            back_off: Duration::from_millis(300),
        }
    }
}

/// An npm registry.
#[derive(Debug)]
pub struct Upstream {
    /// The configured address, ending in `/`.
    base: String,
    origin: Origin,
    credential: Option<Credential>,
    client: Client,
    limits: Limits,
}

impl Upstream {
    /// A registry at an address, reached directly or through an HTTP proxy (`CONNECT`). Nothing is
    /// sent yet.
    pub fn new(
        address: Address,
        proxy: Option<&str>,
        limits: Limits,
    ) -> Result<Self, UpstreamError> {
        let Address {
            registry,
            credential,
        } = address;
        let mut base = registry.trim().to_owned();
        if !base.ends_with('/') {
            base.push('/');
        }
        let uri = address::parse(&base).map_err(UpstreamError::Address)?;
        let origin = Origin::of(&uri).map_err(UpstreamError::Address)?;
        if uri.query().is_some() {
            return Err(UpstreamError::Address("it has a query"));
        }
        if credential.is_some() && !origin.keeps_secrets() {
            return Err(UpstreamError::TokenInClear(origin));
        }
        let client = connect::client(proxy, &limits)?;
        Ok(Self {
            base,
            origin,
            credential,
            client,
            limits,
        })
    }

    /// The registry's scheme, host and port.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Begins to fetch a tarball: from where npm's convention puts it, else from where the
    /// package's description says.
    pub(crate) async fn tarball(
        &self,
        name: &str,
        version: &str,
    ) -> Result<Body<'_>, UpstreamError> {
        let file = name.rsplit('/').next().unwrap_or(name);
        let url = format!("{}{name}/-/{file}-{version}.tgz", self.base);
        let uri = address::parse(&url).map_err(UpstreamError::Address)?;
        match self.get(uri, "*/*", self.limits.tarball_bytes_max).await {
            Err(UpstreamError::Missing { .. }) => {
                let uri = self.described(name, version).await?;
                self.get(uri, "*/*", self.limits.tarball_bytes_max).await
            }
            other => other,
        }
    }

    /// Where the package's description (packument) says the tarball lies.
    async fn described(&self, name: &str, version: &str) -> Result<Uri, UpstreamError> {
        #[derive(Deserialize)]
        struct Packument<'a> {
            #[serde(borrow)]
            versions: std::collections::HashMap<String, &'a serde_json::value::RawValue>,
        }
        #[derive(Deserialize)]
        struct Version {
            dist: Dist,
        }
        #[derive(Deserialize)]
        struct Dist {
            tarball: String,
        }
        let wrong = |why| UpstreamError::Packument {
            origin: self.origin.clone(),
            why,
        };

        let url = format!("{}{}", self.base, name.replace('/', "%2f"));
        let uri = address::parse(&url).map_err(UpstreamError::Address)?;
        let accept = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8";
        let mut body = self
            .get(uri.clone(), accept, self.limits.packument_bytes_max)
            .await?;
        let mut text = Vec::new();
        while let Some(chunk) = body.next().await? {
            text.extend_from_slice(&chunk);
        }
        let packument: Packument<'_> =
            serde_json::from_slice(&text).map_err(|_| wrong("is not npm's JSON"))?;
        let Some(version) = packument.versions.get(version) else {
            return Err(UpstreamError::Missing {
                origin: self.origin.clone(),
            });
        };
        let Version { dist } =
            serde_json::from_str(version.get()).map_err(|_| wrong("names no tarball"))?;
        let found = address::resolve(&uri, &dist.tarball).map_err(wrong)?;
        let origin = Origin::of(&found).map_err(wrong)?;
        if origin != self.origin {
            // A mirror that was not asked to be trusted, or a trap for the token.
            let (origin, elsewhere) = (self.origin.clone(), origin.to_string());
            return Err(UpstreamError::Elsewhere { origin, elsewhere });
        }
        Ok(found)
    }

    /// Follows redirects to a 200 and returns its body, not yet read.
    async fn get(
        &self,
        mut uri: Uri,
        accept: &'static str,
        bytes_max: u64,
    ) -> Result<Body<'_>, UpstreamError> {
        let deadline = Instant::now() + self.limits.whole;
        for _ in 0..=REDIRECTS_MAX {
            let origin = Origin::of(&uri).map_err(UpstreamError::Address)?;
            let answer = self.send(&uri, &origin, accept).await?;
            let status = answer.status();
            match status {
                StatusCode::OK => {
                    let body = answer.into_body();
                    return Body::new(body, origin, bytes_max, deadline, &self.limits);
                }
                StatusCode::MOVED_PERMANENTLY
                | StatusCode::FOUND
                | StatusCode::SEE_OTHER
                | StatusCode::TEMPORARY_REDIRECT
                | StatusCode::PERMANENT_REDIRECT => {
                    uri = redirected(&uri, &origin, &answer)?;
                }
                StatusCode::UNAUTHORIZED
                | StatusCode::FORBIDDEN
                | StatusCode::PROXY_AUTHENTICATION_REQUIRED => {
                    return Err(UpstreamError::Refused { origin, status });
                }
                StatusCode::NOT_FOUND | StatusCode::GONE => {
                    return Err(UpstreamError::Missing { origin });
                }
                status => return Err(UpstreamError::Status { origin, status }),
            }
        }
        let origin = self.origin.clone();
        Err(UpstreamError::Redirect {
            origin,
            why: "more than 5 times in a row",
        })
    }

    async fn send(
        &self,
        uri: &Uri,
        origin: &Origin,
        accept: &'static str,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let mut request = Request::get(uri.clone())
            .header(header::ACCEPT, HeaderValue::from_static(accept))
            .header(
                header::USER_AGENT,
                concat!("redkeep/", env!("CARGO_PKG_VERSION")),
            )
            .body(Empty::new())
            .expect("a parsed URI and static headers make a request");
        if let Some(credential) = &self.credential
            && *origin == self.origin
        {
            // Only there: a redirect to a download host must not carry the token along.
            request
                .headers_mut()
                .insert(header::AUTHORIZATION, credential.header());
        }
        match timeout(self.limits.idle, self.client.request(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => Err(UpstreamError::Unreachable {
                origin: origin.clone(),
                why: root_cause(&error),
            }),
            Err(_) => {
                let (what, after) = ("no answer", self.limits.idle);
                Err(UpstreamError::TooSlow {
                    origin: origin.clone(),
                    what,
                    after,
                })
            }
        }
    }
}

fn redirected(
    from: &Uri,
    origin: &Origin,
    answer: &Response<Incoming>,
) -> Result<Uri, UpstreamError> {
    let refuse = |why| UpstreamError::Redirect {
        origin: origin.clone(),
        why,
    };
    let location = answer
        .headers()
        .get(header::LOCATION)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| refuse("it does not say where to"))?;
    let to = address::resolve(from, location).map_err(refuse)?;
    let target = Origin::of(&to).map_err(refuse)?;
    if target == *origin || target.is_https() {
        Ok(to)
    } else {
        Err(refuse("to another origin without https"))
    }
}
