//! Messages between two processes of ours, with open files: a pair of sockets without a name, which
//! keeps messages apart (`SOCK_SEQPACKET`) and carries descriptors (`SCM_RIGHTS`).

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags,
    SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketFlags, SocketType, recvmsg,
    sendmsg, socketpair,
};

/// Longest message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 16 << 10;
/// Most descriptors with one message.
pub const FILES_MAX: usize = 4;

/// One end.
#[derive(Debug)]
pub struct Courier(OwnedFd);

/// What came.
#[derive(Debug)]
pub enum Message {
    /// A message, with nothing else.
    Said(Vec<u8>),
    /// One that is too long, or brings descriptors where none are taken. Nothing of it was kept.
    Unfit,
    /// The other end is closed.
    End,
}

impl Courier {
    /// Two ends.
    ///
    /// # Errors
    /// When this process may open no more files.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = socketpair(
            AddressFamily::UNIX,
            SocketType::SEQPACKET,
            SocketFlags::CLOEXEC,
            None,
        )?;
        Ok((Self(one), Self(other)))
    }

    /// The end this descriptor is.
    pub fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// How long [`Courier::receive_with_files`] waits.
    ///
    /// # Errors
    /// Never on a healthy kernel.
    pub fn wait_at_most(&self, time: Duration) -> io::Result<()> {
        Ok(set_socket_timeout(&self.0, Timeout::Recv, Some(time))?)
    }

    /// Sends a message and lends `files` along. Waits for nothing: whoever does not read loses it.
    ///
    /// # Errors
    /// When it is too long, the other end is closed, or its queue is full.
    pub fn send(&self, text: &[u8], files: &[BorrowedFd<'_>]) -> io::Result<()> {
        if text.len() > MESSAGE_BYTES_MAX || files.len() > FILES_MAX {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MAX))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !files.is_empty() && !control.push(SendAncillaryMessage::ScmRights(files)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let flags = SendFlags::DONTWAIT | SendFlags::NOSIGNAL;
        sendmsg(&self.0, &[IoSlice::new(text)], &mut control, flags)?;
        Ok(())
    }

    /// The next message, and no descriptor, ever: there is no room for one, so the kernel closes
    /// what was sent along, and the message is unfit.
    ///
    /// # Errors
    /// Also when there is none yet (`WouldBlock`).
    pub fn receive(&self) -> io::Result<Message> {
        let mut text = vec![0; MESSAGE_BYTES_MAX];
        let mut control = RecvAncillaryBuffer::default();
        let mut parts = [IoSliceMut::new(&mut text)];
        let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
        let got = recvmsg(&self.0, &mut parts, &mut control, flags)?;
        let cut = ReturnFlags::TRUNC | ReturnFlags::CTRUNC;
        if got.flags.intersects(cut) {
            return Ok(Message::Unfit);
        }
        if got.bytes == 0 {
            return Ok(Message::End);
        }
        text.truncate(got.bytes);
        Ok(Message::Said(text))
    }

    /// The next message with the files lent along. Only from whom one trusts.
    ///
    /// # Errors
    /// When none comes in time, or the other end is closed.
    pub fn receive_with_files(&self) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
        let mut text = vec![0; MESSAGE_BYTES_MAX];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FILES_MAX))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut parts = [IoSliceMut::new(&mut text)];
        let got = recvmsg(&self.0, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        let mut files = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(lent) = message {
                files.extend(lent);
            }
        }
        if got.bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        text.truncate(got.bytes);
        Ok((text, files))
    }
}

impl AsFd for Courier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl From<Courier> for OwnedFd {
    fn from(courier: Courier) -> Self {
        courier.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_or_brings_files_is_unfit_and_the_next_is_read() {
        let (ours, theirs) = Courier::pair().unwrap();
        let file = std::fs::File::open("/dev/null").unwrap();
        let open = || std::fs::read_dir("/proc/self/fd").unwrap().count();
        ours.send(b"with a file", &[file.as_fd()]).unwrap();
        let before = open();
        assert!(matches!(theirs.receive().unwrap(), Message::Unfit));
        assert!(open() <= before, "a descriptor was taken in");
        // Longer than `send` lets through.
        let long = vec![b'x'; MESSAGE_BYTES_MAX + 1];
        rustix::net::send(&ours, &long, SendFlags::empty()).unwrap();
        assert!(matches!(theirs.receive().unwrap(), Message::Unfit));
        ours.send(b"plain", &[]).unwrap();
        assert!(matches!(theirs.receive().unwrap(), Message::Said(text) if text == b"plain"));
        drop(ours);
        assert!(matches!(theirs.receive().unwrap(), Message::End));
    }

    #[test]
    fn files_are_lent_to_whoever_makes_room() {
        let (ours, theirs) = Courier::pair().unwrap();
        let (reader, writer) = rustix::pipe::pipe().unwrap();
        ours.send(b"here", &[writer.as_fd()]).unwrap();
        drop(writer);
        let (text, files) = theirs.receive_with_files().unwrap();
        assert_eq!((text.as_slice(), files.len()), (&b"here"[..], 1));
        rustix::io::write(&files[0], b"x").unwrap();
        assert_eq!(rustix::io::read(&reader, &mut [0; 2]).unwrap(), 1);
    }
}
