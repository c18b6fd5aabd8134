//! Bodies, whatever they are made of.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::{BodyExt as _, Full, combinators::UnsyncBoxBody};

/// Why a body broke off.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// A body on its way in or out.
pub type Body = UnsyncBoxBody<Bytes, Failure>;

/// A body that is there already.
pub fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// No body.
pub fn empty() -> Body {
    full(Bytes::new())
}

/// Any body, its type forgotten.
pub fn boxed<B>(body: B) -> Body
where
    B: HttpBody<Data = Bytes> + Send + 'static,
    B::Error: Into<Failure>,
{
    body.map_err(Into::into).boxed_unsync()
}

/// Why a body could not be read whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// It is longer than allowed.
    #[error("the body is longer than {max} bytes")]
    TooLarge {
        /// Bytes accepted.
        max: usize,
    },
    /// The other side sent nothing for too long, or went away.
    #[error("the body broke off: {0}")]
    Broken(String),
}

/// Reads a body of at most `max` bytes within `time`.
pub(crate) async fn read(
    mut body: Body,
    max: usize,
    time: std::time::Duration,
) -> Result<Bytes, ReadError> {
    // What is announced too large is not even begun.
    if body.size_hint().lower() > max as u64 {
        return Err(ReadError::TooLarge { max });
    }
    let collect = async {
        let mut bytes = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| ReadError::Broken(error.to_string()))?;
            if let Ok(data) = frame.into_data() {
                if bytes.len() + data.len() > max {
                    return Err(ReadError::TooLarge { max });
                }
                bytes.extend_from_slice(&data);
            }
        }
        Ok(bytes.freeze())
    };
    // A client that sends a byte a second would hold its place for days.
    tokio::time::timeout(time, collect)
        .await
        .unwrap_or_else(|_| Err(ReadError::Broken("it took too long".to_owned())))
}

/// A body that holds something until it is through: a place in a queue, a count.
pub(crate) struct Held<T> {
    inner: Body,
    held: Option<T>,
}

/// `body`, holding `held` until it ends or is dropped.
pub(crate) fn hold<T: Send + Unpin + 'static>(body: Body, held: T) -> Body {
    boxed(Held {
        inner: body,
        held: Some(held),
    })
}

impl<T: Send + Unpin> HttpBody for Held<T> {
    type Data = Bytes;
    type Error = Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Failure>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(context));
        if frame.is_none() {
            self.held = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
