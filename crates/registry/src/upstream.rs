//! The npm registry tarballs come from.
//!
//! HTTPS with the system's trust roots; plain HTTP is accepted too (a site's own mirror, a test),
//! because every byte is compared with the lock's hash anyway, but no token is sent over it.
//! Nothing an upstream answers can lead a request, and with it the token, to another origin.

use std::{error::Error as _, fmt, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::{Body as _, Incoming};
use serde::Deserialize;
use tokio::time::{Instant, timeout, timeout_at};

use crate::upstream::{
    address::Origin,
    connect::Client,
    npmrc::{Address, Credential},
};

mod address;
mod connect;
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
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            tarball_bytes_max: 120_000_000,
            packument_bytes_max: 64_000_000,
            connect: Duration::from_secs(15),
            idle: Duration::from_secs(30),
            whole: Duration::from_secs(30 * 60),
        }
    }
}

/// Why the upstream did not deliver.
#[derive(Debug, thiserror::Error)]
pub enum UpstreamError {
    /// The configured address cannot be used.
    #[error(
        "the npm registry's address is not usable: {0}; set --npm-registry or NPM_CONFIG_REGISTRY to its http(s) URL"
    )]
    Address(&'static str),
    /// The proxy's address cannot be used.
    #[error("the proxy's address is not usable: {0}")]
    Proxy(&'static str),
    /// A token would go over the network in clear.
    #[error(
        "a token is configured for {0}, which is plain http: it would be readable on the network; use https"
    )]
    TokenInClear(Origin),
    /// The system's trust roots cannot be used.
    #[error("TLS cannot be set up: {0}")]
    Tls(std::io::Error),
    /// No connection, or it broke.
    #[error(
        "{origin} cannot be reached: {why}; check the network, and that --npm-registry or NPM_CONFIG_REGISTRY names a registry reachable from here"
    )]
    Unreachable {
        /// The registry.
        origin: Origin,
        /// What the system said.
        why: String,
    },
    /// The transfer broke off.
    #[error("the transfer from {origin} broke off: {why}")]
    Cut {
        /// The registry.
        origin: Origin,
        /// What the system said.
        why: String,
    },
    /// Nothing came for [`Limits::idle`], or the whole took longer than [`Limits::whole`].
    #[error("{origin} took too long: {what} within {}", Seconds(.after))]
    TooSlow {
        /// The registry.
        origin: Origin,
        /// What was missing.
        what: &'static str,
        /// The limit.
        after: Duration,
    },
    /// More bytes than allowed.
    #[error("{origin} sent more than {max} bytes")]
    TooLarge {
        /// The registry.
        origin: Origin,
        /// The limit.
        max: u64,
    },
    /// The registry wants to know who asks, or refuses.
    #[error(
        "{origin} answered {status}: it wants a login or forbids this package; put its _authToken into .npmrc, or name another registry with --npm-registry or NPM_CONFIG_REGISTRY"
    )]
    Refused {
        /// The registry.
        origin: Origin,
        /// 401, 403 or 407.
        status: StatusCode,
    },
    /// The registry does not have it.
    #[error(
        "{origin} does not have it; if it is a mirror, add the package there, or name another registry with --npm-registry or NPM_CONFIG_REGISTRY"
    )]
    Missing {
        /// The registry.
        origin: Origin,
    },
    /// Another unexpected answer.
    #[error("{origin} answered {status}")]
    Status {
        /// The registry.
        origin: Origin,
        /// Its answer.
        status: StatusCode,
    },
    /// A redirect that is not followed.
    #[error("{origin} redirects where it must not: {why}")]
    Redirect {
        /// Who redirected.
        origin: Origin,
        /// What is wrong.
        why: &'static str,
    },
    /// The registry says the tarball lies on another origin.
    #[error(
        "{origin} says the tarball lies at {elsewhere}, and only the configured registry is asked; name that registry instead, or let this one serve its tarballs itself"
    )]
    Elsewhere {
        /// The registry.
        origin: Origin,
        /// The other.
        elsewhere: String,
    },
    /// Not what a registry answers.
    #[error("{origin} is no npm registry, or a broken one: its description of the package {why}")]
    Packument {
        /// The registry.
        origin: Origin,
        /// What is wrong with it.
        why: &'static str,
    },
}

impl UpstreamError {
    /// Whether trying again may help.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Cut { .. } | Self::TooSlow { .. } => true,
            Self::Status { status, .. } => {
                status.is_server_error()
                    || matches!(
                        *status,
                        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT
                    )
            }
            _ => false,
        }
    }
}

struct Seconds<'a>(&'a Duration);

