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
    /// what is meant for Node-RED said to Redkeep's control socket: no link is followed, and whoever
    /// listens must be the jail's user. Started by an ordinary user, Redkeep is that user itself, so
    /// the second alone would not do.
    pub(crate) async fn connect(&self) -> io::Result<UnixStream> {
        let socket = sandbox::process::socket_file(self.path())?;
        let stream = UnixStream::connect(socket.path()).await?;
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
    async fn a_link_to_another_socket_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (control, socket) = (dir.path().join("control"), dir.path().join("s"));
        let _listener = tokio::net::UnixListener::bind(&control).unwrap();
        std::os::unix::fs::symlink(&control, &socket).unwrap();
        let uid = std::fs::metadata(&control).unwrap().uid();
        let address = |socket: &Path| Address {
            socket: socket.to_owned(),
            uid,
        };
        assert!(address(&control).connect().await.is_ok());
        let error = address(&socket).connect().await.unwrap_err();
        assert!(error.to_string().contains("no socket"), "{error}");
    }

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
