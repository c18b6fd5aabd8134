//! Bodies that nobody wanted: what is on its way when a request is answered early. A client that is
//! still sending when its stream is reset, or its connection closed, often never reads the answer
//! that says why (RFC 9112, 9.6; RFC 9113, 8.1), so a little of the rest is read and thrown away.

use std::{
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use http::{Method, Request, header};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use crate::limit::Limits;

/// How much of a rest is read: [`Limits::rest`] and [`Limits::rest_bytes_max`].
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    time: Duration,
    bytes_max: usize,
}

impl Bound {
    pub(super) fn of(limits: &Limits) -> Self {
        Self {
            time: limits.rest,
            bytes_max: limits.rest_bytes_max,
        }
    }
}

type Left = Arc<Mutex<Option<Incoming>>>;

/// A request's body on its way in.
#[derive(Debug)]
pub struct Arriving {
    /// None only while it is being dropped.
    inner: Option<Incoming>,
    left: Option<Left>,
}

/// Where a body that was not read to its end is left.
#[derive(Debug)]
pub(super) struct Rest(Option<Left>);

/// Has what is not read of a request's body left in the [`Rest`].
pub(super) fn arriving(request: Request<Incoming>) -> (Request<Arriving>, Rest) {
    // What a client holds back until it is asked for is not asked for to be thrown away, and what
    // comes in a tunnel is no body.
    let is_sent = !request.headers().contains_key(header::EXPECT)
        && request.method() != Method::CONNECT
        && !request.body().is_end_stream();
    let left = is_sent.then(Left::default);
    let rest = Rest(left.clone());
    let arriving = |inner| Arriving {
        inner: Some(inner),
        left,
    };
    (request.map(arriving), rest)
}

impl Rest {
    /// Reads what was left, to a bound. A body that is still being read elsewhere is let be.
    pub(super) async fn read_out(self, bound: Bound) {
        let left = self.0.and_then(|left| {
            let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
            left.take()
        });
        let Some(mut body) = left else { return };
        let read = async {
            let mut bytes = 0;
            while let Some(Ok(frame)) = body.frame().await {
                bytes += frame.data_ref().map_or(0, Bytes::len);
                if bytes > bound.bytes_max {
                    return;
                }
            }
        };
        // Nobody waits for this but the client itself, which may be slow on purpose.
        tokio::time::timeout(bound.time, read).await.ok();
    }
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        match &mut self.inner {
            Some(inner) => Pin::new(inner).poll_frame(context),
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        let none = || SizeHint::with_exact(0);
        self.inner.as_ref().map_or_else(none, Body::size_hint)
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let (Some(left), Some(inner)) = (self.left.take(), self.inner.take()) else {
            return;
        };
        if !inner.is_end_stream() {
            *left.lock().unwrap_or_else(PoisonError::into_inner) = Some(inner);
        }
    }
}
