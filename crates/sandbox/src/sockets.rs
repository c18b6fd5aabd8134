//! Listening sockets that were not bound by this process: left open by a service manager, or passed on
//! by the process before it.
//!
//! A socket that is passed on is the same socket, with the connections that wait in it: whoever connects
//! while one process goes and the next comes waits, and is not refused.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::io::FdFlags;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg, sockopt,
};

use crate::kernel;

/// Sockets one message carries at most; the kernel's own limit is 253.
pub const SOCKETS_MAX: usize = 64;
/// Bytes of the line that goes with them.
const LINE_MAX: usize = 32 * 1024;
/// The first descriptor a service manager passes, `SD_LISTEN_FDS_START` of `sd_listen_fds(3)`.
const FIRST: i32 = 3;

/// Sends a line over a Unix socket, and with it listening sockets (`SCM_RIGHTS`). `line` ends with a line
/// feed. It does not wait: a line fits into any socket's buffer.
///
/// # Errors
/// When the other end is gone, or there are more sockets than [`SOCKETS_MAX`].
pub fn send(stream: impl AsFd, line: &[u8], listeners: &[TcpListener]) -> io::Result<()> {
    if listeners.len() > SOCKETS_MAX || line.len() > LINE_MAX {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let fds: Vec<BorrowedFd<'_>> = listeners.iter().map(AsFd::as_fd).collect();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(&fds)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let sent = sendmsg(
        stream,
        &[IoSlice::new(line)],
        &mut control,
        SendFlags::NOSIGNAL,
    )?;
    if sent == line.len() {
        Ok(())
    } else {
        Err(io::ErrorKind::WriteZero.into())
    }
}

/// What was received so far.
#[derive(Debug, Default)]
pub struct Received {
    /// The line, with its line feed once it is whole.
    pub line: Vec<u8>,
    /// The sockets that came with it.
    pub listeners: Vec<TcpListener>,
}

impl Received {
    /// Takes what lies in the socket; whether the line is whole.
    ///
    /// # Errors
    /// `WouldBlock` when nothing lies there and the socket does not wait. When the other end is gone
    /// before its line ends, or sends something else than listening sockets.
    pub fn take(&mut self, stream: impl AsFd) -> io::Result<bool> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(SOCKETS_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut bytes = [0; 4096];
        let into = &mut [IoSliceMut::new(&mut bytes)];
        let received = recvmsg(stream, into, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(fds) = message {
                for fd in fds {
                    self.listeners.push(listening(fd)?);
                }
            }
        }
        let bytes = bytes.get(..received.bytes).unwrap_or_default();
        self.line.extend_from_slice(bytes);
        let is_too_much = self.line.len() > LINE_MAX || self.listeners.len() > SOCKETS_MAX;
        if bytes.is_empty() || is_too_much {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(self.line.ends_with(b"\n"))
    }
}

/// The sockets a service manager left open for this process, `count` of them (`LISTEN_FDS`). None the
/// second time: they are given away once.
///
/// # Errors
/// When one of them is no listening socket of TCP.
pub fn inherited(count: usize) -> io::Result<Vec<TcpListener>> {
    static TAKEN: AtomicBool = AtomicBool::new(false);
    if TAKEN.swap(true, Ordering::SeqCst) {
        return Ok(Vec::new());
    }
    let fds = (FIRST..).take(count.min(SOCKETS_MAX));
    fds.map(|fd| listening(kernel::inherited(fd)?)).collect()
}

/// A descriptor as what it must be, and closed to every program this one starts.
fn listening(fd: OwnedFd) -> io::Result<TcpListener> {
    let is_tcp = matches!(
        sockopt::socket_domain(&fd),
        Ok(AddressFamily::INET | AddressFamily::INET6)
    );
    if !is_tcp || !sockopt::socket_acceptconn(&fd)? {
        return Err(io::Error::other("it is no listening TCP socket"));
    }
    rustix::io::fcntl_setfd(&fd, FdFlags::CLOEXEC)?;
    Ok(TcpListener::from(fd))
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    fn receive(stream: &UnixStream) -> io::Result<Received> {
        let mut received = Received::default();
        while !received.take(stream)? {}
        Ok(received)
    }

    #[test]
    fn a_socket_that_is_passed_on_holds_who_waits_in_it() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let waiting = std::net::TcpStream::connect(address).unwrap();
        send(&ours, b"one\n", &[listener]).unwrap();
        let Received {
            line,
            mut listeners,
        } = receive(&theirs).unwrap();
        assert_eq!((line.as_slice(), listeners.len()), (&b"one\n"[..], 1));
        let passed = listeners.remove(0);
        assert_eq!(passed.local_addr().unwrap(), address);
        let (_, peer) = passed.accept().unwrap();
        assert_eq!(peer, waiting.local_addr().unwrap());
    }

    #[test]
    fn what_is_no_listening_socket_is_refused() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let stream = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        // A connection, said to be a listener.
        let lie = TcpListener::from(OwnedFd::from(stream));
        send(&ours, b"one\n", &[lie]).unwrap();
        assert!(receive(&theirs).is_err());
        send(&ours, b"half", &[]).unwrap();
        drop(ours);
        assert!(
            receive(&theirs).is_err(),
            "a line that does not end is none"
        );
    }
}
