//! What can go wrong with an upstream, as sentences that say what to do.

use std::{fmt, time::Duration};

use http::StatusCode;

use crate::upstream::address::Origin;

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
    #[error(
        "the transfer from {origin} broke off: {why}; check the network and try again: what was fetched is kept"
    )]
    Cut {
        /// The registry.
        origin: Origin,
        /// What the system said.
        why: String,
    },
    /// Nothing came for [`Limits::idle`](crate::upstream::Limits::idle), or the whole took longer than [`Limits::whole`](crate::upstream::Limits::whole).
    #[error(
        "{origin} took too long: {what} within {}; check the network and try again: what was fetched is kept",
        Seconds(.after)
    )]
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