impl fmt::Display for Seconds<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} s", self.0.as_secs())
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
        let Address { registry, credential } = address;
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
        Ok(Self { base, origin, credential, client, limits })
    }

    /// The registry's scheme, host and port.
    pub fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Begins to fetch a tarball: from where npm's convention puts it, else from where the
    /// package's description says.
    pub(crate) async fn tarball(&self, name: &str, version: &str) -> Result<Body<'_>, UpstreamError> {
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
            versions: std::collections::HashMap<&'a str, &'a serde_json::value::RawValue>,
        }
        #[derive(Deserialize)]
        struct Version {
            dist: Dist,
        }
        #[derive(Deserialize)]
        struct Dist {
            tarball: String,
        }
        let wrong = |why| UpstreamError::Packument { origin: self.origin.clone(), why };

        let url = format!("{}{}", self.base, name.replace('/', "%2f"));
        let uri = address::parse(&url).map_err(UpstreamError::Address)?;
        let accept = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8";
        let mut body = self.get(uri.clone(), accept, self.limits.packument_bytes_max).await?;
        let mut text = Vec::new();
        while let Some(chunk) = body.next().await? {
            text.extend_from_slice(&chunk);
        }
        let packument: Packument<'_> =
            serde_json::from_slice(&text).map_err(|_| wrong("is not npm's JSON"))?;
        let Some(version) = packument.versions.get(version) else {
            return Err(UpstreamError::Missing { origin: self.origin.clone() });
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
                StatusCode::OK => return self.body(answer, origin, bytes_max, deadline),
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
        Err(UpstreamError::Redirect { origin, why: "more than 5 times in a row" })
    }

    async fn send(
        &self,
        uri: &Uri,
        origin: &Origin,
        accept: &'static str,
    ) -> Result<Response<Incoming>, UpstreamError> {
        let mut request = Request::get(uri.clone())
            .header(header::ACCEPT, HeaderValue::from_static(accept))
            .header(header::USER_AGENT, concat!("redkeep/", env!("CARGO_PKG_VERSION")))
            .body(Empty::new())
            .expect("a parsed URI and static headers make a request");
        if let Some(credential) = &self.credential
            && *origin == self.origin
        {
            // Only there: a redirect to a download host must not carry the token along.
            request.headers_mut().insert(header::AUTHORIZATION, credential.header());
        }
        match timeout(self.limits.idle, self.client.request(request)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(error)) => {
                Err(UpstreamError::Unreachable { origin: origin.clone(), why: root_cause(&error) })
            }
            Err(_) => {
                let (what, after) = ("no answer", self.limits.idle);
                Err(UpstreamError::TooSlow { origin: origin.clone(), what, after })
            }
        }
    }

    fn body(
        &self,
        answer: Response<Incoming>,
        origin: Origin,
        bytes_max: u64,
        deadline: Instant,
    ) -> Result<Body<'_>, UpstreamError> {
        let body = answer.into_body();
        let length = body.size_hint().exact();
        if length.is_some_and(|length| length > bytes_max) {
            return Err(UpstreamError::TooLarge { origin, max: bytes_max });
        }
        Ok(Body { body, origin, length, taken: 0, bytes_max, deadline, limits: &self.limits })
    }
}

fn redirected(
    from: &Uri,
    origin: &Origin,
    answer: &Response<Incoming>,
) -> Result<Uri, UpstreamError> {
    let refuse = |why| UpstreamError::Redirect { origin: origin.clone(), why };
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

/// What went wrong at the bottom: hyper's own words ("client error (Connect)") help nobody.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

/// An answer's bytes as they come, within the limits.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    body: Incoming,
    origin: Origin,
    length: Option<u64>,
    taken: u64,
    bytes_max: u64,
    deadline: Instant,
    limits: &'a Limits,
}

impl Body<'_> {
    /// Its length in bytes, if the upstream said.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next piece; nothing at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        let idle = Instant::now() + self.limits.idle;
        loop {
            let Ok(frame) = timeout_at(idle.min(self.deadline), self.body.frame()).await else {
                return Err(self.too_slow(idle));
            };
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| UpstreamError::Cut {
                origin: self.origin.clone(),
                why: error.source().map_or_else(|| error.to_string(), root_cause),
            })?;
            let Ok(data) = frame.into_data() else { continue };
            self.taken += data.len() as u64;
            if self.taken > self.bytes_max {
                let (origin, max) = (self.origin.clone(), self.bytes_max);
                return Err(UpstreamError::TooLarge { origin, max });
            }
            return Ok(Some(data));
        }
    }

    fn too_slow(&self, idle: Instant) -> UpstreamError {
        let origin = self.origin.clone();
        if idle <= self.deadline {
            UpstreamError::TooSlow { origin, what: "nothing came", after: self.limits.idle }
        } else {
            UpstreamError::TooSlow { origin, what: "it was not done", after: self.limits.whole }
        }
    }
}
