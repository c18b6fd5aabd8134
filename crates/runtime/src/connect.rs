//! Connecting to Node-RED's socket, and only to Node-RED's.

use std::{
    io,
    path::{Path, PathBuf},
};

use tokio::net::UnixStream;

/// A socket in a folder the jail may write, and who must be listening on it.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    pub(crate) socket: PathBuf,
    /// The jail's user.
    pub(crate) uid: u32,
}

impl Address {
    /// Connects. The jail could have put a link to another socket in the place of its own, to have
    /// what is meant for Node-RED said to Redkeep's control socket: whoever listens must be the
    /// jail's user.
    pub(crate) async fn connect(&self) -> io::Result<UnixStream> {
        let stream = UnixStream::connect(self.path()).await?;
        let peer = stream.peer_cred()?.uid();
        if peer == self.uid {
            Ok(stream)
        } else {
            Err(io::Error::other(format!(
                "user {peer} listens on {} instead of the jail's user {}",
                self.socket.display(),
                self.uid
            )))
        }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.socket
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt as _;

    use super::*;

    #[tokio::test]
    async fn another_users_listener_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("s");
        let _listener = tokio::net::UnixListener::bind(&socket).unwrap();
        let uid = std::fs::metadata(&socket).unwrap().uid();
        assert!(
            Address {
                socket: socket.clone(),
                uid
            }
            .connect()
            .await
            .is_ok()
        );
        assert!(
            Address {
                socket,
                uid: uid + 1
            }
            .connect()
            .await
            .is_err()
        );
    }
}
