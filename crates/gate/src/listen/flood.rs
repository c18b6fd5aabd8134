//! HTTP/2 frames that cost us something and the client nothing: pings, settings, priorities, resets,
//! window updates, frames nobody knows. h2 answers each and counts few of them, so a client could
//! keep a processor busy with them for ever (CVE-2019-9512, 9515, CVE-2023-44487). Here each takes
//! one of so many that a connection has; time and taking what we send give them back.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

/// Bytes before the first frame (RFC 9113, 3.4).
const PREFACE: usize = 24;
/// What a reset costs: there was a request before it, which we had begun to answer.
const RESET: u32 = 4;
/// Taking so many bytes gives one back: nobody needs to announce room for less.
const TAKEN: usize = 1024;
/// Bytes at most that answer one of them: a frame's, or a byte of a body in one.
const ANSWER: usize = 32;
/// A PING on a stream, which no client may send (RFC 9113, 6.7): h2 says GOAWAY and closes.
const FAREWELL: [u8; 17] = [0, 0, 8, 6, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];

/// Reads along.
#[derive(Debug)]
pub(super) struct Metered<S> {
    inner: S,
    scan: Scan,
    /// Bytes the client took, but for those that answer its own frames.
    written: usize,
    /// Counts kilobytes it took.
    taken: Arc<AtomicUsize>,
    farewell: Option<&'static [u8]>,
}

impl<S> Metered<S> {
    /// `inner`, on which `max` such frames may come at once, and as many again within a minute.
    /// `taken` is added to for each kilobyte the client takes.
    pub(super) fn new(inner: S, max: u32, taken: Arc<AtomicUsize>) -> Self {
        Self {
            inner,
            scan: Scan {
                skip: PREFACE,
                head: Vec::with_capacity(9),
                max,
                left: max,
                since: Instant::now(),
                answers: 0,
                is_spent: false,
            },
            written: 0,
            taken,
            farewell: None,
        }
    }

    fn say_farewell(&mut self, buffer: &mut ReadBuf<'_>) {
        if let Some(rest) = self.farewell {
            let (now, later) = rest.split_at(rest.len().min(buffer.remaining()));
            buffer.put_slice(now);
            self.farewell = Some(later);
        }
    }

    fn count(&mut self, written: &Poll<io::Result<usize>>) {
        if let Poll::Ready(Ok(written)) = written {
            let own = self.scan.answers.min(*written);
            self.scan.answers -= own;
            self.written += written - own;
            self.taken.fetch_add(self.written / TAKEN, Ordering::SeqCst);
            let back = u32::try_from(self.written / TAKEN).unwrap_or(u32::MAX);
            self.written %= TAKEN;
            self.scan.give(back);
        }
    }
}

/// Where the last frame that counts ends, in bytes that come in these pieces.
pub(crate) fn end<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, max: u32) -> Option<usize> {
    let mut meter = Metered::new((), max, Arc::default());
    let mut before = 0;
    for piece in pieces {
        if let Some(end) = meter.scan.feed(piece) {
            return Some(before + end);
        }
        before += piece.len();
    }
    None
}

#[derive(Debug)]
struct Scan {
    /// Bytes until the next frame's head.
    skip: usize,
    head: Vec<u8>,
    max: u32,
    left: u32,
    since: Instant,
    /// Bytes that answer such frames, and are not yet written.
    answers: usize,
    is_spent: bool,
}

