//! One connection: HTTP/1.1 or HTTP/2, until it ends, is idle for too long, or the door closes.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use http::{HeaderValue, Request, Response, Version, header};
use http_body::{Frame, SizeHint};
use hyper::{
    body::Incoming,
    server::conn::{http1, http2},
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::time::Instant;
use tokio_rustls::server::TlsStream;

use super::{
    Door, Peer,
    flood::Metered,
    framing::Watched,
    linger,
    stall::Moving,
    streams::{self, Streams},
};
use crate::body::{self, Body};

/// HTTP/2 requests of a connection that may end in a reset of ours, or before we looked at them.
const RESET_MAX: usize = 32;
/// Bytes of the table of header fields a client may fill (RFC 7541, 4.2).
const TABLE_BYTES: u32 = 4096;

/// What a connection does just now.
#[derive(Debug)]
struct Activity {
    running: AtomicUsize,
    last: Mutex<Instant>,
    /// Answers of which the client has something to take.
    owed: AtomicUsize,
    /// Counts what it took: pieces of answers, kilobytes.
    taken: Arc<AtomicUsize>,
    streams: Streams,
}

/// A request that is being answered, to the last byte of the answer, or to the end of the
/// `WebSocket` it asked for.
#[derive(Debug)]
pub(super) struct Running(Arc<Activity>);

impl Activity {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            running: AtomicUsize::new(0),
            last: Mutex::new(Instant::now()),
            owed: AtomicUsize::new(0),
            taken: Arc::default(),
            streams: Streams::default(),
        })
    }

    fn begin(self: &Arc<Self>) -> Arc<Running> {
        self.running.fetch_add(1, Ordering::SeqCst);
        Arc::new(Running(Arc::clone(self)))
    }

    /// Whether something goes on beside the answers that wait for the client.
    fn has_others(&self) -> bool {
        self.running.load(Ordering::SeqCst) > self.owed.load(Ordering::SeqCst)
    }

    fn is_idle(&self) -> bool {
        self.running.load(Ordering::SeqCst) == 0
    }

    fn idle_since(&self) -> Instant {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells a client that takes nothing of its answers. Over HTTP/2 the socket does not: one that opens
/// no window still reads frames, and answers pings.
#[derive(Debug)]
struct Stall {
    taken: usize,
    since: Instant,
}

impl Stall {
    /// Whether the client has had something to take for so long, and took nothing.
    fn lasts(&mut self, activity: &Activity, max: Duration) -> bool {
        let taken = activity.taken.load(Ordering::SeqCst);
        if taken != self.taken || activity.owed.load(Ordering::SeqCst) == 0 {
            *self = Self {
                taken,
                since: Instant::now(),
            };
        }
        self.since.elapsed() >= max
    }
}

/// An answer's body on its way to the client.
struct Answering {
    inner: Body,
    running: Option<Arc<Running>>,
    activity: Arc<Activity>,
    is_owed: Arc<AtomicBool>,
}

impl Answering {
    fn new(inner: Body, running: Arc<Running>) -> Self {
        let activity = Arc::clone(&running.0);
        let answering = Self {
            inner,
            running: Some(running),
            activity,
            is_owed: streams::mark(),
        };
        answering.note(true);
        answering
    }

    fn note(&self, is_owed: bool) {
        let activity = &self.activity;
        activity.taken.fetch_add(1, Ordering::SeqCst);
        let was_owed = self.is_owed.swap(is_owed, Ordering::SeqCst);
        match (was_owed, is_owed) {
            (false, true) => activity.owed.fetch_add(1, Ordering::SeqCst),
            (true, false) => activity.owed.fetch_sub(1, Ordering::SeqCst),
            _ => 0,
        };
    }
}

impl http_body::Body for Answering {
    type Data = bytes::Bytes;
    type Error = body::Failure;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<bytes::Bytes>, body::Failure>>> {
        let frame = Pin::new(&mut self.inner).poll_frame(context);
        self.note(matches!(frame, Poll::Ready(Some(_))));
        if matches!(frame, Poll::Ready(None)) {
            self.running = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.note(false);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        *self.0.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Serves one connection.
pub(super) async fn serve(stream: TlsStream<Moving>, door: &Door, peer: Peer) {
    let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    let activity = Activity::new();
    let bound = linger::Bound::of(&door.limits);
    let service = {
        let (activity, call, peer, proxies) = (
            Arc::clone(&activity),
            Arc::clone(&door.service.call),
            peer.clone(),
            Arc::clone(&door.service.proxies),
        );
        service_fn(move |request: Request<Incoming>| {
            let running = activity.begin();
            let is_chunked = request.version() == Version::HTTP_11
                && request.headers().contains_key(header::TRANSFER_ENCODING);
            let closes = peer.is_ambiguous() || is_chunked;
            let (request, rest) = linger::arriving(request);
            let answer = match proxies.peer_of(request.headers(), &peer) {
                Ok(peer) => call(request, peer.asking(&running)),
                Err(error) => Box::pin(std::future::ready(unknown(&error.to_string()))),
            };
            async move {
                let answer = answer.await;
                rest.read_out(bound).await;
                Ok::<_, Infallible>(finish(answer, closes, running))
            }
        })
    };
    let limits = &door.limits;
    if is_http2 {
        let stream = Metered::new(stream, limits.frames_max, Arc::clone(&activity.taken));
        let connection = http2::Builder::new(activity.streams.clone())
            .timer(TokioTimer::new())
            .enable_connect_protocol()
            .max_concurrent_streams(limits.streams_max)
            .max_header_list_size(u32::try_from(limits.header_bytes_max).unwrap_or(u32::MAX))
            .max_send_buf_size(256 * 1024)
            // Requests that were reset before, or because of, what came behind them
            // (CVE-2023-44487, CVE-2025-8671).
            .max_pending_accept_reset_streams(RESET_MAX)
            .max_local_error_reset_streams(RESET_MAX)
            .header_table_size(TABLE_BYTES)
            .keep_alive_interval(Some(limits.idle / 4))
            .keep_alive_timeout(limits.header_read)
            .serve_connection(TokioIo::new(stream), service);
        Box::pin(watch(connection, door, &activity)).await;
    } else {
        let stream = Watched::new(stream, peer.ambiguous.clone());
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_read)
            .max_headers(limits.headers_max)
            .max_buf_size(limits.header_bytes_max.max(8192))
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        Box::pin(watch(connection, door, &activity)).await;
    }
}

/// Nobody knows who asks: what is meant for nobody is for them.
fn unknown(why: &str) -> Response<Body> {
    tracing::warn!(why, "a request through a trusted proxy is refused");
    let mut answer = Response::new(body::full(why.to_owned()));
    *answer.status_mut() = http::StatusCode::BAD_REQUEST;
    answer
}

fn finish(answer: Response<Body>, closes: bool, running: Arc<Running>) -> Response<Body> {
    let mut answer = answer.map(|body| body::boxed(Answering::new(body, running)));
    if closes {
        // RFC 9112, 6.1: nothing after a chunked request is read on this connection, so that
        // nobody's idea of where it ended matters.
        answer
            .headers_mut()
            .insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    answer
}

/// A connection that can be asked to end after what is running.
trait Drains: Future<Output = Result<(), hyper::Error>> {
    fn drain(self: Pin<&mut Self>);
}

impl<I, S> Drains for http1::UpgradeableConnection<I, S>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
    S: hyper::service::HttpService<Incoming, ResBody = Body>,
    S::Error: Into<body::Failure>,
{
    fn drain(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

impl<I, S> Drains for http2::Connection<I, S, Streams>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin,
    S: hyper::service::HttpService<Incoming, ResBody = Body>,
    S::Error: Into<body::Failure>,
    Streams: hyper::rt::bounds::Http2ServerConnExec<S::Future, Body>,
{
    fn drain(self: Pin<&mut Self>) {
        self.graceful_shutdown();
    }
}

/// How long a connection that is to end waits for a request that may be on its way.
const SAYING: Duration = Duration::from_secs(1);

async fn watch(connection: impl Drains, door: &Door, activity: &Activity) {
    let mut connection = std::pin::pin!(connection);
    let idle = door.limits.idle;
    let stall = door.limits.stall;
    let mut tick = tokio::time::interval((idle.min(stall) / 4).max(Duration::from_millis(10)));
    let mut stalled = Stall {
        taken: 0,
        since: Instant::now(),
    };
    let (mut going, mut until): (Option<Instant>, Option<Instant>) = (None, None);
    loop {
        tokio::select! {
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection ended badly");
                }
                return;
            }
            () = door.shutdown.cancelled(), if until.is_none() && going.is_none() => {
                // Whoever came, or got their answer, a moment ago may be about to ask: their request
                // would meet a closed door, and nobody says whether it was done.
                going = Some(if activity.is_idle() {
                    activity.idle_since() + SAYING
                } else {
                    Instant::now()
                });
            }
            () = at(going), if going.is_some() && until.is_none() => {
                connection.as_mut().drain();
                until = Some(Instant::now() + door.limits.drain);
            }
            _ = tick.tick() => {
                if stalled.lasts(activity, stall) {
                    tracing::debug!("a client takes nothing of its answers");
                    if !activity.has_others() {
                        return;
                    }
                    activity.streams.let_go();
                }
                let is_spent = activity.is_idle() && activity.idle_since().elapsed() >= idle;
                if is_spent && until.is_none() {
                    connection.as_mut().drain();
                    until = Some(Instant::now() + idle / 4);
                }
            }
            () = at(until), if until.is_some() => return,
        }
    }
}

async fn at(until: Option<Instant>) {
    if let Some(until) = until {
        tokio::time::sleep_until(until).await;
    }
}
