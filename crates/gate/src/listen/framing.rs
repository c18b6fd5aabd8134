//! A second look at HTTP/1.1 heads, for what hyper resolves silently.
//!
//! hyper drops a Content-Length beside a Transfer-Encoding, merges equal Content-Lengths, and takes
//! "gzip, chunked" for chunked. It is allowed to (RFC 9112, 6.3), but a proxy before us may have
//! decided otherwise, and then the rest of the bytes is a request nobody checked. So such a head is
//! noted here, refused by the service, and its connection closed.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll, ready},
};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Set once a head on this connection was ambiguous; never unset.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ambiguous(Arc<AtomicBool>);

impl Ambiguous {
    /// Whether it is set.
    pub(crate) fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Whether bytes in these pieces are read in one way.
pub(crate) fn is_unambiguous<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> bool {
    let mut scan = Scan::default();
    pieces.into_iter().all(|piece| scan.feed(piece))
}

/// Reads along.
#[derive(Debug)]
pub(crate) struct Watched<S> {
    inner: S,
    scan: Scan,
    ambiguous: Ambiguous,
}

impl<S> Watched<S> {
    /// `inner`, watched; what is found is told by `ambiguous`.
    pub(crate) fn new(inner: S, ambiguous: Ambiguous) -> Self {
        Self {
            inner,
            scan: Scan::default(),
            ambiguous,
        }
    }
}

#[derive(Debug, Default)]
struct Scan {
    /// Bytes of a body still to come.
    body: u64,
    /// A chunked body came; the service closes the connection after it.
    is_over: bool,
    /// The line so far, cut.
    line: Vec<u8>,
    lengths: u32,
    length: u64,
    codings: u32,
    lines: u32,
}

/// Enough of a line to know it by.
const LINE_MAX: usize = 64;

impl Scan {
    /// Whether what was read so far is fine.
    fn feed(&mut self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() && !self.is_over {
            if self.body > 0 {
                let skip = usize::try_from(self.body)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len());
                self.body -= skip as u64;
                bytes = &bytes[skip..];
                continue;
            }
            let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
                self.keep(bytes);
                break;
            };
            self.keep(&bytes[..end]);
            bytes = &bytes[end + 1..];
            if !self.end_of_line() {
                return false;
            }
        }
        true
    }

    fn keep(&mut self, bytes: &[u8]) {
        // The last byte is always kept: it tells a bare line feed.
        let room = LINE_MAX.saturating_sub(self.line.len());
        let take = room.min(bytes.len());
        self.line.extend_from_slice(&bytes[..take]);
        if take < bytes.len() {
            let last = self.line.len() - 1;
            self.line[last] = bytes[bytes.len() - 1];
        }
    }

    fn end_of_line(&mut self) -> bool {
        let line = std::mem::take(&mut self.line);
        let is_cut = line.len() >= LINE_MAX;
        // A bare line feed ends a line for some readers and not for others.
        let Some(line) = line.strip_suffix(b"\r") else {
            return false;
        };
        if line.is_empty() {
            return self.lines == 0 || self.end_of_head();
        }
        self.lines += 1;
        let is_header = self.lines > 1;
        if is_header && matches!(line[0], b' ' | b'\t') {
            // obs-fold: RFC 9112, 5.2.
            return false;
        }
        let mut parts = line.splitn(2, |byte| *byte == b':');
        let name = parts.next().unwrap_or_default();
        let value = parts.next().unwrap_or_default();
        if is_header && name.eq_ignore_ascii_case(b"content-length") {
            self.lengths += 1;
            // A length we read otherwise than hyper would have us take a body for a head, or a head
            // for a body: white space or zeros beyond the line we keep did that.
            let (Some(length), false) = (length(plain(value)), is_cut) else {
                return false;
            };
            self.length = length;
        } else if is_header && name.eq_ignore_ascii_case(b"transfer-encoding") {
            self.codings += 1;
            // Any other coding, or a list, is undone by some and passed on by others.
            return !is_cut && plain(value).eq_ignore_ascii_case(b"chunked");
        }
        true
    }

    fn end_of_head(&mut self) -> bool {
        let is_fine = self.lengths + self.codings <= 1;
        self.is_over = self.codings > 0;
        self.body = self.length;
        (self.lengths, self.length, self.codings, self.lines) = (0, 0, 0, 0);
        is_fine
    }
}

/// Digits of a length at most: the line is cut behind them, and no body is longer.
const DIGITS_MAX: usize = 18;

fn length(digits: &[u8]) -> Option<u64> {
    if !(1..=DIGITS_MAX).contains(&digits.len()) {
        return None;
    }
    digits.iter().try_fold(0, |length: u64, digit| {
        let digit = digit.is_ascii_digit().then(|| u64::from(digit - b'0'))?;
        Some(length * 10 + digit)
    })
}

/// A value without the white space around it (RFC 9110, 5.5).
fn plain(value: &[u8]) -> &[u8] {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let begin = value.iter().take_while(|byte| is_space(byte)).count();
    let value = &value[begin..];
    let end = value.iter().rev().take_while(|byte| is_space(byte)).count();
    &value[..value.len() - end]
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(context, buffer))?;
        if !self.ambiguous.is_set() && !self.scan.feed(&buffer.filled()[before..]) {
            self.ambiguous.set();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
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
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_fine(text: &str) -> bool {
        let whole = Scan::default().feed(text.as_bytes());
        let mut scan = Scan::default();
        let by_byte = text.bytes().all(|byte| scan.feed(&[byte]));
        assert_eq!(whole, by_byte, "{text:?} depends on how it is cut");
        whole
    }

    #[test]
    fn ambiguous_heads_are_noticed() {
        for bad in [
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\ncontent-length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n\r\n",
            "GET / HTTP/1.1\nHost: x\n\n",
            "GET / HTTP/1.1\r\nHost: x\n\r\n",
            "GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
        ] {
            assert!(!is_fine(bad), "{bad:?}");
        }
        // What stands beyond the line that is kept must not be read as less than it is.
        for filler in [" ", "\t", "0"] {
            let filler = filler.repeat(90);
            for field in [
                format!("Content-Length:{filler}5"),
                format!("Transfer-Encoding: chunked{filler},chunked"),
            ] {
                let head = format!("POST / HTTP/1.1\r\n{field}\r\n\r\n");
                assert!(!is_fine(&head), "{head:?}");
            }
        }
        let second = "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\n\n\n\nPOST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert!(!is_fine(second), "the second request is looked at too");
    }

    #[test]
    fn plain_heads_and_bodies_pass() {
        let long = format!(
            "GET /{} HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
            "a".repeat(200),
            "b".repeat(500)
        );
        assert!(is_fine(&long));
        assert!(is_fine(
            "POST / HTTP/1.1\r\nContent-Length: 40\r\n\r\nContent-Length: 1\nTransfer-Encoding: x\n\nGET / HTTP/1.1\r\n\r\n"
        ));
        assert!(is_fine("\r\nGET / HTTP/1.1\r\n\r\n"));
        assert!(is_fine(
            "POST / HTTP/1.1\r\nTransfer-Encoding:\tChunked \r\n\r\n"
        ));
    }
}