impl Scan {
    /// None: go on. Some: where in these bytes the last frame that still counts ends.
    fn feed(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut at = 0;
        while at < bytes.len() {
            if self.skip > 0 {
                let skip = self.skip.min(bytes.len() - at);
                (self.skip, at) = (self.skip - skip, at + skip);
                continue;
            }
            if self.is_spent && self.head.is_empty() {
                break;
            }
            self.head.push(bytes[at]);
            at += 1;
            if let [high, middle, low, kind, flags, ..] = self.head[..]
                && self.head.len() == 9
            {
                self.head.clear();
                self.skip = usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low);
                self.take(cost(kind, flags, self.skip));
            }
        }
        (self.is_spent && self.skip == 0 && self.head.is_empty()).then_some(at)
    }

    fn take(&mut self, cost: u32) {
        self.answers += usize::try_from(cost).unwrap_or(0) * ANSWER;
        if cost > self.left {
            let gone = self.since.elapsed().as_secs();
            self.since += std::time::Duration::from_secs(gone);
            let back = gone.saturating_mul(u64::from(self.max)) / 60;
            self.give(u32::try_from(back).unwrap_or(u32::MAX));
        }
        match self.left.checked_sub(cost) {
            Some(left) => self.left = left,
            None => self.is_spent = true,
        }
    }

    fn give(&mut self, back: u32) {
        self.left = self.left.saturating_add(back).min(self.max);
    }
}

/// What a frame costs. Requests are counted elsewhere, and a body by its bytes.
fn cost(kind: u8, flags: u8, length: usize) -> u32 {
    const END_STREAM: u8 = 1;
    match kind {
        // DATA
        0 => u32::from(length == 0 && flags & END_STREAM == 0),
        // HEADERS
        1 => 0,
        // RST_STREAM
        3 => RESET,
        // CONTINUATION
        9 => u32::from(length == 0),
        _ => 1,
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Metered<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.farewell.is_some() {
            self.say_farewell(buffer);
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        if let Some(end) = self.scan.feed(&buffer.filled()[before..]) {
            tracing::debug!("a client sent too many HTTP/2 frames that carry nothing");
            buffer.set_filled(before + end);
            self.farewell = Some(&FAREWELL);
            self.say_farewell(buffer);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Metered<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.count(&written);
        written
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, slices);
        self.count(&written);
        written
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn metered(max: u32) -> Metered<tokio::io::Empty> {
        Metered::new(tokio::io::empty(), max, Arc::default())
    }

    fn ping() -> Vec<u8> {
        let mut frame = vec![0, 0, 8, 6, 0, 0, 0, 0, 0];
        frame.extend([0; 8]);
        frame
    }

    #[tokio::test(start_paused = true)]
    async fn frames_run_out_where_they_end_however_they_are_cut() {
        let mut bytes = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
        for _ in 0..4 {
            bytes.extend(ping());
        }
        // The third is one too many; nothing behind it is read.
        let end = PREFACE + 3 * 17;
        assert_eq!(metered(2).scan.feed(&bytes), Some(end));
        let mut by_byte = metered(2);
        let mut ends = bytes.iter().map(|byte| by_byte.scan.feed(&[*byte]));
        assert_eq!(ends.position(|end| end.is_some()), Some(end - 1));
        assert_eq!(metered(4).scan.feed(&bytes), None);
    }

    #[tokio::test(start_paused = true)]
    async fn time_and_taking_give_frames_back() {
        let mut meter = metered(60);
        meter.scan.skip = 0;
        for _ in 0..60 {
            assert_eq!(meter.scan.feed(&ping()), None);
        }
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(meter.scan.feed(&ping()), None);
        assert_eq!(meter.scan.feed(&ping()), None);
        // What answers the frames themselves is no reason for more of them.
        meter.count(&Poll::Ready(Ok(62 * ANSWER)));
        assert_eq!(meter.taken.load(Ordering::SeqCst), 0);
        meter.count(&Poll::Ready(Ok(TAKEN)));
        assert_eq!(meter.taken.load(Ordering::SeqCst), 1);
        assert_eq!(meter.scan.feed(&ping()), None);
        assert!(meter.scan.feed(&ping()).is_some());
    }

    #[test]
    fn requests_and_bodies_cost_nothing_here() {
        assert_eq!((cost(1, 4, 100), cost(0, 0, 1), cost(0, 1, 0)), (0, 0, 0));
        assert_eq!((cost(0, 0, 0), cost(9, 0, 0), cost(200, 0, 9)), (1, 1, 1));
        assert_eq!(cost(3, 0, 4), RESET);
    }
}
