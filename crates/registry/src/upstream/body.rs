//! An answer's body, taken in piece by piece.

use std::error::Error;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::{Instant, timeout_at};

use crate::upstream::{Limits, UpstreamError, address::Origin};

/// An answer's bytes as they come, within the limits.
#[derive(Debug)]
pub(crate) struct Body<'a> {
    incoming: Incoming,
    origin: Origin,
    length: Option<u64>,
    taken: u64,
    bytes_max: u64,
    deadline: Instant,
    limits: &'a Limits,
}

impl<'a> Body<'a> {
    pub(super) fn new(
        incoming: Incoming,
        origin: Origin,
        bytes_max: u64,
        deadline: Instant,
        limits: &'a Limits,
    ) -> Result<Self, UpstreamError> {
        let length = incoming.size_hint().exact();
        if length.is_some_and(|length| length > bytes_max) {
            return Err(UpstreamError::TooLarge {
                origin,
                max: bytes_max,
            });
        }
        Ok(Self {
            incoming,
            origin,
            length,
            taken: 0,
            bytes_max,
            deadline,
            limits,
        })
    }

    /// Its length in bytes, if the upstream said.
    pub(crate) fn length(&self) -> Option<u64> {
        self.length
    }

    /// The next piece; nothing at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        let idle = Instant::now() + self.limits.idle;
        loop {
            let Ok(frame) = timeout_at(idle.min(self.deadline), self.incoming.frame()).await else {
                return Err(self.too_slow(idle));
            };
            let Some(frame) = frame else { return Ok(None) };
            let frame = frame.map_err(|error| UpstreamError::Cut {
                origin: self.origin.clone(),
                why: error.source().map_or_else(|| error.to_string(), root_cause),
            })?;
            let Ok(data) = frame.into_data() else {
                continue;
            };
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
            UpstreamError::TooSlow {
                origin,
                what: "nothing came",
                after: self.limits.idle,
            }
        } else {
            UpstreamError::TooSlow {
                origin,
                what: "it was not done",
                after: self.limits.whole,
            }
        }
    }
}

/// What went wrong at the bottom: hyper's own words ("client error (Connect)") help nobody.
pub(super) fn root_cause(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
